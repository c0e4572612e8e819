"""Run a command as a process of its own and have the kernel say what it cost."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """What a command took: wall-clock and CPU seconds of its whole tree, peak memory of its largest process.

    ``peak_mb`` cannot be below what the calling process itself has: it counts until the command is executed
    (getrusage(2), ru_maxrss). This process is kept small for that reason.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


class FailedError(Exception):
    """A measured command failed: its figures would mean nothing."""


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end; raises FailedError with its output's end if its exit code is not 0."""
    with tempfile.TemporaryFile() as written:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,  # where ansible.cfg is
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        # wait4 gives this one child's resources, with those of all children that it has waited for.
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        written.seek(0)
        output = written.read().decode(errors="replace")
    if process.returncode:
        raise FailedError(f"{' '.join(command)} ended with {process.returncode}:\n{output[-2000:]}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)
