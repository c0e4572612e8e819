"""After all of it, a boot of every node among it, nothing is to do."""

from __future__ import annotations

from shared.managed import (  # noqa: F401 - pytest runs what a test file names
    test_all_nodes_have_booted_and_nothing_is_to_do,
)
