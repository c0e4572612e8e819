"""What the scenario allows beyond theory."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def resources_s() -> float:
    """Heartbeat's shell programs and ldirectord, on an emulated CPU: beyond its theory.

    Counts gate whether a takeover works; the times are printed.
    """
    return 20.0
