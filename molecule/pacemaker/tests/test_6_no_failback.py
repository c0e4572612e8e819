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
from lvs_model.pacemaker_view import PacemakerView

TOOL = "/usr/local/lib/lvs-toolkit/lvs-pacemaker"
KEY = "/etc/corosync/authkey"


def test_who_leaves_in_order_and_cannot_start_comes_back_as_the_standby(  # noqa: PLR0913, PLR0917 - fixtures
    lab: Lab,
    directors: Directors,
    promise: Promise,
    manager: Manager,
    told: Callable[[str], PacemakerView],
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    until: Callable[..., None],
    switch_loss: Callable[[float], int],
) -> None:
    active = directors.active()
    (other,) = promise.directors.keys() - {active}
    client = traffic()
    lab.faults.service_stop(active, "pacemaker")
    until(f"{other} owns the VIP", lambda: directors.owners() == [other], timeout_s=60)
    until("its table is full", lambda: directors.lacking(other) == "", timeout_s=60)
    ledger = client.stop()
    report(f"orderly stop of {active}", ledger, [promise.orderly_s(active)])
    assert ledger.summary["failed"] <= switch_loss(promise.orderly_s(active))

    # By hand, since a deployment would not let such a configuration through.
    broken = f"systemctl stop corosync; mv {KEY} {KEY}.away"
    lab.run(active, ["sh", "-c", broken], check=True, timeout=120)
    try:
        done = lab.run(active, [TOOL, "start"], timeout=120)
    finally:
        lab.run(active, ["mv", f"{KEY}.away", KEY], check=True)
    assert done.code != 0
    assert KEY in done.stderr, "the reason is in the journal's last lines"

    lab.run(active, [TOOL, "start"], timeout=120, check=True)
    until(f"{active} is back", lambda: told(other).online == sorted(promise.directors), timeout_s=60)
    until("nothing is moved any more", lambda: manager.at_rest(other), timeout_s=60)
    assert directors.owners() == [other], "who comes back comes back as the standby"
