"""A director's kernel by what its services need: modules, tracking, forwarding, defence."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.inventory import read_inventory
from lvs_model.plan import compile_inventory

from .builders import Case

VS = "net/ipv4/vs"


def director(case: Case) -> dict[str, Any]:
    """The plan of lb1, whatever the rules would say of the inventory."""
    inventory, problems = read_inventory(*case.inputs())
    assert not problems
    found: dict[str, Any] = compile_inventory(inventory, [])["hosts"]["lb1"]
    return found


def behind(forwarding: str, fallback: str | None = None, **options: Any) -> Case:  # noqa: ANN401
    """A service of a forwarding method with a gateway for its answers, beside one under direct routing."""
    case = Case()
    case.add_service("mail", ports=[25])
    case.service.update(forwarding=forwarding, **options)
    if forwarding == "nat":
        case.document["failover"]["vips"] = ["192.0.2.1"]
    if fallback is not None:
        case.service["fallback"] = {"address": "192.0.2.99", "forwarding": fallback}
    return case


def test_modules_are_those_of_the_schedulers_in_use() -> None:
    case = Case()
    case.add_service("two", ports=[1], scheduler="mh")
    case.add_service("three", ports=[2], scheduler="mh")

    assert case.plan()["hosts"]["lb1"]["modules"] == ["ip_vs", "ip_vs_mh", "ip_vs_wrr"]


@pytest.mark.parametrize(
    ("forwarding", "fallback", "ports", "tracked", "helper"),
    [
        ("dr", None, [80], "0", False),
        ("nat", None, [80], "0", False),
        ("tun", None, [80], "0", False),
        # Netfilter gives packets another source only in connections that it tracks.
        ("masquerade", None, [80], "1", False),
        ("masquerade", "dr", [80], "1", False),
        ("dr", "masquerade", [80], "1", False),
        ("dr", "nat", [80], "0", False),
        # FTP says addresses inside its connection, and the helper translates them.
        ("nat", None, [21], "1", True),
        ("masquerade", None, [21], "1", True),
        ("nat", None, ["20-22"], "1", True),
        ("dr", None, [21], "0", False),
        ("tun", None, [21], "0", False),
    ],
)
def test_connections_are_tracked_only_where_something_needs_it(
    forwarding: str, fallback: str | None, ports: list[Any], tracked: str, helper: bool
) -> None:
    planned = director(behind(forwarding, fallback, ports=ports))

    assert planned["sysctls"][f"{VS}/conntrack"] == tracked
    assert ("ip_vs_ftp" in planned["modules"]) is helper


REDIRECTS = {f"net/ipv4/conf/{name}/send_redirects": "0" for name in ("all", "eth0", "eth1")}
ROUTED_4 = {"net/ipv4/ip_forward": "1"} | REDIRECTS
ROUTED_6 = {"net/ipv6/conf/all/forwarding": "1"}


@pytest.mark.parametrize(
    ("forwarding", "fallback", "expected"),
    [
        ("dr", None, {}),
        ("tun", None, {}),
        ("nat", None, ROUTED_4),
        ("masquerade", None, ROUTED_4),
        # Only when it stands in, but then at once.
        ("dr", "nat", ROUTED_4),
        ("tun", "masquerade", ROUTED_4),
        ("dr", "tun", {}),
    ],
)
def test_a_director_forwards_only_where_answers_pass_it(
    forwarding: str, fallback: str | None, expected: dict[str, str]
) -> None:
    sysctls = director(behind(forwarding, fallback))["sysctls"]

    assert {name: value for name, value in sysctls.items() if not name.startswith(f"{VS}/")} == expected


@pytest.mark.parametrize(
    ("vips", "expected"),
    [
        (["192.0.2.10"], ROUTED_4),
        (["2001:db8::10"], ROUTED_6),
        (["192.0.2.10", "2001:db8::10"], ROUTED_4 | ROUTED_6),
    ],
)
def test_it_forwards_the_families_of_the_services_that_need_it(
    vips: list[str], expected: dict[str, str]
) -> None:
    case = Case()
    case.document["networks"]["front"]["subnets"].append("2001:db8::/64")
    for last, name in enumerate(("lb1", "lb2", "web1", "web2", "web3"), start=11):
        case.hostvars[name]["lvs_addresses"].append(f"2001:db8::{last}")
    case.service.update(forwarding="masquerade", vips=vips)
    sysctls = director(case)["sysctls"]

    assert {name: value for name, value in sysctls.items() if not name.startswith(f"{VS}/")} == expected


def test_every_interface_of_its_own_tells_nobody_of_a_shorter_way() -> None:
    case = behind("nat")
    case.hostvars["lb1"]["lvs_interfaces"] = {"front": "bond0.120"}
    sysctls = director(case)["sysctls"]

    assert {name.split("/")[3] for name in sysctls if name.endswith("send_redirects")} == {
        "all",
        "bond0.120",
        "eth1",
    }


def test_defence_is_what_the_document_says_and_off_without() -> None:
    names = ("drop_entry", "drop_packet", "secure_tcp")
    case = Case()
    before = director(case)["sysctls"]
    case.document["ipvs"] = {"defense": {"drop_entry": 1, "secure_tcp": 3}}
    after = director(case)["sysctls"]

    assert [before[f"{VS}/{name}"] for name in names] == ["0", "0", "0"]
    assert [after[f"{VS}/{name}"] for name in names] == ["1", "0", "3"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, ["3 50", "0", "0"]),
        ({}, ["2 50", "0", "0"]),
        ({"threshold": [0, 1], "refresh": 10, "retries": 2}, ["0 1", "10", "2"]),
    ],
)
def test_options_of_connection_sync_are_taken_back_with_it(
    options: dict[str, Any] | None, expected: list[str]
) -> None:
    case = Case()
    case.document["connection_sync"] = None if options is None else {"network": "sync", **options}
    sysctls = case.plan()["hosts"]["lb1"]["sysctls"]

    names = ("sync_threshold", "sync_refresh_period", "sync_retries")
    assert [sysctls[f"net/ipv4/vs/{name}"] for name in names] == expected
