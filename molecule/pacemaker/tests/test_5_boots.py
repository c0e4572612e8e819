"""Boots: every node one after the other, and a start from cold with a director that stays dead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import Lab
from lab.directors import Directors
from lab.playbook import PlaybookRun
from lvs_model.pacemaker_view import PacemakerView

NODES = ("real1", "real2", "real3", "backup", "loadbalancer")
DIRECTORS = ["loadbalancer", "backup"]
TOOL = "/usr/local/lib/lvs-toolkit/lvs-pacemaker"

Until = Callable[..., None]
Told = Callable[[str], PacemakerView]


@pytest.mark.parametrize("name", NODES)
def test_a_node_boots_into_its_part(lab: Lab, directors: Directors, until: Until, name: str) -> None:
    lab.faults.stop(name)
    lab.faults.start(name)
    # A director that comes back is seen, its resources probed, and the role may go back to it.
    until("loadbalancer owns the VIP", lambda: directors.owners() == ["loadbalancer"], timeout_s=180)
    until("its table is full", lambda: directors.lacking("loadbalancer") == "", timeout_s=90)


def test_after_all_boots_nothing_is_to_do(
    playbook: Callable[..., PlaybookRun], proven: Callable[[], None]
) -> None:
    run = playbook("site.yml")
    assert (run.returncode, run.changed) == (0, 0)
    proven()


def test_a_start_from_cold_alone_serves_when_it_is_told_so(
    lab: Lab, directors: Directors, until: Until, told: Told
) -> None:
    """Of two that start without hearing each other none may serve by itself (votequorum(5), wait_for_all)."""
    for name in DIRECTORS:
        lab.faults.power_off(name)
    lab.faults.power_on("backup")
    try:
        until("pacemaker has a coordinator", lambda: told("backup").coordinator == "backup", timeout_s=120)
        assert not told("backup").quorate
        assert directors.owners(without="loadbalancer") == [], "nobody knows what the other one does"

        lab.run("backup", [TOOL, "alone", "loadbalancer"], check=True)

        until("backup serves", lambda: directors.owners(without="loadbalancer") == ["backup"], timeout_s=90)
    finally:
        lab.faults.power_on("loadbalancer")
    until("the role goes back", lambda: directors.owners() == ["loadbalancer"], timeout_s=180)


def test_a_corosync_that_cannot_start_is_told_with_its_journal(lab: Lab) -> None:
    """By hand, since a deployment would not let such a configuration through."""
    broken = "systemctl stop pacemaker corosync; mv /etc/corosync/authkey /etc/corosync/authkey.away"
    lab.run("backup", ["sh", "-c", broken], check=True, timeout=120)
    try:
        done = lab.run("backup", [TOOL, "start"], timeout=120, check=False)
    finally:
        lab.run("backup", ["mv", "/etc/corosync/authkey.away", "/etc/corosync/authkey"], check=True)
    assert done.code != 0
    assert "authkey" in done.stderr, "the reason is in the journal's last lines"
    lab.run("backup", [TOOL, "start"], timeout=120, check=True)
