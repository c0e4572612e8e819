"""docs/operations.md tells of each operation of the scenario what the scenario's ledger demands."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping

from lab.home import PROJECT


def _demanded() -> dict[str, str]:
    """By operation what it may end, as the scenario's own test has it."""
    place = PROJECT / "molecule" / "operations" / "tests" / "test_9_ledger.py"
    spec = importlib.util.spec_from_file_location("operations_ledger", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ended: Mapping[str, Mapping[str, int]] = module.ENDED
    return {
        operation: ", ".join(f"{server}: {count}" for server, count in own.items()) or "0"
        for operation, own in ended.items()
    }


def _documented() -> dict[str, tuple[str, str]]:
    """By operation failed requests and ended connections, as the page's table has them."""
    text = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("\n## What each operation costs clients\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    return {operation: (requests, connections) for operation, requests, connections in rows[1:]}


def test_the_page_has_the_ledger_s_table() -> None:
    demanded = _demanded()
    assert len(demanded) > 8
    assert _documented() == {operation: ("0", ended) for operation, ended in demanded.items()}
