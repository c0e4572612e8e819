"""Each network manager restarted under traffic: VIPs stay, or are back within a second."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab import Lab
from lab.demo import TIMEOUT_S
from lab.directors import Directors
from lab.managers import UNITS
from lab.playbook import PlaybookRun
from lab.traffic import Traffic

VIPS = ("192.0.2.10", "2001:db8:1::10", "192.0.2.20")


def owners(lab: Lab, vip: str) -> list[str]:
    argv = ["ip", "-oneline", "address", "show", "to", vip]
    return [name for name in ("lb1", "lb2") if lab.run(name, argv).stdout.strip()]


@pytest.mark.parametrize(
    ("node", "manager"), [("lb1", "networkd"), ("lb2", "ifupdown"), ("web1", "networkmanager")]
)
def test_a_restarted_manager_costs_a_second_at_most(
    lab: Lab,
    directors: Directors,
    traffic: Callable[[], Traffic],
    until: Callable[..., None],
    held: Callable[[], dict[str, set[str]]],
    lost: Callable[[Traffic], int],
    tolerated: int,
    tell: Callable[[str], None],
    node: str,
    manager: str,
) -> None:
    """A director's is restarted while it owns the VIPs, where there is something to lose."""
    if node != "web1" and directors.active() != node:
        lab.run(directors.active(), ["systemctl", "restart", "keepalived"], check=True)
        until(f"{node} owns the VIPs", lambda: directors.owners() == [node], timeout_s=30)
        until(f"{node}'s table is full", lambda: directors.lacking(node) == "", timeout_s=60)
    before = held()
    client = traffic()

    lab.run(node, ["systemctl", "restart", UNITS[manager]], check=True, timeout=120)
    # What was lost is known when it has run into its deadline.
    time.sleep(3 + TIMEOUT_S)

    count = lost(client)
    tell(f"{manager} restarted on {node}: {count} requests lost, {client.stop().summary['gap']:.2f} s")
    assert count <= tolerated
    assert [len(owners(lab, vip)) for vip in VIPS] == [1, 1, 1], "each VIP has one owner"
    assert held() == before


def test_the_cluster_is_as_planned_after_that(playbook: Callable[..., PlaybookRun]) -> None:
    assert playbook("playbooks/verify.yml").returncode == 0
