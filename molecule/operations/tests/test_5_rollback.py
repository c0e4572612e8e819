"""Behind the removals: a weight goes live, and is taken back by the verb, before the inventory is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.watch import Watch

if TYPE_CHECKING:
    from molecule.operations.tests.conftest import Day

WEB1 = "192.0.2.21"


def weighs(value: int) -> dict[str, set[int]]:
    """web1's weight in every service of both directors."""
    return {"lb1": {value}, "lb2": {value}}


def test_a_weight_is_taken_back_behind_the_gate_of_each_director(day: Day, watch: Watch) -> None:
    owner, daemons = day.directors.active(), day.daemons()
    with watch.during("a weight and its rollback"):
        change = day.run("site.yml", step="heavier")
        assert change.returncode == 0
        assert day.weights(WEB1) == weighs(5)
        back = day.run(
            "playbooks/rollback.yml", "-e", "cluster=edge", "-e", "generation=previous", step="less"
        )

    assert back.returncode == 0, "each director was well with what it had before"
    assert day.weights(WEB1) == weighs(2)
    assert day.lacking("less") == {"lb1": "", "lb2": ""}
    assert day.directors.owners() == [owner]
    assert day.daemons() == daemons, "keepalived was reloaded, not restarted"
