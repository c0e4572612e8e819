"""Killed inside a transaction on the standby: the host settles what it leaves, at the latest when it boots.

Each point at which it can be killed is a unit test (tests/unit/config_set/test_kill.py): here are three.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.interrupt import CONFIRMED, UNCONFIRMED, before, interrupt, request
from lab.watch import Watch

if TYPE_CHECKING:
    from molecule.operations.tests.conftest import Day

CONFIGURATION = "/etc/keepalived/keepalived.conf"
OTHER = "/etc/lvs-toolkit/interrupted.conf"
UNFINISHED = "ls /var/lib/lvs-toolkit/generations/*/journal.open.json 2>/dev/null || true"
RELOAD = ["systemctl", "reload", "keepalived"]


def standby(day: Day) -> str:
    """The director that does not own the VIPs."""
    (found,) = set(day.promise.directors) - {day.directors.active()}
    return found


def settle(day: Day, node: str) -> None:
    """Do what the boot does."""
    day.lab.run(node, "systemctl daemon-reload && systemctl start lvs-settle", check=True)


def test_killed_between_two_files_and_after_the_end(day: Day, watch: Watch) -> None:
    node = standby(day)
    before_it = day.lab.run(node, ["cat", CONFIGURATION], check=True).stdout
    both = {CONFIGURATION: f"{before_it}# interrupted\n", OTHER: "interrupted\n"}
    with watch.during("killed inside a transaction"):
        interrupt(day.lab, node, request(both, RELOAD, mode="0640"), before(OTHER))
        assert day.lab.run(node, ["cat", CONFIGURATION]).stdout == both[CONFIGURATION], "half of it is new"
        settle(day, node)
        assert day.lab.run(node, ["cat", CONFIGURATION]).stdout == before_it, "and then none"
        assert day.lab.run(node, ["test", "-e", OTHER]).code != 0

        interrupt(day.lab, node, request({OTHER: "interrupted\n"}), CONFIRMED)
        settle(day, node)
        assert day.lab.run(node, ["cat", OTHER]).stdout == "interrupted\n", "it was through, and stays"
        day.lab.run(node, ["rm", OTHER], check=True)
        assert day.lab.run(node, UNFINISHED).stdout == ""


def test_a_power_cut_is_settled_before_keepalived_starts(
    day: Day, watch: Watch, until: Callable[..., None]
) -> None:
    node = standby(day)
    before_it = day.lab.run(node, ["cat", CONFIGURATION], check=True).stdout
    wanted = request({CONFIGURATION: f"{before_it}# interrupted\n"}, RELOAD, mode="0640")
    complete = {"lb1": "", "lb2": ""}
    with watch.during("power cut of the standby inside a transaction"):
        interrupt(day.lab, node, wanted, UNCONFIRMED)
        day.lab.faults.power_off(node)
        day.lab.faults.power_on(node)
        until("both tables are as planned", lambda: day.lacking("less") == complete, timeout_s=60)

    assert day.lab.run(node, ["cat", CONFIGURATION]).stdout == before_it
    assert day.lab.run(node, UNFINISHED).stdout == ""
    times = [
        int(day.lab.run(node, ["systemctl", "show", "--value", f"--property={what}", unit]).stdout)
        for unit, what in (
            ("lvs-settle", "ExecMainExitTimestampMonotonic"),
            ("keepalived", "ExecMainStartTimestampMonotonic"),
        )
    ]
    assert 0 < times[0] < times[1], "settled first"
