"""Requests on a fixed schedule, and the ledger of what became of each.

Used by the ``lvs_probe`` module, and alone by the lab's failover tests: its source on the standard input of
``python3 - --json '{"address": "192.0.2.10", "port": 80, "interval": 0.05, "duration": 30}'``.

The probe is open-loop: request n starts at t0 + n * interval whatever became of the others, as independent
clients do. A closed loop would stop asking during an outage and so count one failure where users see many.
Each request is a TCP connection of its own. One thread with non-blocking sockets serves them all, because the
lab's emulated CPU runs Python 13 times slower than a real one. All spans come from the monotonic clock.

Runs under the managed node's Python 3.9+, standard library only, in this one file.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import resource
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TextIO, TypedDict

SCHEMA = 1
DEFAULT_HEADER = "X-Real-Server"
#: An answer longer than this is read to its end, but only so much of it is kept (bytes).
KEEP_BYTES = 65536
#: No time in a schedule is longer (seconds); it keeps the run bounded.
LONGEST = 7 * 86400.0
#: What a request fails with when no socket can be made for it: this machine's fault, not the service's.
NO_DESCRIPTORS = "this probe host ran out of file descriptors"
#: Longest sleep in the loop (seconds), so that a stop request is seen soon.
STOP_POLL = 0.25


class Request(TypedDict):
    """One line of the ledger. Times are seconds since the start of the run, on the monotonic clock."""

    n: int
    scheduled: float
    started: float
    ended: float
    ok: bool
    server: str | None
    error: str | None


class Target(NamedTuple):
    """What one request asks for and what counts as a good answer.

    ``identify`` says where the real server's name is found in the answer: ``header`` (the response header
    ``header``; TCP has none), ``body`` (the body's first line, or a TCP banner's) or ``none``.
    """

    address: str
    port: int
    protocol: str = "http"
    path: str = "/"
    host: str | None = None
    status: tuple[int, ...] = (200,)
    identify: str = "header"
    header: str = DEFAULT_HEADER


class Stream(NamedTuple):
    """A target with its schedule: at least one of ``limit`` (requests) and ``duration`` (seconds) bounds it.

    ``interval`` is the time between starts in seconds; 0 starts each request when the one before has ended.
    ``timeout`` is each request's deadline in seconds from its start. ``irregular`` draws the times between
    starts at random, exponentially around ``interval``, as independent clients would: a regular beat can fall
    in step with another client's and always meet the same places of a round-robin.
    """

    target: Target
    interval: float
    timeout: float
    limit: int | None = None
    duration: float | None = None
    irregular: bool = False


def stream_from(options: dict[str, Any]) -> Stream:
    """Check plain options (a module's arguments, the ``--json`` text) and make a stream of them.

    Raises ValueError that names the option and says what it must be. Unknown options are errors too.
    """
    known = {*Target._fields, "interval", "timeout", "count", "duration", "irregular"}
    given = {key: value for key, value in options.items() if value is not None}
    if unknown := sorted(given.keys() - known):
        raise ValueError(f"{unknown[0]}: unknown option; known are {', '.join(sorted(known))}")
    if missing := [key for key in ("address", "port") if key not in given]:
        raise ValueError(f"{missing[0]}: required")
    interval, timeout = given.pop("interval", 0.0), given.pop("timeout", 2.0)
    count, duration = given.pop("count", None), given.pop("duration", None)
    irregular = given.pop("irregular", False)
    given["status"] = tuple(given.get("status", (200,)))
    target = Target(**given)
    head = target.path + (target.host or "") + target.header
    checks = (
        ("address", _family(target.address) is not None, "must be an IPv4 or IPv6 address"),
        ("port", _is_int(target.port) and 1 <= target.port <= 65535, "must be 1 to 65535"),
        ("protocol", target.protocol in ("http", "tcp"), "must be http or tcp"),
        ("identify", target.identify in ("header", "body", "none"), "must be header, body or none"),
        ("path", target.path.startswith("/"), "must begin with /"),
        ("path, host, header", not {"\r", "\n"} & set(head), "must have no line ends"),
        ("interval", _is_number(interval) and interval >= 0, "must be 0 s or more"),
        ("timeout", _is_number(timeout) and timeout > 0, "must be more than 0 s"),
        ("count", count is None or (_is_int(count) and count >= 1), "must be 1 or more"),
        ("duration", duration is None or (_is_number(duration) and duration > 0), "must be more than 0 s"),
        ("irregular", isinstance(irregular, bool), "must be true or false"),
        ("count", count is not None or duration is not None, "count or duration must bound the run"),
    )
    for name, good, remedy in checks:
        if not good:
            raise ValueError(f"{name}: {remedy}")
    return Stream(target, float(interval), float(timeout), count, duration, irregular)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LONGEST


def _family(address: object) -> int | None:
    """Return AF_INET or AF_INET6 for a literal address, None for anything else: names are never resolved."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, str(address))
        except OSError:
            continue
        return family
    return None


class _Answer:
    """Reads one answer piece by piece; knows when it is complete and whether it is good."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.data = b""
        self.length = 0  # bytes received in all; data keeps the first KEEP_BYTES of them
        self.expected: int | None = None  # length of head and body, once known
        self.head_end = -1
        self.status = 0
        self.headers: dict[str, str] = {}

    def feed(self, piece: bytes) -> bool:
        """Take bytes as they come; True once the answer is complete. ValueError: malformed head."""
        self.length += len(piece)
        if len(self.data) < KEEP_BYTES:
            self.data += piece
        if self.target.protocol == "tcp":
            return b"\n" in self.data
        if self.head_end < 0:
            self._read_head()
        return self.expected is not None and self.length >= self.expected

    def _read_head(self) -> None:
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            if self.length >= KEEP_BYTES:
                raise ValueError("the response head is too long")
            return
        self.head_end = end + 4
        lines = self.data[:end].decode("latin-1").split("\r\n")
        words = lines[0].split(None, 2)
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
            raise ValueError("not an HTTP answer")
        self.status = int(words[1])
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        length = self.headers.get("content-length", "")
        # Without a length the body ends with the connection (RFC 9112, 6.3).
        if length.isdigit():
            self.expected = self.head_end + int(length)

    def closed(self) -> str | None:
        """Judge an answer that ended with the connection: None if it is complete, else the error."""
        if self.target.protocol == "tcp":
            return None if self.data else "closed without an answer"
        if self.head_end < 0:
            return "closed within the head" if self.data else "closed without an answer"
        if self.expected is not None and self.length < self.expected:
            return "closed within the body"
        return None

    def verdict(self) -> str | None:
        """Judge a complete answer: None if good, else the error."""
        if self.target.protocol == "http" and self.status not in self.target.status:
            return f"status {self.status}"
        return None

    def server(self) -> str | None:
        """Return the real server's name as the answer tells it, None if it does not."""
        if self.target.identify == "header":
            return self.headers.get(self.target.header.lower()) or None
        if self.target.identify == "body":
            body = self.data[max(self.head_end, 0) :]
            return body.split(b"\n", 1)[0].decode("utf-8", "replace").strip() or None
        return None


def raise_descriptor_limit() -> None:
    """Let this process have as many connections at once as it may: its soft limit rises to the hard one.

    Each request under way is one descriptor, and the usual soft limit is 1024 (RLIMIT_NOFILE, getrlimit(2)).
    Where that is refused, the limit stays as it was.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return


def _http_request(target: Target) -> bytes:
    """Write the request. HTTP/1.0, so that the answer is never chunked; Host as virtual hosts need it."""
    default = f"[{target.address}]" if ":" in target.address else target.address
    host = target.host or (default if target.port == 80 else f"{default}:{target.port}")
    text = f"GET {target.path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: lvs-probe\r\nConnection: close\r\n\r\n"
    return text.encode("utf-8")


class _Running:
    """One request under way: connect, send, read. Once ``over``, ``error`` is None if good."""

    def __init__(self, index: int, stream: Stream, n: int, scheduled: float, started: float) -> None:
        self.index, self.n, self.scheduled, self.started = index, n, scheduled, started
        self.target, self.timeout = stream.target, stream.timeout
        self.phase = "connect"
        self.answer = _Answer(stream.target)
        self.to_send = _http_request(stream.target) if stream.target.protocol == "http" else b""
        self.over = False
        self.error: str | None = None

    @property
    def deadline(self) -> float:
        """Seconds since t0."""
        return self.started + self.timeout

    def open(self, ports: _Ports) -> socket.socket | None:
        """Start the connection; None if that fails at once, for example for want of a route."""
        try:
            sock = socket.socket(_family(self.target.address) or socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            # open(2): the process's own limit, and the machine's. The service has no part in either.
            local = error.errno in (errno.EMFILE, errno.ENFILE)
            self.finish(NO_DESCRIPTORS if local else f"socket: {error.strerror}")
            return None
        sock.setblocking(False)
        ports.bind(sock, self.target.port)
        code = sock.connect_ex((self.target.address, self.target.port))
        if code in (0, errno.EINPROGRESS):
            return sock
        sock.close()
        self.finish(f"connect: {os.strerror(code)}")
        return None

    def events(self) -> int:
        """Tell which readiness the request waits for."""
        return selectors.EVENT_READ if self.phase == "read" else selectors.EVENT_WRITE

    def advance(self, sock: socket.socket) -> None:
        """Go on after the socket has become ready."""
        try:
            if self.phase == "connect":
                self._connected(sock)
            elif self.phase == "send":
                self.to_send = self.to_send[sock.send(self.to_send) :]
                self.phase = "send" if self.to_send else "read"
            else:
                self._read(sock)
        except BlockingIOError:
            return
        except OSError as error:
            self.finish(f"{self.phase}: {error.strerror}")
        except ValueError as error:
            self.finish(str(error))

    def _connected(self, sock: socket.socket) -> None:
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.finish(f"connect: {os.strerror(code)}")
        elif self.to_send:
            self.phase = "send"
        elif self.target.identify == "body":
            self.phase = "read"
        else:
            self.finish(None)

    def _read(self, sock: socket.socket) -> None:
        piece = sock.recv(KEEP_BYTES)
        if not piece:
            self.finish(self.answer.closed() or self.answer.verdict())
        elif self.answer.feed(piece):
            self.finish(self.answer.verdict())

    def finish(self, error: str | None) -> None:
        """Note the outcome."""
        self.over, self.error = True, error

    def line(self, ended: float) -> Request:
        """Write the ledger's line."""
        return Request(
            n=self.n,
            scheduled=round(self.scheduled, 6),
            started=round(self.started, 6),
            ended=round(ended, 6),
            ok=self.error is None,
            server=self.answer.server(),
            error=self.error,
        )


class _Ports:
    """To each request a source port that none before it had, as separate clients would have.

    The kernel's own come in steps from a place that it draws anew every ten seconds (inet_hashtables.c,
    __inet_hash_connect; secure_seq.c), so that within a minute some are the same again. Such a request meets
    what a director still knows of the former one, and goes nowhere if that server is dead by now
    (docs/decisions/0010). All of them have been used before one comes again.
    """

    def __init__(self) -> None:
        try:
            with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
                first, last = map(int, file.read().split())
        except (OSError, ValueError):
            first, last = 32768, 60999  # the kernel's default (ip-sysctl.rst)
        self.first, self.count = first, last - first + 1
        self.at = random.randrange(self.count)  # noqa: S311 - no secret

    def bind(self, sock: socket.socket, target_port: int) -> None:
        """Give a socket the next port that is free; the kernel chooses one where that cannot be had."""
        for _ in range(min(self.count, 100)):
            port = self.first + self.at
            self.at = (self.at + 1) % self.count
            # On loopback a connection from a port to itself would succeed (RFC 9293, 3.5: simultaneous open).
            if port == target_port:
                continue
            try:
                sock.bind(("", port))
            except OSError:
                continue
            return


class _Schedule:
    """When a stream's next request is due."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.next_n = 0
        self.next_at = 0.0
        self.pending = 0

    def due(self, now: float) -> float | None:
        """Return when the next request starts (s since t0); None: no more, or the last still runs."""
        stream = self.stream
        if stream.limit is not None and self.next_n >= stream.limit:
            return None
        if not stream.interval and self.pending:
            return None
        at = self.next_at if stream.interval else now
        return None if stream.duration is not None and at >= stream.duration else at

    def advance(self) -> None:
        """Count the request that was due as started."""
        self.next_n += 1
        stream = self.stream
        if stream.irregular and stream.interval:
            # Longer gaps are rare, and nobody should wait for one.
            self.next_at += min(random.expovariate(1 / stream.interval), 5 * stream.interval)
        else:
            self.next_at = self.next_n * stream.interval


class _Run:
    """All streams of one run, in one selector."""

    def __init__(self, streams: list[Stream], on_done: Callable[[int, Request], None], t0: float) -> None:
        self.schedules = [_Schedule(stream) for stream in streams]
        self.on_done = on_done
        self.t0 = t0
        self.selector = selectors.DefaultSelector()
        self.running: dict[_Running, socket.socket] = {}
        self.ports = _Ports()

    def now(self) -> float:
        """Seconds since t0."""
        return time.monotonic() - self.t0

    def start_due(self) -> float | None:
        """Start every request that is due; return when the next one will be, None if that is not known."""
        upcoming: list[float] = []
        for index, schedule in enumerate(self.schedules):
            while (at := schedule.due(now := self.now())) is not None and at <= now:
                request = _Running(index, schedule.stream, schedule.next_n, at, now)
                schedule.advance()
                sock = request.open(self.ports)
                if sock is None:
                    self.on_done(index, request.line(self.now()))
                    continue
                schedule.pending += 1
                self.running[request] = sock
                self.selector.register(sock, request.events(), request)
            if at is not None:
                upcoming.append(at)
        return min(upcoming, default=None)

    def wait(self, next_start: float | None) -> None:
        """Sleep until something is ready or due, and bring the ready requests on."""
        wakes = [request.deadline for request in self.running]
        if next_start is not None:
            wakes.append(next_start)
        for key, _ in self.selector.select(max(0.0, min(STOP_POLL, min(wakes) - self.now()))):
            request, sock = key.data, key.fileobj
            request.advance(sock)
            if request.over:
                self.end(request)
            elif key.events != request.events():
                self.selector.modify(sock, request.events(), request)

    def expire(self) -> None:
        """End what is past its deadline. Comes after ``wait``: an answer that lies ready is not a failure."""
        now = self.now()
        for request in [request for request in self.running if request.deadline <= now]:
            request.finish(f"{request.phase}: timed out after {request.timeout:g} s")
            self.end(request)

    def end(self, request: _Running) -> None:
        """Close a finished request's connection and put the request into the ledger."""
        ended = self.now()
        sock = self.running.pop(request)
        self.selector.unregister(sock)
        sock.close()
        self.schedules[request.index].pending -= 1
        self.on_done(request.index, request.line(ended))


def run(
    streams: list[Stream],
    on_done: Callable[[int, Request], None],
    stopped: Callable[[], bool] = lambda: False,
    t0: float | None = None,
) -> None:
    """Run all streams side by side to their ends; ``on_done(stream's index, request)`` as each one finishes.

    After ``stopped()`` turns true nothing new is started, and what is under way is waited for until its
    deadline: the ledger is complete in any case, and the run is bounded. ``t0`` is the monotonic time of the
    start, now by default.
    """
    state = _Run(streams, on_done, time.monotonic() if t0 is None else t0)
    with state.selector:
        while True:
            next_start = None if stopped() else state.start_due()
            if next_start is None and not state.running:
                return
            state.wait(next_start)
            state.expire()


class Window(TypedDict):
    """A row of failures without a good answer between: first and last number, gap in seconds."""

    first: int
    last: int
    failed: int
    gap: float


class Summary(TypedDict):
    """What a ledger says. ``by_server`` counts good answers that told their server's name."""

    total: int
    answered: int
    failed: int
    by_server: dict[str, int]
    errors: dict[str, int]
    gap: float
    lost_windows: list[Window]


def _gap(rows: list[Request], first: int, last: int) -> float:
    """Return the seconds without service around the failures rows[first] to rows[last].

    From the end of the last good answer before them to the end of the first good answer after them. Without
    one before, from the first failure's start; without one after, to the end of the last to end.
    """
    before = [row["ended"] for row in rows[:first] if row["ok"]]
    after = [row["ended"] for row in rows[last + 1 :] if row["ok"]]
    begin = max(before) if before else rows[first]["started"]
    end = min(after) if after else max(row["ended"] for row in rows[first : last + 1])
    return round(max(0.0, end - begin), 6)


def lost_windows(ledger: Iterable[Request]) -> list[Window]:
    """Return each unbroken row of failures, in the order of the requests' numbers."""
    rows = sorted(ledger, key=lambda row: row["n"])
    windows: list[Window] = []
    first: int | None = None
    for place, row in enumerate(rows):
        if row["ok"]:
            first = None
            continue
        if first is None:
            first = place
            windows.append(Window(first=row["n"], last=row["n"], failed=0, gap=0.0))
        windows[-1]["last"] = row["n"]
        windows[-1]["failed"] = place - first + 1
        windows[-1]["gap"] = _gap(rows, first, place)
    return windows


def summary(ledger: Iterable[Request]) -> Summary:
    """Count a ledger, and measure ``gap``: from the last good answer's end before the first failure to the
    first good answer's end after the last failure, in seconds; 0.0 if nothing failed.
    """  # noqa: D205 -- one sentence
    rows = sorted(ledger, key=lambda row: row["n"])
    failed = [place for place, row in enumerate(rows) if not row["ok"]]
    by_server: dict[str, int] = {}
    errors: dict[str, int] = {}
    for row in rows:
        if row["error"] is not None:
            errors[row["error"]] = errors.get(row["error"], 0) + 1
        elif row["server"] is not None:
            by_server[row["server"]] = by_server.get(row["server"], 0) + 1
    return Summary(
        total=len(rows),
        answered=len(rows) - len(failed),
        failed=len(failed),
        by_server=by_server,
        errors=errors,
        gap=_gap(rows, failed[0], failed[-1]) if failed else 0.0,
        lost_windows=lost_windows(rows),
    )


def read_ledger(text: str) -> tuple[dict[str, Any], list[Request]]:
    """Read what the stand-alone mode wrote: its header and the requests.

    A last line that was cut off (the probe was killed) is left out. Raises ValueError if there is no header.
    """
    header: dict[str, Any] = {}
    rows: list[Request] = []
    for line in text.splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        record = json.loads(line)
        kind = record.pop("kind", None)
        if kind == "header":
            header = record
        elif kind == "request":
            rows.append(record)
    if header.get("schema") != SCHEMA:
        raise ValueError(f"no ledger of schema {SCHEMA}: the header line is missing or of another version")
    return header, rows


def main(arguments: list[str]) -> int:
    """Run one stream and write its ledger as JSON lines: header, each request as it ends, summary.

    SIGTERM and SIGINT end the run in order. Exit code 0 whatever became of the requests, 1 if the ledger
    cannot be written, 2 for wrong options.
    """
    parser = argparse.ArgumentParser(prog="lvs_traffic", description="Send requests on a fixed schedule.")
    parser.add_argument("--json", required=True, help="address, port, interval, timeout, duration, … as JSON")
    parser.add_argument("--output", help="file for the ledger (default: standard output)")
    options = parser.parse_args(arguments)
    try:
        stream = stream_from(json.loads(options.json))
    except (ValueError, TypeError, AttributeError) as error:
        parser.error(f"--json: {error}")
    try:
        if options.output:
            with open(options.output, "w", encoding="utf-8") as output:
                _write_ledger(stream, output)
        else:
            _write_ledger(stream, sys.stdout)
    except OSError as error:
        print(f"lvs_traffic: the ledger cannot be written: {error}", file=sys.stderr)
        # Whoever read it may be gone: keep the interpreter from flushing into the broken pipe at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _write_ledger(stream: Stream, output: TextIO) -> None:
    stops: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stops.append(received))
    ledger: list[Request] = []

    def write(kind: str, record: Mapping[str, object]) -> None:
        output.write(json.dumps({"kind": kind, **record}) + "\n")
        output.flush()

    def on_done(_index: int, request: Request) -> None:
        ledger.append(request)
        write("request", request)

    t0, epoch = time.monotonic(), time.time()
    header: dict[str, object] = {"schema": SCHEMA, "epoch": epoch, **stream.target._asdict()}
    header.update(interval=stream.interval, timeout=stream.timeout)
    header.update(count=stream.limit, duration=stream.duration)
    write("header", header)
    run([stream], on_done, lambda: bool(stops), t0)
    write("summary", summary(ledger))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
