"""Drain, switchover, a deployment with both in effect, switchover back, restore: no connection ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lab.playbook import PlaybookRun
from lab.watch import Watch

if TYPE_CHECKING:
    from molecule.operations.tests.conftest import Day

WEB1 = "192.0.2.21"
AT_WEB1 = 14
"""Held connections: the first eight, and by weight six of the next eight."""

Until = Callable[..., None]
DRAINED = {"lb1": {0}, "lb2": {0}}


def other(day: Day) -> str:
    """The director that does not own the VIPs."""
    (found,) = set(day.promise.directors) - {day.directors.active()}
    return found


def test_a_drained_server_keeps_its_connections_and_gets_no_new_one(
    day: Day, watch: Watch, words: Callable[[PlaybookRun], str]
) -> None:
    before = day.daemons()
    with watch.during("drain"):
        run = day.run("playbooks/drain.yml", "-e", "host=web1", "-e", "reason='new disk'", "-e", "wait=5")

    assert run.returncode == 0
    assert f"web1 has weight 0, {AT_WEB1} active connections" in words(run), "it tells how far it has come"
    assert day.weights(WEB1) == DRAINED, "in every service on both directors"
    assert day.answering() == {"web2"}
    assert day.daemons() == before


def test_the_vips_go_to_the_other_director(day: Day, watch: Watch) -> None:
    target, before = other(day), day.daemons()
    with watch.during("switchover"):
        run = day.run("playbooks/switchover.yml", "-e", f"to={target}", "-e", "reason='new kernel'")

    assert run.returncode == 0
    assert day.directors.owners() == [target]
    assert day.daemons() == before, "no daemon was stopped"
    assert day.weights(WEB1) == DRAINED, "a drain survives a switchover"
    assert day.answering() == {"web2"}


def test_status_tells_all_of_it_in_one_execution_a_host(day: Day, tmp_path: Path) -> None:
    output = tmp_path / "status.json"
    run = day.run("playbooks/status.yml", "-e", "format=json", "-e", f"output={output}")

    assert run.returncode == 0, "all is healthy: what operators have set aside is no drift"
    assert dict(run.remote_executions) == dict.fromkeys(("lb1", "lb2", "web1", "web2"), 1)
    cluster = json.loads(output.read_text())["clusters"]["edge"]
    owner = day.directors.active()
    vips = ("192.0.2.10", "192.0.2.9", "192.0.2.20")
    assert {one["vip"]: one["owners"] for one in cluster["vips"]} == {vip: [owner] for vip in vips}
    assert [(one["host"], one["reason"]) for one in cluster["drained"]] == [("web1", "new disk")]


def test_a_deployment_leaves_it_all_as_it_is(day: Day, watch: Watch) -> None:
    """And it is the second run after the first operations: nothing of them is left to do."""
    owner = day.directors.active()
    with watch.during("a deployment while one is drained"):
        run = day.run("site.yml")

    assert (run.returncode, run.changed) == (0, 0)
    assert day.weights(WEB1) == DRAINED
    assert day.directors.owners() == [owner]


def test_the_vips_come_back(day: Day, watch: Watch) -> None:
    target = other(day)
    with watch.during("switchover back"):
        run = day.run("playbooks/switchover.yml", "-e", f"to={target}")

    assert run.returncode == 0
    assert day.directors.owners() == [target]


def test_a_restored_server_has_its_weight_again(day: Day, watch: Watch, until: Until) -> None:
    with watch.during("restore"):
        run = day.run("playbooks/restore.yml", "-e", "host=web1")
        assert run.returncode == 0
        complete = {"lb1": "", "lb2": ""}
        until("both tables are as planned", lambda: day.lacking("more") == complete, timeout_s=20)

    assert day.answering() == {"web1", "web2"}
