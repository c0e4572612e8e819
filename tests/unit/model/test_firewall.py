"""Rules of nft on directors and real servers: what each mode and role asks for, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.components.firewall import merge_chains

from .builders import Case
from .firewalled import chains_of, elements, with_nat, with_tunnel

# Of a director that routes: the network of the sync is nobody else's.
PRIVATE = 'iifname != "eth1" oifname "eth1" drop'


@pytest.mark.parametrize("host", ["lb1", "web1"])
def test_direct_routing_without_a_filter_needs_no_rule(host: str) -> None:
    assert chains_of(Case(), host) == {}


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([80, 443], ["tcp dport { 80, 443 }"]),
        (["554/tcp", "6970-6999/udp"], ["tcp dport { 554 }", "udp dport { 6970-6999 }"]),
        ("all", ["meta l4proto tcp"]),
    ],
)
def test_marks(ports: object, expected: list[str]) -> None:
    case = Case()
    case.service.update(mark=7, ports=ports, persistence=30)

    assert chains_of(case, "lb1") == {
        "mark": [f'ip daddr {{ 192.0.2.10 }} {one} meta mark set 7 comment "www"' for one in expected]
    }
    assert chains_of(case, "web1") == {}


def test_a_director_that_serves_marks_only_what_is_for_its_own_vips() -> None:
    case = Case()
    case.groups["edge_web"].append("lb2")
    (rule,) = chains_of(case, "lb1")["mark"]

    assert rule.startswith(
        "ip daddr { 192.0.2.10 } fib daddr . iif type local tcp dport { 80 } meta mark set "
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"forwarding": "masquerade"}, ["meta l4proto tcp {vip} ct original proto-dst 80 masquerade"]),
        (
            {"forwarding": "masquerade", "mark": 7, "ports": [80, "53/udp", "90-95"]},
            [
                "meta l4proto tcp {vip} ct original proto-dst { 80, 90-95 } masquerade",
                "meta l4proto udp {vip} ct original proto-dst 53 masquerade",
            ],
        ),
        (
            {"forwarding": "masquerade", "ports": [21]},
            ["meta l4proto tcp {vip} ct original proto-dst { 20-21, 1024-65535 } masquerade"],
        ),
        (
            {"forwarding": "masquerade", "ports": "all", "persistence": 30},
            ["meta l4proto tcp {vip} masquerade"],
        ),
        (
            {"forwarding": "masquerade", "fallback": {"address": "192.0.2.99", "forwarding": "dr"}},
            ["ip daddr != 192.0.2.99 meta l4proto tcp {vip} ct original proto-dst 80 masquerade"],
        ),
        (
            {"fallback": {"address": "192.0.2.99", "forwarding": "masquerade"}},
            ["ip daddr 192.0.2.99 meta l4proto tcp {vip} ct original proto-dst 80 masquerade"],
        ),
        (
            {"forwarding": "masquerade", "vips": ["2001:db8::10"]},
            ["meta l4proto tcp ct original ip6 daddr 2001:db8::10 ct original proto-dst 80 masquerade"],
        ),
        ({"fallback": {"address": "192.0.2.99"}}, []),
    ],
)
def test_masquerading(options: dict[str, Any], expected: list[str]) -> None:
    case = Case()
    case.service.update(options)
    vip = "ct original ip daddr 192.0.2.10"

    assert chains_of(case, "lb1").get("masquerade", []) == [one.replace("{vip}", vip) for one in expected]
    assert "masquerade" not in chains_of(case, "web1")


def test_networks_behind_nat_are_closed_and_answers_are_not_tracked() -> None:
    case = with_nat(server_port=8080)
    chains = chains_of(case, "lb1")

    assert chains["forward"] == [
        'iifname != "eth2" oifname "eth2" ct state established,related accept',
        'iifname != "eth2" oifname "eth2" drop',
        PRIVATE,
    ]
    assert chains["raw"] == [
        "ip daddr . tcp dport @untracked4_tcp notrack accept",
        'iifname "eth2" tcp sport @answers_tcp fib daddr type != local notrack',
    ]
    assert elements(chains, "untracked4_tcp") == ["192.0.2.10 . 80"]
    assert elements(chains, "answers_tcp") == ["8080"]
    assert chains_of(case, "web1") == {}


def test_a_network_that_is_routed_into_stays_open() -> None:
    case = with_nat()
    case.document["networks"]["back"]["routed_in"] = True

    assert chains_of(case, "lb1") == {"forward": [PRIVATE]}


def test_two_closed_networks_let_each_others_answers_pass() -> None:
    case = with_nat()
    case.document["networks"]["more"] = {"interface": "eth3", "subnets": ["10.1.0.0/24"]}
    case.document["failover"]["vips"].append("10.1.0.1")
    for number, name in enumerate(("lb1", "lb2"), 11):
        case.hostvars[name]["lvs_addresses"].append(f"10.1.0.{number}")
    case.hostvars["web3"]["lvs_addresses"] = ["10.1.0.23"]

    assert chains_of(case, "lb1")["forward"] == [
        'iifname { "eth2", "eth3" } ct state untracked accept',
        'iifname != "eth2" oifname "eth2" ct state established,related accept',
        'iifname != "eth2" oifname "eth2" drop',
        'iifname != "eth3" oifname "eth3" ct state established,related accept',
        'iifname != "eth3" oifname "eth3" drop',
        PRIVATE,
    ]


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        (
            {},
            [
                PRIVATE,
                'iifname != "eth2" oifname "eth2" ct state established,related accept',
                'iifname != "eth2" oifname "eth2" drop',
            ],
        ),
        # Sync and real servers on one interface.
        (
            {"interface": "eth1"},
            ['iifname != "eth1" oifname "eth1" ct state established,related accept', PRIVATE],
        ),
        ({"routed_in": True}, [PRIVATE]),
        ({"interface": "eth1", "routed_in": True}, []),
    ],
)
def test_masquerading_closes_networks_too_and_lets_replies_back_in(
    back: dict[str, Any], expected: list[str]
) -> None:
    case = with_nat()
    case.service["forwarding"] = "masquerade"
    case.document["networks"]["back"] |= back

    assert chains_of(case, "lb1").get("forward", []) == expected


def test_networks_of_other_real_servers_stay_as_they_are() -> None:
    case = with_nat()
    case.groups["near"] = ["web3"]
    case.hostvars["web3"]["lvs_addresses"] = ["198.51.100.23"]
    case.groups["edge_web"].remove("web3")
    case.add_service("near", vips=["192.0.2.20"], pool="near")

    assert not [rule for rule in chains_of(case, "lb1")["forward"] if "eth1" in rule]


@pytest.mark.parametrize(
    ("kind", "vip", "rip", "network", "size"),
    [
        ("ipip", "192.0.2.10", "203.0.113.21", {}, 1500 - 20 - 40),
        ("ipip", "2001:db8::10", "203.0.113.21", {}, 1500 - 20 - 60),
        ("ipip", "192.0.2.10", "2001:db8:f::21", {}, 1500 - 40 - 40),
        ("ipip", "2001:db8::10", "2001:db8:f::21", {"mtu": 9000}, 9000 - 40 - 60),
        ("gue", "192.0.2.10", "203.0.113.21", {"mtu": 1400}, 1400 - 20 - 12 - 40),
        ("gre", "192.0.2.10", "203.0.113.21", {}, 1500 - 20 - 4 - 40),
        # On no network of the document: what is usual.
        ("ipip", "192.0.2.10", "198.18.0.21", {"mtu": 9000}, 1500 - 20 - 40),
    ],
)
def test_segments_fit_into_the_tunnel(
    kind: str, vip: str, rip: str, network: dict[str, int], size: int
) -> None:
    family = "ip6" if ":" in vip else "ip"
    case = with_tunnel(kind, vip, rip, **network)

    assert chains_of(case, "web1") == {
        "mss": [f"{family} saddr {vip} tcp flags syn tcp option maxseg size set {size}"]
    }
    assert chains_of(case, "lb1") == {}


def test_a_vip_of_several_tunnels_gets_the_smallest_segment() -> None:
    case = with_tunnel()
    case.add_service("more", ports=[443], forwarding="tun", tunnel={"type": "gue", "port": 6080})

    assert chains_of(case, "web1")["mss"] == [
        "ip saddr 192.0.2.10 tcp flags syn tcp option maxseg size set 1428"
    ]


def test_each_role_adds_its_rules_once() -> None:
    one, other = {"raw": ["a", "b"], "sets": []}, {"raw": ["b", "c"], "mss": ["d"]}

    assert merge_chains(one, other) == {"raw": ["a", "b", "c"], "mss": ["d"]}
