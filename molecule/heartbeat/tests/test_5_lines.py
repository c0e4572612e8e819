"""Lines: one cut moves nothing; an owner that hears no neighbour gives its role away."""

from __future__ import annotations

from shared.managed import (  # noqa: F401 - pytest runs what a test file names
    test_an_owner_that_hears_no_neighbour_gives_its_role_away_and_gets_it_back,
    test_one_line_cut_moves_nothing,
)
