"""The active director is lost and comes back, with failback and without; an orderly switch; a crash."""

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
TOOL = "/usr/local/lib/lvs-toolkit/lvs-heartbeat"

Start = Callable[[], Traffic]
Report = Callable[..., None]
Until = Callable[..., None]
Split = Callable[..., Callable[[], bool]]
Loss = Callable[[], AbstractContextManager[str]]


def test_power_loss_and_the_role_goes_back(
    lab: Lab, directors: Directors, power_loss: Loss, until: Until, serve: Split
) -> None:
    with power_loss() as lost:
        assert lost == "loadbalancer"
        left = [name for name in SERVERS if name != lost]
        until("the lost real server is out", serve(*left), timeout_s=60)
        assert serve(*left, rounds=ROUNDS)(), "the rest serves, in equal parts"
        said = lab.run("backup", ["ipvsadm", "-l", "--daemon"], check=True).stdout
        assert said.startswith("master sync daemon"), "the sync daemon follows the role"
    until("the preferred director has its role back", lambda: directors.owners() == [lost], timeout_s=120)
    until("all five serve", serve(*SERVERS), timeout_s=90)
    until("the standby's table is empty", lambda: directors.lacking("backup") == "", timeout_s=30)


def test_an_orderly_switch(
    lab: Lab,
    directors: Directors,
    promise: Promise,
    traffic: Start,
    report: Report,
    until: Until,
    switch_loss: Callable[[float], int],
) -> None:
    for active, other in (("loadbalancer", "backup"), ("backup", "loadbalancer")):
        client = traffic()
        lab.run(active, [TOOL, "standby"], check=True, timeout=120)
        until(f"{other} owns the VIP", lambda other=other: directors.owners() == [other], timeout_s=60)
        until("its table is full", lambda other=other: directors.lacking(other) == "", timeout_s=60)
        ledger = client.stop()
        report(f"orderly switch from {active}", ledger, [promise.orderly_s(active)])
        assert ledger.summary["failed"] <= switch_loss(promise.orderly_s(active))


def test_a_heartbeat_that_dies_is_started_anew_when_the_other_one_has_taken_over(
    lab: Lab, directors: Directors, traffic: Start, report: Report, until: Until
) -> None:
    """Not before: a start in the middle of it leaves both with the group (docs/heartbeat.md)."""
    active = directors.active()
    (other,) = {"loadbalancer", "backup"} - {active}
    client = traffic()
    lab.run(active, ["systemctl", "kill", "--kill-whom=main", "--signal=KILL", "heartbeat"], check=True)
    until(f"{other} owns the VIP", lambda: directors.owners() == [other], timeout_s=90)
    until("its table is full", lambda: directors.lacking(other) == "", timeout_s=60)
    report("heartbeat killed on the active director", client.stop())
    until("the preferred one owns the VIP", lambda: directors.owners() == ["loadbalancer"], timeout_s=180)
    for name in (active, other):
        until(f"{name}'s table is as planned", lambda name=name: directors.lacking(name) == "", timeout_s=60)


def test_without_failback_nothing_goes_back(  # noqa: PLR0913, PLR0917 - fixtures
    lab: Lab,
    directors: Directors,
    playbook: Callable[..., PlaybookRun],
    otherwise: Callable[..., list[str]],
    traffic: Start,
    report: Report,
    power_loss: Loss,
    until: Until,
    serve: Split,
) -> None:
    client = traffic()
    run = playbook("site.yml", *otherwise(lambda document: document["failover"].update(failback=False)))
    ledger = client.stop()
    report("failback is turned off", ledger)
    assert run.returncode == 0
    assert ledger.summary["failed"] == 0, "a reload keeps the resources"
    assert directors.active() == "loadbalancer"

    with power_loss() as lost:
        (other,) = directors.owners(without=lost)
    until("all five serve", serve(*SERVERS), timeout_s=120)
    assert directors.owners() == [other], "who comes back comes back as the standby"

    client = traffic()
    run = playbook("site.yml")
    ledger = client.stop()
    report("failback is turned on again", ledger)
    assert run.returncode == 0
    assert ledger.summary["failed"] == 0
    if directors.owners() == [other]:  # it takes the next start of the preferred one
        lab.run(other, [TOOL, "standby"], check=True, timeout=120)
    until("the preferred one owns the VIP", lambda: directors.owners() == [lost], timeout_s=60)
