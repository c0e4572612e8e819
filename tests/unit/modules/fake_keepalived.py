"""Poses as keepalived: a parent with two children that dump on a signal as keepalived does.

Arguments: the folder of the pid files, the dump folder, and how the checker dumps (see CHECKERS).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

run, dumps, behaviour = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


def dump(name: str, pause: float = 0.0) -> None:
    """Write a dump as fopen_safe does: make it under another name, rename it, fill it, close it."""
    new = dumps / f"{name}.new"
    with new.open("w", encoding="utf-8") as file:
        new.rename(dumps / name)
        file.write(f"{name} begins\n")
        file.flush()
        time.sleep(pause)
        file.write('"auth_data": "abcd1234"\n' if behaviour == "password" else "and ends\n")


def plant_link() -> None:
    """Put a link to a file of root's into the dump's place."""
    new = dumps / "link"
    new.symlink_to("/etc/hostname")
    new.rename(dumps / "keepalived_check.data")


def plant_second_name() -> None:
    """Put a second name of another file into the dump's place."""
    (dumps / "other").write_text("other", encoding="utf-8")
    (dumps / "new").hardlink_to(dumps / "other")
    (dumps / "new").rename(dumps / "keepalived_check.data")


CHECKERS: dict[str, Callable[[], None]] = {
    "well": lambda: dump("keepalived_check.data"),
    "slow": lambda: dump("keepalived_check.data", pause=0.3),
    "password": lambda: dump("keepalived_check.data"),
    "mute": lambda: None,
    "link": plant_link,
    "second name": plant_second_name,
}


def child(pid_file: str, number: int, name: str) -> None:
    """Dump at each signal."""
    if os.fork():
        return
    if behaviour != "deaf":
        answer = CHECKERS[behaviour] if pid_file == "checkers" else lambda: dump(name)
        signal.signal(number, lambda _number, _frame: answer())
    (run / f"{pid_file}.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    while True:
        signal.pause()


Path("/proc/self/comm").write_text("keepalived", encoding="ascii")
child("vrrp", signal.SIGRTMIN + 2, "keepalived.json")
child("checkers", signal.SIGUSR1, "keepalived_check.data")
(run / "keepalived.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
signal.pause()
