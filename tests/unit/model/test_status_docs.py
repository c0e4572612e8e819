"""What docs/operations.md shows of a status is what an operator sees."""

from __future__ import annotations

from textwrap import indent

from lvs_model.status_text import status_lines

from .cases import ROOT
from .test_status import drained


def test_the_shown_status_is_a_real_one() -> None:
    site = drained("lb1", "lb2")
    shown = indent("\n".join(status_lines(site.status())), "    ")
    assert shown in (ROOT / "docs" / "operations.md").read_text()
