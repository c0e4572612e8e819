"""Every mode as a client sees it, in both families, and the way that packets take meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from lab import Lab
from lab.clients import http_names
from lab.counting import Counting, vip_table
from lab.directors import Directors
from lab.promise import Promise

BACK = {"web3": 3, "web4": 1}
FRONT = {"web1": 2, "web2": 1}
# VIP, port, mode, and the weights of its real servers.
SERVICES = [
    ("192.0.2.10", 8080, "nat", BACK),
    ("2001:db8:1::10", 8080, "nat", BACK),
    ("192.0.2.20", 8080, "masquerade", FRONT),
    ("2001:db8:1::20", 8080, "masquerade", FRONT),
    ("192.0.2.30", 80, "dr", FRONT),
    ("2001:db8:1::30", 80, "dr", FRONT),
]
REQUESTS = 24  # whole rounds of 3 and of 4
ADDRESSES = {
    "client": ("192.0.2.101", "2001:db8:1::101"),
    "web1": ("192.0.2.21", "2001:db8:1::21"),
    "web3": ("203.0.113.23", "2001:db8:2::23"),
}
MARKED_VIPS = ["192.0.2.40", "192.0.2.50", "192.0.2.60"]
EVERY_VIP = [*(vip for vip, *_ in SERVICES), *MARKED_VIPS]
CHAINS = {
    "lb1": {"raw", "marks", "forward", "raw_output", "sources"},
    "lb2": {"raw", "marks", "forward", "raw_output", "sources"},
    "web1": {"raw"},
    "web2": {"raw"},
    "web3": set(),
    "web4": set(),
}


class Seen(NamedTuple):
    """Answers by real server, for each VIP; what the active director counted; who asked RIPs."""

    servers: dict[str, Counter[str]]
    director: dict[str, int]
    asked: dict[str, dict[str, int]]


def asked_by_client(server: str) -> str:
    """Write a table that counts what comes from the client itself to a real server's own address."""
    rules = [
        f"{family} saddr {source} {family} daddr {rip} tcp dport 80 counter name {family}_client"
        for family, source, rip in zip(("ip", "ip6"), ADDRESSES["client"], ADDRESSES[server], strict=True)
    ]
    head = "type filter hook prerouting priority -500; policy accept;"
    counters = "counter ip_client { }\ncounter ip6_client { }"
    return f"table inet lab_count {{\n{counters}\nchain asked {{\n{head}\n" + "\n".join(rules) + "\n}\n}\n"


def vips_held(lab: Lab, name: str) -> set[tuple[str, str]]:
    """Which VIPs a host has, each with its interface."""
    lines = [line.split() for line in lab.run(name, "ip -o address", check=True).stdout.splitlines()]
    return {(words[3].split("/")[0], words[1]) for words in lines if words[3].split("/")[0] in EVERY_VIP}


@pytest.fixture(scope="module")
def seen(lab: Lab, directors: Directors, promise: Promise) -> Seen:
    ports = sorted({port for _, port, *_ in SERVICES})
    table = vip_table(["eth0", "eth2"], [vip for vip, *_ in SERVICES], ports=ports)
    with ExitStack() as stack:
        on_director = stack.enter_context(Counting(lab, directors.active(), table))
        on_servers = {
            name: stack.enter_context(Counting(lab, name, asked_by_client(name))) for name in ("web1", "web3")
        }
        servers = {vip: http_names(lab, promise.client, vip, port, REQUESTS) for vip, port, *_ in SERVICES}
        asked = {name: one.read() for name, one in on_servers.items()}
        return Seen(servers, on_director.read(), asked)


@pytest.mark.parametrize(("vip", "weights"), [(vip, weights) for vip, _, _, weights in SERVICES])
def test_client_sees_the_promised_split(seen: Seen, vip: str, weights: dict[str, int]) -> None:
    rounds = REQUESTS // sum(weights.values())
    assert seen.servers[vip] == {name: weight * rounds for name, weight in weights.items()}


@pytest.mark.parametrize(("vip", "mode"), [(vip, mode) for vip, _, mode, _ in SERVICES])
def test_answers_take_the_way_of_the_mode(seen: Seen, vip: str, mode: str) -> None:
    counts = {
        what: seen.director[f"{what}.{vip}".replace(":", "-")]
        for what in ("requests_in", "requests_out", "answers_in", "answers_out")
    }
    assert counts["requests_in"] >= REQUESTS, "each request comes to the director"
    if mode == "dr":
        assert counts["requests_out"] >= REQUESTS, "which sends it on as it is"
        assert (counts["answers_in"], counts["answers_out"]) == (0, 0), "and never sees an answer"
    else:
        assert counts["requests_out"] == 0, "which sends it on under the real server's address"
        assert counts["answers_out"] >= REQUESTS, "and gives the answer to the client as the VIP's"


def test_only_masquerading_hides_the_client(seen: Seen) -> None:
    assert seen.asked["web1"] == {"ip_client": 0, "ip6_client": 0}, "masquerade: the client is the director"
    assert min(seen.asked["web3"].values()) >= REQUESTS // 2, "NAT: the real server sees the client"


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_masquerading_changes_nothing_on_a_real_server(lab: Lab, name: str) -> None:
    """They serve under direct routing too: those VIPs are theirs, and no others."""
    expected = {vip for vip, _, mode, _ in SERVICES if mode == "dr"} | set(MARKED_VIPS)
    assert vips_held(lab, name) == {(vip, "lo") for vip in expected}
    assert " lookup 8840" not in lab.run(name, "ip rule; ip -6 rule", check=True).stdout, "no rule of ours"


@pytest.mark.parametrize(("name", "rip", "rip6"), [("web3", *ADDRESSES["web3"])])
def test_only_answers_of_services_go_through_the_gateway(lab: Lab, name: str, rip: str, rip6: str) -> None:
    assert vips_held(lab, name) == set(), "a real server behind NAT has no VIP"
    client, client6 = ADDRESSES["client"]

    def way(family: int, to: str, source: str, port: int) -> str:
        # Without another way out the kernel says so: that is not through the gateway either.
        command = f"ip -{family} route get {to} from {source} ipproto 6 sport {port} dport 40000"
        return lab.run(name, f"{command} 2>&1 || true").stdout

    assert "via 2001:db8:2::10 " in way(6, client6, rip6, 80), "the service's answers pass the director"
    assert "via 203.0.113.10 " in way(4, client, rip, 80), "the service's answers pass the director"
    assert "2001:db8:2::10 " not in way(6, client6, rip6, 22), "those of ssh keep their way"
    # FTP's data connections have any port: here all packets go there, but for those to the own subnet.
    beside = way(4, "203.0.113.99", rip, 22)
    assert "203.0.113.99" in beside and " via " not in beside, "ssh on the own subnet keeps its way"


@pytest.mark.parametrize(("name", "chains"), CHAINS.items())
def test_tables_are_loaded(lab: Lab, name: str, chains: set[str]) -> None:
    listed = lab.run(name, ["nft", "list", "table", "inet", "lvs_toolkit"]).stdout
    found = {line.split()[1] for line in listed.splitlines() if line.startswith("\tchain ")}
    assert found == chains
    assert (" drop" in listed) == bool(chains), "a filter drops something"


def test_other_ports_of_vips_are_silent(knock: Callable[..., dict[tuple[str, int], str]]) -> None:
    """Without the filter the director, or a real server, would refuse: it would say that it is there."""
    closed = [(vip, port) for vip in EVERY_VIP for port in (22, 81)]
    said = knock([*closed, ("192.0.2.10", 8080)])
    assert said.pop(("192.0.2.10", 8080)) == "open", "what is a service answers"
    assert said == dict.fromkeys(closed, "silent")
