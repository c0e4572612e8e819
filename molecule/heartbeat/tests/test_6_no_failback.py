"""Maintenance; and without failback: whoever comes back does so as the standby."""

from __future__ import annotations

from collections.abc import Callable

from shared.managed import (  # noqa: F401 - pytest runs what a test file names
    Manager,
    test_neither_maintenance_nor_failback_that_is_turned_off_loses_a_request,
)

from lab import Lab
from lab.directors import Directors
from lab.promise import Promise
from lab.traffic import Traffic

TOOL = "/usr/local/lib/lvs-toolkit/lvs-heartbeat"


def test_a_heartbeat_that_dies_comes_back_as_the_standby_and_takes_over_in_order(  # noqa: PLR0913, PLR0917
    lab: Lab,
    directors: Directors,
    promise: Promise,
    manager: Manager,
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    until: Callable[..., None],
    switch_loss: Callable[[float], int],
) -> None:
    """It is not started before the other one has taken over: both would have the group."""
    active = directors.active()
    (other,) = promise.directors.keys() - {active}
    client = traffic()
    lab.run(active, ["systemctl", "kill", "--kill-whom=main", "--signal=KILL", "heartbeat"], check=True)
    until(f"{other} owns the VIP", lambda: directors.owners() == [other], timeout_s=90)
    until("its table is full", lambda: directors.lacking(other) == "", timeout_s=60)
    ledger = client.stop()
    theory = promise.takeover_s(active)
    report("heartbeat killed on the active director", ledger, theory)
    assert ledger.summary["failed"] <= switch_loss(theory[1])
    until(f"heartbeat is back on {active}", lambda: manager.at_rest(active), timeout_s=180)
    assert directors.owners() == [other], "who comes back comes back as the standby"

    client = traffic()
    lab.run(other, [TOOL, "standby"], check=True, timeout=120)
    until(f"{active} owns the VIP", lambda: directors.owners() == [active], timeout_s=60)
    until("its table is full", lambda: directors.lacking(active) == "", timeout_s=60)
    ledger = client.stop()
    report("an orderly switch", ledger, [promise.orderly_s(other)])
    assert ledger.summary["failed"] <= switch_loss(promise.orderly_s(other))
