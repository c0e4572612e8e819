"""What the demo shows: steps, and what is going on in them."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Screen"]


class Screen:
    """Prints titles, lines led by the seconds since the start, and other programs' output as it is."""

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._write = write or (lambda text: print(text, flush=True))
        self._start = time.monotonic()
        self._step = 0

    def title(self, text: str) -> None:
        """Begin the next step."""
        self._step += 1
        self._write(f"\n=== {self._step}. {text}")

    def line(self, text: str) -> None:
        """Say something about the step."""
        self._write(f"{time.monotonic() - self._start:6.0f} s  {text}")

    def raw(self, text: str) -> None:
        """Pass a line of another program through."""
        self._write(text)
