"""One run at a time on a host."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Mapping
from types import TracebackType

from . import durable
from .model import Layout, TransactionError

# Seconds. A run that finds nothing to do has the lock for an instant: that is waited for, a change is not.
_PATIENCE = 2.0


class Lock:
    """An exclusive flock(2) on ``<state_dir>/lock``; the kernel frees it when its holder ends, in any way.

    Taking it writes nothing: a run that finds nothing to do leaves no trace. ``sign`` then names the holder.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._path = os.path.join(layout.state, "lock")
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Tell whether this run has it."""
        return self._descriptor is not None

    def take(self, create: bool) -> None:
        """Take the lock; where there is none yet, create it with the state directory, or leave it be.

        Raises TransactionError naming the holder if another run keeps it for longer than two seconds.
        """
        if self.held:
            return
        if create:
            # Other users have no business in it: it holds copies of secret files.
            durable.make_dirs(os.path.dirname(self._layout.state), 0o755)
            durable.make_dirs(self._layout.state, 0o700)
            if not os.path.exists(self._path):
                durable.step("create", self._path)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            return
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    os.close(descriptor)
                    raise TransactionError(
                        f"another run is changing this host: {self._holder()}. Nothing was touched. "
                        "Wait until it has ended, then run again"
                    ) from None
                time.sleep(0.05)
            else:
                self._descriptor = descriptor
                return

    def sign(self, stamp: Mapping[str, str]) -> None:
        """Say who holds it, for the message of another run. A full disk is no reason to stop here."""
        holder = {
            "pid": os.getpid(),
            "operator": stamp.get("operator", "unknown"),
            "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        self._write(json.dumps(holder))

    def release(self) -> None:
        """Free the lock; the file stays, since removing it would let two runs lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Lock:
        """Enter a block at whose end the lock is freed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the lock."""
        self.release()

    def _write(self, text: str) -> None:
        durable.step("write", self._path)
        with contextlib.suppress(OSError), open(self._path, "w", encoding="utf-8") as stream:
            stream.write(text)

    def _holder(self) -> str:
        try:
            with open(self._path, encoding="utf-8") as stream:
                holder = json.load(stream)
            return f"pid {holder['pid']}, operator {holder['operator']}, since {holder['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "it has not said who it is"
