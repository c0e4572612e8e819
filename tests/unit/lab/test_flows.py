"""Flows of every age through a fault: the real client over a pretended ssh, an echo server that forgets."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.flows import Flow, FlowLedger, Flows, Instant, kept, survival

PRETENDED_SSH = """#!/bin/sh
# Runs the last argument here, as the node would; the one before it is the node.
for command in "$@"; do node=$last; last=$command; done
[ "$node" = client1 ] || { echo "no route to $node" >&2; exit 255; }
exec sh -c "$command"
"""


class Echo:
    """An echo server behind a director that fails: what comes during an outage waits for its end.

    What a real takeover does to packets, retransmission does for TCP: they come late. A flow that the other
    director does not know is reset by it, or stays without an answer.
    """

    def __init__(self, address: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.flows: dict[asyncio.StreamWriter, float] = {}
        self.outage_until = 0.0
        self.mute: set[asyncio.StreamWriter] = set()
        self.ready = threading.Event()
        self.port = 0
        self.thread = threading.Thread(target=self._serve, args=(address,), daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def _serve(self, address: str) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._flow, address, 0, backlog=1000))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.05))
        self.loop.close()

    async def _flow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.flows[writer] = time.monotonic()
        writer.write(b"web1\n")
        try:
            while piece := await reader.read(1000):
                while (pause := self.outage_until - time.monotonic()) > 0:
                    await asyncio.sleep(pause)
                if writer not in self.mute:
                    writer.write(piece)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            self.flows.pop(writer, None)
            writer.close()

    def fail(self, outage_s: float, forget_s: float, how: str) -> None:
        """Answer nobody for outage_s seconds; flows that are younger than forget_s now are lost."""
        now = time.monotonic()
        self.outage_until = now + outage_s
        young = [writer for writer, opened in self.flows.items() if now - opened < forget_s]
        if how == "silent":
            self.mute.update(young)
            return

        def reset() -> None:
            for writer in young:
                sock = writer.get_extra_info("socket")
                # Linger for no time: close() sends RST (socket(7), SO_LINGER).
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

        self.loop.call_soon_threadsafe(self.loop.call_later, outage_s, reset)

    def stop(self) -> None:
        """Close every connection."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@pytest.fixture
def echo(request: pytest.FixtureRequest) -> Iterator[tuple[str, Echo]]:
    server = Echo(request.param)
    yield request.param, server
    server.stop()


@pytest.fixture(autouse=True)
def pretended_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh").write_text(PRETENDED_SSH)
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def options(address: str, port: int, **more: object) -> dict[str, Any]:
    return {"address": address, "port": port, "rate": 30, "duration": 30, "interval": 0.1, **more}


@pytest.mark.parametrize(
    ("echo", "how", "patience"),
    [("127.0.0.1", "reset", 15.0), ("::1", "silent", 1.5)],
    indirect=["echo"],
)
def test_the_age_from_which_flows_survive_is_found(echo: tuple[str, Echo], how: str, patience: float) -> None:
    address, server = echo
    with Flows("client1", options(address, server.port, patience=patience)) as flows:
        assert flows.wait(lambda progress: progress.at >= 3, timeout_s=20)
        before = flows.now()
        server.fail(outage_s=0.7, forget_s=1.0, how=how)
        fault = before.until(flows.now())
        time.sleep(1.5)
        ledger = flows.stop()
        assert flows.progress is not None
        assert flows.progress.opened >= 60
    assert fault.latest - fault.earliest < 0.5
    assert {flow["server"] for flow in ledger.flows if flow["how"] == "alive"} == {"web1"}
    lost = [flow for flow in ledger.flows if flow["opened"] is not None and flow["how"] != "alive"]
    assert {flow["how"] for flow in lost} == {how}
    assert len(lost) >= 15
    # The server's ages and the client's may differ by what a busy machine takes to accept a connection.
    (young, middle, old) = survival(ledger, fault, [0, 0.7, 1.3, 100])
    assert young.flows >= 10
    assert young.survived == 0
    assert middle.age_from == 0.7
    assert old.flows >= 30
    assert old.survived == old.flows
    assert [promise.holds for promise in kept(ledger, fault, {1.3: 1.0, 0.2: 0.999})] == [True, False]
    narrow = ledger.narrowed(fault, transit_s=0.1)
    assert fault.earliest <= narrow.earliest <= narrow.latest <= fault.latest


@pytest.mark.parametrize("echo", ["127.0.0.1"], indirect=True)
def test_an_outage_is_found_within_the_time_that_its_making_took(echo: tuple[str, Echo]) -> None:
    address, server = echo
    with Flows("client1", options(address, server.port)) as flows:
        assert flows.wait(lambda progress: progress.alive >= 30, timeout_s=20)
        before = flows.now()
        time.sleep(0.8)  # the way to the power switch
        near = flows.now()
        server.fail(outage_s=0.8, forget_s=0, how="reset")
        time.sleep(0.6)  # and back
        wide = before.until(flows.now())
        assert flows.wait(lambda progress: progress.at > wide.latest + 1, timeout_s=20)
        ledger = flows.stop()
    assert wide.latest - wide.earliest >= 1.4
    narrow = ledger.narrowed(wide, transit_s=0.1)
    assert narrow.latest - narrow.earliest < 0.5
    assert narrow.earliest <= near.latest + 0.1
    assert narrow.latest >= near.earliest
    assert all(flow["how"] == "alive" for flow in ledger.flows if flow["opened"] is not None)


def test_flows_that_nobody_takes_are_no_survivors() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with Flows("client1", options("127.0.0.1", port, duration=0.5)) as flows:
            time.sleep(0.5)
            ledger = flows.stop()
    assert {flow["how"] for flow in ledger.flows} == {"connect: Connection refused"}
    assert survival(ledger, 0.2) == []
    assert not kept(ledger, 0.2, {0: 1.0})[0].holds


@pytest.mark.parametrize("echo", ["127.0.0.1"], indirect=True)
def test_the_source_address_is_as_asked(echo: tuple[str, Echo]) -> None:
    # IPv4 only: a machine has one IPv6 loopback address.
    address, server = echo
    with Flows("client1", options(address, server.port, source="127.0.0.9")) as flows:
        assert flows.wait(lambda progress: progress.answering >= 5, timeout_s=20)
        sources = {writer.get_extra_info("peername")[0] for writer in list(server.flows)}
        flows.stop()
    assert sources == {"127.0.0.9"}


@pytest.mark.parametrize("echo", ["127.0.0.1"], indirect=True)
def test_it_ends_with_its_controller(echo: tuple[str, Echo]) -> None:
    address, server = echo
    with pytest.raises(RuntimeError), Flows("client1", options(address, server.port)) as flows:
        assert flows.wait(lambda progress: progress.answering >= 5, timeout_s=20)
        raise RuntimeError
    assert not flows.running
    deadline = time.monotonic() + 10
    while server.flows and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.flows


@pytest.mark.parametrize(
    ("node", "more", "error"),
    [
        ("client9", {}, "client9 cannot open flows: no route to client9"),
        ("client1", {"ratio": 1}, "flows have no option 'ratio'. Known: address"),
        ("client1", {"rate": 0}, "flows: rate is 0. It is a number from 0.001 to 3600"),
        ("client1", {"jitter": 2}, "flows: jitter is 2. It is a number from 0 to 1"),
        ("client1", {"patience": True}, "flows: patience is True"),
    ],
)
def test_why_it_cannot_begin_is_told(node: str, more: dict[str, Any], error: str) -> None:
    with pytest.raises(LabError, match=error):
        Flows(node, options("127.0.0.1", 9, **more))


def test_address_and_port_are_asked_for() -> None:
    with pytest.raises(LabError, match="flows want an option 'port'"):
        Flows("client1", {"address": "127.0.0.1"})


@pytest.mark.parametrize("echo", ["127.0.0.1"], indirect=True)
def test_a_client_that_is_killed_brings_no_ledger(echo: tuple[str, Echo]) -> None:
    address, server = echo
    with Flows("client1", options(address, server.port)) as flows:
        assert flows.wait(lambda progress: progress.answering >= 5, timeout_s=20)
        flows._process.kill()
        with pytest.raises(LabError, match="client1 did not bring its ledger to an end"):
            flows.stop()


def flow(n: int, opened: float | None, how: str = "alive", ended: float = 30, answered: float = 29) -> Flow:
    return {
        "n": n,
        "started": opened or 0,
        "opened": opened,
        "server": "web1",
        "answered": answered,
        "echo": answered,
        "ended": ended,
        "how": how,
    }


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        # (from, to, flows, survived); the flows were opened at 0, 5, 9, 9.9 (lost), 9.95 (lost)
        (10.0, [(0, 1, 2, 0), (1, 4, 1, 1), (4, 100, 2, 2)]),
        (Instant(9.8, 10.0), [(4, 100, 2, 2)]),  # 9 is 0.8 to 1 s old, the youngest perhaps not yet born
        (Instant(9.96, 9.99), [(0, 1, 3, 1), (4, 100, 2, 2)]),
        (4.0, [(4, 100, 1, 1)]),  # those of 5 s and later came after it
    ],
)
def test_a_flow_of_uncertain_age_is_in_no_bucket(
    fault: Instant | float, expected: list[tuple[float, ...]]
) -> None:
    rows = [
        flow(0, 0),
        flow(1, 5),
        flow(2, 9),
        flow(3, 9.9, "reset", 12),
        flow(4, 9.95, "silent", 25),
        flow(5, 20),
        flow(6, None, "connect: Connection refused"),
        flow(7, 1, "closed", 3.5),  # long before
    ]
    found = survival(FlowLedger({}, rows, []), fault, [0, 1, 4, 100])
    assert [(b.age_from, b.age_to, b.flows, b.survived) for b in found] == expected


def test_a_promise_is_kept_by_those_who_surely_were_old_enough() -> None:
    rows = [flow(n, n / 100) for n in range(1000)]
    rows[700]["how"], rows[700]["ended"] = "reset", 10.5
    ledger = FlowLedger({}, rows, [])
    (all_old, most, newest) = kept(ledger, Instant(9.995, 10.0), {4: 1.0, 0.2: 0.999, 12: 1.0})
    assert (all_old.flows, all_old.survived, all_old.holds) == (600, 600, True)
    assert (most.flows, most.survived, most.holds) == (980, 979, False)
    assert (newest.flows, newest.holds) == (0, False)
    assert str(most) == "979 of 980 flows of 0.2 s or more survived, 99.9% must"


def test_a_run_that_ended_before_the_fault_proves_nothing() -> None:
    with pytest.raises(LabError, match="flow 0 was stopped before it could show that it survived"):
        survival(FlowLedger({}, [flow(0, 1, answered=5)], []), 6.0)


@pytest.mark.parametrize(
    ("silences", "expected"),
    [
        ([], (10, 14)),
        ([(12.0, 12.01, 12.0, 14.0)], (12.0, 12.06)),
        ([(12.0, 12.01, 12.0, 14.0), (10.5, 10.6, 10.5, 11.0)], (12.0, 12.06)),  # the longest
        ([(5.0, 5.01, 5.0, 9.0)], (10, 14)),  # another one, before
        ([(9.98, 9.99, 9.99, 12.0)], (10, 10.04)),
    ],
)
def test_the_silence_narrows_the_fault(
    silences: list[tuple[float, ...]], expected: tuple[float, float]
) -> None:
    rows: Any = [dict(zip(("after", "first", "began", "ended"), row, strict=True)) for row in silences]
    narrow = FlowLedger({}, [], rows).narrowed(Instant(10, 14))
    assert (narrow.earliest, narrow.latest) == pytest.approx(expected)
