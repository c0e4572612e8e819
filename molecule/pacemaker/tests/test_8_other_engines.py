"""From one engine to another and back, each time by one change of the document."""

from __future__ import annotations

from shared.managed import (  # noqa: F401 - pytest runs what a test file names
    test_another_engine_is_one_change_and_takes_no_longer_than_a_failover,
)
