"""Many long TCP flows, each sending a little now and then, and how each of them ended.

Runs on a node: its source comes over ssh on the standard input, in front of the controller's commands, one
a line: "ping N" is answered with this run's clock, "stop" (or the end of the input: the controller is gone)
ends the run in order. Output: one JSON object a line, told apart by "kind":

    header    schema, epoch (wall clock at the start), and the options
    pong      n, at
    progress  at, opened, alive, answering, lost; about once a second
    silence   after, first, began, ended: for a while no flow got an echo, though messages were sent
    flow      n, started, opened, server, answered, echo, ended, how; when the flow has ended
    end       flows: how many were started; the ledger is complete

Times are seconds since the start of the run, on this machine's monotonic clock. The server sends a line with
its name, then echoes. One thread with non-blocking sockets serves all flows: an emulated CPU has not the time
for more. Python 3.11, standard library only, this one file.
"""

from __future__ import annotations

import errno
import heapq
import json
import os
import random
import resource
import selectors
import socket
import sys
import time
from collections import deque
from typing import Any

SCHEMA = 1
LENGTH = 8  # bytes of a message: its number in the flow, and a line's end


class _Flow:
    """One connection. how: None while it lives, then how it ended; "alive" if it was well at the stop."""

    def __init__(self, n: int, started: float) -> None:
        self.n, self.started = n, started
        self.sock: socket.socket | None = None
        self.opened: float | None = None
        self.server: str | None = None
        self.buffer = b""
        self.sent = self.echoed = 0
        self.waiting: deque[float] = deque()  # when the messages without an echo were sent
        self.answered: float | None = None  # when the latest message that has its echo was sent
        self.echo: float | None = None  # when that echo came
        self.how: str | None = None


class _Run:
    """All flows of a run, in one selector."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.spacing: float = 1 / options["rate"]
        self.patience: float = options["patience"]
        self.t0 = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.flows: set[_Flow] = set()
        self.due: list[tuple[float, int, _Flow]] = []
        self.started = self.opened = self.lost = self.turn = 0
        self.stopping = False
        self.next_progress = 1.0
        self.commands = b""
        # Silence: sends without an echo, oldest first; the latest send with one; when an echo last came.
        self.sends: deque[float] = deque()
        self.after = 0.0
        self.heard: float | None = None

    def now(self) -> float:
        return time.monotonic() - self.t0

    def run(self) -> None:
        self.selector.register(0, selectors.EVENT_READ, None)
        os.set_blocking(0, False)
        while not self.stopping or self.flows:
            self.open_due()
            self.serve_due()
            for key, _ in self.selector.select(max(0.0, self.next_wake() - self.now())):
                if key.data is None:
                    self.obey()
                else:
                    self.advance(key.data)
            if self.now() >= self.next_progress:
                self.progress()
        say("end", flows=self.started)

    def next_wake(self) -> float:
        opening = [self.started * self.spacing] if self.opening() else []
        return min(self.next_progress, *(due for due, _, _ in self.due[:1]), *opening)

    def opening(self) -> bool:
        return not self.stopping and self.started * self.spacing < self.options["duration"]

    def open_due(self) -> None:
        while self.opening() and self.started * self.spacing <= (now := self.now()):
            flow = _Flow(self.started, now)
            self.started += 1
            self.flows.add(flow)
            try:
                family = socket.AF_INET6 if ":" in self.options["address"] else socket.AF_INET
                flow.sock = socket.socket(family, socket.SOCK_STREAM)
                flow.sock.setblocking(False)
                flow.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.options["source"]:
                    flow.sock.bind((self.options["source"], 0))
                code = flow.sock.connect_ex((self.options["address"], self.options["port"]))
            except OSError as error:
                code = error.errno or errno.EIO
            if flow.sock is None or code not in (0, errno.EINPROGRESS):
                self.finish(flow, f"connect: {os.strerror(code)}")
                continue
            self.selector.register(flow.sock, selectors.EVENT_WRITE, flow)
            self.wake(flow, now + self.patience)

    def wake(self, flow: _Flow, at: float) -> None:
        self.turn += 1  # so that the heap never compares flows
        heapq.heappush(self.due, (at, self.turn, flow))

    def serve_due(self) -> None:
        now = self.now()
        while self.due and self.due[0][0] <= now:
            flow = heapq.heappop(self.due)[2]
            if flow.how is not None:
                continue
            if flow.opened is None:
                if now - flow.started >= self.patience:
                    self.finish(flow, f"connect: no answer within {self.patience:g} s")
            elif flow.waiting and now - flow.waiting[0] >= self.patience:
                self.finish(flow, "silent")
            elif self.stopping:
                self.wake(flow, flow.waiting[0] + self.patience)
            else:
                self.send(flow)
                spread = random.uniform(1 - self.options["jitter"], 1 + self.options["jitter"])  # noqa: S311
                self.wake(flow, now + self.options["interval"] * spread)

    def send(self, flow: _Flow) -> None:
        if flow.how is not None or flow.sock is None:
            return
        now = self.now()
        try:
            if flow.sock.send(b"%07d\n" % flow.sent) != LENGTH:
                self.finish(flow, "send: the buffer is full")  # 64 KiB of unread echoes: no echo server
                return
        except OSError as error:
            self.finish(flow, ending(error))
            return
        flow.sent += 1
        flow.waiting.append(now)
        self.sends.append(now)

    def advance(self, flow: _Flow) -> None:
        if flow.how is not None or flow.sock is None:
            return
        if flow.opened is None:
            if code := flow.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.finish(flow, f"connect: {os.strerror(code)}")
                return
            flow.opened = self.now()
            self.opened += 1
            self.selector.modify(flow.sock, selectors.EVENT_READ, flow)
            # A random first pause, so that the flows do not speak in step.
            self.wake(flow, flow.opened + self.options["interval"] * random.random())  # noqa: S311
            return
        try:
            piece = flow.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self.finish(flow, ending(error))
            return
        if piece:
            self.read(flow, piece)
        else:
            self.finish(flow, "closed")

    def read(self, flow: _Flow, piece: bytes) -> None:
        flow.buffer += piece
        if flow.server is None:
            name, found, rest = flow.buffer.partition(b"\n")
            if not found:
                return
            flow.server, flow.buffer = name.decode(errors="replace").strip(), rest
        while len(flow.buffer) >= LENGTH:
            message, flow.buffer = flow.buffer[:LENGTH], flow.buffer[LENGTH:]
            if not flow.waiting or message != b"%07d\n" % flow.echoed:
                self.finish(flow, f"garbled: {message!r} is no echo")
                return
            flow.echoed += 1
            flow.answered, flow.echo = flow.waiting.popleft(), self.now()
            self.heard_of(flow.answered, flow.echo)
        if self.stopping and flow.server is not None and not flow.waiting:
            self.finish(flow, "alive")

    def heard_of(self, sent: float, now: float) -> None:
        if self.heard is not None and now - self.heard >= self.options["quiet"] and self.sends:
            say("silence", after=self.after, first=self.sends[0], began=self.heard, ended=now)
        self.heard = now
        self.after = max(self.after, sent)
        while self.sends and self.sends[0] <= self.after:
            self.sends.popleft()

    def progress(self) -> None:
        now = self.now()
        self.next_progress = now + 1
        answering = sum(flow.echo is not None and now - flow.echo <= 1 for flow in self.flows)
        alive = sum(flow.opened is not None for flow in self.flows)
        say("progress", at=now, opened=self.opened, alive=alive, answering=answering, lost=self.lost)

    def obey(self) -> None:
        piece = os.read(0, 4096)
        *lines, self.commands = (self.commands + piece).split(b"\n")
        for line in lines:
            verb, _, number = line.partition(b" ")
            if verb == b"ping":
                say("pong", n=int(number), at=self.now())
            elif verb == b"stop":
                self.stop()
        if not piece:
            self.selector.unregister(0)
            self.stop()

    def stop(self) -> None:
        """Open nothing more, and ask each flow for a last echo: whoever gives it was alive."""
        if self.stopping:
            return
        self.stopping = True
        for flow in list(self.flows):
            if flow.opened is None:
                self.finish(flow, "stopped before it was open")
            else:
                self.send(flow)

    def finish(self, flow: _Flow, how: str) -> None:
        flow.how = how
        if flow.sock is not None:
            if flow.sock.fileno() in self.selector.get_map():
                self.selector.unregister(flow.sock)
            flow.sock.close()
        self.flows.discard(flow)
        self.lost += flow.opened is not None and how != "alive"
        names = ("n", "started", "opened", "server", "answered", "echo", "how")
        say("flow", ended=self.now(), **{name: getattr(flow, name) for name in names})


def ending(error: OSError) -> str:
    """Name the end of an open flow."""
    return "reset" if isinstance(error, (ConnectionResetError, BrokenPipeError)) else str(error.strerror)


def say(kind: str, **record: object) -> None:
    """Write one line of the output."""
    rounded = {key: round(value, 6) if isinstance(value, float) else value for key, value in record.items()}
    print(json.dumps({"kind": kind, **rounded}), flush=True)


def main(arguments: list[str]) -> None:
    """Run with the options that lab/flows.py has checked."""
    options = json.loads(arguments[0])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    say("header", schema=SCHEMA, epoch=time.time(), options=options)
    _Run(options).run()


if __name__ == "__main__":
    main(sys.argv[1:])
