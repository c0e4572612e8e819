"""The data path benchmark's machines, without the lab: programs, commands, and what proves a way."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench.datapath import read_round
from bench.datapath_nodes import (
    CLIENT,
    DIRECTOR,
    HAPROXY,
    INVENTORY,
    SERVER,
    WAYS,
    ask,
    counters,
    director_commands,
    prove,
    server_commands,
    set_up,
)
from bench.on_nodes.asking import idle_seconds, measured
from bench.processes import ROOT, FailedError
from lab.inventory import load
from lab.runner import Result
from tests.unit.benchmarks.nodes import SHOWN, Node


def test_idle_time_is_that_of_all_processors() -> None:
    tick = 1 / os.sysconf("SC_CLK_TCK")
    text = "cpu  10 0 20 300 40 0 5 0 0 0\ncpu0 5 0 10 150 20 0 0\ncpu1 5 0 10 150 20 0 5\nctxt 99\n"
    idle, processors = idle_seconds(text)
    assert idle == pytest.approx(340 * tick)
    assert processors == 2


def test_busy_is_the_work_of_any_process() -> None:
    # A child's work, as a director's would be: more than its own CPU seconds can never be missing.
    work = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    window = measured(lambda: subprocess.run([sys.executable, "-c", work], check=True))
    assert window["busy"] > 0.4
    assert window["seconds"] >= 0.5


@pytest.fixture
def port() -> Iterator[int]:
    """The port of on_nodes/answering.py here; in systemd's place a socket waits for its word."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = int(free.getsockname()[1])
    program = str(ROOT / "bench" / "on_nodes" / "answering.py")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        place = f"/tmp/lvs-bench-{os.getpid()}"  # noqa: S108 - pytest's own folders can be too long for a socket
        systemd.bind(place)
        systemd.settimeout(20)
        process = subprocess.Popen(
            [sys.executable, program, "127.0.0.1", str(number)], env={**os.environ, "NOTIFY_SOCKET": place}
        )
        try:
            assert systemd.recv(100) == b"READY=1"
            yield number
        finally:
            process.kill()
            process.wait()
            Path(place).unlink()


def _asking(port: int, line: str) -> subprocess.CompletedProcess[str]:
    options = {"port": port, "requests": 20, "warm_up": 1, "idle_s": 0.1, "ways": [["dr", "127.0.0.1", line]]}
    program = str(ROOT / "bench" / "on_nodes" / "asking.py")
    return subprocess.run(
        [sys.executable, program, json.dumps(options)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_programs_of_the_nodes_understand_each_other(port: int) -> None:
    done = _asking(port, "127.0.0.1 127.0.0.1")
    assert done.returncode == 0, done.stderr
    found = read_round(json.loads(done.stdout))
    assert set(found.ways) == {"dr"}
    assert found.idle.seconds >= 0.1
    assert found.ways["dr"].seconds > 0


def test_an_answer_by_another_way_ends_the_round(port: int) -> None:
    done = _asking(port, "192.0.2.40 127.0.0.1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"dr: 127.0.0.1 port {port}: answered b'127.0.0.1 127.0.0.1\\n")


def test_a_server_that_is_not_there_ends_the_round() -> None:
    done = _asking(1, "127.0.0.1 127.0.0.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dr: 127.0.0.1 port 1: ")
    assert "refused" in done.stderr


def test_the_inventory_has_the_addresses_of_the_ways() -> None:
    nodes = {node.name: node for node in load(INVENTORY).nodes}
    assert set(nodes) == {CLIENT, DIRECTOR, SERVER}
    own = {
        name: {str(a) for place in node.attachments for a in place.addresses} for name, node in nodes.items()
    }
    assert {WAYS["direct"].address, WAYS["nat"].local} == own[SERVER]
    subnets = {name: {a.rpartition(".")[0] for a in found} for name, found in own.items()}
    assert WAYS["routing"].address.rpartition(".")[0] in subnets[SERVER] - subnets[CLIENT], "by the director"
    assert {way.peer for name, way in WAYS.items() if name != "haproxy"} == own[CLIENT]
    assert WAYS["haproxy"].peer in own[DIRECTOR]
    vips = {way.address for way in WAYS.values()} - own[SERVER]
    assert not vips & {address for several in own.values() for address in several}
    # The way to the server's far address leads through the director, and no other one does.
    assert [(str(route.to), str(route.via) in own[DIRECTOR]) for route in nodes[CLIENT].settings.routes] == [
        ("203.0.113.0/24", True)
    ]
    assert {address.rpartition(".")[0] for address in own[CLIENT]} == {"192.0.2"}


@pytest.mark.parametrize("script", [server_commands(), director_commands()], ids=["server", "director"])
def test_commands_are_shell(script: str) -> None:
    done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("mode", "method"), [("dr", "--gatewaying"), ("tun", "--ipip"), ("nat", "--masquerading")]
)
def test_the_director_has_each_mode_once(mode: str, method: str) -> None:
    lines = [line for line in director_commands().splitlines() if method in line]
    assert len(lines) == 1
    assert f"{WAYS[mode].address}:7000" in lines[0]


def test_haproxy_balances_tcp() -> None:
    assert "mode tcp" in HAPROXY
    assert f"bind {WAYS['haproxy'].address}:7000" in HAPROXY


def test_counters_of_services_not_of_servers() -> None:
    assert counters(SHOWN.format(nat=2240, nat_out=1600, dr_out=0)) == {
        "192.0.2.30:7000": (2240, 1600),
        "192.0.2.40:7000": (2240, 0),
        "192.0.2.50:7000": (2240, 0),
    }


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        (
            {"nat": 84, "nat_out": 60, "dr_out": 0},
            "nat: IPVS saw 84 packets to 192.0.2.30:7000, too few for 300",
        ),
        ({"nat": 2240, "nat_out": 0, "dr_out": 0}, "nat: IPVS saw 0 packets of answers"),
        ({"nat": 2240, "nat_out": 1600, "dr_out": 7}, "dr: IPVS saw 7 packets of answers"),
        (None, "dr: IPVS saw 0 packets"),
    ],
)
def test_a_mode_that_was_another_way_is_refused(counted: dict[str, int] | None, said: str) -> None:
    with pytest.raises(FailedError, match=said):
        prove(Node(SHOWN.format(**counted) if counted else ""), 300)


def test_modes_that_were_as_named_are_accepted() -> None:
    prove(Node(SHOWN.format(nat=2240, nat_out=1600, dr_out=0)), 300)


class _Recording(Node):
    """A node that also remembers what it was told."""

    said: tuple[Sequence[str], bytes]

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, check: bool = True
    ) -> Result:
        self.said = argv, stdin
        return super().run(argv)


@pytest.mark.parametrize(("said", "left_out"), [("", set()), ("no-haproxy-here\n", {"haproxy"})])
def test_a_processor_that_cannot_run_haproxy_leaves_the_other_ways(said: str, left_out: set[str]) -> None:
    assert set(set_up(Node(""), Node(said))) == WAYS.keys() - left_out


def test_the_client_is_sent_the_program_and_the_ways_in_their_order() -> None:
    client = _Recording("{}")
    ask(client, ["tun", "haproxy"], 70)
    argv, source = client.said
    options = json.loads(argv[-1])
    assert options["requests"] == 70
    # By HAProxy the real server sees the director's address, by TUN the client's own at the VIP.
    assert options["ways"] == [
        ["tun", "192.0.2.50", "192.0.2.50 192.0.2.101"],
        ["haproxy", "192.0.2.60", "203.0.113.21 203.0.113.11"],
    ]
    assert source == (ROOT / "bench" / "on_nodes" / "asking.py").read_bytes()
