"""VRRP adverts: the packets, and real ones between two network namespaces."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from module_utils import lvs_adverts
from module_utils.lvs_adverts import ETH_P_IP, ETH_P_IPV6

ROOT = Path(__file__).parents[3]


def four(advert: bytes, *, protocol: int = 112, options: bytes = b"", source: str = "192.0.2.12") -> bytes:
    """An IPv4 packet, as far as it is read."""
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | words,
        0,
        words * 4 + len(advert),
        0,
        0,
        255,
        protocol,
        0,
        socket.inet_aton(source),
        socket.inet_aton("224.0.0.18"),
    )
    return head + options + advert


def six(advert: bytes, *, protocol: int = 112) -> bytes:
    """An IPv6 packet likewise."""
    ends = socket.inet_pton(socket.AF_INET6, "fe80::12") + socket.inet_pton(socket.AF_INET6, "ff02::12")
    return struct.pack("!IHBB", 6 << 28, len(advert), protocol, 255) + ends + advert


ADVERT = bytes([0x31, 51, 150, 1, 0, 100, 0, 0]) + bytes([192, 0, 2, 10])


@pytest.mark.parametrize(
    ("kind", "packet", "read"),
    [
        (ETH_P_IP, four(ADVERT), ("192.0.2.12", 51, 3, 150)),
        (ETH_P_IP, four(ADVERT, options=b"\x94\x04\x00\x00"), ("192.0.2.12", 51, 3, 150)),
        (ETH_P_IP, four(b"\x21\xff\x00\x01"), ("192.0.2.12", 255, 2, 0)),
        (ETH_P_IPV6, six(ADVERT), ("fe80::12", 51, 3, 150)),
        # Another protocol, another type of VRRP, and what is cut off.
        (ETH_P_IP, four(ADVERT, protocol=6), None),
        (ETH_P_IPV6, six(ADVERT, protocol=17), None),
        (ETH_P_IP, four(b"\x32\x33\x96\x01"), None),
        (ETH_P_IP, four(b"\x31\x33"), None),
        (ETH_P_IP, b"\x45" + bytes(18), None),
        (ETH_P_IPV6, b"", None),
    ],
)
def test_packets(kind: int, packet: bytes, read: tuple[str, int, int, int] | None) -> None:
    assert lvs_adverts.parse(kind, packet) == read


def test_an_interface_that_is_not_there_is_a_problem_and_no_reason_to_wait() -> None:
    problems: list[str] = []
    begin = time.monotonic()
    assert lvs_adverts.Listener(["no-such0"], problems).heard(begin + 20) == []
    assert time.monotonic() - begin < 10
    (problem,) = problems
    # Without privileges the first thing that fails is the socket.
    assert problem.startswith("VRRP adverts on no-such0: ")


def test_nothing_to_listen_to_takes_no_time() -> None:
    problems: list[str] = []
    begin = time.monotonic()
    assert lvs_adverts.Listener([], problems).heard(begin + 20) == []
    assert (problems, time.monotonic() - begin < 10) == ([], True)


# Two ends of a cable: b sends, a listens.
WIRE = """
set -eu
ip link add wire-a type veth peer name wire-b
ip link set wire-a address 02:00:00:00:00:0a
ip link set wire-b address 02:00:00:00:00:0b
ip link set wire-a up; ip link set wire-b up
exec "$0" -c '
import json, socket, sys, time
from module_utils.lvs_adverts import GROUPS, Listener
packets = json.loads(sys.argv[1])
problems = []
listener = Listener(["wire-a"], problems)
for device, kind, text in packets:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((device, 0))
    head = GROUPS[kind] + sock.getsockname()[4] + kind.to_bytes(2, "big")
    sock.send(head + bytes.fromhex(text))
print(json.dumps([problems, listener.heard(time.monotonic() + 0.3)]))' "$1"
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare")
def test_real_adverts_are_heard_and_nothing_else() -> None:
    later = bytes([0x31, 51, 90, 1])
    packets = [
        ("wire-b", ETH_P_IP, four(ADVERT)),
        ("wire-b", ETH_P_IP, four(later)),
        ("wire-b", ETH_P_IP, four(ADVERT, source="192.0.2.66")),
        ("wire-b", ETH_P_IP, four(ADVERT, protocol=17)),
        ("wire-b", ETH_P_IPV6, six(ADVERT)),
        ("wire-a", ETH_P_IP, four(ADVERT, source="192.0.2.11")),  # the node's own
    ]
    arguments = json.dumps([(device, kind, packet.hex()) for device, kind, packet in packets])
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", WIRE, sys.executable, arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    problems, heard = json.loads(done.stdout)
    common = {"interface": "wire-a", "mac": "02:00:00:00:00:0b", "router_id": 51, "version": 3}
    assert problems == []
    assert heard == [
        {"source": "192.0.2.12", "priority": 90} | common,
        {"source": "192.0.2.66", "priority": 150} | common,
        {"source": "fe80::12", "priority": 150} | common,
    ]
