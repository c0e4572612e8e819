"""The packet filter: what directors and real servers drop, and what tracking is spared."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from .builders import Case
from .firewalled import (
    chains_of,
    elements,
    everything,
    rules_file,
    with_nat,
    with_tunnel,
    without_nft,
)


@pytest.mark.parametrize(
    ("ports", "forwarding", "tracked", "untracked", "answers"),
    [
        ([80], "nat", None, ["192.0.2.10 . 80"], ["80"]),
        ([21], "nat", ["192.0.2.10 . 21"], None, None),
        ([80], "masquerade", ["192.0.2.10 . 80"], None, None),
    ],
)
def test_what_ipvs_needs_tracked_is_tracked(
    ports: list[int],
    forwarding: str,
    tracked: list[str] | None,
    untracked: list[str] | None,
    answers: list[str] | None,
) -> None:
    case = with_nat(ports=ports)
    case.service["forwarding"] = forwarding
    case.document["firewall"] = {}
    chains = chains_of(case, "lb1")

    assert elements(chains, "tracked4_tcp") == tracked
    assert elements(chains, "untracked4_tcp") == untracked
    assert elements(chains, "answers_tcp") == answers
    assert any("@tracked4_tcp accept" in rule for rule in chains["raw"]) is bool(tracked)


def test_overlapping_ports_of_services_are_one_interval() -> None:
    case = Case()
    case.document["firewall"] = {}
    case.service["ports"] = ["80-90", 443]
    case.add_service("more", ports=["85-100"], mark=7)

    assert elements(chains_of(case, "lb1"), "untracked4_tcp") == [
        "192.0.2.10 . 80-100",
        "192.0.2.10 . 443",
    ]


def test_listed_ports_come_before_those_of_ftps_data() -> None:
    case = with_nat(ports=[21])
    case.document["firewall"] = {}
    case.add_service("more", ports=[8080])
    chains = chains_of(case, "lb1")

    assert elements(chains, "tracked_data4_tcp") == ["192.0.2.10 . 20", "192.0.2.10 . 1024-65535"]
    assert [rule.partition("@")[2] for rule in chains["raw"] if rule.startswith("ip daddr . ")] == [
        "untracked4_tcp notrack accept",
        "tracked4_tcp accept",
        "tracked_data4_tcp accept",
    ]


def filtered(**firewall: Any) -> Case:  # noqa: ANN401 - the document's
    """Direct routing with the packet filter."""
    case = Case()
    case.document["firewall"] = firewall
    return case


VRRP = [
    'iifname "eth0" ip saddr 192.0.2.12 ip ttl 255 meta l4proto 112 notrack accept',
    'iifname "eth0" meta l4proto 112 drop',
]
SERVICES = ["ip daddr . tcp dport @untracked4_tcp notrack accept"]
REST = [
    "ip daddr @vips4 meta l4proto icmp accept",
    "ip daddr @vips4 ip frag-off & 0x1fff != 0x0 accept",
    "ip daddr @vips4 drop",
]
SYNC = [
    'iifname "eth1" udp dport 8848 ip saddr 198.51.100.12 notrack accept',
    'iifname "eth1" udp dport 8848 drop',
]
FLOOD = (
    "ip daddr @vips4 tcp flags & (fin | syn | rst | ack) == syn update @flood4 "
    "{ ip saddr limit rate over 9/second burst 100 packets } drop"
)


@pytest.mark.parametrize(
    ("firewall", "expected"),
    [
        ({}, [*VRRP, *SERVICES, *REST, *SYNC]),
        ({"only_services": False}, [*VRRP, *SERVICES, *SYNC]),
        ({"flood": {"rate": 9}}, [*VRRP, FLOOD, *SERVICES, *REST, *SYNC]),
    ],
)
def test_the_packet_filter_of_a_director(firewall: dict[str, Any], expected: list[str]) -> None:
    chains = chains_of(filtered(**firewall), "lb1")

    assert chains["raw"] == expected
    assert chains["raw_output"] == [
        'oifname "eth0" meta l4proto 112 notrack',
        'oifname "eth1" ip daddr 224.0.0.81 udp dport 8848 notrack',
    ]


def test_the_packet_filter_of_a_real_server_leaves_tracking_to_it() -> None:
    chains = chains_of(filtered(), "web1")

    assert chains["raw"] == ["ip daddr . tcp dport @services4_tcp accept", *REST]
    assert list(chains) == ["sets", "raw"]


@pytest.mark.parametrize("forwarding", ["nat", "masquerade"])
def test_nothing_is_filtered_at_a_real_servers_own_address(forwarding: str) -> None:
    case = with_nat()
    case.service["forwarding"] = forwarding
    case.document["firewall"] = {}

    assert chains_of(case, "web1") == {}


@pytest.mark.parametrize(
    ("failover", "expected"),
    [
        (
            {"transport": "multicast"},
            'iifname "eth0" ip6 saddr fe80::/10 ip6 hoplimit 255 meta l4proto 112 notrack accept',
        ),
        ({}, 'iifname "eth0" ip6 saddr 2001:db8::12 ip6 hoplimit 255 meta l4proto 112 notrack accept'),
    ],
)
def test_adverts_over_ipv6(failover: dict[str, Any], expected: str) -> None:
    case = filtered()
    case.document["networks"]["front"]["subnets"] = ["2001:db8::/64"]
    case.document["failover"].update(failover)
    case.service["vips"] = ["2001:db8::10"]
    for number in (1, 2):
        case.hostvars[f"lb{number}"]["lvs_addresses"] = [f"2001:db8::1{number}", f"198.51.100.1{number}"]
        case.hostvars[f"web{number}"]["lvs_addresses"] = [f"2001:db8::2{number}"]

    assert chains_of(case, "lb1")["raw"][:2] == [expected, 'iifname "eth0" meta l4proto 112 drop']


def test_a_director_without_peers_takes_no_advert() -> None:
    case = filtered()
    case.groups["edge_directors"] = ["lb1"]

    assert chains_of(case, "lb1")["raw"][0] == 'iifname "eth0" meta l4proto 112 drop'


def test_those_that_retire_are_heard_until_they_are_gone() -> None:
    case = with_tunnel()
    case.document["firewall"] = {}
    case.add_host("lb9", "retired", lvs_addresses=["192.0.2.19"])

    assert "ip saddr { 192.0.2.12, 192.0.2.19 }" in chains_of(case, "lb1")["raw"][0]
    assert "192.0.2.19" in chains_of(case, "web1")["raw"][0]


@pytest.mark.parametrize(
    ("kind", "vip", "rip", "wrapped", "device"),
    [
        ("ipip", "192.0.2.10", "203.0.113.21", "meta l4proto 4", "tunl0"),
        ("ipip", "2001:db8::10", "203.0.113.21", "meta l4proto 41", "sit0"),
        ("ipip", "192.0.2.10", "2001:db8:f::21", "meta l4proto 4", "ip6tnl0"),
        ("gre", "192.0.2.10", "203.0.113.21", "meta l4proto 47", "gre0"),
        ("gue", "192.0.2.10", "203.0.113.21", "udp dport 6080", "tunl0"),
    ],
)
def test_tunnels_come_from_directors_and_lead_to_vips(
    kind: str, vip: str, rip: str, wrapped: str, device: str
) -> None:
    case = with_tunnel(kind, vip, rip)
    case.document["firewall"] = {}
    outer = "ip6" if ":" in rip else "ip"
    directors = (
        "{ 2001:db8::11, 2001:db8::12 }"
        if outer == "ip6"
        else "{ 192.0.2.11, 192.0.2.12, 198.51.100.11, 198.51.100.12 }"
    )

    assert chains_of(case, "web1")["raw"][:4] == [
        f"{outer} daddr {rip} {wrapped} {outer} saddr {directors} notrack accept",
        f"{outer} daddr {rip} {wrapped} drop",
        f'iifname "{device}" {outer} daddr {rip} drop',
        f'iifname "{device}" fib daddr type != local drop',
    ]
    assert f"{outer} daddr {rip} {wrapped} notrack" in chains_of(case, "lb1")["raw_output"]


@pytest.mark.parametrize("host", ["lb1", "web1", "far1", "app1"])
def test_neighbour_discovery_is_let_through_wherever_something_of_ipv6_is_dropped(host: str) -> None:
    rules = chains_of(everything(), host).get("raw", [])
    for place, rule in enumerate(rules):
        if rule == "ip6 daddr @vips6 drop":
            assert "ip6 daddr @vips6 meta l4proto icmpv6 accept" in rules[:place]
        elif rule.endswith(" drop") and "ip6" in rule and "@flood" not in rule:
            assert rule.startswith('iifname "') or " meta l4proto 41 " in rule


@pytest.mark.skipif(without_nft() is not None, reason=str(without_nft()))
@pytest.mark.parametrize("host", ["lb1", "lb2", "web1", "far1"])
def test_nft_loads_it_also_where_no_file_names_protocols(tmp_path: Path, host: str) -> None:
    file = tmp_path / "nftables.nft"
    file.write_text(rules_file(chains_of(everything(), host)))
    # Twice: the second time there is a table to replace.
    script = f"mount -t tmpfs tmpfs /etc; nft -c -f {file}; nft -f {file}; nft -f {file}; nft -s list ruleset"
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-euc", script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("table inet lvs_toolkit {")
