"""Does connection sync keep established connections? Many TCP flows of every age, while something happens.

lab/files_client/flows.py travels over ssh to the node's Python and opens flows on a fixed schedule; each of
them sends a little now and then and wants its echo. At the fault there are flows of every age from 0 s on,
and the ledger tells which of them went on afterwards.

    options = {"address": "192.0.2.10", "port": 7, "rate": 20, "duration": 20}
    with Flows("client1", options) as flows:
        flows.wait(lambda progress: progress.at >= 15, timeout_s=60)
        before = flows.now()
        lab.faults.power_off("lb1")
        fault = before.until(flows.now())
        flows.wait(lambda progress: progress.at >= fault.latest + 10, timeout_s=60)
        ledger = flows.stop()
    fault = ledger.narrowed(fault)
    survival(ledger, fault)                  # by age
    kept(ledger, fault, {4: 1.0, 0.2: 0.999})  # what is promised

A flow's messages cost the node CPU: rate * duration / interval of them a second. 20 flows a second for 15 s,
one message each 0.2 s, are 1500: much for an emulated CPU. If it cannot keep up, ask for fewer flows.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from lab.errors import LabError
from lab.home import PROJECT
from lab.survival import Bucket, Flow, FlowLedger, Instant, Kept, Silence, kept, survival
from lab.traffic import SSH_CONFIG

__all__ = [
    "Bucket",
    "Flow",
    "FlowLedger",
    "Flows",
    "Instant",
    "Kept",
    "Progress",
    "kept",
    "survival",
]

CLIENT = PROJECT / "lab" / "files_client" / "flows.py"
SCHEMA = 1
DEFAULTS: Mapping[str, Any] = {
    "rate": 20.0,  # new flows a second
    "duration": 30.0,  # s: so long are flows opened
    "interval": 0.2,  # s between the messages of a flow, on average
    "jitter": 0.25,  # a pause is interval * (1 ± jitter)
    "patience": 15.0,  # s: a flow without an echo for so long is dead. TCP's retransmissions come 0.2, 0.6,
    # 1.4, 3, 6.2, 12.6 s after a message at the earliest (RFC 6298: each wait is twice the last).
    "quiet": 0.4,  # s without any echo at all that are noted as a silence
    "source": None,  # the address to send from
}
_LONGEST_S = 3600.0
_START_S = 60.0
"""A login, and Python with 10 kB of source to compile: seconds, on a busy emulated CPU."""
_PINGS = 5
_SAMPLE_AGE_S = 20.0
"""Older measurements of the clocks' difference are forgotten: an emulated machine's clock may drift."""


@dataclass(frozen=True)
class Progress:
    """How a run goes. at: s since its start; opened: flows so far; alive: of them still open; answering: had
    an echo within the last second; lost: had been open and ended.
    """  # noqa: D205 -- one sentence

    at: float
    opened: int
    alive: int
    answering: int
    lost: int


class Flows:
    """Flows that a node holds in the background, from construction to stop().

    node: whose. options: address, port, and any of DEFAULTS. ssh_config: how nodes are reached. The node ends
    by itself when the connection to it ends.

    Raises LabError for wrong options, or if the node cannot start it.
    """

    def __init__(self, node: str, options: Mapping[str, Any], *, ssh_config: Path = SSH_CONFIG) -> None:
        self.node = node
        self.options = _checked(options)
        self._header: dict[str, Any] = {}
        self._flows: list[Flow] = []
        self._silences: list[Silence] = []
        self._progress: Progress | None = None
        self._started: int | None = None  # told by the last line
        self._pongs: queue.SimpleQueue[tuple[int, float, float]] = queue.SimpleQueue()
        self._samples: list[tuple[float, float, float]] = []  # sent, the client's clock, received
        self._ping = 0
        self._complete = threading.Event()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _close
        source = CLIENT.read_bytes()
        # Python reads just the program from its standard input: what follows are commands to it.
        load = f"import sys; exec(compile(sys.stdin.buffer.read({len(source)}), 'flows', 'exec'))"
        command = shlex.join(["/usr/bin/python3", "-c", load, json.dumps(self.options)])
        self._process = subprocess.Popen(
            ["ssh", "-F", str(ssh_config), "-o", "BatchMode=yes", node, f"exec {command}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101 - for mypy
        self._stdin: IO[bytes] = self._process.stdin
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        try:
            self._write(source)
            self._wait_for_start()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Flows:
        """Return itself: flows are being opened."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        self._close()

    @property
    def running(self) -> bool:
        """Whether the node still holds flows."""
        return self._process.poll() is None

    @property
    def progress(self) -> Progress | None:
        """Return the newest report, one a second; None before the first."""
        return self._progress

    def wait(self, until: Callable[[Progress], bool], *, timeout_s: float) -> bool:
        """Wait until a report is as wanted; False if none was within timeout_s seconds, or the run ended."""
        deadline = time.monotonic() + timeout_s
        while True:
            running = self.running
            if self._progress is not None and until(self._progress):
                return True
            if not running or time.monotonic() >= deadline:
                return False
            time.sleep(0.05)

    def now(self) -> Instant:
        """Return the client's time, as it is at the return of this call.

        The client answered with its time somewhere between question and answer; of the questions of the last
        seconds the one with the quickest answer is believed. Raises LabError if the client does not answer.
        """
        for _ in range(_PINGS):
            self._ping += 1
            sent = time.monotonic()
            self._write(f"ping {self._ping}\n".encode())
            try:
                number, at, received = self._pongs.get(timeout=20)
                while number != self._ping:  # one that came after its time was up
                    number, at, received = self._pongs.get(timeout=20)
            except queue.Empty:
                raise self._failed("does not answer") from None
            self._samples.append((sent, at, received))
        now = time.monotonic()
        self._samples = [sample for sample in self._samples if now - sample[2] <= _SAMPLE_AGE_S]
        sent, at, received = min(self._samples, key=lambda sample: sample[2] - sample[0])
        return Instant(at + now - received, at + now - sent)

    def stop(self) -> FlowLedger:
        """Ask every flow for one more echo, wait for it as long as the patience says; the complete ledger."""
        self._write(b"stop\n")
        # The rest is for a slow machine and the last lines.
        if not self._complete.wait(self.options["patience"] + 30) or self._started != len(self._flows):
            raise self._failed("did not bring its ledger to an end")
        return FlowLedger(self._header, sorted(self._flows, key=lambda flow: flow["n"]), self._silences)

    def _wait_for_start(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self._header:
            if self._complete.wait(0.05) and not self._header:
                raise self._failed("cannot open flows")
            if time.monotonic() > deadline:
                raise self._failed(f"has not begun within {_START_S:.0f} s")
        if self._header.get("schema") != SCHEMA:
            raise self._failed(f"writes no ledger of schema {SCHEMA}")

    def _read(self, stdout: IO[bytes]) -> None:
        """Sort the client's lines; in a thread, so that each is stamped when it comes."""
        for line in stdout:
            received = time.monotonic()
            try:
                record: Any = json.loads(line)
                kind = record.pop("kind")
            except (ValueError, KeyError, AttributeError):
                continue  # cut off, or a login's greeting; a ledger that lacks a line is refused at its end
            if kind == "pong":
                self._pongs.put((record["n"], record["at"], received))
            elif kind == "progress":
                self._progress = Progress(**record)
            elif kind == "flow":
                self._flows.append(record)
            elif kind == "silence":
                self._silences.append(record)
            elif kind == "header":
                self._header = record
            elif kind == "end":
                self._started = record["flows"]
        self._complete.set()

    def _write(self, data: bytes) -> None:
        # If the client is gone the pipe is broken; what waits for its answer says so, and why.
        with contextlib.suppress(OSError, ValueError):
            self._stdin.write(data)
            self._stdin.flush()

    def _failed(self, problem: str) -> LabError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)  # its last words
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()[-300:] or "no reason given"
        return LabError(f"{self.node} {problem}: {said}", f"See: python -m lab ssh {self.node}")

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(10)
        self._reader.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with the defaults. Raises LabError that names the wrong one."""
    known = {"address", "port", *DEFAULTS}
    if strange := sorted(set(options) - known):
        raise LabError(f"flows have no option {strange[0]!r}", f"Known: {', '.join(sorted(known))}.")
    for name in ("address", "port"):
        if name not in options:
            raise LabError(
                f"flows want an option {name!r}", "Give the address and the port of an echo server."
            )
    merged = {**DEFAULTS, **options}
    for name in ("rate", "duration", "interval", "jitter", "patience", "quiet"):
        value, least = merged[name], 0.0 if name == "jitter" else 0.001
        most = 1.0 if name == "jitter" else _LONGEST_S
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise LabError(f"flows: {name} is {value!r}", f"It is a number from {least:g} to {most:g}.")
    return merged
