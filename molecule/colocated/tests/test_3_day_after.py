"""After a power loss: everything is as planned, by itself."""

from __future__ import annotations

from collections.abc import Callable


def test_another_run_changes_nothing(idle_run: Callable[[], None]) -> None:
    """One director was without power: what it holds now it has set up at boot."""
    idle_run()


def test_verify_proves_the_cluster(proven: Callable[[], None]) -> None:
    proven()
