"""A director's kernel table against its plan: what is mended, what is pending, what is rightly missing."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.checks_view import down_servers
from lvs_model.differences import Difference, host_differences, planned_table
from lvs_model.observation import Observation

from .builders import Case, Site
from .judged import checks
from .pretended import checker_dump, table_text

KEY = "TCP 192.0.2.10:80"
WEB1, WEB2, WEB3 = (f"192.0.2.{last}:80" for last in (21, 22, 23))
UNIT = "keepalived.service"


def differences(site: Site, host: str) -> list[Difference]:
    return host_differences(site.plan["hosts"][host], Observation(host, site.seen[host]))


def director(without: list[str], checks: dict[str, tuple[bool, bool]]) -> Site:
    """A site whose lb1 lacks real servers in its table; its checks found (alive, checked) where not good."""
    site = Site()
    planned = site.plan["hosts"]["lb1"]["ipvs"]
    site.seen["lb1"]["ipvs"]["table"] = table_text(planned, [(KEY, server) for server in without])
    states = dict.fromkeys((WEB1, WEB2, WEB3), (True, True)) | checks
    site.seen["lb1"]["keepalived"]["data"] = checker_dump({KEY: states})
    return site


@pytest.mark.parametrize(
    ("without", "checks", "found"),
    [
        # Deleted by hand: keepalived believes that it is there, and will not add it again.
        ([WEB1], {}, [("table", f"{KEY}: real server {WEB1} is missing")]),
        # Taken out by its checks: as it must be.
        ([WEB1], {WEB1: (False, True)}, []),
        # Not yet checked: it comes by itself.
        (
            [WEB1],
            {WEB1: (False, False)},
            [("pending", f"{KEY}: real server {WEB1}: its checks have not had a result yet")],
        ),
        # Each for itself.
        (
            [WEB1, WEB2, WEB3],
            {WEB2: (False, True), WEB3: (False, False)},
            [
                ("pending", f"{KEY}: real server {WEB3}: its checks have not had a result yet"),
                ("table", f"{KEY}: real server {WEB1} is missing"),
            ],
        ),
    ],
)
def test_a_real_server_that_is_missing_in_the_table(
    without: list[str], checks: dict[str, tuple[bool, bool]], found: list[tuple[str, str]]
) -> None:
    assert [(one.kind, one.text) for one in differences(director(without, checks), "lb1")] == found


def test_a_dead_server_that_is_still_in_the_table_is_taken_out() -> None:
    """Put there by hand or left by a reload: keepalived removes nothing that it did not add."""
    site = director([], {WEB1: (False, True)})

    (difference,) = differences(site, "lb1")

    assert difference == Difference(
        "table",
        f"{KEY}: real server {WEB1} is dead by its checks, and still in the table",
        fix=("-d", "-t", "192.0.2.10:80", "-r", WEB1),
    )
    planned = site.plan["hosts"]["lb1"]
    assert down_servers(planned, Observation("lb1", site.seen["lb1"])) == {KEY: {WEB1}}


@pytest.mark.parametrize("alive", [True, False])
def test_a_server_in_the_table_whose_checks_have_no_result_is_pending(alive: bool) -> None:
    """Whether it belongs there is not known yet, so that nothing is taken out or put in."""
    site = director([], {WEB2: (alive, False)})

    assert differences(site, "lb1") == [
        Difference("pending", f"{KEY}: real server {WEB2}: its checks have not had a result yet")
    ]


def test_a_server_that_keepalived_does_not_know_is_pending() -> None:
    """The running keepalived has another configuration than the file, until it has been reloaded."""
    site = director([WEB3], {})
    known = dict.fromkeys((WEB1, WEB2), (True, True))
    site.seen["lb1"]["keepalived"]["data"] = checker_dump({KEY: known})

    assert differences(site, "lb1") == [
        Difference("pending", f"{KEY}: real server {WEB3}: its checks have not had a result yet")
    ]


def test_a_pending_server_with_another_weight_is_mended_nevertheless() -> None:
    site = director([], {WEB1: (False, False)})
    table = site.seen["lb1"]["ipvs"]["table"]
    site.seen["lb1"]["ipvs"]["table"] = table.replace("-w 3", "-w 7")

    assert [one.kind for one in differences(site, "lb1")] == ["pending", "table"]


@pytest.mark.parametrize("weight", [0, 7])
def test_a_changed_weight_is_mended_by_ipvsadm(weight: int) -> None:
    site = Site()
    table = site.seen["lb1"]["ipvs"]["table"]
    site.seen["lb1"]["ipvs"]["table"] = table.replace("-w 3", f"-w {weight}")

    (difference,) = differences(site, "lb1")

    assert difference.kind == "table"
    assert difference.fix == ("-e", "-t", "192.0.2.10:80", "-r", WEB1, "-g", "-w", "3")


def test_a_flushed_table_is_mended_entry_by_entry_without_the_dead() -> None:
    site = director([], {WEB2: (False, True)})
    site.seen["lb1"]["ipvs"]["table"] = ""

    fixes = [one.fix for one in differences(site, "lb1")]

    assert fixes == [
        ("-A", "-t", "192.0.2.10:80", "-s", "wrr"),
        ("-a", "-t", "192.0.2.10:80", "-r", WEB1, "-g", "-w", "3"),
        ("-a", "-t", "192.0.2.10:80", "-r", WEB3, "-g", "-w", "1"),
    ]


def test_a_foreign_entry_is_removed() -> None:
    site = Site()
    site.seen["lb1"]["ipvs"]["table"] += "-A -u 203.0.113.1:53 -s rr\n"

    (difference,) = differences(site, "lb1")

    assert (difference.kind, difference.fix) == ("table", ("-D", "-u", "203.0.113.1:53"))


@pytest.mark.parametrize("keepalived", [None, {"data": None}])
def test_without_keepaliveds_view_the_table_is_not_judged(keepalived: dict[str, Any] | None) -> None:
    """Which server is rightly missing is for its checks to say."""
    site = Site()
    site.seen["lb1"]["ipvs"]["table"] = ""
    site.seen["lb1"]["keepalived"] = keepalived

    assert differences(site, "lb1") == [
        Difference("pending", "keepalived has not told what its checks found")
    ]


def test_a_table_that_cannot_be_read_is_no_empty_one() -> None:
    site = Site()
    site.seen["lb1"]["packages"]["ipvsadm"] = None
    site.seen["lb1"]["ipvs"]["table"] = None

    assert differences(site, "lb1") == [
        Difference("package", "package ipvsadm is not installed", "ipvs"),
        Difference("pending", "the kernel's IPVS table could not be read"),
    ]


@pytest.mark.parametrize("state", ["inactive", "failed", "activating"])
def test_the_table_of_a_keepalived_that_does_not_run_is_not_judged(state: str) -> None:
    """Nobody is there who would have checked a real server; what differs is the unit."""
    site = Site()
    site.seen["lb1"]["units"][UNIT]["ActiveState"] = state
    site.seen["lb1"]["ipvs"]["table"] = ""
    site.seen["lb1"]["keepalived"] = {"data": None}

    assert [one.kind for one in differences(site, "lb1")] == [f"active {UNIT}"]


def test_the_table_of_a_keepalived_that_reloads_is_judged() -> None:
    site = director([WEB1], {})
    site.seen["lb1"]["units"][UNIT]["ActiveState"] = "reloading"

    assert [one.kind for one in differences(site, "lb1")] == ["table"]


def test_a_real_server_that_is_in_no_plan_is_told_as_such() -> None:
    site = Site()
    site.seen["lb1"]["ipvs"]["table"] += "-a -t 192.0.2.10:80 -r 192.0.2.99:80 -g -w 1\n"

    (difference,) = differences(site, "lb1")

    assert difference.text == f"{KEY}: real server 192.0.2.99:80 is not in the plan"


# Too few real servers: true of the cluster, and not this director's to mend.


@pytest.mark.parametrize(
    ("minimum", "drained", "dead", "left"),
    [
        (1, [], [WEB1, WEB2], None),
        (1, [], [WEB1, WEB2, WEB3], "0 of 3"),
        (2, [], [WEB1], None),
        (2, [], [WEB1, WEB3], "1 of 3"),
        # A drained server serves nobody, dead or alive.
        (2, ["web3"], [WEB3], None),
        (2, ["web3"], [WEB1], "1 of 2"),
    ],
)
def test_a_director_whose_checks_leave_too_few_servers(
    minimum: int, drained: list[str], dead: list[str], left: str | None
) -> None:
    case = Case()
    case.service["min_servers"] = minimum
    for host in drained:
        case.hostvars[host]["lvs_state"] = "drained"
    site = Site(case.plan())
    checks(site, dict.fromkeys(dead, (False, True)), "lb1")

    text = f"{KEY}: its checks leave {left} real servers, fewer than min_servers {minimum}"
    assert differences(site, "lb1") == ([] if left is None else [Difference("health", text)])
    assert differences(site, "lb2") == []


def test_the_planned_table_is_in_the_kernels_terms() -> None:
    case = Case()
    case.hostvars["web1"]["lvs_state"] = "drained"
    plan = case.plan()

    assert planned_table(plan["hosts"]["lb1"])[KEY].servers[WEB1].weight == 0
    assert planned_table(plan["hosts"]["web1"]) == {}
