"""Nodes that are off are booted again as long as they are watched, and no longer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.home import Home
from lab.lab import Known, Lab
from lab.nodes import Nodes
from lab.reboots import Reboots
from tests.unit.lab.builders import FakeRunner


def listed(**states: str) -> str:
    """What podman tells of nodes; the file with its networks is not asked for."""
    return json.dumps([{"Names": [f"lvslab-{name}"], "State": state} for name, state in states.items()])


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner({"podman ps": f"{listed(lb1='running', lb2='exited')}\n===\n[]"})


@pytest.fixture
def lab(tmp_path: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(home=Home(tmp_path / "home"))
    known = {name: Known(slot, "debian13", {}, {}) for slot, name in enumerate(("lb1", "lb2"))}
    monkeypatch.setattr(lab, "_known", lambda: known)
    monkeypatch.setattr(lab, "nodes", lambda: Nodes(runner, "/base", lab.keys))
    return lab


def wait(over: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not over() and time.monotonic() < deadline:
        time.sleep(0.01)


def started(runner: FakeRunner) -> list[list[str]]:
    return [call[5:] for call in runner.calls if call[4:5] == ["start"]]


def test_who_is_off_is_booted(lab: Lab, runner: FakeRunner) -> None:
    with Reboots(lab, every_s=0.01) as reboots:
        wait(lambda: bool(reboots.seen))
        runner.answers["podman ps"] = f"{listed(lb1='running', lb2='running')}\n===\n[]"

    assert reboots.seen[0] == "lb2"
    assert set(reboots.seen) == {"lb2"}
    assert started(runner)[0] == ["lb2", "debian13", "1"]
    calls = len(runner.calls)
    time.sleep(0.05)
    assert len(runner.calls) == calls, "its end is the end"


def test_a_failure_is_told_at_the_end(lab: Lab, runner: FakeRunner) -> None:
    runner.answers = {"start": 1, **runner.answers}

    with pytest.raises(LabError, match="start lb2"), Reboots(lab, every_s=0.01):
        wait(lambda: bool(started(runner)))
