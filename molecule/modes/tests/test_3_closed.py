"""What a client must not: come into networks behind the directors, or have a say in the election."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from lab import Lab
from lab.counting import Counting
from lab.directors import Directors
from lab.promise import Promise

CLIENT, CLIENT6 = "192.0.2.101", "2001:db8:1::101"
DIRECTORS = {
    "lb1": ("192.0.2.11", "2001:db8:1::11", "198.51.100.11"),
    "lb2": ("192.0.2.12", "2001:db8:1::12", "198.51.100.12"),
}
BEHIND, BEHIND6 = "203.0.113.23", "2001:db8:2::23"
CONFIGURATION = "/etc/keepalived/keepalived.conf"
ADVERTS = 20

# VRRP version 3 (RFC 5798, 5.1): an owner's priority, an advert a second; the checksum has a pseudo-header.
FORGE = """
import socket, struct, sys, time
source, target, router, address, count = sys.argv[1:]
head = struct.pack("!BBBBH", 0x31, int(router), 255, 1, 100)
ends = socket.inet_aton(source) + socket.inet_aton(target)
body = socket.inet_aton(address)
data = ends + struct.pack("!HH", 112, len(head) + 2 + len(body)) + head + body
total = sum(struct.unpack(f"!{len(data) // 2}H", data))
while total >> 16:
    total = (total >> 16) + (total & 0xFFFF)
with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as sock:
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    sock.bind((source, 0))
    for _ in range(int(count)):
        sock.sendto(head + struct.pack("!H", ~total & 0xFFFF) + body, (target, 0))
        time.sleep(0.1)
"""


def table(chains: dict[str, list[str]]) -> str:
    """Write a counting table: for each hook, before (or, leaving, behind) everybody else, what is counted."""
    text = ""
    for hook, matches in chains.items():
        priority = 500 if hook == "postrouting" else -500
        rules = "\n".join(f"{match} counter name at_{hook}" for match in matches)
        text += f"counter at_{hook} {{ }}\nchain on_{hook} {{\n"
        text += f"type filter hook {hook} priority {priority}; policy accept;\n{rules}\n}}\n"
    return f"table inet lab_count {{\n{text}}}\n"


@pytest.fixture
def active(directors: Directors) -> str:
    return directors.active()


@pytest.fixture
def routed(lab: Lab, promise: Promise, active: str) -> Iterator[None]:
    """The client takes the active director for its router to the networks behind it."""
    own, own6, _ = DIRECTORS[active]
    routes = [f"-4 route %s 203.0.113.0/24 via {own}", f"-4 route %s 198.51.100.0/24 via {own}"]
    routes.append(f"-6 route %s 2001:db8:2::/64 via {own6}")

    def change(verb: str) -> None:
        lab.run(promise.client, " && ".join(f"ip {route % verb}" for route in routes), check=True)

    change("replace")
    yield
    change("delete")


@pytest.mark.usefixtures("routed")
def test_directors_route_nobody_into_networks_behind_them(
    lab: Lab, promise: Promise, active: str, knock: Callable[..., dict[tuple[str, int], str]]
) -> None:
    (standby,) = set(promise.directors) - {active}
    targets = [(BEHIND, 80), (BEHIND6, 80), (DIRECTORS[standby][2], 22)]
    matches = [
        f"ip saddr {CLIENT} ip daddr {{ {BEHIND}, {DIRECTORS[standby][2]} }}",
        f"ip6 saddr {CLIENT6} ip6 daddr {BEHIND6}",
    ]
    with Counting(lab, active, table({"prerouting": matches, "postrouting": matches})) as counting:
        said = knock(targets)
        counts = counting.read()
    assert counts["at_prerouting"] >= len(targets), "the director was asked to route"
    assert counts["at_postrouting"] == 0, "it did not"
    assert said == dict.fromkeys(targets, "silent")


def test_a_forged_advert_does_not_depose_the_owner(
    lab: Lab, directors: Directors, promise: Promise, active: str
) -> None:
    """It has the highest priority, the right router ID, address and TTL: only its sender is wrong."""
    configuration = lab.run(active, ["cat", CONFIGURATION], check=True).stdout
    (router,) = set(re.findall(r"virtual_router_id (\d+)", configuration))
    (address,) = re.findall(r"virtual_ipaddress \{\s+([\d.]+)/32", configuration)
    target = DIRECTORS[active][0]
    adverts = [f"ip saddr {CLIENT} meta l4proto 112"]
    before = resignations(lab, active)
    with Counting(lab, active, table({"prerouting": adverts, "input": adverts})) as counting:
        forged = ["python3", "-c", FORGE, CLIENT, target, router, address, str(ADVERTS)]
        lab.run(promise.client, forged, check=True)
        counts = counting.read()
    assert counts["at_prerouting"] == ADVERTS, "they came, and"
    assert counts["at_input"] == 0, "were dropped before keepalived"
    assert directors.active() == active, "the owner stays"
    assert resignations(lab, active) == before, "and has not been anything else in between"


def resignations(lab: Lab, director: str) -> int:
    """How often keepalived has become a backup, as its journal says."""
    count = "journalctl --unit=keepalived --output=cat | grep -c 'Entering BACKUP' || true"
    return int(lab.run(director, count, check=True).stdout)
