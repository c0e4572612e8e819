"""Running the commands of a transaction: bounded, silent, and never telling a secret."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .model import Command

# The same everywhere: a shell over ssh, sudo and a unit at boot each bring another PATH.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HEAD, _TAIL = (
    2500,
    1500,
)  # characters of a long output that are kept: the first error is mostly the telling one
_NOT_FOUND = 127  # exit code of env, unshare, nice and timeout whose program is missing (POSIX, "env")
_WORD = re.compile(r"""[^\s"'`()\[\]{}<>,;:=]+""")


@dataclass(frozen=True)
class Outcome:
    """How a command ended: ``rc`` is None without an exit code, ``problem`` is empty on success."""

    name: str
    argv: tuple[str, ...]
    rc: int | None
    output: str
    problem: str = ""
    missing: bool = False

    def __str__(self) -> str:
        """One message: what went wrong, and the command's own words."""
        return self.problem + (f":\n{self.output}" if self.output else "")

    def as_dict(self) -> dict[str, Any]:
        """Return the ``failure`` key of the module's result."""
        return {"name": self.name, "argv": list(self.argv), "rc": self.rc, "output": self.output}


class Redactor:
    """Blanks words of secret files in what commands print.

    A checker quotes the text it stumbles over, whole or cut short; so a word is blanked if it is part of a
    word of a secret file or has one in it. ``plain`` are the paths of the set: they, the line numbers and the
    checker's own words stay readable.
    """

    def __init__(self, plain: Iterable[str] = ()) -> None:
        self._plain = frozenset(plain)
        self._secrets: set[str] = set()

    def add(self, content: bytes) -> None:
        """Keep the words of this content secret; words of one or two characters tell nothing."""
        words = _WORD.findall(content.decode("utf-8", "replace"))
        self._secrets.update(word for word in words if len(word) > 2 and word not in self._plain)

    def __call__(self, text: str) -> str:
        """Return the text with every such word replaced."""
        if not self._secrets:
            return text
        return _WORD.sub(lambda match: "[secret]" if self._telling(match.group()) else match.group(), text)

    def _telling(self, word: str) -> bool:
        if len(word) <= 2 or word in self._plain:
            return False
        return any(word in secret or (len(secret) > 3 and secret in word) for secret in self._secrets)


def run(command: Command, redact: Redactor, stage: str = "") -> Outcome:
    """Run a command to its end or its timeout and judge its exit code by the command's ``ok``.

    ``{stage}`` in the arguments becomes the staging directory, which is cut out of the output again, so that
    the messages name the files where they will be. Never raises for a command that fails.
    """
    argv = tuple(word.replace("{stage}", stage) for word in command.argv)
    program = shutil.which(argv[0], path=PATH)
    if program is None:
        return Outcome(
            command.name, command.argv, None, "", f"the program {argv[0]!r} is not installed", missing=True
        )
    # Memory, not a pipe: a daemon that the command leaves behind may hold it open for ever, and nobody waits
    # for the end of a file; and not a temporary file, which a full disk would refuse.
    output = os.memfd_create("config_set")
    try:
        rc = _run(program, argv, output, command.timeout)
        text = _read(output)
        if stage:
            text = text.replace(stage + "/", "/")
        text = _shorten(redact(text))
    except OSError as exc:
        return Outcome(
            command.name, command.argv, None, "", f"{argv[0]!r} could not be started: {exc.strerror}"
        )
    finally:
        os.close(output)
    problem = ""
    if rc is None:
        problem = f"did not end within {command.timeout:g} s and was killed"
    elif rc not in command.ok:
        problem = f"exit code {rc}" if rc >= 0 else f"killed by signal {-rc}"
    return Outcome(command.name, command.argv, rc, text, problem, missing=bool(problem) and rc == _NOT_FOUND)


def run_with_retries(command: Command, redact: Redactor) -> Outcome:
    """Run a health command until it succeeds or its retries are used up; returns the last outcome."""
    outcome = run(command, redact)
    for _ in range(command.retries):
        if not outcome.problem:
            break
        time.sleep(command.delay)
        outcome = run(command, redact)
    return outcome


def _run(program: str, argv: tuple[str, ...], output: int, timeout: float) -> int | None:
    """Return the exit code, negative for a signal; None if the time was over and its session was killed."""
    process = subprocess.Popen(
        argv,
        executable=program,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        env={"PATH": PATH, "LC_ALL": "C", "HOME": "/root"},
        start_new_session=True,
    )
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def _read(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    limit = 1 << 20
    data = os.pread(descriptor, min(size, limit), 0)
    if size > limit:
        data += b"\n[...]\n" + os.pread(descriptor, _TAIL, size - _TAIL)
    return data.decode("utf-8", "replace").strip()


def _shorten(text: str) -> str:
    if len(text) <= _HEAD + _TAIL:
        return text
    left_out = len(text) - _HEAD - _TAIL
    return f"{text[:_HEAD]}\n[... {left_out} characters left out ...]\n{text[-_TAIL:]}"
