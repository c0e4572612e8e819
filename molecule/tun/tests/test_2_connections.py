"""What connection sync saves: long connections of every age, while a director dies, and while one leaves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from lab import Lab
from lab.directors import Directors
from lab.flows import FlowLedger, Flows, Instant, kept, survival
from lab.promise import Promise

FLOWS = {"address": "192.0.2.10", "port": 7, "rate": 10, "duration": 20, "interval": 0.5}
# s that connections go on after a switch before each is asked for its last echo, which has 15 s to come.
AFTERWARDS_S = 4
WWW = ("192.0.2.10", "2001:db8:1::10", "192.0.2.20", "2001:db8:1::20")

Until = Callable[..., None]
Note = Callable[[str], None]


def by_age(ledger: FlowLedger, fault: Instant) -> str:
    """Say it for people: survivors of all flows, by their age in seconds at the fault."""
    rows = survival(ledger, fault)
    return ", ".join(f"{row.age_from:g} to {row.age_to:g} s {row.survived}/{row.flows}" for row in rows)


def test_old_connections_survive_a_power_loss(
    power_loss: Callable[[], AbstractContextManager[str]],
    promise: Promise,
    knock: Callable[..., dict[tuple[str, int], str]],
    note: Note,
) -> None:
    with Flows(promise.client, FLOWS) as flows:
        assert flows.wait(lambda progress: progress.at >= 12, timeout_s=60), "there are flows of all ages"
        before = flows.now()
        with power_loss():
            span = before.until(flows.now())
            flows.wait(lambda progress: progress.at >= span.latest + AFTERWARDS_S, timeout_s=60)
            ledger = flows.stop()
            again = knock([(vip, 80) for vip in WWW])
    fault = ledger.narrowed(span)
    note(f"connections through a power loss, by age: {by_age(ledger, fault)}")
    promised = kept(ledger, fault, {4: 1.0, 0.2: 0.999})
    note(f"connections through a power loss: {'; '.join(map(str, promised))}")
    assert promised[0].holds, f"every connection of 4 s or more goes on: {promised[0]}"
    assert set(again.values()) == {"open"}, "every service is served by the other director"


def test_no_connection_is_lost_in_an_orderly_switch(
    lab: Lab, directors: Directors, promise: Promise, note: Note, until: Until
) -> None:
    owner = directors.active()
    (other,) = set(promise.directors) - {owner}
    with Flows(promise.client, FLOWS) as flows:
        assert flows.wait(lambda progress: progress.at >= 8, timeout_s=60), "there are flows of all ages"
        before = flows.now()
        lab.faults.service_stop(owner, "keepalived")
        try:
            until(f"{other} owns the VIP", lambda: directors.owners() == [other], timeout_s=30, every_s=0.2)
            fault = before.until(flows.now())
            flows.wait(lambda progress: progress.at >= fault.latest + AFTERWARDS_S, timeout_s=60)
            ledger = flows.stop()
        finally:
            lab.faults.service_start(owner, "keepalived")
    # Those opened while the director was leaving are told below, but nobody knows on which side they began.
    (promised,) = kept(ledger, fault, {0: 1.0})
    ended = [flow["how"] for flow in ledger.flows if flow["opened"] is not None and flow["how"] != "alive"]
    note(f"connections through an orderly switch: {promised}; {len(ended)} lost at any time {ended[:5]}")
    assert promised.holds, f"every connection that was open when the switch began goes on: {promised}"
    until(f"{owner}'s table is complete", lambda: directors.lacking(owner) == "", timeout_s=60)
