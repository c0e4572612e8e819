"""Rules of nft on directors and real servers: what each mode and role asks for, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lvs_model.components.firewall import merge_chains

from .builders import Case
from .firewalled import Chains, chains_of, everything, rules_file, without_nft

BACK = {"interface": "eth2", "subnets": ["10.0.0.0/24"]}


def with_nat(**options: Any) -> Case:  # noqa: ANN401 - the service's
    """Real servers behind the directors, on eth2."""
    case = Case()
    case.document["networks"]["back"] = dict(BACK)
    case.document["failover"]["vips"] = ["10.0.0.1"]
    for number, name in enumerate(("lb1", "lb2"), 11):
        case.hostvars[name]["lvs_addresses"].append(f"10.0.0.{number}")
    for number in (1, 2, 3):
        case.hostvars[f"web{number}"]["lvs_addresses"] = [f"10.0.0.2{number}"]
    case.service.update(forwarding="nat", **options)
    return case


def with_tunnel(
    kind: str = "ipip", vip: str = "192.0.2.10", rip: str = "203.0.113.21", **network: int
) -> Case:
    """One real server at the end of a tunnel."""
    case = Case()
    subnets = ["203.0.113.0/24", "2001:db8:f::/64"]
    case.document["networks"]["far"] = {"interface": "eth0", "subnets": subnets, **network}
    case.groups["edge_web"] = ["web1"]
    case.hostvars["web1"]["lvs_addresses"] = [rip]
    tunnel = {"type": kind, **({"port": 6080} if kind == "gue" else {})}
    case.service.update(forwarding="tun", tunnel=tunnel, vips=[vip])
    for number in (1, 2):
        case.hostvars[f"lb{number}"]["lvs_addresses"].append(f"2001:db8::1{number}")
    return case


def elements(chains: Chains, name: str) -> list[str] | None:
    """The elements of a set, or None where it is not declared."""
    for text in chains.get("sets", []):
        if text.startswith(f"set {name} "):
            inside = text.partition("elements = {")[2].partition("}")[0]
            return [one.strip() for one in inside.split(",")]
    return None


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
    ]
    assert chains["raw"] == [
        "ip daddr . meta l4proto . th dport @untracked4 notrack accept",
        'iifname "eth2" meta l4proto . th sport @answers fib daddr type != local notrack',
    ]
    assert elements(chains, "untracked4") == ["192.0.2.10 . tcp . 80"]
    assert elements(chains, "answers") == ["tcp . 8080"]
    assert chains_of(case, "web1") == {}


def test_a_network_that_is_routed_into_stays_open() -> None:
    case = with_nat()
    case.document["networks"]["back"]["routed_in"] = True

    assert chains_of(case, "lb1") == {}


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
    ]


@pytest.mark.parametrize(
    ("ports", "forwarding", "tracked", "untracked", "answers"),
    [
        ([80], "nat", None, ["192.0.2.10 . tcp . 80"], ["tcp . 80"]),
        ([21], "nat", ["192.0.2.10 . tcp . 20-21", "192.0.2.10 . tcp . 1024-65535"], None, None),
        ([80], "masquerade", ["192.0.2.10 . tcp . 80"], None, None),
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

    assert elements(chains, "tracked4") == tracked
    assert elements(chains, "untracked4") == untracked
    assert elements(chains, "answers") == answers
    assert any("@tracked4 accept" in rule for rule in chains["raw"]) is bool(tracked)


def test_overlapping_ports_of_services_are_one_interval() -> None:
    case = Case()
    case.document["firewall"] = {}
    case.service["ports"] = ["80-90", 443]
    case.add_service("more", ports=["85-100"], mark=7)

    assert elements(chains_of(case, "lb1"), "untracked4") == [
        "192.0.2.10 . tcp . 80-100",
        "192.0.2.10 . tcp . 443",
    ]


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


def filtered(**firewall: Any) -> Case:  # noqa: ANN401 - the document's
    """Direct routing with the packet filter."""
    case = Case()
    case.document["firewall"] = firewall
    return case


VRRP = [
    'iifname "eth0" ip saddr 192.0.2.12 ip ttl 255 meta l4proto 112 notrack accept',
    'iifname "eth0" meta l4proto 112 drop',
]
SERVICES = ["ip daddr . meta l4proto . th dport @untracked4 notrack accept"]
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

    assert chains["raw"] == ["ip daddr . meta l4proto . th dport @services4 accept", *REST]
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


def test_each_role_adds_its_rules_once() -> None:
    one, other = {"raw": ["a", "b"], "sets": []}, {"raw": ["b", "c"], "mss": ["d"]}

    assert merge_chains(one, other) == {"raw": ["a", "b", "c"], "mss": ["d"]}


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
