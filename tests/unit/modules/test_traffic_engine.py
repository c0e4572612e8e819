"""The request engine against a real server: what counts as an answer, and when requests start."""

from __future__ import annotations

import socket
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_traffic import Request, _Ports, run, stream_from, summary

from .webserver import WebServer

# On a busy machine a thread wakes late; no test here depends on less than this (seconds).
SLACK = 0.3


def send(web: WebServer, **options: Any) -> list[Request]:  # noqa: ANN401 -- any option of a stream
    """Run one stream against the server and return its ledger in the order of the numbers."""
    defaults: dict[str, Any] = {"address": web.address, "port": web.port, "timeout": 1.0}
    if "duration" not in options:
        defaults["count"] = 1
    ledger: list[Request] = []
    run([stream_from({**defaults, **options})], lambda _index, line: ledger.append(line))
    return sorted(ledger, key=lambda line: line["n"])


@pytest.mark.parametrize(
    ("mode", "options", "server", "error"),
    [
        ("good", {}, "web1", None),
        ("good", {"header": "x-REAL-server"}, "web1", None),
        ("good", {"identify": "body"}, "body1", None),
        ("good", {"identify": "none"}, None, None),
        ("pieces", {}, "web1", None),
        ("no length", {}, "web2", None),
        ("no length", {"identify": "body"}, "first line", None),
        ("long", {}, "web3", None),
        ("anonymous", {}, None, None),
        ("anonymous", {"identify": "body"}, None, None),
        ("unavailable", {}, "web1", "status 503"),
        ("unavailable", {"status": [200, 503]}, "web1", None),
        ("short body", {}, None, "closed within the body"),
        ("half a head", {}, None, "closed within the head"),
        ("empty", {}, None, "closed without an answer"),
        ("no http", {}, None, "not an HTTP answer"),
        ("endless head", {}, None, "the response head is too long"),
        ("reset", {}, None, "read: Connection reset by peer"),
        ("hang", {"timeout": 0.2}, None, "read: timed out after 0.2 s"),
        ("good", {"protocol": "tcp"}, None, None),
        ("banner", {"protocol": "tcp", "identify": "body"}, "220 mail.example ready", None),
        ("hang", {"protocol": "tcp"}, None, None),
        (
            "hang",
            {"protocol": "tcp", "identify": "body", "timeout": 0.2},
            None,
            "read: timed out after 0.2 s",
        ),
        ("mute", {"protocol": "tcp", "identify": "body"}, None, "closed without an answer"),
    ],
)
def test_what_counts_as_an_answer(
    web: WebServer, mode: str, options: dict[str, Any], server: str | None, error: str | None
) -> None:
    web.mode = mode
    (line,) = send(web, **options)
    assert (line["server"], line["error"], line["ok"]) == (server, error, error is None)


def test_request_names_path_and_host(web: WebServer) -> None:
    send(web, path="/healthz", host="www.example")
    send(web)
    assert web.requests[0].startswith(b"GET /healthz HTTP/1.0\r\nHost: www.example\r\n")
    assert f"Host: 127.0.0.1:{web.port}\r\n".encode() in web.requests[1]


def test_refused_connection_is_a_ledger_line(web: WebServer) -> None:
    web.down()
    lines = send(web, count=3)
    assert [line["error"] for line in lines] == ["connect: Connection refused"] * 3


def test_connection_that_fails_at_once_is_a_ledger_line(web: WebServer) -> None:
    # No TCP connection leads to the broadcast address: connect(2) itself fails, nothing is ever ready.
    lines = send(web, address="255.255.255.255", count=2, interval=0.05)
    assert [line["n"] for line in lines] == [0, 1]
    assert all(str(line["error"]).startswith("connect: ") for line in lines)


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
    with WebServer(socket.AF_INET6) as server:
        (line,) = send(server)
    assert line["server"] == "web1"


def test_open_loop_starts_on_schedule_while_nothing_answers(web: WebServer) -> None:
    web.mode = "hang"
    begin = time.monotonic()
    lines = send(web, count=10, interval=0.05, timeout=0.5)
    assert time.monotonic() - begin < 9 * 0.05 + 0.5 + SLACK  # side by side, not one after the other
    assert [line["scheduled"] for line in lines] == pytest.approx([n * 0.05 for n in range(10)])
    assert all(0 <= line["started"] - line["scheduled"] < SLACK for line in lines)
    assert all(0.5 <= line["ended"] - line["started"] < 0.5 + SLACK for line in lines)
    assert summary(lines)["errors"] == {"read: timed out after 0.5 s": 10}


def test_interval_zero_sends_one_after_the_other(web: WebServer) -> None:
    lines = send(web, count=5)
    assert all(after["started"] >= before["ended"] for before, after in pairwise(lines))


def test_duration_bounds_the_run(web: WebServer) -> None:
    assert len(send(web, duration=0.5, interval=0.1)) == 5


def test_stop_waits_for_what_is_under_way(web: WebServer) -> None:
    web.mode = "hang"
    begin = time.monotonic()
    ledger: list[Request] = []
    stream = stream_from(
        {"address": web.address, "port": web.port, "interval": 0.1, "duration": 60, "timeout": 0.7}
    )
    run([stream], lambda _, line: ledger.append(line), stopped=lambda: time.monotonic() > begin + 0.35)
    assert time.monotonic() - begin < 0.35 + 0.7 + SLACK
    assert 3 <= len(ledger) <= 5
    assert all(line["ended"] - line["started"] >= 0.7 for line in ledger)


def test_streams_run_side_by_side(web: WebServer) -> None:
    web.mode = "hang"
    with WebServer() as other:
        streams = [
            stream_from({"address": one.address, "port": one.port, "count": 3, "timeout": 0.5})
            for one in (web, other)
        ]
        order: list[int] = []
        run(streams, lambda index, line: order.append(index if line["ok"] else -1))
    assert order == [1, 1, 1, -1, -1, -1]  # the hanging one does not hold the other up


def test_outage_shows_as_one_window(web: WebServer) -> None:
    def fault() -> None:
        time.sleep(0.5)
        web.down()
        time.sleep(0.5)
        web.up()

    thread = threading.Thread(target=fault)
    thread.start()
    lines = send(web, interval=0.05, duration=1.6)
    thread.join()
    found = summary(lines)
    assert (found["total"], len(found["lost_windows"])) == (32, 1)
    assert found["by_server"] == {"web1": found["answered"]}
    assert found["answered"] + found["failed"] == 32
    assert 0.4 < found["gap"] < 0.5 + 0.1 + SLACK


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"address": "web1.example"}, "address: must be an IPv4 or IPv6 address"),
        ({"address": None}, "address: required"),
        ({"port": 0}, "port: must be 1 to 65535"),
        ({"port": True}, "port: must be 1 to 65535"),
        ({"protocol": "udp"}, "protocol: must be http or tcp"),
        ({"identify": "cookie"}, "identify: must be header, body or none"),
        ({"path": "healthz"}, "path: must begin with /"),
        ({"path": "/\r\nX: y"}, "path, host, header: must have no line ends"),
        ({"interval": -0.1}, "interval: must be 0 s or more"),
        ({"irregular": "often"}, "irregular: must be true or false"),
        ({"interval": float("inf")}, "interval: must be 0 s or more"),
        ({"timeout": 0}, "timeout: must be more than 0 s"),
        ({"count": 0}, "count: must be 1 or more"),
        ({"count": None}, "count: count or duration must bound the run"),
        ({"duration": 0}, "duration: must be more than 0 s"),
        (
            {"retries": 3},
            "retries: unknown option; known are address, count, duration, header, host, identify, interval, "
            "irregular, path, port, protocol, status, timeout",
        ),
    ],
)
def test_wrong_options_are_named(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        stream_from({"address": "192.0.2.10", "port": 80, "count": 1, **change})
    assert str(caught.value) == text


def test_irregular_starts_keep_their_mean_and_fall_in_step_with_nobody(web: WebServer) -> None:
    lines = send(web, count=200, interval=0.005, irregular=True)
    gaps = [after["scheduled"] - before["scheduled"] for before, after in pairwise(lines)]
    assert all(0 <= gap <= 5 * 0.005 + 1e-6 for gap in gaps)
    # Exponential gaps: 63 % are shorter than the mean (six standard deviations are 20 % of 199).
    assert 0.43 < sum(gap < 0.005 for gap in gaps) / len(gaps) < 0.83
    assert 0.5 < lines[-1]["scheduled"] / (199 * 0.005) < 1.5


def test_each_request_has_a_source_port_that_none_before_it_had() -> None:
    """A director remembers a port for minutes, also with a real server that is dead by now."""
    ports = _Ports()
    first, last = (int(word) for word in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    taken = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", first + (ports.at + 2) % ports.count))
        for _ in range(300):
            with socket.socket() as sock:
                ports.bind(sock, target_port=80)
                taken.append(sock.getsockname()[1])
        assert len(set(taken)) == 300
        assert other.getsockname()[1] not in taken
    assert all(first <= port <= last for port in taken)


def test_no_request_connects_to_itself() -> None:
    ports = _Ports()
    target = ports.first + ports.at
    with socket.socket() as sock:
        ports.bind(sock, target_port=target)
        assert sock.getsockname()[1] not in {0, target}
