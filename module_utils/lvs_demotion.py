"""What ``lvs_demotion`` does on a director: numbers in keepalived's tracked files, and the record of them.

keepalived adds the number in such a file to the director's priority, and leaves the election at once below
-253 (keepalived.conf(5), «Track files»). The files are in /run; the record is what holds over restarts and
reboots (roles/keepalived, keepalived-demoted). It is written before a number takes effect that is to last,
so that whatever ends a run in its middle, the next start of keepalived, or the next run, settles it.

Runs under the managed node's Python 3.9+, standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FOLDER = "/var/lib/lvs-toolkit/overrides"
RECORD = f"{FOLDER}/demoted.json"
#: What takes a director out of an election.
OUT = -254
#: Seconds between two looks at the addresses.
LOOK_EVERY = 0.05


class DemotionError(Exception):
    """The owner did not give its VIPs away; everything is as it was."""


@dataclass
class Request:
    """What is wanted: by tracked file its number, in the end.

    ``covers`` are the instances that each file moves, ``give_up`` pairs of address and interface that must be
    gone before the wait of ``linger_s``; ``lasting``: recorded. Seconds.
    """

    places: dict[str, int]
    covers: dict[str, list[str]] = field(default_factory=dict)
    give_up: list[tuple[str, str]] = field(default_factory=list)
    lasting: bool = True
    reason: str = ""
    operator: str = ""
    linger_s: float = 1.0
    patience_s: float = 10.0


@dataclass
class Outcome:
    """Whether anything changed; the seconds in which the VIPs went, None where they were not here."""

    changed: bool
    gone_s: float | None = None
    record: dict[str, Any] | None = None


class Director:
    """A director: its root, and how its addresses are read (pairs of address and interface)."""

    def __init__(self, addresses: Callable[[], set[tuple[str, str]]], root: str = "/") -> None:
        self.addresses = addresses
        self.root = root

    def path(self, path: str) -> str:
        """Return the absolute path under the root."""
        return os.path.join(self.root, path.lstrip("/"))

    def number(self, file: str) -> int | None:
        """Return the number in a tracked file as keepalived reads it; None where there is no file."""
        try:
            with open(self.path(file), encoding="utf-8") as opened:
                return int(opened.read().strip() or "0")
        except FileNotFoundError:
            return None
        except ValueError:
            return 0

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Replace a file by a rename."""
        place = self.path(path)
        os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
        with open(f"{place}.new", "w", encoding="utf-8") as opened:
            os.fchmod(opened.fileno(), mode)
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(f"{place}.new", place)

    def record(self) -> dict[str, Any]:
        """Return what is recorded; empty where nothing is, or nothing that can be read."""
        try:
            with open(self.path(RECORD), encoding="utf-8") as opened:
                found = json.load(opened)
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def keep(self, record: dict[str, Any] | None) -> None:
        """Write the record, or remove it."""
        if record is not None:
            # keepalived-demoted reads the lines of ``places``: one file and its number on each.
            self.write(RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(RECORD))

    def set(self, places: dict[str, int]) -> None:
        """Let keepalived see these numbers."""
        for file, value in places.items():
            if self.number(file) != value:
                self.write(file, f"{value}\n")


def demote(director: Director, request: Request, *, check_mode: bool = False) -> Outcome:
    """Do what is requested. Raises DemotionError where the VIPs did not go; what was before is back then."""
    before = director.record()
    record = _merged(before, request) if request.lasting else (before or None)
    numbers = {file: director.number(file) or 0 for file in request.places}
    here = _present(director, request)
    changed = bool(here) or numbers != request.places or (record or {}) != before
    if check_mode or not changed:
        return Outcome(changed, record=record)
    if (record or {}) != before:
        director.keep(record)
    gone_s = None
    if here:
        try:
            gone_s = _give_up(director, request)
        except BaseException:
            director.keep(before or None)
            director.set(numbers)
            raise
    director.set(request.places)
    return Outcome(True, gone_s, record)


def _present(director: Director, request: Request) -> set[tuple[str, str]]:
    return director.addresses() & set(request.give_up)


def _give_up(director: Director, request: Request) -> float:
    """Leave the elections; return after how many seconds no VIP was here any more. Raises DemotionError."""
    begin = time.monotonic()
    director.set(dict.fromkeys(request.places, OUT))
    while left := _present(director, request):
        if time.monotonic() - begin > request.patience_s:
            names = ", ".join(sorted(address for address, _ in left))
            raise DemotionError(
                f"it still has {names} after {request.patience_s:g} s, and owns them on; see journalctl -u "
                "keepalived, and whether its keepalived.conf is the deployed one"
            )
        time.sleep(LOOK_EVERY)
    gone_s = time.monotonic() - begin
    # The peer waits its skew, then announces itself. Back in the election before, this one could win it
    # again.
    time.sleep(request.linger_s)
    return gone_s


def _merged(before: dict[str, Any], request: Request) -> dict[str, Any] | None:
    """The record afterwards: what was there and is not asked for stays; None where nothing is left."""
    known = before.get("places")
    old = {str(file): int(value) for file, value in known.items()} if isinstance(known, dict) else {}
    places = {file: value for file, value in {**old, **request.places}.items() if value}
    if places == old:
        return before or None
    if not places:
        return None
    return {
        "places": places,
        "instances": sorted({name for file in places for name in request.covers.get(file, [])}),
        "reason": request.reason,
        "operator": request.operator,
        "since": int(time.time()),
    }
