"""What the lab tells its user while it works: short lines on standard error, never silent for long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_START = time.monotonic()
_LOCK = threading.Lock()
INTERVAL = 5.0
"""Seconds after which a step that is still running says so again."""


def say(text: str) -> None:
    """Print one line, led by the seconds since the command began."""
    with _LOCK:
        print(f"lab {time.monotonic() - _START:5.0f} s  {text}", file=sys.stderr, flush=True)


class Step:
    """A long step, whose `detail` is repeated every few seconds until it ends."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""
        self.began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.began


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Announce a step, repeat a line while it lasts, and print how long it took."""
    say(f"{title} …")
    current = Step(title)
    done = threading.Event()

    def tick() -> None:
        while not done.wait(INTERVAL):
            say(f"{title}: {current.elapsed:.0f} s{'  ' + current.detail if current.detail else ''}")

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield current
    finally:
        done.set()
        thread.join()
    say(f"{title}: done in {current.elapsed:.1f} s")
