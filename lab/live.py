"""Run a long command so that whoever watches always sees that it lives, and so that it always ends."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Outcome", "interrupt_on_sigterm", "run_live", "signal_tree"]

_TAIL_LINES = 300
_GRACE_S = 15.0
"""How long a command that was asked to end may tidy up before it is killed."""


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    returncode: the exit code, negative for a signal; seconds: how long it ran; timed_out: it was ended
    because its time was up; tail: its last lines, without line ends.
    """

    returncode: int
    seconds: float
    timed_out: bool = False
    tail: tuple[str, ...] = ()


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that the commands that it runs are not orphaned."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@dataclass
class _Lines:
    """Cuts a byte stream into lines, hands each on, and keeps the last ones."""

    on_line: Callable[[str], None]
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    _rest: bytes = b""

    def feed(self, chunk: bytes) -> None:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            self._emit(line)

    def finish(self) -> None:
        if self._rest:
            self._emit(self._rest)
            self._rest = b""

    def _emit(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self.tail.append(text)
        self.on_line(text)


def run_live(  # noqa: PLR0913 - what to run, how, and who is told
    argv: Sequence[str],
    *,
    on_line: Callable[[str], None],
    on_silence: Callable[[float], None] = lambda _: None,
    on_start: Callable[[int], None] = lambda _: None,
    silence_s: float = 5.0,
    limit_s: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Outcome:
    """Run argv, hand each line of its output (both streams) to on_line as it comes; what became of it.

    on_silence(seconds since the start) is called each time that silence_s seconds have passed without a
    line, and on_start once with the number of the process, which leads a group of its own. After limit_s
    seconds the command and all that it started in its group are ended: SIGTERM, then SIGKILL. So they are at
    KeyboardInterrupt (SIGINT first), which is then raised again. Standard input is empty.

    Raises OSError if the command cannot be started.
    """
    begin = time.monotonic()
    lines = _Lines(on_line)
    timed_out = False
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
    ) as process:
        try:
            on_start(process.pid)
            timed_out = _pump(process, lines, begin, limit_s, silence_s, on_silence)
            if timed_out:
                _end(process, signal.SIGTERM)
        except BaseException:
            _end(process, signal.SIGINT)
            raise
        lines.finish()
    return Outcome(process.returncode, time.monotonic() - begin, timed_out, tuple(lines.tail))


def _pump(
    process: subprocess.Popen[bytes],
    lines: _Lines,
    begin: float,
    limit_s: float | None,
    silence_s: float,
    on_silence: Callable[[float], None],
) -> bool:
    """Move the output to lines until the command has ended; True if its time was up first."""
    assert process.stdout is not None  # noqa: S101  (it was asked for; this tells mypy)
    pipe = process.stdout.fileno()
    heard = begin
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            # Short waits, because the end of the process counts, not the end of the stream: an ssh that
            # stays in the background for later connections can hold the pipe open for minutes.
            ready = selector.select(timeout=0.2)
            now = time.monotonic()
            if ready:
                chunk = os.read(pipe, 65536)
                if chunk:
                    lines.feed(chunk)
                    heard = now
                else:
                    selector.unregister(pipe)
            elif process.poll() is not None:
                return False
            elif now - heard >= silence_s:
                on_silence(now - begin)
                heard = now
            if limit_s is not None and now - begin >= limit_s:
                return True


def _end(process: subprocess.Popen[bytes], first: signal.Signals) -> None:
    """End the command and its session's process group: politely, then for certain, with its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, first)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        signal_tree(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
    # What the command left behind in its group would go on working on the hosts.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and to all that descend from it.

    Its process group would not do: each of Ansible's workers leads a session of its own, and one whose
    parent is killed goes on with its task.
    """
    found = [pid]
    for one in found:  # it grows meanwhile
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGSTOP)  # or it would start others behind our back
        found += _children(one)
    for one in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, number)
            if number not in {signal.SIGSTOP, signal.SIGKILL}:
                os.kill(one, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    """The processes that a process has started (proc(5): every thread has its own)."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in path.read_text().split()]
    return found
