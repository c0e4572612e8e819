"""What a run found, is about to do and has done; and what check mode says of it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from . import swap
from .command import Outcome, Redactor, run
from .live import Change, differences
from .model import Command, Request, TransactionError

_REMEDIES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there, or raise the quota",
    errno.EROFS: "remount that file system read-write",
    errno.EACCES: "run it as root (become: true)",
    errno.EPERM: "run it as root (become: true), and look for the immutable flag (lsattr)",
    errno.EBUSY: "the file is a mount point of its own: unmount it",
}


@dataclass
class Result:
    """What a run did, or in check mode would do; the keys of the module's result."""

    changed: bool = False
    files: dict[str, str] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    healed: list[str] = field(default_factory=list)
    generation: str | None = None
    previous: str | None = None
    recovered: list[dict[str, Any]] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    guarded: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What is to be done: the files that differ, and the actions they or a ``force`` call for, in order."""

    changes: tuple[Change, ...]
    actions: tuple[Command, ...]

    @property
    def needed(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.changes or self.actions)

    def concerned(self, commands: Iterable[Command]) -> tuple[Command, ...]:
        """Pick the commands with a path that changes."""
        changing = {change.file.path for change in self.changes}
        return tuple(command for command in commands if changing.intersection(command.paths))

    def describe(self, result: Result) -> None:
        """Write down in the result what will be done."""
        result.changed = True
        result.files = {change.file.path: change.kind for change in self.changes}
        result.actions = [action.name for action in self.actions]
        result.healed = [action.name for action in self.actions if action.force]
        result.diff = differences(self.changes) + [
            {"prepared": f"to heal what no file shows, run {action.name}: {' '.join(action.argv)}\n"}
            for action in self.actions
            if action.force
        ]


class CommandError(TransactionError):
    """A command failed; ``details`` has ``failure``: the phase, its name, argv, rc and output."""

    def __init__(self, phase: str, outcome: Outcome) -> None:
        failure = {"phase": phase, **outcome.as_dict()}
        super().__init__(f"{phase} {outcome.name!r} failed: {outcome}", failure=failure)


def redactor(request: Request, plan: Plan) -> Redactor:
    """Keep secret what the set's secret files shall hold, and what the changed ones hold now."""
    redact = Redactor(file.path for file in request.files)
    for file in request.files:
        if file.secret:
            redact.add(file.content)
    for change in plan.changes:
        if change.file.secret and change.before:
            redact.add(change.before.content)
    return redact


def run_all(phase: str, commands: Iterable[Command], redact: Redactor, stage: str = "") -> None:
    """Run commands in order; raises CommandError at the first that fails."""
    for command in commands:
        outcome = run(command, redact, stage)
        if outcome.problem:
            raise CommandError(phase, outcome)


def predict(request: Request, plan: Plan, redact: Redactor, result: Result) -> None:
    """Validate a copy of the set in a temporary directory, which is all that check mode writes.

    What is not installed yet is a warning. Raises CommandError if a validator refuses the set.
    """
    for command in request.prepare:
        if command.always:
            _judge("prepare", run(command, redact), result)
    validators = plan.concerned(request.validate)
    if not validators:
        return
    # In memory where there is /run: secret files shall not reach a disk for a prediction.
    memory = request.layout.root == "/" and os.access("/run", os.W_OK)
    folder = tempfile.mkdtemp(prefix="config_set-", dir="/run" if memory else None)
    try:
        swap.stage(folder + "/new", request.files)
        for command in validators:
            _judge("validate", run(command, redact, folder + "/new"), result)
    except CommandError as exc:
        left_out = [command.name for command in request.prepare if not command.always]
        note = f"\nCheck mode left out what changes the host: {', '.join(left_out)}" if left_out else ""
        raise TransactionError(f"{exc}{note}", **exc.details) from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _judge(phase: str, outcome: Outcome, result: Result) -> None:
    """Check mode: a fresh host does not have the programs yet; any other failure is one."""
    if outcome.missing:
        result.warnings.append(f"{phase} {outcome.name!r} was left out in check mode: {outcome}")
    elif outcome.problem:
        raise CommandError(phase, outcome)


def explain(exc: OSError) -> str:
    """Make a sentence of an OSError: what, where, and the remedy where there is one."""
    place = f" ({exc.filename})" if exc.filename else ""
    remedy = f"; {_REMEDIES[exc.errno]}" if exc.errno in _REMEDIES else ""
    return f"{exc.strerror or exc}{place}{remedy}"
