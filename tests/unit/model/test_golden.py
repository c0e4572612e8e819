"""Rendered files, byte for byte, as they stand under tests/golden/CASE/HOST/PATH.

After an intended change: UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/unit/model/test_golden.py, and
read the difference in git.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lvs_model.components.network import TOOL

from .cases import GOLDEN, INVENTORIES, golden_files, hosts, plan


@pytest.fixture(scope="module", autouse=True)
def _update() -> None:
    """Write all golden files anew, if asked to."""
    if not os.environ.get("UPDATE_GOLDEN"):
        return
    for case in INVENTORIES:
        shutil.rmtree(GOLDEN / case, ignore_errors=True)
    for case, host in hosts():
        for path, content in rendered(case, host).items():
            place = GOLDEN / case / host / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content)


def rendered(case: str, host: str) -> dict[str, str]:
    """A host's files by path."""
    return golden_files(plan(case)["hosts"][host], tool=(case, host) == ("lab", "web1"))


def kept(folder: Path) -> dict[str, str]:
    """The golden files of a host by path."""
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(("case", "host"), hosts())
def test_rendered_files_are_the_golden_ones(case: str, host: str) -> None:
    assert rendered(case, host) == kept(GOLDEN / case / host)


@pytest.mark.parametrize("case", INVENTORIES)
def test_no_golden_file_is_left_over(case: str) -> None:
    hosts_with_files = {host for host, planned in plan(case)["hosts"].items() if planned["files"]}

    assert {place.name for place in (GOLDEN / case).iterdir()} == hosts_with_files


def test_the_tool_that_is_kept_once_is_the_same_everywhere() -> None:
    tools = {
        file["content"]
        for case, host in hosts()
        for file in plan(case)["hosts"][host]["files"]
        if file["path"] == TOOL
    }

    assert tools == {(GOLDEN / "lab" / "web1" / TOOL.lstrip("/")).read_text()}
