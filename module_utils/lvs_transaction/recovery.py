"""Settling what an interrupted transaction left behind; also how a failed one is undone."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from . import swap
from .command import Redactor, run, run_with_retries
from .journal import COMMITTED, CONFIRMED, ROLLED_BACK, Generation, Journal, Store
from .lock import Lock
from .model import Layout, TransactionError


@dataclass(frozen=True)
class Settled:
    """What became of one unfinished transaction: ``outcome`` is ``rolled back`` or ``confirmed``.

    ``actions`` are those that ran for the restored files; ``problems`` what did not work with the old files,
    and notes on edits by hand that were kept aside.
    """

    generation: str
    outcome: str
    stamp: dict[str, str]
    files: list[str]
    actions: list[str]
    problems: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return an item of the module's ``recovered``."""
        return dict(vars(self))


def recover(layout: Layout, run_actions: bool = True) -> list[Settled]:
    """Settle every unfinished transaction of a host; stands alone, for a unit that runs at boot.

    Old files return unless the transaction had been confirmed. ``run_actions`` is False before the daemons
    start: they will read the old files anyway. Writes nothing if nothing is unfinished.
    Raises TransactionError if another run holds the lock, or if files could not be restored.
    """
    if not Store(layout).unfinished():
        return []
    with Lock(layout) as lock:
        lock.take(create=True)
        lock.sign({"operator": "recovery"})
        return settle(layout, run_actions)


def settle(layout: Layout, run_actions: bool = True) -> list[Settled]:
    """As ``recover``, for a caller that holds the lock."""
    settled: list[Settled] = []
    for generation in Store(layout).unfinished():
        journal = generation.journal()
        files = [change.path for change in journal.changes]
        if generation.state == CONFIRMED:
            swap.clean(layout, generation, journal)
            generation.mark(COMMITTED)
            settled.append(Settled(generation.name, "confirmed", dict(journal.stamp), files, [], []))
            continue
        try:
            problems = roll_back(layout, generation, journal, redactor(generation, journal), run_actions)
        except (OSError, TransactionError) as exc:
            raise TransactionError(
                f"an interrupted run left generation {generation.name} unfinished, and its files could not "
                f"be restored: {exc}. {by_hand(generation)}"
            ) from exc
        actions = [action.name for action in journal.actions] if run_actions else []
        settled.append(Settled(generation.name, "rolled back", dict(journal.stamp), files, actions, problems))
    return settled


def roll_back(
    layout: Layout, generation: Generation, journal: Journal, redact: Redactor, run_actions: bool
) -> list[str]:
    """Restore the old files, run the actions for them, check health; returns what did not work with them.

    A daemon that does not come up with the old files (on a fresh host there were none) is told, and does not
    keep the transaction open: no later run could ever begin. Raises OSError or TransactionError if the files
    could not be restored; the journal then stays open.
    """
    problems = swap.restore(layout, generation, journal)
    if run_actions:
        for action in journal.actions:
            outcome = run(action, redact)
            if outcome.problem:
                problems.append(f"action {action.name!r}: {outcome}")
        for check in journal.health:
            outcome = run_with_retries(check, redact)
            if outcome.problem:
                problems.append(f"health check {check.name!r}: {outcome}")
    generation.mark(ROLLED_BACK)
    return problems


def redactor(generation: Generation, journal: Journal) -> Redactor:
    """Keep secret what the generation's secret files hold, new and old."""
    redact = Redactor(file["path"] for file in journal.files)
    for file in journal.files:
        if file["secret"]:
            for path in (generation.new(file["path"]), generation.old(file["path"])):
                with contextlib.suppress(OSError), open(path, "rb") as stream:
                    redact.add(stream.read())
    return redact


def by_hand(generation: Generation) -> str:
    """Tell what an operator can do where the files could not be restored."""
    return (
        "By hand: remove the cause (no space, a read-only file system, something in the way) and run again, "
        f"which restores the rest; or copy the files below {generation.folder}/old to their places, reload "
        f"the daemons, and move {generation.folder} away"
    )
