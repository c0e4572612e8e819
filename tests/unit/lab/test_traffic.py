"""Requests in the background: the real engine, a pretended ssh, and a web server that can go away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.traffic import Traffic, recovered

PRETENDED_SSH = """#!/bin/sh
# Runs the last argument here, as the node would; the one before it is the node.
for command in "$@"; do node=$last; last=$command; done
[ "$node" = client1 ] || { echo "no route to $node" >&2; exit 255; }
exec sh -c "$command"
"""


class Handler(BaseHTTPRequestHandler):
    """Answers with the server's name, or not at all while it is out."""

    out = False

    def do_GET(self) -> None:
        """Answer, or not."""
        if not Handler.out:
            self.send_response(200)
            self.send_header("X-Real-Server", "web1")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Serve on a free port."""
    Handler.out = False
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def pretended_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh").write_text(PRETENDED_SSH)
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def options(port: int, **more: object) -> dict[str, Any]:
    return {"address": "127.0.0.1", "port": port, "interval": 0.02, "timeout": 0.5, "duration": 20, **more}


def test_an_outage_is_seen_and_its_end(port: int) -> None:
    ticks: list[int] = []
    with Traffic("client1", options(port)) as traffic:
        assert traffic.wait(lambda rows: len(rows) >= 10, timeout_s=10)
        Handler.out = True
        assert traffic.wait(
            lambda rows: sum(not row["ok"] for row in rows) >= 60,
            timeout_s=10,
            on_tick=lambda rows: ticks.append(len(rows)),
        )
        Handler.out = False
        assert traffic.wait(lambda rows: recovered(rows, steady=10), timeout_s=10)
        ledger = traffic.stop()
        assert not traffic.running
    assert ledger.header["port"] == port
    assert ledger.summary["by_server"] == {"web1": ledger.summary["answered"]}
    assert ledger.summary["failed"] >= 60
    assert 1.0 < ledger.summary["gap"] < 5.0
    assert [row["n"] for row in sorted(ledger.rows, key=lambda row: row["n"])] == list(
        range(len(ledger.rows))
    )
    assert ticks


def test_a_bounded_run_ends_by_itself(port: int) -> None:
    with Traffic("client1", options(port, interval=0, count=12, duration=None)) as traffic:
        ledger = traffic.finish(timeout_s=10)
    assert ledger.summary["total"] == ledger.summary["answered"] == 12


def test_waiting_is_bounded_and_ends_with_the_run(port: int) -> None:
    with Traffic("client1", options(port, duration=0.5)) as traffic:
        begun = time.monotonic()
        assert not traffic.wait(lambda _: False, timeout_s=30)
        assert time.monotonic() - begun < 10
    with Traffic("client1", options(port)) as traffic:
        assert not traffic.wait(lambda _: False, timeout_s=0.3)


def test_leaving_it_ends_what_is_being_sent(port: int) -> None:
    with pytest.raises(RuntimeError), Traffic("client1", options(port, duration=600)) as traffic:
        raise RuntimeError
    assert not traffic.running


@pytest.mark.parametrize(
    ("node", "more", "error"),
    [
        ("client9", {}, "client9 cannot send requests: no route to client9"),
        ("client1", {"interval": -1}, "interval: must be 0 s or more"),
    ],
)
def test_why_it_cannot_begin_is_told(node: str, more: dict[str, Any], error: str, port: int) -> None:
    with pytest.raises(LabError, match=error):
        Traffic(node, options(port, **more))


@pytest.mark.parametrize(
    ("pattern", "over"),
    [
        ("....", False),
        ("..xx", False),
        (".xx...", True),
        (".xx..", False),
        ("x...x..", False),
        ("...", False),
    ],
)
def test_an_outage_is_over_after_a_steady_row_of_answers(pattern: str, over: bool) -> None:
    rows: list[Any] = [{"n": n, "ok": mark == "."} for n, mark in enumerate(pattern)]
    assert recovered(list(reversed(rows)), steady=3) is over
