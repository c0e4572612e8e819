"""Alarms that only a status gives: strangers in an election, unequal directors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .builders import Case
from .compared import KEEPALIVED_CONF
from .pretended import mac
from .stated import StatedSite, advert

STRANGER = "52:54:00:66:66:66"


def heard(site: StatedSite, *adverts: dict[str, Any], by: tuple[str, ...] = ("lb1", "lb2")) -> dict[str, Any]:
    """The cluster, where directors have heard these adverts."""
    for host in by:
        site.seen[host]["adverts"] = list(adverts)
    return site.cluster()


def test_a_stranger_with_our_router_id_is_an_alarm() -> None:
    cluster = heard(StatedSite(), advert("192.0.2.66", STRANGER))
    assert cluster["alarms"] == [
        f"a stranger, 192.0.2.66 ({STRANGER}), sends VRRP adverts with router id 182 on eth0, "
        "heard by lb1, lb2"
    ]
    assert cluster["healthy"] is False


def test_a_stranger_that_is_a_host_of_the_inventory_is_named() -> None:
    (alarm,) = heard(StatedSite(), advert("192.0.2.66", mac("web1", "eth0")), by=("lb2",))["alarms"]
    assert "(host web1), sends VRRP adverts" in alarm
    assert alarm.endswith("heard by lb2")


@pytest.mark.parametrize(
    "changes",
    [
        {"router_id": 183},  # another election on the segment
        {"interface": "eth1"},  # and the same number on another segment
        {"source": "fe80::66"},  # and that of the other family
        {"source": "192.0.2.11"},  # the peer, by its address
        {"mac": mac("lb1", "eth0")},  # and by its card
    ],
)
def test_others_are_no_strangers(changes: dict[str, str]) -> None:
    one = advert("192.0.2.66", STRANGER) | changes
    assert heard(StatedSite(), one, by=("lb2",))["alarms"] == []


def six() -> StatedSite:
    """A cluster of IPv6 alone: VRRP speaks from link-local addresses."""
    case = Case()
    front = case.document["networks"]["front"]
    front["subnets"] = ["2001:db8::/64"]
    case.service["vips"] = ["2001:db8::10"]
    for host, own in case.hostvars.items():
        own["lvs_addresses"][0] = own["lvs_addresses"][0].replace("192.0.2.", "2001:db8::")
        assert host
    return StatedSite(case.plan())


def test_by_ipv6_a_router_that_is_away_may_be_the_stranger() -> None:
    site = six()
    router_id = site.plan["clusters"]["edge"]["router_id"]
    one = advert("fe80::66", STRANGER, router_id=router_id)
    (alarm,) = heard(site, one)["alarms"]
    assert alarm.startswith(f"a stranger, fe80::66 ({STRANGER}), sends")
    site.seen["lb2"] = {}
    cluster = heard(site, one, by=("lb1",))
    assert cluster["alarms"] == ["lb2 is unreachable"]
    assert cluster["warnings"][-1].endswith("heard by lb1; it may be lb2, which was not seen")


def elections(site: StatedSite, host: str, **changes: Any) -> None:  # noqa: ANN401
    """Let a director's keepalived run another election."""
    found = json.loads(site.seen[host]["keepalived"]["json"])
    found[0]["data"] |= changes
    site.seen[host]["keepalived"]["json"] = json.dumps(found)


def test_an_election_that_is_not_planned_is_an_alarm() -> None:
    site = StatedSite()
    for host in ("lb1", "lb2"):
        elections(site, host, vrid=77)
    assert site.cluster()["alarms"] == [
        f"{host}: keepalived runs an election with router id 77 on eth0, which is not planned"
        for host in ("lb1", "lb2")
    ]


@pytest.mark.parametrize(
    ("changes", "alarm"),
    [
        ({"version": 2}, "unequal configurations: edge has other version: 3 on lb1; 2 on lb2"),
        ({"auth_type": 1}, "unequal configurations: edge has other authentication: none on lb1; pass on lb2"),
        (
            {"evips": ["192.0.2.10 dev eth0", "192.0.2.77 dev eth0"]},
            "unequal configurations: edge has other addresses: 169.254.255.182, 192.0.2.10 on lb1; "
            "169.254.255.182, 192.0.2.10, 192.0.2.77 on lb2",
        ),
    ],
)
def test_directors_that_elect_differently_are_an_alarm(changes: dict[str, Any], alarm: str) -> None:
    site = StatedSite()
    elections(site, "lb2", **changes)
    assert site.cluster()["alarms"] == [alarm]


def test_directors_with_other_services_are_an_alarm() -> None:
    site = StatedSite()
    site.seen["lb2"]["ipvs"]["table"] = ""
    assert site.cluster()["alarms"] == [
        "unequal configurations: the kernel's tables have other services: TCP 192.0.2.10:80 on lb1; nothing "
        "on lb2"
    ]


def test_where_only_the_owner_has_a_table_the_standbys_is_no_alarm() -> None:
    case = Case()
    case.document["engine"] = "ldirectord"
    case.document["failover"] = {
        "network": "front",
        "method": "heartbeat",
        "heartbeat": {"key": {"secret": "xyzzy-long"}},
    }
    site = StatedSite(case.plan())
    assert site.seen["lb2"]["ipvs"]["table"] == ""
    assert site.cluster()["alarms"] == []
    assert site.cluster()["healthy"] is True


def test_two_directors_that_are_both_behind_are_equal() -> None:
    site = StatedSite()
    for host in ("lb1", "lb2"):
        site.seen[host]["files"][KEEPALIVED_CONF]["sha256"] = "0" * 64
    cluster = site.cluster()
    assert cluster["alarms"] == []
    assert cluster["healthy"] is False
