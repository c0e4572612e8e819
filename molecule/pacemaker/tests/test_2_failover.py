"""The active director is lost and comes back, with failback and without; and it leaves in order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from lab import Lab
from lab.directors import Directors
from lab.playbook import PlaybookRun
from lab.promise import Promise
from lab.traffic import Traffic

SERVERS = ("loadbalancer", "backup", "real1", "real2", "real3")
ROUNDS = 8

Start = Callable[[], Traffic]
Report = Callable[..., None]
Until = Callable[..., None]
Split = Callable[..., Callable[[], bool]]
Loss = Callable[[], AbstractContextManager[str]]


def test_power_loss_and_the_role_goes_back(
    directors: Directors, power_loss: Loss, until: Until, serve: Split
) -> None:
    with power_loss() as lost:
        assert lost == "loadbalancer"
        left = [name for name in SERVERS if name != lost]
        until("the lost real server is out", serve(*left), timeout_s=60)
        assert serve(*left, rounds=ROUNDS)(), "the rest serves, in equal parts"
    until("the preferred director has its role back", lambda: directors.owners() == [lost], timeout_s=120)
    until("all five serve", serve(*SERVERS), timeout_s=60)


def test_an_orderly_stop(
    directors: Directors,
    lab: Lab,
    promise: Promise,
    traffic: Start,
    report: Report,
    until: Until,
    switch_loss: Callable[[float], int],
) -> None:
    active = directors.active()
    client = traffic()

    lab.faults.service_stop(active, "pacemaker")

    until("the other one owns the VIP", lambda: len(directors.owners(without=active)) == 1, timeout_s=60)
    ledger = client.stop()
    report(f"orderly stop of {active}", ledger, [promise.orderly_s(active)])
    assert ledger.summary["failed"] <= switch_loss(promise.orderly_s(active))
    lab.faults.service_start(active, "pacemaker")
    until("it has its role back", lambda: directors.owners() == [active], timeout_s=120)
    until("its table is full", lambda: directors.lacking(active) == "", timeout_s=60)


def test_without_failback_nothing_goes_back(
    lab: Lab,
    directors: Directors,
    playbook: Callable[..., PlaybookRun],
    otherwise: Callable[..., list[str]],
    traffic: Start,
    report: Report,
    power_loss: Loss,
) -> None:
    client = traffic()
    run = playbook("site.yml", *otherwise(lambda document: document["failover"].update(failback=False)))
    ledger = client.stop()
    report("failback is turned off", ledger)
    assert run.returncode == 0
    assert ledger.summary["failed"] == 0, "no resource was moved or started anew for it"
    assert directors.active() == "loadbalancer"

    with power_loss() as lost:
        (other,) = directors.owners(without=lost)

    assert directors.owners() == [other], "who comes back comes back as the standby"

    client = traffic()
    run = playbook("site.yml")
    ledger = client.stop()
    report("failback is turned on again, and the role goes back", ledger)
    assert run.returncode == 0
    assert directors.owners() == [lost]
