"""Guards: what may cut the controller off is undone by the host itself, unless the controller comes back.

Before a guarded action runs, a timer of systemd's own is armed (systemd-run(1)) that runs the action's
``guard``, and so outlives this process and the connection it came by. The controller confirms over a *new*
connection, since one that is open may pass where a new one does not (a stateful filter, connection
sharing). The timer leaves the host as it was before the run, for its next boot, too: it runs the guard, gives
back every file of the run, since they belong together, and runs the actions for them as a rollback does.
Where there was none of the files of a guarded action before, its ``retract`` runs instead of its guard, and
it is not run again. Each guard is a script below ``/run``, gone after a reboot as its timer is::

    /run/lvs-toolkit/guards/lvs-guard-0         what the timer runs
    /run/lvs-toolkit/guards/lvs-guard-0.fired   it has run; holds the action's name

No journal knows of guards: recovery runs actions for files that were in effect before, unguarded.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Sequence

from . import command, durable
from .journal import Generation
from .live import Change
from .model import Command, Layout, Request, TransactionError
from .plan import CommandError, explain

FOLDER = "/run/lvs-toolkit/guards"
_NAME = "lvs-guard-"
_FIRED = ".fired"
# systemctl(1) answers 5 for a unit that is not loaded, such as a timer that has run: nothing to stop then.
_STOPPED = (0, 5)


class Guards:
    """The timers that one run arms; ``armed`` has the names of the actions that wait for a confirmation."""

    def __init__(self, request: Request, redact: command.Redactor, armed: list[str]) -> None:
        guarded = [action for action in request.actions if action.guard]
        self._actions = request.actions
        # By place among the guarded actions: a later run arms the same action under the same name.
        self._units = {id(action): f"{_NAME}{index}" for index, action in enumerate(guarded)}
        self._seconds = request.guard_s
        self._layout = request.layout
        self._redact = redact
        self._armed = armed
        self._mine: list[str] = []
        self._waiting: list[Command] = []
        self._changes: tuple[Change, ...] = ()
        self._generation: Generation | None = None
        self._since: dict[str, str] = {}

    def replaces(self, changes: Sequence[Change], generation: Generation) -> None:
        """Say what the run is about to change, and which generation has the old files."""
        self._changes, self._generation = tuple(changes), generation

    def arm(self, action: Command) -> None:
        """Arm the timer of an action that is about to run; one without a guard needs none.

        An older timer of the same name is replaced. Raises CommandError if the timer cannot be armed: the
        action must not run then.
        """
        if not action.guard:
            return
        unit = self._units[id(action)]
        folder = self._layout.live(FOLDER)
        self._since[unit] = f"{time.clock_gettime(time.CLOCK_BOOTTIME):.3f}"
        try:
            self._write(action, folder, unit)
        except OSError as exc:
            problem = f"it cannot be written: {explain(exc)}"
            outcome = command.Outcome(_of(action), action.guard, None, "", problem)
            raise CommandError("guard", outcome) from exc
        self._run(
            Command(
                _of(action),
                (
                    *("systemd-run", "--quiet", "--collect", f"--unit={unit}"),
                    f"--description=Undo what no controller has confirmed: {action.name}",
                    f"--on-active={self._seconds}",
                    # systemd.timer(5): a timer may otherwise be a minute late.
                    "--timer-property=AccuracySec=1s",
                    # A shell, since /run may be mounted without the right to execute.
                    *("sh", f"{folder}/{unit}"),
                ),
            )
        )
        self._mine.append(unit)
        self._waiting.append(action)
        self._armed.append(action.name)

    def _write(self, action: Command, folder: str, unit: str) -> None:
        # Others read what lies beside it.
        durable.make_dirs(folder, 0o755)
        if not self._mine:
            _forget(folder, [name for name in os.listdir(folder) if name.endswith(_FIRED)])
        script = f"{folder}/{unit}"
        self._run(_stop(unit))
        durable.write_file(script, self._script(action, script).encode(), 0o600, -1, -1)

    def _is_new(self, action: Command) -> bool:
        """Whether there was nothing of an action before, and it can be retracted."""
        mine = [change for change in self._changes if change.file.path in action.paths]
        fresh = len(mine) == len(action.paths) > 0 and not any(change.before for change in mine)
        return fresh and bool(action.retract)

    def _undoing(self, action: Command) -> tuple[str, ...]:
        """What undoes an action: its retract where nothing of it was there before, else its guard."""
        if self._is_new(action):
            return action.retract
        since = self._since[self._units[id(action)]]
        return tuple(word.replace("{since}", since) for word in action.guard)

    def _script(self, action: Command, place: str) -> str:
        """What the timer runs: tell the journal (a unit's output goes there), leave a mark, undo."""
        told = f"no controller has confirmed {action.name!r} within {self._seconds} s: it is undone"
        changed = {change.file.path for change in self._changes}
        concerned = [one for one in self._actions if changed.intersection(one.paths)]
        # What is new must not outlive its files; the timers of others of the run may fire later.
        undone = [one for one in self._actions if one is not action and self._is_new(one)]
        steps = [
            *(self._undoing(one) for one in (action, *undone)),
            *(step for change in self._changes for step in self._giving_back(change)),
            *(one.argv for one in concerned if not self._is_new(one)),
        ]
        return "\n".join(
            [
                "#!/bin/sh",
                f"PATH={command.PATH}",
                "export PATH",
                "failed=0",
                f"echo {shlex.quote(told)}",
                f"echo {shlex.quote(repr(action.name))} >{shlex.quote(place + _FIRED)}",
                # Each for itself: what fails must not keep the rest from being undone.
                *(f"{shlex.join(step)} || failed=1" for step in steps),
                "exit $failed\n",
            ]
        )

    def _giving_back(self, change: Change) -> list[tuple[str, ...]]:
        """The commands that make a file what it was before this run."""
        live = self._layout.live(change.file.path)
        if change.before is None or self._generation is None:
            return [("rm", "-f", live)]
        before, new = change.before, f"{live}.lvs-guard"
        owners = ("-o", str(before.uid), "-g", str(before.gid))
        old = self._generation.old(change.file.path)
        return [("install", "-m", f"{before.mode:04o}", *owners, old, new), ("mv", "-f", new, live)]

    def undo(self, concerned: Sequence[Command]) -> None:
        """Run the guards of this run at once, before a rollback that runs the actions ``concerned`` again.

        The rollback gives files back and lets what reads them run again, and that may only add: what cuts the
        controller off would stay. A guard that fails leaves it to its timer's second try, or to the rollback.
        """
        for action in (one for one in self._waiting if one in concerned):
            command.run(Command(_of(action), self._undoing(action)), self._redact)

    def disarm(self, concerned: Sequence[Command]) -> str:
        """Stop the timers of actions that a rollback has undone; what went wrong, or nothing.

        What no file has triggered it has not undone: these timers go on, and wait for the controller.
        """
        undone = [action for action in self._waiting if action in concerned]
        units = [self._units[id(action)] for action in undone]
        try:
            for unit in units:
                self._run(_stop(unit))
        except CommandError as exc:
            return (
                f"\nThe timers of its actions are still armed, and undo in {self._seconds} s what the "
                f"rollback has restored: {exc}\nBy hand: systemctl stop '{_NAME}*.timer'"
            )
        fired = _settle(self._layout.live(FOLDER), units)
        for action in undone:
            self._armed.remove(action.name)
        if fired:
            return f"\nMeanwhile the host itself undid {', '.join(fired)}: run again, which heals it"
        return ""

    def _run(self, one: Command) -> None:
        outcome = command.run(one, self._redact)
        if outcome.problem:
            raise CommandError("guard", outcome)


def check(actions: Sequence[Command]) -> None:
    """Refuse guarded actions where no timer can be armed. Raises TransactionError; reads only."""
    guarded = [action.name for action in actions if action.guard]
    if guarded and shutil.which("systemd-run", path=command.PATH) is None:
        raise TransactionError(
            f"nothing was touched: {', '.join(map(repr, guarded))} could cut the controller off, and the "
            "program 'systemd-run', which arms the timer that would undo it, is not installed on this host. "
            "Install systemd, or make the change by hand on the host's console"
        )


def confirm(layout: Layout) -> list[str]:
    """Stop every armed timer, since the caller came by a new connection; the names of what was confirmed.

    Raises TransactionError if a timer has run, or cannot be stopped.
    """
    folder = layout.live(FOLDER)
    if not os.path.isdir(folder):
        return []
    # The timers first: none can start its service any more while that is looked at.
    for kind in ("timer", "service"):
        outcome = command.run(_stop("*", kind), command.Redactor())
        if outcome.problem:
            raise TransactionError(
                f"the timers {_NAME}* could not be stopped, and will undo what is in effect: {outcome}\n"
                f"By hand, at once: systemctl stop '{_NAME}*.timer'"
            )
    names = sorted(name for name in os.listdir(folder) if not name.endswith(_FIRED))
    fired = _settle(folder, names)
    if fired:
        raise TransactionError(
            f"the host itself undid {', '.join(fired)}, since no controller had confirmed it in time: either "
            "it cut the connection, or the run took longer than the timer (host_guard_s). The next run finds "
            "it as drift. Look at the host's journal (journalctl -u 'lvs-guard-*') and at what was to change"
        )
    return names


def _of(action: Command) -> str:
    return f"timer that undoes {action.name!r}"


def _stop(unit: str, kind: str = "*") -> Command:
    """A command that stops units by pattern: only loaded ones match, and none is no error."""
    pattern = f"{unit if unit.startswith(_NAME) else _NAME + unit}.{kind}"
    return Command(f"stop {pattern}", ("systemctl", "stop", pattern), ok=_STOPPED)


def _settle(folder: str, units: Sequence[str]) -> list[str]:
    """Forget guards whose timers are stopped; the names of the actions whose timers had run."""
    fired: list[str] = []
    for unit in units:
        mark = f"{folder}/{unit}{_FIRED}"
        if os.path.exists(mark):
            with open(mark, encoding="utf-8") as stream:
                fired.append(stream.read().strip())
    _forget(folder, [name for unit in units for name in (unit, unit + _FIRED)])
    return fired


def _forget(folder: str, names: Sequence[str]) -> None:
    for name in names:
        durable.remove(f"{folder}/{name}")
