"""A table on the owner of the VIPs only: what differs there and on a standby, and what is proven."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lvs_model.checks_view import checks_view, down_servers
from lvs_model.components.role_switch import LDIRECTORD
from lvs_model.differences import host_differences
from lvs_model.observation import Observation
from lvs_model.verdict import judge

from .builders import Case, Site
from .cases import plan
from .compared import forced, work
from .pretended import held, table_text
from .rule_cases.engines import UNDER

KEY = "TCP 192.0.2.10:80"
FIRST, SECOND = "192.0.2.21:80", "192.0.2.22:80"
Change = Callable[[Site], None]


def site(**options: object) -> Site:
    """Two directors under ldirectord and heartbeat, as planned; lb1 owns the VIP."""
    case = Case()
    UNDER(case)
    case.service.update(options)
    return Site(case.plan())


def said(one: Site, host: str) -> list[str]:
    """What differs on a host."""
    found = host_differences(one.plan["hosts"][host], Observation(host, one.seen[host]))
    return [difference.text for difference in found]


@pytest.mark.parametrize("method", ["heartbeat", "pacemaker"])
def test_a_network_manager_leaves_the_owners_vips_alone(method: str) -> None:
    """What it would take away, heartbeat never sets again (systemd.network(5), KeepConfiguration=)."""
    directors = 0
    for planned in plan(method)["hosts"].values():
        kept = [item for item in planned["items"] if item.startswith("keep ")]
        links = set(planned["vips"].values()) if planned["role"] == "director" else set()
        assert kept == [f"keep {link}" for link in sorted(links)]
        directors += bool(kept)
    assert directors > 1


def log(*lines: str) -> str:
    """Ldirectord's log with these events of the one service."""
    return "".join(f"[Sun Nov 22 23:54:20 2026|ldirectord.cf|50] {line} ({KEY[4:]})\n" for line in lines)


def _without(*servers: str) -> Change:
    def change(one: Site) -> None:
        planned = one.plan["hosts"]["lb1"]["ipvs"]
        one.seen["lb1"]["ipvs"]["table"] = table_text(planned, [(KEY, server) for server in servers])

    return change


def _logged(*lines: str) -> Change:
    return lambda one: one.seen["lb1"]["ldirectord"].update(log=log(*lines))


def _on_standby(one: Site) -> None:
    one.seen["lb2"]["ipvs"]["table"] = one.seen["lb1"]["ipvs"]["table"]


def _ends(one: Site) -> None:
    one.seen["lb1"]["ldirectord"]["pid"] = None


def _runs_there(one: Site) -> None:
    one.seen["lb2"]["ldirectord"]["pid"] = 9


def _left_there(one: Site) -> None:
    one.seen["lb2"]["ldirectord"]["left"] = 2


def _starts_itself(one: Site) -> None:
    one.seen["lb2"]["units"]["ldirectord.service"] = {"ActiveState": "inactive", "UnitFileState": "enabled"}


@pytest.mark.parametrize(
    ("changes", "host", "texts"),
    [
        ([], "lb1", []),
        ([], "lb2", []),
        # Not in the table, and nothing tells why: it is dead by its checks.
        ([_without(FIRST)], "lb1", []),
        ([_without(FIRST), _logged(f"Deleted real server: {FIRST}")], "lb1", []),
        # Its checks hold it alive: somebody else has deleted it.
        (
            [_without(FIRST), _logged(f"Deleted real server: {FIRST}", f"Added real server: {FIRST}")],
            "lb1",
            [f"{KEY}: real server {FIRST} is missing"],
        ),
        (
            [_logged(f"Deleted real server: {FIRST}")],
            "lb1",
            [f"{KEY}: real server {FIRST} is dead by its checks, and still in the table"],
        ),
        ([_on_standby], "lb2", [f"{KEY} is in the table of a director without VIPs"]),
        (
            [_ends],
            "lb1",
            ["ldirectord does not run beside the VIPs", "ldirectord has not told what its checks found"],
        ),
        ([_runs_there], "lb2", ["ldirectord runs, and no VIP is here"]),
        ([_left_there], "lb2", ["checkers of a dead ldirectord run, and no VIP is here"]),
        (
            [_starts_itself],
            "lb2",
            ["ldirectord.service starts by itself, and not where the cluster manager wants it"],
        ),
    ],
)
def test_what_differs(changes: list[Change], host: str, texts: list[str]) -> None:
    one = site()
    for change in changes:
        change(one)

    assert said(one, host) == texts


@pytest.mark.parametrize(
    ("change", "host", "command"),
    [
        (_ends, "lb1", f"{LDIRECTORD} ldirectord.cf start"),
        (_runs_there, "lb2", f"{LDIRECTORD} ldirectord.cf stop"),
        (_left_there, "lb2", f"{LDIRECTORD} ldirectord.cf stop"),
        (_starts_itself, "lb2", "systemctl disable --now ldirectord.service"),
        (_on_standby, "lb2", "ipvsadm -D -t 192.0.2.10:80"),
    ],
)
def test_what_heals_it(change: Change, host: str, command: str) -> None:
    one = site()
    change(one)

    assert forced(one, host) == [command]
    assert work(one)["directors"] == [host]


def test_a_quiescent_server_is_a_dead_one() -> None:
    one = site(on_failure="inhibit")
    one.seen["lb1"]["ipvs"]["table"] = one.seen["lb1"]["ipvs"]["table"].replace(
        f"{FIRST} -g -w 3", f"{FIRST} -g -w 0"
    )

    seen = Observation("lb1", one.seen["lb1"])
    assert said(one, "lb1") == []
    assert down_servers(one.plan["hosts"]["lb1"], seen) == {KEY: {FIRST}}


def test_a_drained_server_is_none() -> None:
    case = Case()
    UNDER(case)
    case.hostvars["web1"]["lvs_state"] = "drained"
    one = Site(case.plan())

    assert down_servers(one.plan["hosts"]["lb1"], Observation("lb1", one.seen["lb1"])) == {KEY: set()}


@pytest.mark.parametrize("missing", ["pid", "table"])
def test_without_daemon_or_table_there_is_no_view(missing: str) -> None:
    one = site()
    place = one.seen["lb1"]["ldirectord" if missing == "pid" else "ipvs"]
    place[missing] = None

    assert checks_view(one.plan["hosts"]["lb1"], Observation("lb1", one.seen["lb1"])) is None


def test_two_protocols_at_one_place_are_believed_by_the_table() -> None:
    case = Case()
    UNDER(case)
    case.service["check"] = {"type": "ping"}
    case.add_service("udp", protocol="udp")
    one = Site(case.plan())
    # Of which of the two it tells, nobody knows.
    _logged(f"Deleted real server: {FIRST}")(one)

    assert down_servers(one.plan["hosts"]["lb1"], Observation("lb1", one.seen["lb1"])) == {
        KEY: set(),
        "UDP 192.0.2.10:80": set(),
    }


def test_the_owner_proves_its_table_and_the_standby_that_it_has_none() -> None:
    one = site()
    _without(FIRST)(one)

    lines = [found["text"] for found in judge(one.plan, one.seen, {}) if found["status"] != "unproven"]

    assert f"lb1's kernel table equals the plan, without {FIRST} (found dead by its checks)" in lines
    assert "lb2 is as planned, and its kernel table is empty: it owns no VIP" in lines
    assert "lb2 runs the backup sync daemon" in lines


def test_after_a_takeover_the_other_one_has_the_table() -> None:
    one = site()
    one.owner["edge"] = "lb2"
    one.look()

    assert (said(one, "lb1"), said(one, "lb2")) == ([], [])
    assert one.seen["lb1"]["ipvs"]["table"] == ""


def test_real_servers_that_the_owner_checks_already_need_not_be_seen() -> None:
    one = site()
    del one.seen["web2"]
    path = "/etc/ha.d/ldirectord.cf"
    for host in ("lb1", "lb2"):
        one.seen[host]["files"][path] = None

    assert work(one)["directors"] == ["lb2", "lb1"]


# What pacemaker holds, which all directors share.


def paced(**changes: object) -> Site:
    """Two directors under pacemaker, of which lb1 says something else."""
    case = Case()
    under_pacemaker(case)
    one = Site(case.plan())
    one.seen["lb1"]["pacemaker"] = held(["lb1", "lb2"], **changes)
    return one


def under_pacemaker(case: Case) -> None:
    """The valid inventory under ldirectord and pacemaker, without fencing."""
    UNDER(case)
    case.document["failover"].pop("heartbeat")
    options = {"key": "0123456789abcdefghijklmnopqrstuvwxyz", "fencing": {"declined": "a test"}}
    case.document["failover"].update(method="pacemaker", pacemaker=options)


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({}, []),
        ({"differs": ["the group lacks vip_2"]}, ["resources: the group lacks vip_2"]),
        # In the middle of a rollout: they stay as they are until the other director has its files.
        ({"differs": ["the group lacks vip_2"], "waits_for": ["lb2"]}, []),
        ({"online": ["lb1"]}, []),
    ],
)
def test_resources_that_are_not_as_planned_differ(changes: dict[str, object], texts: list[str]) -> None:
    assert said(paced(**changes), "lb1") == texts


def test_resources_that_differ_are_applied_again() -> None:
    one = paced(differs=["the group lacks vip_2"])

    assert forced(one, "lb1") == ["/usr/local/lib/lvs-toolkit/lvs-pacemaker apply"]


def test_a_pacemaker_that_does_not_tell_is_waited_for() -> None:
    one = paced()
    one.seen["lb1"]["pacemaker"] = None

    assert said(one, "lb1") == ["lvs-pacemaker has not told what the cluster has"]


def test_verify_tells_what_pacemaker_complains_of() -> None:
    one = paced(online=["lb1"], standby=["lb1"])

    texts = [found["text"] for found in judge(one.plan, one.seen, {}) if found["status"] == "failed"]

    assert texts == [
        "lb1: lb2 is not in the cluster",
        "lb1: lb1 was put on standby (crm_attribute, standby)",
    ]
