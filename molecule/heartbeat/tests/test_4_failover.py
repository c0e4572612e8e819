"""The active director is lost, the other one starts alone, and the first one comes back."""

from __future__ import annotations

from shared.managed import (  # noqa: F401 - pytest runs what a test file names
    test_power_loss_then_a_start_from_cold_alone_then_the_role_goes_back,
)
