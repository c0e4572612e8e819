"""Every kind of option of the document: what it takes, what it becomes, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.document import PortRange, Service
from lvs_model.document.checks import CHECKS
from lvs_model.inventory import read_inventory

from .builders import Case
from .documents import problems_at

S0 = "lvs_cluster[edge].services[0]"
WORDS = "A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-"
COMMAND = (
    f"write the absolute path of a program and its arguments, separated by one blank each, of {WORDS}, none "
    "beginning with '~'"
)


def service(**options: Any) -> Service:  # noqa: ANN401
    """The first service of a valid document with other options."""
    case = Case()
    case.service.update(options)
    inventory, problems = read_inventory(*case.inputs())
    assert problems == []
    return inventory.clusters["edge"].services[0]


@pytest.mark.parametrize(
    ("ports", "endpoints"),
    [
        ([80], [("tcp", 80)]),
        (["80", 443], [("tcp", 80), ("tcp", 443)]),
        (["8080-8082"], [("tcp", 8080), ("tcp", 8081), ("tcp", 8082)]),
        ([554, "6970-6971/udp"], [("tcp", 554), ("udp", 6970), ("udp", 6971)]),
        (["53/udp", "53/tcp"], [("udp", 53), ("tcp", 53)]),
        ([80, "79-81"], [("tcp", 80), ("tcp", 79), ("tcp", 81)]),
        ([1, 65535], [("tcp", 1), ("tcp", 65535)]),
        ("all", [("tcp", 0)]),
    ],
)
def test_ports_are_numbers_ranges_and_other_protocols(ports: object, endpoints: list[Any]) -> None:
    assert service(ports=ports).endpoints() == endpoints


def test_ranges_know_their_own_protocol() -> None:
    one = service(ports=["6970-6999/udp", 80])

    assert one.ports == [PortRange(6970, 6999, "udp"), PortRange(80, 80)]
    assert one.protocols == ["udp", "tcp"]


@pytest.mark.parametrize("mark", ["auto", None, 1, 0xFFFFFFFF])
def test_marks(mark: object) -> None:
    assert service(mark=mark).mark == mark


@pytest.mark.parametrize("mark", [0, -1, 0x100000000, True, 1.5, "none", "", [1]])
def test_wrong_marks(mark: object) -> None:
    assert problems_at("services/0/mark", mark) == [
        f"{S0}.mark: {mark!r} is no firewall mark: write auto, or a number from 1 to 4294967295"
    ]


FULL_CHECKS: list[dict[str, Any]] = [
    {
        "type": "tcp",
        "interval": 1,
        "timeout": 0.5,
        "retries": 0,
        "retry_delay": 2,
        "warm_up": 3,
        "port": 8080,
    },
    {"type": "http", "path": "/", "status": 204, "virtual_host": "www.example.org", "address": "192.0.2.99"},
    {"type": "http", "digest": "9b3a0c85a887a256d6939da88aabd8cd"},
    {"type": "https", "path": "/a?b=c", "sni": False},
    {"type": "smtp", "helo": "lb.example.org", "port": 25},
    {"type": "dns", "name": "example.org", "record": "AAAA"},
    {"type": "ping", "address": "2001:db8::99"},
    {"type": "udp", "payload": "00FF", "reply": True},
    {"type": "script", "command": "/usr/bin/check --host {address} --port={port}", "dynamic_weight": True},
    {"type": "file", "path": "/run/drain/web1", "weight": 253},
]


@pytest.mark.parametrize("check", FULL_CHECKS, ids=lambda check: check["type"])
def test_every_check_has_its_options(check: dict[str, Any]) -> None:
    (found,) = service(check=check).checks

    assert type(found) is CHECKS[check["type"]]
    kept = json.loads(found.model_dump_json(exclude_unset=True))
    assert {key: str(value).lower() for key, value in kept.items()} == {
        key: str(float(value) if key in {"interval", "retry_delay", "warm_up"} else value).lower()
        for key, value in check.items()
    }


def test_all_types_of_checks_are_tried_here() -> None:
    assert {check["type"] for check in FULL_CHECKS} == set(CHECKS)


def test_several_checks_keep_their_order() -> None:
    found = service(check=FULL_CHECKS).checks

    assert [one.type for one in found] == [check["type"] for check in FULL_CHECKS]


@pytest.mark.parametrize("kind", sorted(CHECKS))
def test_a_check_knows_no_keys_of_others(kind: str) -> None:
    everything = {key for one in CHECKS.values() for key in one.model_fields}
    (foreign, *_) = sorted(everything - set(CHECKS[kind].model_fields))
    required = {"command": "/bin/true"} if kind == "script" else {}

    (problem,) = problems_at("services/0/check", {"type": kind, foreign: 1, **required})

    known = ", ".join(sorted(CHECKS[kind].model_fields))
    assert problem == (
        f"{S0}.check.{foreign}: unknown key: remove it, or mend its spelling (known here: {known})"
    )


DOMAIN = "write a domain name: labels of A-Z, a-z, 0-9, '_' and '-' between dots, or '.'"
HEX = "write 1 to 256 bytes as pairs of hexadecimal digits, such as '0aff'"


@pytest.mark.parametrize(
    ("check", "key", "words"),
    [
        (
            {"type": "http", "digest": "9b3a"},
            "digest",
            "write the 32 hexadecimal digits that `genhash` prints",
        ),
        *(({"type": "dns", "name": name}, "name", DOMAIN) for name in ("a..b", ".a", "a b", "", "a" * 64)),
        ({"type": "dns", "record": "SRV"}, "record", "use 'A', 'NS', 'CNAME', 'SOA', 'MX', 'TXT' or 'AAAA'"),
        *(({"type": "udp", "payload": text}, "payload", HEX) for text in ("", "0", "0g", "00" * 257)),
        (
            {"type": "script", "command": "/c", "timeout": 3601},
            "timeout",
            "use a value less than or equal to 3600",
        ),
        ({"type": "file", "weight": 0}, "weight", "use a value greater than or equal to 1"),
        (
            {"type": "script", "command": "c"},
            "command",
            f"{COMMAND}; {{address}} and {{port}} may stand in the arguments",
        ),
        (
            {"type": "ping", "address": "ff02::1"},
            "address",
            "use an address of the network's own, no multicast, broadcast, loopback or link-local one",
        ),
    ],
)
def test_what_a_check_refuses(check: dict[str, Any], key: str, words: str) -> None:
    shown = repr(check[key]) if len(repr(check[key])) <= 80 else repr(check[key])[:80] + "…"

    assert problems_at("services/0/check", check) == [f"{S0}.check.{key}: {shown} is not allowed: {words}"]


def test_a_script_without_a_command_is_refused() -> None:
    assert problems_at("services/0/check", {"type": "script"}) == [
        f"{S0}.check.command: this key is missing: add it"
    ]
