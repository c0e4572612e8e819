"""The state directory: generations of the set, each with its journal, and what an unfinished one tells.

::

    <state_dir>/lock
    <state_dir>/generations/000007/
        journal.<state>.json    what it is, file by file; immutable. Its *name* says how far it got
        new/etc/...             the whole set as it was applied
        old/etc/...             what the changed files held before
        found/etc/...           what a hand wrote there after a crash, before recovery put the old file back

The state is in the name because a rename is atomic and needs no space: even a full disk can be rolled back.
A generation without a journal is the leftover of a run that was killed before anything live was touched.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import durable
from .live import Change
from .model import Command, Layout, ManagedFile, Request, TransactionError

SCHEMA = 1
OPEN = "open"  # from before the first live file is touched; its recovery restores the old files
CONFIRMED = "confirmed"  # actions and health passed; only the leftovers of the swap are to be removed
COMMITTED = "committed"  # the end
ROLLED_BACK = "rolled-back"  # the other end
_JOURNAL = re.compile(r"journal\.(open|confirmed|committed|rolled-back)\.json")
_NUMBER = re.compile(r"\d{6,}")


@dataclass(frozen=True)
class Touched:
    """A changed file as the journal has it: ``Snapshot.as_dict`` before and after, None for absent."""

    path: str
    secret: bool
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True)
class Journal:
    """What one generation did. ``files`` is the whole set, ``actions`` those to run again after a restore."""

    stamp: Mapping[str, str]
    started: str
    files: Sequence[Mapping[str, Any]]
    changes: tuple[Touched, ...]
    directories: tuple[str, ...]
    actions: tuple[Command, ...]
    health: tuple[Command, ...]


@dataclass(frozen=True)
class Generation:
    """A generation's folder and name, such as ``000007``."""

    folder: str
    name: str

    def new(self, path: str = "") -> str:
        """Return where the set lies as it was applied; the validators' ``{stage}``."""
        return self.folder + "/new" + path

    def old(self, path: str) -> str:
        """Return where the copy of what a changed file held before lies."""
        return self.folder + "/old" + path

    def found(self, path: str) -> str:
        """Return where recovery keeps what it did not expect to find at a path."""
        return self.folder + "/found" + path

    @property
    def state(self) -> str:
        """OPEN, CONFIRMED, COMMITTED or ROLLED_BACK; empty if there is no journal."""
        name = self._journal()
        return name.split(".")[1] if name else ""

    def _journal(self) -> str:
        return next((name for name in sorted(os.listdir(self.folder)) if _JOURNAL.fullmatch(name)), "")

    def open(self, journal: Journal) -> None:
        """Write the journal: from here on the transaction is unfinished."""
        raw = {
            "schema": SCHEMA,
            "generation": self.name,
            "stamp": dict(journal.stamp),
            "started": journal.started,
            "files": list(journal.files),
            "changes": [vars(change) for change in journal.changes],
            "directories": list(journal.directories),
            "actions": [command.as_dict() for command in journal.actions],
            "health": [command.as_dict() for command in journal.health],
        }
        target = f"{self.folder}/journal.{OPEN}.json"
        data = json.dumps(raw, indent=1).encode()
        durable.write_file(target + ".tmp", data, 0o600, -1, -1)
        durable.rename(target + ".tmp", target)
        durable.sync_dir(self.folder)

    def mark(self, state: str) -> None:
        """Move the journal to another state, durably and atomically."""
        durable.rename(f"{self.folder}/{self._journal()}", f"{self.folder}/journal.{state}.json")
        durable.sync_dir(self.folder)

    def journal(self) -> Journal:
        """Read the journal. Raises TransactionError if it was damaged, which no crash of ours can do."""
        path = f"{self.folder}/{self._journal()}"
        try:
            with open(path, encoding="utf-8") as stream:
                raw = json.load(stream)
            if raw["schema"] != SCHEMA:
                raise ValueError(f"schema {raw['schema']}")
            return Journal(
                stamp=raw["stamp"],
                started=raw["started"],
                files=raw["files"],
                changes=tuple(Touched(**change) for change in raw["changes"]),
                directories=tuple(raw["directories"]),
                actions=tuple(Command.from_dict(command) for command in raw["actions"]),
                health=tuple(Command.from_dict(command) for command in raw["health"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise TransactionError(
                f"the journal {path} cannot be read ({exc}). By hand: compare the live files with the old "
                f"ones in {self.folder}/old, put back what is needed, then move {self.folder} away"
            ) from exc


class Store:
    """The generations of a state directory. Reading never writes; a missing state directory holds none."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.state + "/generations"

    def generations(self) -> list[Generation]:
        """List all that have a journal, oldest first."""
        return [generation for generation in self._all() if generation.state]

    def unfinished(self) -> list[Generation]:
        """List those that recovery must settle, newest first; more than one only if a hand was in it."""
        return [one for one in reversed(self.generations()) if one.state in (OPEN, CONFIRMED)]

    def current(self) -> str | None:
        """Return the name of the newest committed generation."""
        committed = [one.name for one in self.generations() if one.state == COMMITTED]
        return committed[-1] if committed else None

    def create(self) -> Generation:
        """Create an empty generation; leftovers of killed runs go first."""
        for generation in self._all():
            if not generation.state:
                self.discard(generation)
        self._empty_trash()
        number = max((int(one.name) for one in self._all()), default=0) + 1
        generation = Generation(f"{self._folder}/{number:06d}", f"{number:06d}")
        durable.make_dirs(generation.folder, 0o700)
        return generation

    def discard(self, generation: Generation) -> None:
        """Remove a generation; its name goes first, so that a half removed one is never taken for whole."""
        trash = f"{self._folder}/.trash-{generation.name}"
        durable.rename(generation.folder, trash)
        durable.remove_tree(trash)

    def prune(self, keep: int) -> None:
        """Keep the newest ``keep`` committed generations, and the newest rolled back one to learn from."""
        for state, count in ((COMMITTED, keep), (ROLLED_BACK, 1)):
            for generation in [one for one in self.generations() if one.state == state][:-count]:
                self.discard(generation)

    def _all(self) -> list[Generation]:
        try:
            names = sorted(filter(_NUMBER.fullmatch, os.listdir(self._folder)), key=int)
        except FileNotFoundError:
            return []
        return [Generation(f"{self._folder}/{name}", name) for name in names]

    def _empty_trash(self) -> None:
        if os.path.isdir(self._folder):
            for name in os.listdir(self._folder):
                if name.startswith(".trash-"):
                    durable.remove_tree(f"{self._folder}/{name}")


def draft(request: Request, changes: Sequence[Change], actions: tuple[Command, ...]) -> Journal:
    """Draft the journal of a transaction that is about to begin."""
    return Journal(
        stamp=request.stamp,
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        files=[_describe(file) for file in request.files],
        changes=tuple(
            Touched(
                change.file.path,
                change.file.secret,
                change.before.as_dict() if change.before else None,
                change.after.as_dict() if change.after else None,
            )
            for change in changes
        ),
        directories=_missing_directories(request.layout, changes),
        actions=actions,
        health=request.health,
    )


def _describe(file: ManagedFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "mode": f"{file.mode:04o}",
        "owner": file.owner,
        "group": file.group,
        "secret": file.secret,
        "state": "present" if file.present else "absent",
    }


def _missing_directories(layout: Layout, changes: Sequence[Change]) -> tuple[str, ...]:
    """List the directories that the new files need and the host lacks, parents first."""
    missing: set[str] = set()
    for change in changes:
        parent = os.path.dirname(change.file.path)
        while change.after and parent not in missing and not os.path.isdir(layout.live(parent)):
            missing.add(parent)
            parent = os.path.dirname(parent)
    return tuple(sorted(missing))
