"""ldirectord.cf: what a document becomes there, and that none of its traps can be stepped into."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs_model.components import ldirectord
from lvs_model.components.ldirectord.checks import check_lines
from lvs_model.document.checks import HttpCheck

from .builders import Case
from .rule_cases.engines import UNDER

CHECK = "/usr/local/lib/lvs-toolkit/ldirectord-check"


def part(case: Case, host: str = "lb1") -> dict[str, str]:
    """The files of a director by path."""
    return {one["path"]: one["content"] for one in case.plan()["hosts"][host]["files"]}


def configuration(**options: Any) -> str:  # noqa: ANN401
    """ldirectord.cf with these options of the one service."""
    case = Case()
    UNDER(case)
    case.document["ldirectord"] = {"https_trusted": True}
    case.service.update(options)
    return part(case)[ldirectord.CONFIGURATION]


def lines(**options: Any) -> list[str]:  # noqa: ANN401
    """The lines of the first virtual service."""
    text = configuration(**options)
    return [line.strip() for line in text[text.index("\nvirtual") :].splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["virtual = 192.0.2.10:80", "real = 192.0.2.21:80 gate 3", "scheduler = wrr", "protocol = tcp"]),
        ({}, ["quiescent = no", "checktimeout = 2", "negotiatetimeout = 2", "checkinterval = 2"]),
        ({}, ["failurecount = 3", "checktype = negotiate", "service = http", 'request = "/healthz"']),
        ({"on_failure": "inhibit"}, ["quiescent = yes"]),
        ({"forwarding": "tun"}, ["real = 192.0.2.21:80 ipip 3"]),
        (
            {"forwarding": "masquerade", "server_port": 8080},
            ["real = 192.0.2.21:8080 masq 3", "checkport = 8080"],
        ),
        ({"mark": 7}, ["virtual = 7", "real = 192.0.2.21 gate 3", "protocol = fwm", "checkport = 80"]),
        ({"thresholds": {"upper": 9, "lower": 3}}, ["real = 192.0.2.21:80 gate 3 l:3 u:9"]),
        ({"persistence": 60, "persistence_prefix": 24}, ["persistent = 60", "netmask = 255.255.255.0"]),
        ({"fallback": {"address": "127.0.0.1"}}, ["fallback = 127.0.0.1:80 gate"]),
        (
            {"fallback": {"address": "192.0.2.99", "port": 81, "forwarding": "masquerade"}},
            ["fallback = 192.0.2.99:81 masq"],
        ),
        ({"mark": 7, "fallback": {"address": "192.0.2.99"}}, ["fallback = 192.0.2.99 gate"]),
        ({"check": {"type": "tcp", "port": 81}}, ["checktype = connect", "service = none", "checkport = 81"]),
        ({"check": {"type": "smtp"}}, ["checktype = negotiate", "service = smtp"]),
        ({"check": {"type": "ping"}}, ["checktype = ping", "service = none"]),
        ({"check": {"type": "https", "port": 443}}, ["service = https", "checkport = 443"]),
        (
            {
                "check": {"type": "dns", "record": "A", "name": "example.org"},
                "protocol": "udp",
                "ports": [53],
            },
            ["service = dns", 'request = "example.org."', 'receive = "."', "protocol = udp"],
        ),
        (
            {"check": {"type": "script", "command": "/usr/bin/check {address}"}},
            ["checktype = external", f'checkcommand = "{CHECK}"'],
        ),
        (
            {"check": {"type": "http", "receive": "Test Page", "virtual_host": "www.x.org", "interval": 5}},
            ['receive = "Test Page"', 'virtualhost = "www.x.org"', "checkinterval = 5"],
        ),
    ],
)
def test_what_an_option_becomes(options: dict[str, Any], expected: list[str]) -> None:
    assert [line for line in expected if line not in lines(**options)] == []


def test_a_drained_real_server_has_dead_ones_kept_too() -> None:
    case = Case()
    UNDER(case)
    case.hostvars["web1"]["lvs_state"] = "drained"
    text = part(case)[ldirectord.CONFIGURATION]

    assert "    quiescent = yes" in text.splitlines()
    # And so a comparison expects it; keepalived tells the two apart.
    assert case.plan()["hosts"]["lb1"]["ipvs"]["TCP 192.0.2.10:80"]["inhibit"] is True
    plain = Case()
    plain.hostvars["web1"]["lvs_state"] = "drained"
    assert plain.plan()["hosts"]["lb1"]["ipvs"]["TCP 192.0.2.10:80"]["inhibit"] is False


def test_a_common_fallback_is_every_services_own() -> None:
    case = Case()
    UNDER(case)
    case.document["ldirectord"] = {"fallback": {"address": "127.0.0.1", "port": 81}}
    case.service["mark"] = 7
    text = part(case)[ldirectord.CONFIGURATION]

    # No global one: where a mark's service has none of its own, it would stand in as `:0`.
    assert [line for line in text.splitlines() if "fallback" in line] == ["    fallback = 127.0.0.1 gate"]


def test_services_that_share_real_servers_are_told_apart() -> None:
    receive = [
        line.strip()
        for line in configuration(vips=["192.0.2.10", "192.0.2.20"]).splitlines()
        if "receive" in line
    ]

    assert receive == [
        'receive = "(?:TCP 192\\x2e0\\x2e2\\x2e10\\x3a80){0}"',
        'receive = "(?:TCP 192\\x2e0\\x2e2\\x2e20\\x3a80){0}"',
    ]


def test_one_process_has_one_interval() -> None:
    case = Case()
    UNDER(case)
    case.document["ldirectord"] = {"fork": False}
    text = part(case)[ldirectord.CONFIGURATION]

    assert text.count("checkinterval") == 1
    assert "\ncheckinterval = 2\nfailurecount = 3\nfork = no\n" in text


@pytest.mark.parametrize(
    "said", ["quiescent", "readdquiescent", "cleanstop", "fork", "autoreload", "logfile"]
)
def test_nothing_is_left_to_defaults(said: str) -> None:
    assert re.search(rf"^{said} = ", configuration(), re.MULTILINE)


@given(st.text(min_size=1, max_size=40).filter(str.isprintable))
def test_no_text_can_break_a_line_or_match_anything_else(text: str) -> None:
    (line,) = (
        one for one in check_lines(HttpCheck(type="http", receive=text), 80, "", None) if "receive" in one
    )

    # '#' cuts a line, quotation marks or not; a quotation mark ends the value; the rest is no expression.
    expression = line.removeprefix('receive = "').removesuffix('"')
    assert re.fullmatch(r"([A-Za-z0-9 ]|\\x[0-9a-f]{2})+", expression)
    assert re.fullmatch(expression.encode(), text.encode())


@pytest.mark.parametrize("text", ["Test Page", '#1 "quoted" \\d+ $x @y', "ü {1,2} (?{ die })", "a|b"])
def test_perl_reads_it_as_the_text(text: str) -> None:
    perl = shutil.which("perl")
    if perl is None:
        pytest.skip("perl is not installed")
    (line,) = (
        one for one in check_lines(HttpCheck(type="http", receive=text), 80, "", "TCP x") if "receive" in one
    )
    expression = line.removeprefix('receive = "').removesuffix('"')
    program = "my ($e, $t) = @ARGV; exit !($t =~ /$e/)"

    assert subprocess.run([perl, "-e", program, expression, f"<p>{text}</p>"], check=False).returncode == 0
    assert subprocess.run([perl, "-e", program, expression, "something else"], check=False).returncode == 1


@pytest.mark.parametrize("case", ["ldirectord"])
def test_blocks_are_indented_and_hold_no_blank_line(case: str) -> None:
    from .cases import plan  # noqa: PLC0415 - Ansible's loader is slow

    (text,) = {
        file["content"]
        for planned in plan(case)["hosts"].values()
        for file in planned["files"]
        if file["path"] == ldirectord.CONFIGURATION
    }
    found = text.splitlines()
    assert [line for line in found if line != line.rstrip()] == []
    assert [line for line in found if "#" in line and not line.lstrip().startswith("#")] == []
    heads = [number for number, line in enumerate(found) if line.startswith("virtual")]
    assert heads
    for head, following in zip(heads, [*heads[1:], len(found) + 2], strict=True):
        block = found[head + 1 : following - 2]
        assert all(line.startswith("    ") and line.strip() for line in block)
        assert sum(line.strip().startswith("quiescent = ") for line in block) == 1
    assert "external-perl" not in text


def test_a_checks_program_gets_the_address_without_brackets(tmp_path: Any) -> None:  # noqa: ANN401
    case = Case()
    UNDER(case)
    case.service["check"] = {"type": "script", "command": "/bin/echo --host={address} {port} a~b"}
    text = part(case)[CHECK].replace("exec runuser -u keepalived_script -- ", "exec ")
    script = tmp_path / "check"
    script.write_text(text)

    def said(*words: str) -> str:
        return subprocess.run(["sh", str(script), *words], capture_output=True, text=True, check=True).stdout

    assert said("192.0.2.10", "80", "[2001:db8::21]", "0") == "--host=2001:db8::21 80 a~b\n"
    assert said("192.0.2.10", "80", "192.0.2.21", "8080") == "--host=192.0.2.21 8080 a~b\n"
    with pytest.raises(subprocess.CalledProcessError):
        said("192.0.2.99", "80", "192.0.2.21", "8080")


@pytest.mark.parametrize(
    ("options", "modules"),
    [
        ({}, []),
        ({"check": {"type": "tcp"}}, []),
        ({"check": {"type": "https", "port": 443}}, ["liblwp-protocol-https-perl"]),
    ],
)
def test_checks_bring_their_modules(options: dict[str, Any], modules: list[str]) -> None:
    case = Case()
    UNDER(case)
    case.document["ldirectord"] = {"https_trusted": True}
    case.service.update(options)

    assert case.plan()["hosts"]["lb1"]["packages"]["ldirectord"] == ["ldirectord", *modules]
