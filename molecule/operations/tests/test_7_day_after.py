"""After all of them: everything is as planned, and a run finds nothing to do."""

from __future__ import annotations

from collections.abc import Callable


def test_another_run_changes_nothing(idle_run: Callable[[], None]) -> None:
    idle_run()
