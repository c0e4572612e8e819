"""From one engine to another on a running cluster: the order of things, and what must not run meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .builders import Case, Site
from .compared import changed, problems, work
from .rule_cases.engines import UNDER

STOP = "systemctl disable --now"
# What moves the VIPs, by method, and all that ends with it.
UNITS = {
    "vrrp": ["keepalived.service"],
    "heartbeat": ["heartbeat.service"],
    "pacemaker": ["pacemaker.service", "corosync.service"],
}
CONFIGURATIONS = {
    "vrrp": "/etc/keepalived/keepalived.conf",
    "heartbeat": "/etc/ha.d/ha.cf",
    "pacemaker": "/etc/corosync/corosync.conf",
}


def _pacemaker(case: Case) -> None:
    UNDER(case)
    case.document["failover"].pop("heartbeat")
    key = "0123456789abcdefghijklmnopqrstuvwxyz"
    options = {"key": key, "fencing": {"declined": "a test"}}
    case.document["failover"].update(method="pacemaker", pacemaker=options)


ENGINES: dict[str, Callable[[Case], Any]] = {
    "vrrp": lambda _: None,
    "heartbeat": UNDER,
    "pacemaker": _pacemaker,
}


def changing(old: str, new: str, change: Callable[[Case], Any] = lambda _: None) -> Site:
    """The plan of the new engine, and hosts as they are under the old one; lb1 owns the VIPs."""
    plans = []
    for name in (old, new):
        case = Case()
        ENGINES[name](case)
        change(case)
        plans.append(case.plan())
    before, site = Site(plans[0]), Site(plans[1])
    for host in ("lb1", "lb2"):
        wanted = site.seen[host]
        seen = before.seen[host]
        site.seen[host] = seen | {
            "packages": dict.fromkeys([*seen["packages"], *wanted["packages"]], "1.0"),
            "units": dict.fromkeys(site.plan["hosts"][host]["observe"]["units"]) | seen["units"],
            "files": {path: seen["files"].get(path) for path in wanted["files"]},
            "users": seen["users"] | wanted["users"],
            "sysctls": seen["sysctls"] | wanted["sysctls"],
            "modules": seen["modules"] | wanted["modules"],
            "keepalived": None if new != "vrrp" else wanted["keepalived"],
        }
    return site


PAIRS = [(old, new) for old in ENGINES for new in ENGINES if old != new]
of_pairs = pytest.mark.parametrize(("old", "new"), PAIRS, ids=["-".join(pair) for pair in PAIRS])


def argvs(actions: list[dict[str, Any]]) -> list[str]:
    return [" ".join(one["argv"]) for one in actions]


@of_pairs
def test_all_is_laid_down_first_standby_first_and_nothing_new_runs(old: str, new: str) -> None:
    site = changing(old, new)
    found = work(site)

    assert found["directors"] == ["lb2", "lb1"]
    for host in found["directors"]:
        own = found["hosts"][host]
        assert own["begins_later"]
        names = {one["name"] for one in own["actions"]}
        assert not names & set(site.plan["hosts"][host]["engine_actions"])
        assert not {one["name"] for one in own["health"]} & set(site.plan["hosts"][host]["engine_health"])


def test_the_old_engines_marks_stay_until_it_has_ended() -> None:
    """Of directors that are real servers keepalived's table goes by marks, and ldirectord's does not."""

    def both_roles(case: Case) -> None:
        case.groups["edge_web"] += ["lb1", "lb2"]
        case.service["forwarding"] = "tun"

    site = changing("vrrp", "heartbeat", both_roles)
    own = work(site)["hosts"]["lb1"]

    load = "systemctl reload-or-restart lvs-nftables.service"
    assert load not in argvs(own["actions"])
    assert "the table is loaded" not in [one["name"] for one in own["health"]]
    assert argvs(own["begin"]).index(f"{STOP} keepalived.service") < argvs(own["begin"]).index(load)


@of_pairs
def test_then_the_standby_leaves_and_the_owner_begins(old: str, new: str) -> None:
    site = changing(old, new)
    found = work(site)

    # Pacemaker starts nothing before both are there.
    order = ["lb2", "lb1"] if new == "pacemaker" else ["lb1", "lb2"]
    assert (found["leave"], found["begin"]) == (["lb2"], order)
    for host in ("lb1", "lb2"):
        own = found["hosts"][host]
        ends = [f"{STOP} {unit}" for unit in UNITS[old]]
        assert argvs(own["leave"])[: len(ends)] == ends
        # The old one ends in the same execution in which the new one begins.
        begin = argvs(own["begin"])
        assert begin[: len(ends)] == ends
        starts = [n for n, one in enumerate(begin) if n >= len(ends) and UNITS[new][0] in one]
        assert starts
        assert all(one["force"] for one in own["begin"])


@of_pairs
def test_when_the_new_one_does_not_begin_the_old_one_comes_back(old: str, new: str) -> None:
    back = argvs(work(changing(old, new))["hosts"]["lb1"]["back"])

    # What the manager needs is started before it.
    starts = [f"systemctl enable --now {unit}" for unit in reversed(UNITS[old])]
    assert back[-len(starts) :] == starts
    assert back[0] == f"{STOP} {UNITS[new][0]}"


@of_pairs
def test_the_old_engines_files_go_at_the_end(old: str, new: str) -> None:
    site = changing(old, new)
    found = work(site)

    assert {"lb1", "lb2"} <= set(found["contract"])
    gone = [one["path"] for one in found["hosts"]["lb1"]["remove"]]
    assert CONFIGURATIONS[old] in gone
    assert CONFIGURATIONS[new] not in gone
    assert [f"{STOP} {unit}" for unit in UNITS[old]] == argvs(found["hosts"]["lb1"]["stop"])[
        : len(UNITS[old])
    ]


def test_a_second_run_finds_the_standby_without_any_engine_and_starts_none_beside_the_owner() -> None:
    site = changing("vrrp", "heartbeat")
    site.seen["lb2"]["units"]["keepalived.service"] = {"ActiveState": "inactive", "UnitFileState": "disabled"}
    found = work(site)

    assert found["hosts"]["lb2"]["begins_later"]
    assert (found["leave"], found["begin"]) == ([], ["lb1", "lb2"])


def test_a_pacemaker_that_waits_for_nobody_begins_on_the_owner() -> None:
    site = changing("vrrp", "pacemaker")
    for host in ("lb1", "lb2"):
        site.plan["hosts"][host]["begins_idle"] = False

    assert work(site)["begin"] == ["lb1", "lb2"]


@pytest.mark.parametrize(
    ("method", "options", "idle"),
    [
        ("vrrp", {}, False),
        ("heartbeat", {}, False),
        ("pacemaker", {}, True),
        ("pacemaker", {"wait_for_all": False}, False),
    ],
)
def test_which_engine_moves_nothing_before_all_have_begun(
    method: str, options: dict[str, Any], idle: bool
) -> None:
    case = Case()
    ENGINES[method](case)
    if options:
        case.document["failover"][method] = case.document["failover"][method] | options

    assert case.plan()["hosts"]["lb1"]["begins_idle"] is idle


def test_a_director_that_was_not_looked_at_forbids_it() -> None:
    site = changing("vrrp", "heartbeat")
    del site.seen["lb1"]

    assert problems(site) == [
        "cluster edge: its engine changes, and lb1 was not looked at: the old engine would go on there and "
        "own the VIPs beside the new one: leave out --limit, or let it name all directors"
    ]


def test_a_director_that_is_given_up_does_not() -> None:
    site = changing("vrrp", "heartbeat")
    site.seen["lb1"] = {}

    assert work(site, "lb1")["begin"] == ["lb2"]


def test_the_same_engine_begins_with_the_rest() -> None:
    site = Site()
    site.seen["lb2"]["units"]["keepalived.service"] = {"ActiveState": "inactive", "UnitFileState": "enabled"}
    found = work(site)

    assert (found["leave"], found["begin"]) == ([], [])
    assert not found["hosts"]["lb2"]["begins_later"]


@pytest.mark.parametrize("method", list(ENGINES))
def test_a_retired_director_leaves_whatever_it_ran(method: str) -> None:
    case = Case()
    ENGINES[method](case)
    case.add_host("lb3", "edge", "edge_directors", lvs_addresses=["192.0.2.13", "198.51.100.13"])
    if method == "heartbeat":
        case.document["failover"]["method"] = "pacemaker"
        _pacemaker(case)
        method = "pacemaker"
    before = Site(case.plan())
    case.groups["edge_directors"].remove("lb3")
    case.groups["edge"].remove("lb3")
    case.groups["retired"] = ["lb3"]
    site = Site(case.plan())
    site.seen["lb3"] = before.seen["lb3"]
    found = work(site)

    assert found["retire"] == ["lb3"]
    assert argvs(found["hosts"]["lb3"]["leave"])[0] == f"{STOP} {UNITS[method][0]}"


@pytest.mark.parametrize("method", list(ENGINES))
def test_an_owner_is_waited_for_where_there_may_be_a_new_one(method: str) -> None:
    case = Case()
    ENGINES[method](case)
    site = Site(case.plan())
    settle = site.plan["clusters"]["edge"]["settle_s"]
    assert work(site)["settle_s"] == 0

    changed(site, "lb2")
    # VRRP may elect at any reload; the others' managers keep what they have.
    assert work(site)["settle_s"] == (settle if method == "vrrp" else 0)

    site.seen["lb2"]["units"][UNITS[method][0]] = {"ActiveState": "inactive", "UnitFileState": "enabled"}
    assert work(site)["settle_s"] == settle > 0


@pytest.mark.parametrize("method", [name for name in ENGINES if name != "vrrp"])
@pytest.mark.parametrize("failback", [True, False])
def test_a_role_that_goes_back_is_waited_for(method: str, failback: bool) -> None:
    """A reload with failback on gives it back: to verify meanwhile would find nobody serving."""
    case = Case()
    ENGINES[method](case)
    case.document["failover"]["failback"] = failback
    site = Site(case.plan())
    site.owner["edge"] = "lb2"
    site.look()
    changed(site, "lb1")

    assert (work(site)["settle_s"] > 0) is failback
