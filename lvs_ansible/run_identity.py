"""Who runs: the process of ansible-playbook on its controller, by a name that all its tasks agree on."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook.

    ``run`` is its name, the same in every task. ``kernel`` tells the controller's boot and its namespace of
    processes, without which a process id says nothing; ``started`` is the process's start in clock ticks
    since that boot (proc(5), stat), which tells it from a later one of the same id.
    """

    run: str
    operator: str
    controller: str
    pid: int
    kernel: str
    started: int

    def record(self) -> dict[str, Any]:
        """The run as a lock keeps it."""
        return dict(vars(self))


def this_run() -> Run:
    """The run to which this process belongs: tasks are worked on by children of ansible-playbook."""
    parent = multiprocessing.parent_process()
    pid = parent.pid if parent is not None and parent.pid is not None else os.getpid()
    controller, kernel, started = socket.gethostname(), _kernel(), _started(pid) or 0
    name = sha256(f"{controller} {kernel} {pid} {started}".encode()).hexdigest()[:8]
    return Run(name, _operator(), controller, pid, kernel, started)


def ended(record: Mapping[str, Any], own: Run) -> bool:
    """Whether a lock's run is known to live no more: sure only of this controller, since its boot."""
    if (record.get("controller"), record.get("kernel")) != (own.controller, own.kernel):
        return False
    try:
        pid, started = int(record["pid"]), int(record["started"])
    except (LookupError, TypeError, ValueError):
        return False
    return _started(pid) != started


def _kernel() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    told = boot.read_text().strip() if boot.exists() else "unknown"
    try:
        return f"{told} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path, but a name of the kernel's
    except OSError:
        return told


def _started(pid: int) -> int | None:
    """When a process started, None if there is none: the 22nd field, counted behind the name in brackets."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def _operator() -> str:
    if given := os.environ.get("SUDO_USER"):
        return given
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
