"""Two active directors that are real servers too: who owns what, who answers, and no ping-pong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from lab import Lab
from lab.clients import http_names
from lab.counting import Counting, mac, ping_pong, total, vip_table
from lab.promise import Promise

DIRECT, DIRECT6, TUNNELLED = VIPS = ("192.0.2.10", "2001:db8:1::10", "192.0.2.20")
DIRECTORS = ("lb1", "lb2")
SERVERS = ("lb1", "lb2", "web1")
ROUNDS = 10
REQUESTS = ROUNDS * len(SERVERS)
PEER = {"lb1": "lb2", "lb2": "lb1"}

# Asks for each address by a broadcast of ARP (RFC 826), and tells the MACs of all that answer within 2 s.
WHO_HAS = """
import json, socket, struct, sys, time
device, own, *vips = sys.argv[1:]
found = {vip: [] for vip in vips}
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as sock:
    sock.bind((device, 0x0806))
    sock.settimeout(0.2)
    mac = sock.getsockname()[4]
    for vip in vips:
        head = bytes([255] * 6) + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
        sock.send(head + mac + socket.inet_aton(own) + bytes(6) + socket.inet_aton(vip))
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            frame = sock.recv(2048)
        except TimeoutError:
            continue
        vip = socket.inet_ntoa(frame[28:32])
        if frame[20:22] == bytes([0, 2]) and vip in found:
            found[vip].append(frame[22:28].hex(":"))
print(json.dumps(found))
"""

Owners = Callable[..., list[str]]


class Seen(NamedTuple):
    """Who owned each VIP, its answers by real server, and what each director counted."""

    owner: dict[str, str]
    servers: dict[str, Counter[str]]
    counts: dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def macs(lab: Lab) -> dict[str, str]:
    return {name: mac(lab, name, "eth0") for name in DIRECTORS}


@pytest.fixture(scope="module")
def seen(lab: Lab, promise: Promise, owners: Owners, macs: dict[str, str]) -> Seen:
    owner = {}
    for vip in VIPS:
        (owner[vip],) = owners(vip)
    with ExitStack() as stack:
        counting = {
            name: stack.enter_context(
                Counting(
                    lab,
                    name,
                    vip_table(["eth0"], VIPS, ports=[80], peers=[macs[PEER[name]]], tunnel="ipip"),
                )
            )
            for name in DIRECTORS
        }
        servers = {vip: http_names(lab, promise.client, vip, 80, REQUESTS) for vip in VIPS}
        counts = {name: one.read() for name, one in counting.items()}
    return Seen(owner, servers, counts)


def test_each_director_owns_its_half(seen: Seen) -> None:
    assert seen.owner[DIRECT] == seen.owner[DIRECT6], "VIPs of one instance move together"
    assert seen.owner[TUNNELLED] == PEER[seen.owner[DIRECT]], "both directors are active"


@pytest.mark.parametrize("vip", VIPS)
def test_every_real_server_answers_its_part(seen: Seen, vip: str) -> None:
    assert seen.servers[vip] == dict.fromkeys(SERVERS, ROUNDS), "directors serve like the others"


@pytest.mark.parametrize("vip", VIPS)
def test_no_packet_goes_back_to_the_director_it_came_from(seen: Seen, vip: str) -> None:
    owner, peer = seen.owner[vip], PEER[seen.owner[vip]]
    assert {name: ping_pong(seen.counts[name])[vip] for name in DIRECTORS} == dict.fromkeys(DIRECTORS, 0)
    sent, got = _of(seen, owner, "to_peer", vip), _of(seen, peer, "from_peer", vip)
    assert sent >= ROUNDS, "the owner sends the other director its part"
    assert got >= ROUNDS, "which gets it"
    back = _of(seen, owner, "from_peer", vip), _of(seen, peer, "to_peer", vip)
    assert back == (0, 0), "and sends none of it back"


def test_tunnelled_requests_leave_in_tunnels_only(seen: Seen) -> None:
    owner = seen.owner[TUNNELLED]
    assert _of(seen, owner, "tunnelled_out", TUNNELLED) >= ROUNDS * 2, "to the two other real servers"
    assert _of(seen, owner, "requests_out", TUNNELLED) == 0, "none leaves unwrapped"


@pytest.mark.parametrize("name", DIRECTORS)
def test_a_director_sees_nobody_elses_answers(seen: Seen, name: str) -> None:
    assert total(seen.counts[name], "requests_in") >= REQUESTS, "the counters work"
    assert total(seen.counts[name], "answers_in") == 0, "each real server answers the client itself"


def test_nobody_but_the_owner_answers_for_a_vip(
    lab: Lab, promise: Promise, seen: Seen, macs: dict[str, str]
) -> None:
    vips = [vip for vip in VIPS if ":" not in vip]
    asked = ["python3", "-c", WHO_HAS, "eth0", "192.0.2.101", *vips]
    answers = json.loads(lab.run(promise.client, asked, check=True).stdout)
    assert {vip: set(answers[vip]) for vip in vips} == {vip: {macs[seen.owner[vip]]} for vip in vips}


def _of(seen: Seen, director: str, what: str, vip: str) -> int:
    return seen.counts[director][f"{what}.{vip}".replace(":", "-")]
