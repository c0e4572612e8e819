"""A status: what is told of a cluster, when it is healthy, and why it is not."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.status_text import status_lines

from .builders import Case
from .cases import INVENTORIES, plan
from .compared import KEEPALIVED_CONF, KEY
from .judged import checks, stands
from .pretended import link, table_text
from .stated import GENERATIONS, NOW, StatedSite

VIP = "192.0.2.10"
WEB1, WEB3 = "192.0.2.21:80", "192.0.2.23:80"
DRAIN: dict[str, Any] = {
    "file": "drained/web1.json",
    "host": "web1",
    "services": None,
    "reason": "new disk",
    "operator": "ana",
    "since": NOW - 600,
    "until": NOW + 600,
    "weight": 0,
}


def servers(site: StatedSite) -> dict[str, dict[str, Any]]:
    """The real servers of the first entry by their address."""
    entry = site.cluster()["services"][0]["entries"][0]
    return {one["address"]: one for one in entry["servers"]}


def test_a_cluster_as_planned_is_healthy() -> None:
    status = StatedSite().status()
    assert status["healthy"] is True
    assert status["schema"] == 1
    cluster = status["clusters"]["edge"]
    for name in ("alarms", "warnings", "notes", "drained", "locks"):
        assert cluster[name] == []
    assert cluster["vips"] == [
        {
            "vip": VIP,
            "instance": "edge",
            "router_id": 182,
            "owners": ["lb1"],
            "sure": True,
            "since": "2026-11-23T01:39:00Z",
            "owned_s": 3660.0,
        }
    ]


def test_a_director_tells_its_role_its_versions_and_its_last_change_that_holds() -> None:
    directors = StatedSite().cluster()["directors"]
    assert directors["lb1"] == {
        "seen": True,
        "why": None,
        "os": "debian 13",
        "kernel": "6.12.48+deb13-amd64",
        "uptime_s": 273600.0,
        "generation": GENERATIONS[1],
        "differences": [],
        "role": "owner",
        "vips": [VIP],
        "vrrp": {"VI_edge": "MASTER"},
        "sync": ["master"],
        "packages": {"keepalived": "1.0", "ipvsadm": "1.0"},
        "demoted": None,
    }
    lb2 = directors["lb2"]
    assert (lb2["role"], lb2["vips"], lb2["vrrp"], lb2["sync"]) == (
        "standby",
        [],
        {"VI_edge": "BACKUP"},
        ["backup"],
    )


def test_a_service_tells_the_owners_numbers_of_every_real_server() -> None:
    site = StatedSite()
    site.seen["lb2"]["status"]["counters"] = {}
    (service,) = site.cluster()["services"]
    (entry,) = service["entries"]
    assert (entry["key"], entry["scheduler"], entry["director"]) == (KEY, "wrr", "lb1")
    assert (entry["active"], entry["inactive"]) == (6, 60)
    assert entry["rates"]["bytes_out"] == 9_000_000
    assert [one["name"] for one in entry["servers"]] == ["web1", "web2", "web3"]
    web3 = entry["servers"][2]
    assert (web3["state"], web3["weight"], web3["planned_weight"]) == ("up", 1, 1)
    assert (web3["active"], web3["inactive"]) == (3, 30)
    assert web3["totals"]["connections"] == 3000


def test_numbers_follow_the_vip_to_another_owner() -> None:
    site = StatedSite()
    site.owner["edge"] = "lb2"
    site.look()
    entry = site.cluster()["services"][0]["entries"][0]
    assert entry["director"] == "lb2"
    assert entry["rates"] is None  # nobody was asked for counters


@pytest.mark.parametrize(
    ("states", "state", "weight"),
    [
        ({WEB1: (False, True)}, "down", None),
        ({WEB1: (True, False)}, "pending", 3),
        ({}, "up", 3),
    ],
)
def test_the_state_of_a_real_server_is_the_checks(
    states: dict[str, tuple[bool, bool]], state: str, weight: int | None
) -> None:
    site = StatedSite()
    checks(site, states)
    assert (servers(site)[WEB1]["state"], servers(site)[WEB1]["weight"]) == (state, weight)


def test_a_dead_real_server_is_a_warning_and_below_the_minimum_it_is_more() -> None:
    site = StatedSite()
    checks(site, {WEB3: (False, True)})
    cluster = site.cluster()
    assert cluster["healthy"] is True
    assert cluster["warnings"] == [
        f"{host}: its checks find real server {WEB3} of {KEY} dead" for host in ("lb1", "lb2")
    ]
    case = Case()
    case.service["min_servers"] = 3
    short = StatedSite(case.plan())
    checks(short, {WEB3: (False, True)})
    assert short.cluster()["healthy"] is False
    assert short.cluster()["directors"]["lb1"]["differences"] == [
        f"{KEY}: its checks leave 2 of 3 real servers, fewer than min_servers 3"
    ]


def drained(*hosts: str, **changes: Any) -> StatedSite:  # noqa: ANN401
    """web1 is drained, as the directors know it."""
    site = StatedSite()
    for host in hosts:
        site.seen[host]["overrides"] = [DRAIN | changes]
        planned = site.plan["hosts"][host]["ipvs"]
        weights = planned[KEY]["servers"] | {WEB1: planned[KEY]["servers"][WEB1] | {"weight": 0}}
        site.seen[host]["ipvs"]["table"] = table_text({KEY: planned[KEY] | {"servers": weights}})
    return site


def test_a_drained_real_server_is_no_fault() -> None:
    site = drained("lb1", "lb2")
    cluster = site.cluster()
    assert cluster["healthy"] is True
    assert servers(site)[WEB1]["state"] == "drained"
    assert (servers(site)[WEB1]["weight"], servers(site)[WEB1]["planned_weight"]) == (0, 3)
    assert cluster["notes"] == [
        "web1 is drained by ana: new disk, since 2026-11-23T02:30:00Z, until 2026-11-23T02:50:00Z"
    ]
    (record,) = cluster["drained"]
    assert record["since"] == "2026-11-23T02:30:00Z"
    assert (record["host"], record["weight"], record["services"]) == ("web1", 0, None)


def test_a_drain_that_one_director_does_not_know_is_an_alarm() -> None:
    (alarm,) = drained("lb1").cluster()["alarms"]
    assert alarm.startswith("lb2 does not know that web1 is drained by ana: new disk")


def test_a_drain_that_should_have_ended_is_a_warning() -> None:
    warnings = drained("lb1", "lb2", until=NOW - 60).cluster()["warnings"]
    assert warnings == [
        f"{host}: web1 is drained by ana: new disk; it should have ended at 2026-11-23T02:39:00Z"
        for host in ("lb1", "lb2")
    ]


def test_without_an_end_a_drain_lasts_until_it_is_restored() -> None:
    (note,) = drained("lb1", "lb2", until=None).cluster()["notes"]
    assert note.endswith(", until it is restored")


def test_a_demotion_and_a_lock_are_notes() -> None:
    site = StatedSite()
    record = {"reason": "kernel", "operator": "ana", "since": NOW}
    site.seen["lb2"]["overrides"] = [record | {"file": "demoted.json"}]
    lock = record | {"file": "cluster-lock-edge.json", "run": "4f1c", "controller": "ops1", "pid": 812}
    for host in ("lb1", "lb2"):
        site.seen[host]["locks"] = [lock]
    cluster = site.cluster()
    assert cluster["notes"] == [
        "lb2 is demoted by ana: kernel, since 2026-11-23T02:40:00Z",
        "locked by ana on ops1, process 812: kernel, since 2026-11-23T02:40:00Z (run 4f1c)",
    ]
    assert cluster["directors"]["lb2"]["demoted"]["since"] == "2026-11-23T02:40:00Z"
    assert [one["run"] for one in cluster["locks"]] == ["4f1c"]


def test_daemons_that_are_not_alike_are_a_note() -> None:
    site = StatedSite()
    site.seen["lb2"]["packages"]["keepalived"] = "1.1"
    assert site.cluster()["notes"] == ["keepalived is not alike: 1.0 on lb1, 1.1 on lb2"]


def test_two_owners_and_none_are_alarms() -> None:
    two = StatedSite()
    two.links("lb2", link("lb2", "eth0", ["192.0.2.12", VIP]), link("lb2", "eth1", ["198.51.100.12"]))
    assert f"VIP {VIP} has 2 owners (lb1, lb2), not one" in two.cluster()["alarms"]
    assert two.cluster()["vips"][0]["owners"] == ["lb1", "lb2"]
    assert two.cluster()["vips"][0]["since"] is None
    none = StatedSite()
    none.owner["edge"] = None
    none.look()
    cluster = none.cluster()
    assert f"VIP {VIP} has 0 owners (none), not one" in cluster["alarms"]
    assert cluster["services"][0]["entries"][0]["director"] is None
    assert {one["state"] for one in cluster["services"][0]["entries"][0]["servers"]} == {"unknown"}


def test_a_difference_is_told_once_and_makes_unhealthy() -> None:
    site = StatedSite()
    site.seen["web2"]["sysctls"] = dict.fromkeys(site.seen["web2"]["sysctls"], "7")
    cluster = site.cluster()
    differences = cluster["real_servers"]["web2"]["differences"]
    assert differences
    assert cluster["alarms"] == []
    assert cluster["healthy"] is False
    assert site.status()["healthy"] is False


def test_a_daemon_in_the_wrong_state_is_an_alarm() -> None:
    site = StatedSite()
    stands(site, "lb2", "FAULT", daemons="BACKUP")
    assert site.cluster()["alarms"] == ["lb2 has no VIP, and its VRRP instance is FAULT"]
    assert site.cluster()["directors"]["lb2"]["vrrp"] == {"VI_edge": "FAULT"}


def test_what_stands_in_and_what_does_not_belong_there_is_shown() -> None:
    case = Case()
    case.service["fallback"] = {"address": "192.0.2.99"}
    site = StatedSite(case.plan())
    more = "-a -t 192.0.2.10:80 -r 192.0.2.99:80 -g -w 1\n-a -t 192.0.2.10:80 -r 192.0.2.66:80 -g -w 5\n"
    site.seen["lb1"]["ipvs"]["table"] += more
    found = servers(site)
    assert found["192.0.2.99:80"]["state"] == "fallback"
    assert found["192.0.2.66:80"]["state"] == "not planned"
    assert (found["192.0.2.66:80"]["name"], found["192.0.2.66:80"]["weight"]) == (None, 5)


@pytest.mark.parametrize(
    ("host", "raw", "alarms", "warnings"),
    [
        ("lb2", {}, ["lb2 is unreachable"], []),
        ("web1", {}, [], ["web1 is unreachable"]),
        ("web1", {"failed": "No space left"}, ["web1: No space left"], []),
    ],
)
def test_a_host_that_gives_no_answer(
    host: str, raw: dict[str, Any], alarms: list[str], warnings: list[str]
) -> None:
    site = StatedSite()
    site.seen[host] = raw
    cluster = site.cluster()
    assert (cluster["alarms"], cluster["warnings"]) == (alarms, warnings)
    assert cluster["healthy"] is (alarms == [])
    told = (cluster["directors"] | cluster["real_servers"])[host]
    assert (told["seen"], told["why"]) == (False, raw.get("failed", "unreachable"))


def test_without_the_owner_nobody_knows_who_it_is() -> None:
    site = StatedSite()
    site.seen["lb1"] = {}
    cluster = site.cluster()
    assert cluster["warnings"] == [f"who owns VIP {VIP} is not known without lb1"]
    assert (cluster["vips"][0]["owners"], cluster["vips"][0]["sure"]) == ([], False)


def test_hosts_that_were_not_asked_are_no_fault() -> None:
    site = StatedSite()
    del site.seen["lb2"], site.seen["web3"]
    cluster = site.cluster()
    assert cluster["warnings"] == ["not asked: lb2, web3"]
    assert cluster["healthy"] is True
    assert cluster["directors"]["lb2"]["why"] == "not asked"


def test_what_hosts_could_not_read_is_a_warning() -> None:
    site = StatedSite()
    site.seen["web1"]["problems"] = ["/etc/x: Permission denied"]
    assert site.cluster()["warnings"] == ["web1: /etc/x: Permission denied"]


def test_what_is_left_on_a_retired_host_is_told() -> None:
    case = Case()
    case.add_host("web9", "retired", lvs_addresses=["192.0.2.29"])
    site = StatedSite(case.plan())
    assert site.status()["retired"]["web9"]["differences"] == []
    assert site.status()["healthy"] is True
    site.seen["web9"]["managed"] = ["/etc/sysctl.d/lvs.conf"]
    assert site.status()["retired"]["web9"]["differences"] == [
        "/etc/sysctl.d/lvs.conf is not needed any more"
    ]
    assert site.status()["healthy"] is False


def test_counters_that_cannot_be_read_are_an_error() -> None:
    site = StatedSite()
    site.seen["lb1"]["status"]["counters"]["rates"] = "TCP 192.0.2.10:80 1 2\n"
    with pytest.raises(ValueError, match="ipvsadm's counters of TCP "):
        site.status()


def test_a_changed_file_of_one_director_makes_them_unequal() -> None:
    site = StatedSite()
    site.seen["lb2"]["files"][KEEPALIVED_CONF]["sha256"] = "0" * 64
    cluster = site.cluster()
    assert cluster["alarms"] == [
        f"unequal configurations: {KEEPALIVED_CONF} is as planned on lb1, and not on lb2"
    ]
    assert cluster["directors"]["lb2"]["differences"] == [f"{KEEPALIVED_CONF} has another content"]


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_every_kind_of_cluster_is_healthy_when_it_is_as_planned(inventory: str) -> None:
    """Other engines, several owners at once, IPv6, marks: every service has its owner's numbers."""
    site = StatedSite(plan(inventory))
    status = site.status()
    assert [cluster["alarms"] for cluster in status["clusters"].values()] == [[]] * len(status["clusters"])
    assert status["healthy"] is True
    for name, cluster in status["clusters"].items():
        assert all(len(one["owners"]) == 1 and one["owned_s"] == 3660.0 for one in cluster["vips"])
        for service in cluster["services"]:
            assert service["entries"], service["name"]
            for entry in service["entries"]:
                assert entry["director"] in cluster["directors"]
                assert entry["rates"] is not None
                assert {one["state"] for one in entry["servers"]} <= {"up", "drained"}
        assert status_lines(status)[0] == f"cluster {next(iter(status['clusters']))}: healthy", name
