"""Asking lvs-pacemaker what the cluster has."""

from __future__ import annotations

from pathlib import Path

import pytest

from module_utils import lvs_pacemaker
from module_utils.lvs_pacemaker import TOOL, held


def tool(root: Path, script: str) -> None:
    place = root / TOOL.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)


def test_what_it_prints_is_passed_on(tmp_path: Path) -> None:
    problems: list[str] = []
    tool(tmp_path, '[ "$*" = held ] && echo \'{"running": true}\'')

    assert held(problems, str(tmp_path)) == '{"running": true}\n'
    assert problems == []


def test_without_it_nothing_is_known_and_nothing_wrong(tmp_path: Path) -> None:
    problems: list[str] = []

    assert held(problems, str(tmp_path)) is None
    assert problems == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo first >&2; echo the reason >&2; exit 1", "lvs-pacemaker: the reason"),
        ("exit 3", "lvs-pacemaker: exit code 3"),
    ],
)
def test_a_failure_is_a_problem_with_its_last_line(tmp_path: Path, script: str, said: str) -> None:
    problems: list[str] = []
    tool(tmp_path, script)

    assert held(problems, str(tmp_path)) is None
    assert problems == [said]


def test_one_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems: list[str] = []
    monkeypatch.setattr(lvs_pacemaker, "PATIENCE", 0.2)
    tool(tmp_path, "exec sleep 20")

    assert held(problems, str(tmp_path)) is None
    assert "timed out" in problems[0]
