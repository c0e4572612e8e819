"""The whole way of one run: settle, compare, stage, validate, swap, act, prove; undone if it fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from . import boot, guard, installed, swap
from .command import Redactor, run_with_retries
from .guard import Guards
from .history import as_it_was
from .journal import COMMITTED, CONFIRMED, Generation, Journal, Store, draft
from .live import compare
from .lock import Lock
from .model import Command, Request, TransactionError
from .plan import CommandError, Plan, Result, explain, predict, redactor, run_all
from .recovery import by_hand, roll_back, settle


def apply(request: Request) -> Result:
    """Make the host's files what the request says, all or none, and run what follows from it.

    In check mode nothing but a temporary directory is written. Raises TransactionError, whose ``details``
    are ``changed``, ``recovered``, ``warnings``, ``rolled_back``, ``guarded`` and, where a command failed,
    ``failure``.
    """
    result = Result()
    try:
        with Lock(request.layout) as lock:
            if request.confirm:
                lock.take(create=False)  # not the timers of another run that is under way
                result.confirmed = [] if request.check else guard.confirm(request.layout)
            else:
                _apply(request, lock, result)
    except (OSError, TransactionError) as exc:
        text = f"nothing was touched: {explain(exc)}" if isinstance(exc, OSError) else str(exc)
        details = {
            "changed": bool(result.recovered or (result.installed and not request.check)),
            "recovered": result.recovered,
            "warnings": result.warnings,
            "rolled_back": False,
            "guarded": result.guarded,
            **(exc.details if isinstance(exc, TransactionError) else {}),
        }
        raise TransactionError(text, **details) from exc
    return result


def _apply(request: Request, lock: Lock, result: Result) -> None:
    store = Store(request.layout)
    # An unfinished journal without a lock: somebody removed the lock.
    lock.take(create=not request.check and bool(store.unfinished()))
    request, plan = _observe(request, store, lock, result)
    if request.check:
        lock.release()  # validators may take a while; nobody needs to wait for them
    elif plan.needed and not lock.held:
        lock.take(create=True)
        request, plan = _observe(request, store, lock, result)  # another first run may have come in between
    _record_installed(request, lock, result)
    if plan.changes:
        result.previous = store.current()
    if plan.needed:
        guard.check(plan.actions)
        redact = redactor(request, plan)
        plan.describe(result)
        if request.check:
            predict(request, plan, redact, result)
        else:
            lock.sign(request.stamp)
            _execute(request, store, plan, redact, result)
    result.generation = store.current()


def _observe(request: Request, store: Store, lock: Lock, result: Result) -> tuple[Request, Plan]:
    """Settle what is unfinished (check mode: only tell), look up what shall be restored, then compare."""
    unfinished = store.unfinished()
    if unfinished and request.check:
        result.changed = True
        result.unfinished = [generation.name for generation in unfinished]
    elif unfinished:
        lock.sign(request.stamp)
        result.recovered += [one.as_dict() for one in settle(request.layout)]
        result.changed = True
    if request.restore:
        request = as_it_was(request)
    changes, warnings = compare(request.files, request.layout, request.check)
    result.warnings = [
        f"generation {name} was interrupted; a real run settles it first, and may then do other things"
        for name in result.unfinished
    ]
    result.warnings += [
        f"generation {one['generation']} had been interrupted and was {one['outcome']}: {problem}"
        for one in result.recovered
        for problem in one["problems"]
    ]
    result.warnings += warnings
    triggered = Plan(changes, ()).concerned(request.actions)
    actions = tuple(action for action in request.actions if action.force or action in triggered)
    return request, Plan(changes, actions)


def _record_installed(request: Request, lock: Lock, result: Result) -> None:
    """Record what the toolkit installs itself; whatever becomes of the files, it stays true."""
    if not request.installed:
        return  # a damaged record is teardown's matter, and stops no deployment
    result.installed = sorted(set(request.installed) - installed.recorded(request.layout))
    if result.installed:
        result.changed = True
        if not request.check:
            lock.take(create=True)
            installed.record(request.layout, result.installed)


def _execute(request: Request, store: Store, plan: Plan, redact: Redactor, result: Result) -> None:
    prepare = [command for command in request.prepare if command.always or plan.changes]
    guards = Guards(request, redact, result.guarded)
    if plan.changes:
        boot.ensure(request.layout)
        generation = _stage(request, store, plan, prepare, redact)
        _replace(request, store, plan, generation, redact, guards)
        _finish(request, store, generation, result)
        return
    try:
        run_all("prepare", prepare, redact)
        _act(request, plan, redact, guards)
    except CommandError as exc:
        details = {**exc.details, "changed": True}
        raise TransactionError(f"{exc}\nNo file had changed: nothing to roll back", **details) from exc


def _stage(
    request: Request, store: Store, plan: Plan, prepare: Iterable[Command], redact: Redactor
) -> Generation:
    """Make a generation with the validated new set and the old files. On failure nothing is left of it."""
    generation: Generation | None = None
    try:
        generation = store.create()
        swap.stage(generation.new(), request.files)
        swap.keep_old(generation, plan.changes)
        run_all("prepare", prepare, redact)
        run_all("validate", plan.concerned(request.validate), redact, generation.new())
    except Exception as exc:
        if generation:
            with contextlib.suppress(OSError):
                store.discard(generation)
        if isinstance(exc, CommandError):
            raise TransactionError(f"{exc}\nNothing live was touched", **exc.details) from exc
        raise
    return generation


def _replace(
    request: Request, store: Store, plan: Plan, generation: Generation, redact: Redactor, guards: Guards
) -> None:
    """Swap the files, act and prove; undo all of it if anything fails."""
    journal = draft(request, plan.changes, plan.concerned(request.actions))
    swapping = False
    guards.replaces(plan.changes, generation)
    try:
        generation.open(journal)
        swap.place(request.layout, generation, journal, plan.changes)
        swapping = True
        swap.swap(request.layout, generation, journal)
        _act(request, plan, redact, guards)
        generation.mark(CONFIRMED)
    except Exception as exc:
        text = explain(exc) if isinstance(exc, OSError) else str(exc) or repr(exc)
        details = dict(exc.details) if isinstance(exc, TransactionError) else {}
        guards.undo(plan.concerned(request.actions))
        ending = _undo(request, store, generation, journal, redact, details, swapping)
        if details.get("rolled_back"):
            ending += guards.disarm(plan.concerned(request.actions))
        raise TransactionError(f"{text}\n{ending}", **details) from exc


def _act(request: Request, plan: Plan, redact: Redactor, guards: Guards) -> None:
    for action in plan.actions:
        guards.arm(action)
        run_all("action", [action], redact)
    for check in request.health:
        outcome = run_with_retries(check, redact)
        if outcome.problem:
            raise CommandError("health check", outcome)


def _undo(
    request: Request,
    store: Store,
    generation: Generation,
    journal: Journal,
    redact: Redactor,
    details: dict[str, Any],
    swapping: bool,
) -> str:
    """Undo what was begun; fills in the details and returns how it ended."""
    problems: list[str] = []
    try:
        if generation.state:
            problems = roll_back(request.layout, generation, journal, redact, run_actions=swapping)
    except (OSError, TransactionError) as exc:
        details.update(changed=True, rolled_back=False)
        return f"THE ROLLBACK FAILED: {exc}. {by_hand(generation)}"
    if not swapping:
        # Nothing to learn from it, and on a full disk its space is needed.
        with contextlib.suppress(OSError):
            store.discard(generation)
        return "Nothing live was touched"
    details["rolled_back"] = True
    if problems:
        details.update(changed=True, rollback_problems=problems)
        return (
            "The files were rolled back to what they were before this run, but with them, too: "
            + "; ".join(problems)
            + "\nBy hand: look at what these commands say, correct the cause, and run again"
        )
    return "The host was rolled back to the files it had before this run"


def _finish(request: Request, store: Store, generation: Generation, result: Result) -> None:
    """Remove the leftovers. The change itself is in effect and proven, so trouble here is only a warning."""
    try:
        journal = generation.journal()
        swap.clean(request.layout, generation, journal)
        generation.mark(COMMITTED)
        store.prune(request.keep)
    except (OSError, TransactionError) as exc:
        text = explain(exc) if isinstance(exc, OSError) else str(exc)
        result.warnings.append(f"the change is in effect, but leftovers remain until the next run: {text}")
