"""Lines: one cut moves nothing; an owner that hears no gateway gives its role away."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab import Lab
from lab.directors import Directors
from lab.promise import Promise
from lab.traffic import Traffic

DIRECTORS = ("loadbalancer", "backup")
INTERFACES = {"front": "eth0", "sync": "eth1"}
# Twice the time in which a dead director would have been noticed (deadtime 8 s).
WATCHED_S = 18.0
TOOL = "/usr/local/lib/lvs-toolkit/lvs-heartbeat"

Start = Callable[[], Traffic]
Report = Callable[..., None]
Until = Callable[..., None]


def line(lab: Lab, name: str, network: str) -> str:
    """What a director says of its line to the other one on a network: up or dead."""
    (peer,) = set(DIRECTORS) - {name}
    argv = ["cl_status", "hblinkstatus", peer, INTERFACES[network]]
    return lab.run(name, argv, check=False).stdout.strip()


@pytest.mark.parametrize("network", INTERFACES)
def test_one_line_cut_moves_nothing(
    lab: Lab, directors: Directors, traffic: Start, report: Report, until: Until, network: str
) -> None:
    active = directors.active()
    (other,) = set(DIRECTORS) - {active}
    client = traffic()
    lab.faults.drop(other, f"udp/694@{network}")
    try:
        time.sleep(WATCHED_S)
        assert directors.owners() == [active]
        found = {name: line(lab, active, name) for name in INTERFACES}
        assert found == {name: "dead" if name == network else "up" for name in INTERFACES}, "it was cut"
    finally:
        lab.faults.undrop(other)
    ledger = client.stop()
    report(f"the line on {network} cut", ledger)
    assert ledger.summary["failed"] == 0
    until("both lines are up", lambda: line(lab, active, network) == "up", timeout_s=60)


def test_an_owner_that_hears_no_gateway_gives_its_role_away(
    lab: Lab,
    directors: Directors,
    promise: Promise,
    traffic: Start,
    report: Report,
    until: Until,
    switch_loss: Callable[[float], int],
) -> None:
    active = directors.active()
    (other,) = set(DIRECTORS) - {active}
    client = traffic()
    lab.faults.drop(active, "icmp@front")
    try:
        until(f"{other} owns the VIP", lambda: directors.owners() == [other], timeout_s=90)
        until("its table is full", lambda: directors.lacking(other) == "", timeout_s=60)
    finally:
        lab.faults.undrop(active)
    ledger = client.stop()
    report("no gateway is heard", ledger, [promise.orderly_s(active)])
    assert ledger.summary["failed"] <= switch_loss(promise.orderly_s(active))
    time.sleep(WATCHED_S)
    if directors.owners() == [other]:
        lab.run(other, [TOOL, "standby"], check=True, timeout=120)
    until("the role is back", lambda: directors.owners() == [active], timeout_s=60)


def test_gateways_that_nobody_hears_move_nothing(lab: Lab, directors: Directors, until: Until) -> None:
    lab.faults.power_off("gateway")
    try:
        time.sleep(WATCHED_S + 12)
        # One may notice a moment before the other: then it moves once, and has an owner all the same.
        assert len(directors.owners()) == 1
    finally:
        lab.faults.power_on("gateway")
    until("there is one owner", lambda: len(directors.owners()) == 1, timeout_s=60)
    (owner,) = directors.owners()
    if owner != "loadbalancer":
        lab.run(owner, [TOOL, "standby"], check=True, timeout=120)
