"""The running keepalived's own view: which real servers it holds alive, and the state of its instances.

keepalived writes its checkers' state to ``keepalived_check.data`` on SIGUSR1 and its VRRP state to
``keepalived.json`` on SIGJSON (SIGRTMIN + 2, lib/signals.h), both into TMPDIR, /tmp by default
(lib/utils.c, set_tmp_dir). The signals go to the child that answers them, not to the parent: the parent would
pass SIGUSR1 on to all children, and each would leave a dump (keepalived/core/main.c, propagate_signal).

What makes reading a file in /tmp safe: it is opened without following a link, through the child's own root,
so that PrivateTmp= makes no difference; it must be a regular file with one name, owned by the child's user;
and it must be another file than before the signal. keepalived makes each dump anew, as a temporary file that
it renames into place and *then* fills (lib/utils.c, fopen_safe), so it is complete when the child has closed
it. A dump that was not there before is removed again.

Runs under the managed node's Python 3.9+, standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import stat
import time
from typing import TypedDict

#: How long a dump may take (seconds), and the time between two looks.
WAIT = 1.5
LOOK_EVERY = 0.02

SIGJSON = signal.SIGRTMIN + 2
# Both versions write them to /run, or to /run/keepalived with `use_pid_dir` (core/main.c, include/pidfile.h).
PID_FOLDERS = ("/run", "/run/keepalived")
CONFIGURATION = "/etc/keepalived/keepalived.conf"
_TRANSPORT = {
    *("vrrp_instance", "unicast_peer", "mcast_src_ip", "mcast_dst_ip"),
    *("vrrp_mcast_group4", "vrrp_mcast_group6"),
    # Within a tracked file (roles/keepalived).
    "file",
}
_PASSWORD = re.compile(r'(?P<key>"auth_data"\s*:\s*)(?P<text>"(?:[^"\\]|\\.)*")')
Identity = tuple[int, int, int]


class View(TypedDict):
    """The dumps as text; None where that child does not run or has not answered. Process ids likewise.

    ``transport`` has the lines of keepalived.conf that say where adverts go and which files are tracked,
    which no dump tells, None without that file.
    """

    main: int | None
    vrrp: int | None
    checker: int | None
    json: str | None
    data: str | None
    transport: str | None


class _Dump:
    """One child's dump: where it will be, and what was there before."""

    def __init__(self, child: int, name: str, proc: str) -> None:
        self.child, self.name, self.proc = child, name, proc
        folder = _environment(proc, child).get("TMPDIR", "")
        folder = folder.rstrip("/") if folder.startswith("/") else "/tmp"  # noqa: S108 -- see the module's text
        self.path = f"{proc}/{child}/root{folder}/{name}"
        self.before = self._identity()

    def _identity(self) -> Identity | None:
        try:
            info = os.lstat(self.path)
        except OSError:
            return None
        return info.st_dev, info.st_ino, info.st_mtime_ns

    def trigger(self, number: int) -> str | None:
        """Send the signal; text of the problem if the child does not handle it (it could die of it)."""
        if not _handles(self.proc, self.child, number):
            return f"keepalived: process {self.child} takes no signal {number}, so it has no {self.name}"
        try:
            os.kill(self.child, number)
        except OSError as error:
            return f"keepalived: signal {number} to process {self.child}: {error.strerror}"
        return None

    def complete(self) -> bool:
        """Tell whether a new dump is there, and the child has closed it."""
        now = self._identity()
        return now is not None and now[:2] != (self.before or ())[:2] and not self._open(now)

    def _open(self, identity: Identity) -> bool:
        folder = f"{self.proc}/{self.child}/fd"
        try:
            for name in os.listdir(folder):
                try:
                    info = os.stat(f"{folder}/{name}")
                except OSError:  # closed meanwhile
                    continue
                if (info.st_dev, info.st_ino) == identity[:2]:
                    return True
        except OSError:  # the child has ended: the file grows no more
            return False
        return False

    def read(self) -> str:
        """Return the dump's text, and remove it if nothing was there before. Raises OSError."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8", errors="replace") as file:
            info = os.fstat(descriptor)
            owner = os.stat(f"{self.proc}/{self.child}").st_uid
            if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1 or info.st_uid != owner:
                raise OSError(f"{self.name} is not the file that keepalived wrote: left alone")
            text = file.read()
        if self.before is None:
            os.unlink(self.path)
        return text


def _environment(proc: str, pid: int) -> dict[str, str]:
    try:
        with open(f"{proc}/{pid}/environ", encoding="utf-8", errors="replace") as file:
            return dict(item.partition("=")[::2] for item in file.read().split("\0"))
    except OSError:
        return {}


def _status(proc: str, pid: int) -> dict[str, str]:
    """Return the fields of /proc/PID/status (proc(5)), empty if there is no such process."""
    try:
        with open(f"{proc}/{pid}/status", encoding="utf-8", errors="replace") as file:
            return {key: value.strip() for key, _, value in (line.partition(":") for line in file)}
    except OSError:
        return {}


def _handles(proc: str, pid: int, number: int) -> bool:
    """Tell whether a process takes a signal: by a handler, or blocked and read from a signalfd, as here."""
    status = _status(proc, pid)
    mask = int(status.get("SigCgt", "0"), 16) | int(status.get("SigBlk", "0"), 16)
    return bool(mask >> (number - 1) & 1)


def _pid(root: str, name: str) -> int | None:
    for folder in PID_FOLDERS:
        try:
            with open(os.path.join(root, f"{folder}/{name}.pid".lstrip("/")), encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            continue
    return None


def _transport(root: str) -> str | None:
    """Return the lines of the configuration that are asked for; there is no secret in them."""
    try:
        path = os.path.join(root, CONFIGURATION.lstrip("/"))
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return None
    return "".join(" ".join(words) + "\n" for words in lines if words and words[0] in _TRANSPORT)


def _without_passwords(dump: str) -> str:
    """A dump with digests for passwords (lvs_model.elections.password_digest): results are shown and kept."""

    def digest(found: re.Match[str]) -> str:
        try:
            password = str(json.loads(found["text"]))
        except ValueError:
            password = found["text"][1:-1]
        return found["key"] + '"' + hashlib.sha256(f"lvs-toolkit:{password}".encode()).hexdigest() + '"'

    return _PASSWORD.sub(digest, dump)


def view(problems: list[str], root: str = "/", wait: float = WAIT) -> View:
    """Ask the running keepalived for both dumps at once and return them as they are.

    Without a running keepalived everything is None. ``problems`` gets a line for each dump that a running
    child did not give within ``wait`` seconds.
    """
    proc = os.path.join(root, "proc")
    answer = View(main=None, vrrp=None, checker=None, json=None, data=None, transport=None)
    main = _pid(root, "keepalived")
    if main is None or _status(proc, main).get("Name") != "keepalived":
        return answer
    answer["main"] = main
    answer["transport"] = _transport(root)
    waiting: dict[str, _Dump] = {}
    for role, pid_file, key, name, number in (
        ("vrrp", "vrrp", "json", "keepalived.json", SIGJSON),
        ("checker", "checkers", "data", "keepalived_check.data", int(signal.SIGUSR1)),
    ):
        child = _pid(root, pid_file)
        if child is None or _status(proc, child).get("PPid") != str(main):
            continue
        answer[role] = child  # type: ignore[literal-required]
        dump = _Dump(child, name, proc)
        problem = dump.trigger(number)
        if problem:
            problems.append(problem)
        else:
            waiting[key] = dump
    end = time.monotonic() + wait
    while waiting and time.monotonic() < end:
        time.sleep(LOOK_EVERY)
        for key in [key for key, dump in waiting.items() if dump.complete()]:
            try:
                answer[key] = _without_passwords(waiting.pop(key).read())  # type: ignore[literal-required]
            except OSError as error:
                problems.append(f"keepalived: {error.strerror or error}")
    problems += [f"keepalived: no {dump.name} within {wait:g} s" for dump in waiting.values()]
    return answer
