"""Each network manager restarted under traffic: VIPs stay, or are back within a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lab.demo import TIMEOUT_S
from lab.managers import UNITS
from lab.traffic import Traffic

if TYPE_CHECKING:
    from molecule.lifecycle.tests.conftest import Life

VIPS = ("192.0.2.10", "2001:db8:1::10", "192.0.2.20")
MANAGERS = [("lb1", "networkd"), ("lb2", "ifupdown"), ("web1", "networkmanager")]


@pytest.mark.parametrize(("node", "manager"), MANAGERS)
def test_a_restarted_manager_costs_a_second_at_most(
    life: Life,
    traffic: Callable[[], Traffic],
    until: Callable[..., None],
    tell: Callable[[str], None],
    node: str,
    manager: str,
) -> None:
    """A director's is restarted while it owns the VIPs, where there is something to lose.

    ifupdown takes the link down: that is a failover, and no other bound holds for it.
    """
    if node != "web1" and life.directors.active() != node:
        life.lab.run(life.directors.active(), ["systemctl", "restart", "keepalived"], check=True)
        until(f"{node} owns the VIPs", lambda: life.directors.owners() == [node], timeout_s=30)
    for director in ("lb1", "lb2"):

        def complete(name: str = director) -> bool:
            return life.directors.lacking(name) == ""

        until(f"{director}'s table is full", complete, timeout_s=60)
    before = life.held()
    client = traffic()

    life.lab.run(node, ["systemctl", "restart", UNITS[manager]], check=True, timeout=120)
    # What was lost is known when it has run into its deadline.
    time.sleep(3 + TIMEOUT_S)

    count = life.lost(client)
    tell(
        f"{manager} on {node}: {count} requests lost, {client.stop().summary['gap']:.2f} s without an answer"
    )
    assert count <= life.tolerated
    owners = [life.with_address(vip) & {"lb1", "lb2"} for vip in VIPS]
    assert [len(names) for names in owners] == [1, 1, 1], owners
    assert life.held() == before


def test_connection_sync_that_keepalived_could_not_start_is_started(
    life: Life, until: Callable[..., None]
) -> None:
    """As after a restart of ifupdown: the sync link may be down when keepalived changes its role."""
    standby = next(name for name in ("lb1", "lb2") if name != life.directors.active())
    life.lab.run(standby, "ipvsadm --stop-daemon backup || true", check=True)
    assert "sync daemon" not in life.lab.run(standby, "ipvsadm --list --daemon", check=True).stdout

    def both() -> bool:
        said = {name: life.lab.run(name, "ipvsadm --list --daemon").stdout for name in ("lb1", "lb2")}
        return {text.partition(" sync")[0].strip() for text in said.values()} == {"master", "backup"}

    until("one director sends and the other one listens", both, timeout_s=45)


def test_the_cluster_is_as_planned_after_that(life: Life) -> None:
    assert life.playbook("playbooks/verify.yml").returncode == 0
