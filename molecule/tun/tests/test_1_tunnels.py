"""Tunnels through a router: where the devices are, the split, who sees the answers, and what fits through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import pytest

from lab import Lab
from lab.clients import Transfer, download, http_names, upload
from lab.counting import Counting, Tunnel, vip_table
from lab.directors import Directors
from lab.promise import Promise

VIPS: dict[Tunnel, list[str]] = {
    "ipip": ["192.0.2.10", "2001:db8:1::10"],
    "gue": ["192.0.2.20", "2001:db8:1::20"],
}
EVERY = [vip for vips in VIPS.values() for vip in vips]
GUE_PORT = 6080
WEIGHTS = {"web1": 2, "web2": 1}
ROUNDS = 8
REQUESTS = ROUNDS * sum(WEIGHTS.values())
DEVICES = ("tunl0", "ip6tnl0", "sit0", "gre0")

# 1500, less the outer IP header (20 or 40, and 8 + 4 of UDP and GUE), less IP and TCP header (40 or 60).
SEGMENTS = {
    "192.0.2.10": 1440,
    "2001:db8:1::10": 1400,
    "192.0.2.20": 1428,
    "2001:db8:1::20": 1388,
}
MEGABYTE = 1_000_000

Act = Callable[[Lab, str, str, int, int], Transfer]


class Seen(NamedTuple):
    """Answers by real server, for each VIP, and what the active director counted meanwhile."""

    servers: dict[str, Counter[str]]
    counts: dict[str, int]


@pytest.fixture(scope="module")
def seen(lab: Lab, directors: Directors, promise: Promise) -> Seen:
    active = directors.active()
    servers: dict[str, Counter[str]] = {}
    counts: dict[str, int] = {}
    for tunnel, vips in VIPS.items():
        port = GUE_PORT if tunnel == "gue" else None
        table = vip_table(["eth0"], vips, ports=[80], tunnel=tunnel, gue_port=port)
        with Counting(lab, active, table) as counting:
            servers |= {vip: http_names(lab, promise.client, vip, 80, REQUESTS) for vip in vips}
            counts |= counting.read()
    return Seen(servers, counts)


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_real_servers_have_the_vips_on_their_tunnels_ends(lab: Lab, name: str) -> None:
    listing = lab.run(
        name, "ip -brief address show dev tunl0; ip -brief address show dev ip6tnl0", check=True
    )
    ipip, ip6tnl = listing.stdout.splitlines()
    assert {f"{vip}/32" for vip in EVERY if ":" not in vip} <= set(ipip.split()), "IPv4 VIPs are on tunl0"
    assert {f"{vip}/128" for vip in EVERY if ":" in vip} <= set(ip6tnl.split()), "IPv6 VIPs are on ip6tnl0"
    receivers = lab.run(name, "ip fou show", check=True).stdout.splitlines()
    assert len([line for line in receivers if f"port {GUE_PORT} gue" in line]) == 2, "GUE in both families"


@pytest.mark.parametrize("name", ["lb1", "lb2"])
def test_directors_have_no_tunnels(lab: Lab, name: str) -> None:
    """A namespace may have the devices as soon as the kernel has the modules: they are down, and bare."""
    links = lab.run(name, "ip -brief link show up; ip fou show 2>/dev/null || true", check=True).stdout
    up = [device for device in DEVICES if f"\n{device}" in f"\n{links}"]
    assert up == [], "no tunnel device is up on a director"
    assert f"port {GUE_PORT}" not in links, "no director unwraps GUE"


@pytest.mark.parametrize("vip", EVERY)
def test_client_sees_the_promised_split(seen: Seen, vip: str) -> None:
    assert seen.servers[vip] == {name: weight * ROUNDS for name, weight in WEIGHTS.items()}


@pytest.mark.parametrize("vip", EVERY)
def test_director_wraps_requests_and_never_sees_an_answer(seen: Seen, vip: str) -> None:
    found = {name.split(".", 1)[0]: count for name, count in seen.counts.items() if _is_of(name, vip)}
    assert found["requests_in"] >= REQUESTS, "each request has come to the director"
    assert found["tunnelled_out"] >= REQUESTS, "and has left it inside a tunnel"
    assert found["requests_out"] == 0, "none has left it in another way"
    assert (found["answers_in"], found["answers_out"]) == (0, 0), "answers go past the director"


def _is_of(name: str, vip: str) -> bool:
    return name.endswith("." + vip.replace(":", "-"))


@pytest.mark.parametrize("act", [download, upload])
@pytest.mark.parametrize("vip", EVERY)
def test_a_megabyte_passes_with_icmp_blocked(lab: Lab, promise: Promise, vip: str, act: Act) -> None:
    """The router tells nobody of packets that are too large: the segments must fit from the beginning."""
    transfer = act(lab, promise.client, vip, 80, MEGABYTE)
    assert transfer.size == MEGABYTE
    # TCP_MAXSEG is what is left of it beside the timestamps' 12 bytes (RFC 7323), where they are in use.
    most = SEGMENTS[vip]
    assert most - 12 <= transfer.mss <= most, "segments are as large as fits into the tunnel, and no larger"
