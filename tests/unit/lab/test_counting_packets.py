"""Counters on a node: real packets, a real nft and kernel, in a network namespace of its own."""

from __future__ import annotations

import ipaddress
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.counting import Counting, Statistics, Tunnel, mac, total, vip_table
from lab.runner import LocalRunner, Result

PEER = "02:00:00:00:00:99"
OTHER = "02:00:00:00:00:55"


class Namespace:
    """A lab whose node lb1 is a network namespace with a pair of interfaces, v0 and v1."""

    def __init__(self, pid: int) -> None:
        self.enter = ["nsenter", "-t", str(pid), "-n"]

    def runner(self, node: str) -> Namespace:
        """Lead to it."""
        assert node == "lb1"
        return self

    def shell(self, command: str, *, stdin: bytes = b"", timeout: float = 60.0) -> Result:
        """Run it there."""
        return LocalRunner().run(
            [*self.enter, "sh", "-c", command], stdin=stdin, timeout=timeout, check=False
        )

    def send(self, device: str, frame: bytes, count: int) -> None:
        """Send a frame out of an interface."""
        code = (
            "import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW);"
            "s.bind((sys.argv[1], 0));"
            "[s.send(bytes.fromhex(sys.argv[2])) for _ in range(int(sys.argv[3]))]"
        )
        argv = [*self.enter, sys.executable, "-c", code, device, frame.hex(), str(count)]
        LocalRunner().run(argv)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if os.getuid() != 0 or not all(map(shutil.which, ("nft", "unshare", "nsenter", "ip"))):
        pytest.skip("needs root, nft and iproute2")
    with subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()  # it is in its namespace now
        there = Namespace(holder.pid)
        links = "ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up"
        done = there.shell(links)
        if done.code != 0:
            holder.kill()
            pytest.skip(f"this kernel has no veth: {done.stderr}")
        yield there
        holder.kill()


def tcp(sport: int, dport: int) -> bytes:
    return struct.pack("!HHIIBBHHH", sport, dport, 0, 0, 0x50, 2, 1000, 0, 0)


def ip(source: str, target: str, payload: bytes, protocol: int = 6) -> bytes:
    one, other = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if one.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + one.packed + other.packed + payload
    head = (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
        + one.packed
        + other.packed
    )
    checksum = sum(struct.unpack("!10H", head))
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    return head[:10] + struct.pack("!H", ~checksum & 0xFFFF) + head[12:] + payload


def frame(packet: bytes, *, source: str = OTHER, target: str = OTHER) -> bytes:
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    return bytes.fromhex((target + source).replace(":", "")) + struct.pack("!H", kind) + packet


GRE = struct.pack("!HH", 0, 0x0800)
GUE = struct.pack("!HHHHI", 5000, 6080, 0, 0, 0x00040000)
V4, V6 = "192.0.2.10", "2001:db8::10"
REQUEST4, REQUEST6 = ip("198.51.100.7", V4, tcp(1024, 80)), ip("2001:db8:9::7", V6, tcp(1024, 80))


@pytest.mark.parametrize(
    ("tunnel", "device", "sent", "expected"),
    [
        (None, "v1", frame(REQUEST4), {"requests_in.192.0.2.10": 3}),
        (None, "v1", frame(REQUEST6), {"requests_in.2001-db8--10": 3}),
        (None, "v1", frame(ip("198.51.100.7", V4, tcp(1024, 81))), {}),  # another port
        (None, "v1", frame(ip("198.51.100.7", "192.0.2.11", tcp(1024, 80))), {}),  # another address
        (None, "v0", frame(REQUEST4), {"requests_out.192.0.2.10": 3}),
        (None, "v1", frame(ip(V4, "198.51.100.7", tcp(80, 1024))), {"answers_in.192.0.2.10": 3}),
        (None, "v0", frame(ip(V6, "2001:db8:9::7", tcp(80, 1024))), {"answers_out.2001-db8--10": 3}),
        (
            None,
            "v1",
            frame(REQUEST4, source=PEER),
            {"requests_in.192.0.2.10": 3, "from_peer.192.0.2.10": 3},
        ),
        (
            None,
            "v0",
            frame(REQUEST6, target=PEER),
            {"requests_out.2001-db8--10": 3, "to_peer.2001-db8--10": 3},
        ),
        (
            "ipip",
            "v1",
            frame(ip("192.0.2.1", "192.0.2.21", REQUEST4, 4), source=PEER),
            {"ipip_in": 3, "tunnelled_in.192.0.2.10": 3, "from_peer.192.0.2.10": 3},
        ),
        (
            "ipip",
            "v0",
            frame(ip("192.0.2.1", "192.0.2.21", REQUEST6, 41), target=PEER),
            {"ipip_out": 3, "tunnelled_out.2001-db8--10": 3, "to_peer.2001-db8--10": 3},
        ),
        (
            "ipip",
            "v1",
            frame(ip("fd00::1", "fd00::2", REQUEST6, 41)),
            {"ipip_in": 3, "tunnelled_in.2001-db8--10": 3},
        ),
        (
            "ipip",
            "v1",
            frame(ip("fd00::1", "fd00::2", REQUEST4, 4)),
            {"ipip_in": 3, "tunnelled_in.192.0.2.10": 3},
        ),
        (
            "gre",
            "v0",
            frame(ip("192.0.2.1", "192.0.2.21", GRE + REQUEST4, 47)),
            {"tunnelled_out.192.0.2.10": 3},
        ),
        (
            "gue",
            "v1",
            frame(ip("192.0.2.1", "192.0.2.21", GUE + REQUEST4, 17)),
            {"tunnelled_in.192.0.2.10": 3},
        ),
        ("gue", "v1", frame(ip("fd00::1", "fd00::2", GUE + REQUEST6, 17)), {"tunnelled_in.2001-db8--10": 3}),
    ],
    ids=lambda value: "frame" if isinstance(value, bytes) else None,
)
def test_real_packets_are_counted_as_what_they_are(
    namespace: Namespace,
    tunnel: Tunnel | None,
    device: str,
    sent: bytes,
    expected: dict[str, int],
) -> None:
    text = vip_table(["v0"], [V4, V6], ports=[80, 443], peers=[PEER], tunnel=tunnel, gue_port=6080)
    with Counting(namespace, "lb1", text) as counting:
        namespace.send(device, sent, 3)
        counts = counting.read()
    assert {name: count for name, count in counts.items() if count} == expected
    assert namespace.shell("nft list tables").stdout == ""


def test_counting_begins_anew_and_leaves_other_tables(namespace: Namespace) -> None:
    other = "table netdev other {\n\tcounter theirs { packets 9 bytes 9 }\n}\n"
    assert namespace.shell("nft -f -", stdin=other.encode()).code == 0
    text = vip_table(["v0", "v1"], [V4])
    Counting(namespace, "lb1", text).__enter__()  # one that was never left
    namespace.send("v1", frame(REQUEST4), 5)
    with Counting(namespace, "lb1", text) as counting:
        assert total(counting.read(), "requests_in") == 0
        namespace.send("v1", frame(REQUEST4), 2)
        counts = counting.read()
        assert (counts["requests_in.192.0.2.10"], counts["requests_out.192.0.2.10"]) == (2, 2)
        assert "theirs" not in counts
    assert namespace.shell("nft list tables").stdout == "table netdev other\n"


def test_the_kernels_statistics_of_real_packets(namespace: Namespace) -> None:
    with Statistics(namespace, "lb1") as statistics:
        namespace.send("v1", frame(REQUEST4), 50)
        counts = statistics.read()
    assert counts["v0.received"] >= 50
    assert counts["v1.sent"] >= 50
    address = mac(namespace, "lb1", "v0")
    assert address in namespace.shell("ip link show v0").stdout
