"""Requests from a node on a fixed schedule, while something happens to the cluster, and what became of each.

The engine is the toolkit's own (module_utils/lvs_traffic.py): its source travels over ssh to the node's
Python, runs there in the background, and its ledger comes back line by line as requests end. Nothing is
installed on the node.

    options = {"address": "192.0.2.10", "port": 80, "interval": 0.1, "timeout": 1, "duration": 120}
    with Traffic("client1", options) as traffic:
        lab.faults.power_off("lb1")
        traffic.wait(lambda rows: recovered(rows, steady=10), timeout_s=30)
        ledger = traffic.stop()
    ledger.summary["failed"], ledger.summary["gap"]
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.errors import LabError
from lab.home import PROJECT
from module_utils.lvs_traffic import Request, Summary, read_ledger, summary

__all__ = ["Ledger", "Traffic", "recovered"]

ENGINE = PROJECT / "module_utils" / "lvs_traffic.py"
SSH_CONFIG = PROJECT / "build" / "lab" / "ssh_config"
_START_S = 60.0
"""A login, and Python with 20 kB of source to compile: seconds, on a busy emulated CPU."""


@dataclass(frozen=True)
class Ledger:
    """Every request of a run, complete. header: what was asked for and the wall-clock time of the start."""

    header: Mapping[str, Any]
    rows: Sequence[Request]

    @property
    def summary(self) -> Summary:
        """Counts by real server and by error, and the gap in service in seconds."""
        return summary(self.rows)


class Traffic:
    """Requests that a node sends in the background, from construction to stop().

    node: where they are sent from. options: those of lvs_traffic: address, port, path, interval, timeout,
    and count or duration, which bound the run even if nobody stops it. ssh_config: how nodes are reached.

    Raises LabError if the node cannot start it.
    """

    def __init__(self, node: str, options: Mapping[str, Any], *, ssh_config: Path = SSH_CONFIG) -> None:
        self.node = node
        self._ssh = ["ssh", "-F", str(ssh_config), "-o", "BatchMode=yes", node]
        self._timeout_s = float(options.get("timeout", 2.0))
        self._scratch = tempfile.TemporaryDirectory(prefix="lvs-traffic-")
        self._output = Path(self._scratch.name, "ledger")
        self._errors = Path(self._scratch.name, "errors")
        # The shell's process number comes first, because exec keeps it: stop() needs it.
        command = f"echo $$; exec /usr/bin/python3 - --json {shlex.quote(json.dumps(dict(options)))}"
        with (
            self._output.open("wb") as output,
            self._errors.open("wb") as errors,
            ENGINE.open("rb") as engine,
        ):
            self._process = subprocess.Popen(
                [*self._ssh, command], stdin=engine, stdout=output, stderr=errors
            )
        try:
            self._wait_for_start()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Traffic:
        """Return itself: requests are being sent."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what is still being sent."""
        if self._process.poll() is None:
            self._signal()
        self._close()

    @property
    def running(self) -> bool:
        """Whether requests are still being sent."""
        return self._process.poll() is None

    def rows(self) -> list[Request]:
        """Return the requests that have ended so far, in the order of their ends."""
        return self._read()[1]

    def wait(
        self,
        until: Callable[[Sequence[Request]], bool],
        *,
        timeout_s: float,
        on_tick: Callable[[Sequence[Request]], None] = lambda _: None,
    ) -> bool:
        """Wait until the rows so far are as wanted; False if they were not within timeout_s seconds.

        on_tick is called with the rows about once a second. Waiting ends early when the run ends.
        """
        deadline = time.monotonic() + timeout_s
        ticked = time.monotonic()
        while True:
            running = self.running
            rows = self.rows()
            if until(rows):
                return True
            if not running or time.monotonic() >= deadline:
                return False
            if time.monotonic() - ticked >= 1:
                ticked = time.monotonic()
                on_tick(rows)
            time.sleep(0.1)

    def finish(self, timeout_s: float) -> Ledger:
        """Wait for a run bounded by count or duration to end by itself; its complete ledger."""
        return self._ledger(timeout_s)

    def stop(self) -> Ledger:
        """Start no more requests, wait for those under way, and return the complete ledger."""
        if self.running:
            self._signal()
        # Those under way end at their deadlines; the rest is for a slow login and the last lines.
        return self._ledger(self._timeout_s + 30)

    def _ledger(self, timeout_s: float) -> Ledger:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as exc:
            raise LabError(f"the requests from {self.node} did not end within {timeout_s:.0f} s") from exc
        if self._process.returncode != 0:
            raise LabError(f"sending requests from {self.node} failed: {self._complaint()}")
        return Ledger(*self._read())

    def _wait_for_start(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self.rows():
            # A short run may be over already, with all its rows.
            if not self.running and not self.rows():
                raise LabError(f"{self.node} cannot send requests: {self._complaint()}")
            if time.monotonic() > deadline:
                raise LabError(f"{self.node} has ended no request within {_START_S:.0f} s of being asked")
            time.sleep(0.1)

    def _read(self) -> tuple[dict[str, Any], list[Request]]:
        _pid, separator, lines = self._output.read_text(encoding="utf-8", errors="replace").partition("\n")
        if not separator or "\n" not in lines:
            return {}, []  # not begun yet
        return read_ledger(lines)

    def _signal(self) -> None:
        pid = self._output.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        if pid.isdigit():
            # It may have ended by itself meanwhile: then kill has nothing to do.
            argv = [*self._ssh, f"kill -TERM {pid} 2>/dev/null || true"]
            with contextlib.suppress(subprocess.TimeoutExpired):  # its own duration ends it then
                subprocess.run(argv, stdin=subprocess.DEVNULL, check=False, timeout=60)

    def _complaint(self) -> str:
        return self._errors.read_text(encoding="utf-8", errors="replace").strip()[-300:] or "no reason given"

    def _close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)
        self._scratch.cleanup()


def recovered(rows: Sequence[Request], steady: int) -> bool:
    """Whether an outage came and went: the last `steady` requests are good, one before them was not."""
    ordered = sorted(rows, key=lambda row: row["n"])
    return any(not row["ok"] for row in ordered[:-steady]) and all(row["ok"] for row in ordered[-steady:])
