"""Two operators deploy at once: the first one's changes go live, the second one is told who is at work."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.live import signal_tree
from lab.playbook import PlaybookRun
from lab.watch import Watch

if TYPE_CHECKING:
    from molecule.operations.tests.conftest import Day

LATE = 8
"""Connections held from here on: by weight a quarter of them is at web2, which comes and goes."""


def test_a_weight_a_real_server_a_vip_and_a_service_in_one_run_and_another_run_beside_it(
    day: Day, watch: Watch, words: Callable[[PlaybookRun], str]
) -> None:
    before = day.daemons()
    others: list[PlaybookRun] = []

    def another(group: int) -> None:
        # As a slow one: it stands still with the lock in its hands.
        signal_tree(group, signal.SIGSTOP)
        try:
            others.append(day.run("site.yml", "-e", "host_reason='the second one'"))
        finally:
            signal_tree(group, signal.SIGCONT)

    with watch.during("two at once: a weight, a real server, a VIP and a service"):
        run = day.run_until(
            ["PLAY [Expand the real servers]"], another, "site.yml", "-e", "host_reason='web2 joins'"
        )
    watch.hold(LATE)

    assert run.returncode == 0, "done, and proven by its last step"
    assert day.lacking("more") == {"lb1": "", "lb2": ""}, "both directors have the planned table"
    owner = day.directors.active()
    for vip in ("192.0.2.10", "192.0.2.9", "192.0.2.20"):
        assert day.with_address(vip) == {owner, "web1", "web2"}
    assert day.daemons() == before, "keepalived was reloaded, not restarted"

    (second,) = others
    assert second.returncode != 0
    assert second.changed == 0
    assert "cluster edge is being changed by run" in words(second)
    assert "web2 joins" in words(second), "why it is changed"
    assert "-e lvs_break_lock=" in words(second), "what to do if that run is dead"
