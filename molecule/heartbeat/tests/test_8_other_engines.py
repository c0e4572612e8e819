"""From one engine to another and back, each time by one change of the document, under requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from lab.directors import Directors
from lab.playbook import PlaybookRun
from lab.promise import read_promise
from lab.traffic import Traffic
from lvs_model.engines import KINDS

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory"


def keepalived(document: dict[str, Any]) -> None:
    """The same services, without what only the other engine has."""
    document["engine"] = "keepalived"
    document["failover"] = {"method": "vrrp", "network": "front"}
    del document["ldirectord"], document["services"][0]["check"]["receive"]


def pacemaker(document: dict[str, Any]) -> None:
    document["platforms"] = ["debian13"]
    document["failover"] = {
        "method": "pacemaker",
        "network": "front",
        "failback": True,
        # The lab's own, and no secret.
        "pacemaker": {
            "key": "PK4v8LZrX2mQe7TgYb1WfJd9HsNc6UaR3oLi5KtE0wVy",
            "token": 3,
            "fencing": {"declined": "the lab has no power switches"},
        },
    }


def heartbeat(_document: dict[str, Any]) -> None:
    """As the scenario has it."""


@pytest.mark.parametrize("change", [keepalived, pacemaker, heartbeat])
def test_another_engine_is_one_change_and_takes_no_longer_than_a_failover(  # noqa: PLR0913, PLR0917 - fixtures
    lab: Lab,
    directors: Directors,
    change: Callable[[dict[str, Any]], None],
    playbook: Callable[..., PlaybookRun],
    otherwise: Callable[..., list[str]],
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    until: Callable[..., None],
    serve: Callable[..., Callable[[], bool]],
    switch_loss: Callable[[float], int],
    idle_run: Callable[..., None],
) -> None:
    owner = directors.active()
    arguments = otherwise(change)
    promise = read_promise(SCENARIO, Path(arguments[-1]))
    theory = promise.takeover_s(owner)
    client = traffic()

    run = playbook("site.yml", *arguments)

    assert run.returncode == 0
    changed = Directors(lab, promise)
    until("one director owns the VIP", lambda: len(changed.owners()) == 1, timeout_s=60)
    for name in promise.directors:
        until(
            f"{name}'s table is the new engine's", lambda name=name: changed.lacking(name) == "", timeout_s=60
        )
    ledger = client.stop()
    report(f"another engine: {change.__name__}", ledger, theory)
    assert ledger.summary["failed"] <= switch_loss(theory[1])
    until("all five serve", serve(*promise.shares), timeout_s=60)
    for name in promise.directors:
        left(lab, name, change.__name__)
    idle_run(*arguments)


def left(lab: Lab, name: str, engine: str) -> None:
    """Of the engines only the document's is on a director: its configuration, and what runs and boots."""
    (own,) = [kind for kind in KINDS if kind.unit == f"{engine}.service"]
    for kind in KINDS:
        there = lab.run(name, ["test", "-e", kind.configuration]).code == 0
        runs = {unit: lab.run(name, ["systemctl", "is-active", "-q", unit]).code == 0 for unit in kind.units}
        boots = {
            unit: lab.run(name, ["systemctl", "is-enabled", "-q", unit]).code == 0 for unit in kind.units
        }
        wanted = dict.fromkeys(kind.units, kind is own)
        assert (there, runs, boots) == (kind is own, wanted, wanted), f"{kind.unit} on {name}"
