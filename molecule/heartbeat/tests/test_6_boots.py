"""Boots: every node one after the other, and a start from cold with a director that stays dead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import Lab
from lab.directors import Directors
from lab.playbook import PlaybookRun

NODES = ("real1", "real2", "real3", "backup", "loadbalancer")
DIRECTORS = ("loadbalancer", "backup")
SERVERS = (*DIRECTORS, "real1", "real2", "real3")

Until = Callable[..., None]
Split = Callable[..., Callable[[], bool]]


@pytest.mark.parametrize("name", NODES)
def test_a_node_boots_into_its_part(
    lab: Lab, directors: Directors, until: Until, serve: Split, name: str
) -> None:
    lab.faults.stop(name)
    lab.faults.start(name)
    until("loadbalancer owns the VIP", lambda: directors.owners() == ["loadbalancer"], timeout_s=180)
    until("its table is full", lambda: directors.lacking("loadbalancer") == "", timeout_s=90)
    until("all five serve", serve(*SERVERS), timeout_s=90)
    if name in DIRECTORS:
        assert started(lab, name, "lvs-network") < started(lab, name, "heartbeat"), "tunnels come first"


def started(lab: Lab, name: str, unit: str) -> int:
    """When a unit became active, in microseconds since boot."""
    argv = ["systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", "--value", unit]
    return int(lab.run(name, argv, check=True).stdout)


def test_after_all_boots_nothing_is_to_do(
    playbook: Callable[..., PlaybookRun], proven: Callable[[], None]
) -> None:
    run = playbook("site.yml")
    assert (run.returncode, run.changed) == (0, 0)
    proven()


def test_a_start_from_cold_alone_serves_after_initdead(
    lab: Lab, directors: Directors, until: Until, serve: Split
) -> None:
    for name in DIRECTORS:
        lab.faults.power_off(name)
    lab.faults.power_on("backup")
    left = [name for name in SERVERS if name != "loadbalancer"]
    try:
        # initdead is 20 s; the rest is for the start of the resources.
        until("backup serves", lambda: directors.owners(without="loadbalancer") == ["backup"], timeout_s=90)
        until("all that are left serve", serve(*left), timeout_s=60)
    finally:
        lab.faults.power_on("loadbalancer")
    until("the role goes back", lambda: directors.owners() == ["loadbalancer"], timeout_s=120)
    until("all five serve", serve(*SERVERS), timeout_s=90)
