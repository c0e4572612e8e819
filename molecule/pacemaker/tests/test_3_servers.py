"""Real servers: one lost and back, a wrong page, and all of them gone."""

from __future__ import annotations

from shared.managed import (  # noqa: F401 - pytest runs what a test file names
    test_a_real_server_is_lost_and_comes_back,
    test_wrong_pages_take_servers_out_and_without_any_the_fallback_answers,
)
