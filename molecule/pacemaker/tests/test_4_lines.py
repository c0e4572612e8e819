"""Lines: one link cut moves nothing; an owner that reaches no neighbour gives its role away."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab import Lab
from lab.demo import INTERVAL_S
from lab.directors import Directors
from lab.figures import lost_at_most
from lab.promise import Promise
from lab.traffic import Traffic
from lvs_model.pacemaker_view import PacemakerView

DIRECTORS = ["loadbalancer", "backup"]
# Longer than token and consensus: what a dead director would have been noticed in, twice.
WATCHED_S = 15.0

Start = Callable[[], Traffic]
Report = Callable[..., None]
Until = Callable[..., None]
Told = Callable[[str], PacemakerView]


@pytest.mark.parametrize("line", ["udp/5405@front", "udp/5406@sync"])
def test_one_line_cut_moves_nothing(
    lab: Lab, directors: Directors, traffic: Start, report: Report, until: Until, told: Told, line: str
) -> None:
    active = directors.active()
    (other,) = set(DIRECTORS) - {active}
    client = traffic()
    lab.faults.drop(other, line)
    try:
        time.sleep(WATCHED_S)
        assert directors.owners() == [active]
        assert told(active).online == sorted(DIRECTORS), "they hear each other over the other line"
        links = lab.run(active, ["corosync-cfgtool", "-n"], check=True).stdout
        assert links.count(" connected") == 1, "and the line was really cut"
    finally:
        lab.faults.undrop(other)
    ledger = client.stop()
    report(f"the line {line} cut", ledger)
    assert ledger.summary["failed"] == 0
    until(
        "both lines are up",
        lambda: lab.run(active, ["corosync-cfgtool", "-n"]).stdout.count(" connected") == 2,
        timeout_s=60,
    )


def test_an_owner_that_reaches_no_neighbour_gives_its_role_away(
    lab: Lab, directors: Directors, promise: Promise, traffic: Start, report: Report, until: Until
) -> None:
    active = directors.active()
    (other,) = set(DIRECTORS) - {active}
    client = traffic()
    lab.faults.drop(active, "icmp@front")
    try:
        # Two looks of 5 s with their pings, damping, and the switch.
        until(f"{other} owns the VIP", lambda: directors.owners() == [other], timeout_s=90)
    finally:
        lab.faults.undrop(active)
    until("the role goes back with the neighbours", lambda: directors.owners() == [active], timeout_s=90)
    ledger = client.stop()
    report("no neighbour is reached, and then again", ledger, [2 * promise.orderly_s(active)])
    assert ledger.summary["failed"] <= 2 * lost_at_most(promise.orderly_s(active), INTERVAL_S)


def test_neighbours_that_nobody_reaches_move_nothing(lab: Lab, directors: Directors) -> None:
    active = directors.active()
    for name in DIRECTORS:
        lab.faults.drop(name, "icmp@front")
    try:
        time.sleep(30)
        # One may be a look ahead of the other: then it moves once, and has an owner all the same.
        assert len(directors.owners()) == 1
    finally:
        for name in DIRECTORS:
            lab.faults.undrop(name)
    assert active in DIRECTORS
