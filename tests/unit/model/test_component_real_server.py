"""A real server's end of every forwarding method: what lvs-network shall hold in its kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lvs_model.components.network import TOOL
from lvs_model.inventory import read_inventory
from lvs_model.plan import compile_inventory

from .builders import Case

FOUR, SIX = "192.0.2.10", "2001:db8:1::10"
ARP = [
    f"sysctl net/ipv4/conf/eth0/{name} {value}" for name, value in (("arp_ignore", 1), ("arp_announce", 2))
]


def items(case: Case, host: str = "web1") -> list[str]:
    """What a host shall hold, whatever the rules would say of the inventory."""
    inventory, problems = read_inventory(*case.inputs())
    assert not problems
    found: list[str] = compile_inventory(inventory, [])["hosts"][host]["items"]
    return found


def both_families() -> Case:
    """Every host has addresses of both families; the last numbers are the same."""
    case = Case()
    case.document["networks"]["front"]["subnets"].append("2001:db8:1::/64")
    for own in case.hostvars.values():
        own["lvs_addresses"].append(f"2001:db8:1::{own['lvs_addresses'][0].rsplit('.', 1)[1]}")
    return case


# Direct routing and tunnels.


def rp_filter(device: str) -> list[str]:
    return [f"sysctl net/ipv4/conf/{name}/rp_filter 0" for name in ("all", device)]


@pytest.mark.parametrize(
    ("vip", "rip", "tunnel", "held"),
    [
        (FOUR, "192.0.2.21", None, [*ARP, f"address {FOUR} lo"]),
        # Neighbour discovery does not answer for what is on lo: nothing is to be silenced.
        (SIX, "2001:db8:1::21", None, [f"address {SIX} lo"]),
        (
            FOUR,
            "192.0.2.21",
            {"type": "ipip"},
            ["module ipip", *ARP, *rp_filter("tunl0"), "up tunl0", f"address {FOUR} tunl0"],
        ),
        (SIX, "192.0.2.21", {"type": "ipip"}, ["module sit", "up sit0", f"address {SIX} sit0"]),
        (
            SIX,
            "2001:db8:1::21",
            {"type": "ipip"},
            ["module ip6_tunnel", "up ip6tnl0", f"address {SIX} ip6tnl0"],
        ),
        (
            FOUR,
            "192.0.2.21",
            {"type": "gre"},
            ["module ip_gre", *ARP, *rp_filter("gre0"), "up gre0", f"address {FOUR} gre0"],
        ),
        (SIX, "192.0.2.21", {"type": "gre"}, ["module ip_gre", "up gre0", f"address {SIX} gre0"]),
        (
            SIX,
            "2001:db8:1::21",
            {"type": "gre"},
            ["module ip6_gre", "up ip6gre0", f"address {SIX} ip6gre0"],
        ),
        (
            FOUR,
            "2001:db8:1::21",
            {"type": "gre"},
            ["module ip6_gre", *ARP, *rp_filter("ip6gre0"), "up ip6gre0", f"address {FOUR} ip6gre0"],
        ),
        (
            FOUR,
            "192.0.2.21",
            {"type": "gue", "port": 6080},
            [
                "module ipip",
                "module fou",
                *ARP,
                *rp_filter("tunl0"),
                "up tunl0",
                "fou 4 6080 gue",
                f"address {FOUR} tunl0",
            ],
        ),
        (
            SIX,
            "192.0.2.21",
            {"type": "gue", "port": 6080},
            ["module sit", "module fou", "up sit0", "fou 4 6080 gue", f"address {SIX} sit0"],
        ),
        (
            SIX,
            "2001:db8:1::21",
            {"type": "gue", "port": 6080},
            [
                "module ip6_tunnel",
                "module fou",
                "module fou6",
                "up ip6tnl0",
                "fou 6 6080 gue",
                f"address {SIX} ip6tnl0",
            ],
        ),
    ],
)
@pytest.mark.parametrize("director", [False, True], ids=["real server", "director too"])
def test_a_vip_is_where_its_packets_come_out(
    vip: str, rip: str, tunnel: dict[str, Any] | None, held: list[str], director: bool
) -> None:
    case = both_families()
    case.service["vips"] = [vip]
    if tunnel is not None:
        case.service.update(forwarding="tun", tunnel=tunnel)
    if director:
        case.groups["edge_web"].append("lb1")
    host = "lb1" if director else "web1"
    case.document["connection_sync"] = None
    case.hostvars[host]["lvs_addresses"] = [rip]

    found = items(case, host)

    if not director:
        assert found == held
        return
    # On no interface of a director but that on which it owns the VIP, so that it tells whose packets are.
    wanted = [f"local {vip}" if item.startswith("address ") else item for item in held]
    directs = ("ip_vs", "/vs/", "keep ")
    kernel = [item for item in found if not any(word in item for word in directs)]
    assert sorted(kernel) == sorted(wanted)


def test_without_a_service_of_its_own_a_host_holds_nothing() -> None:
    case = Case()
    case.hostvars["web1"]["lvs_state"] = "disabled"

    assert items(case) == []


def test_masquerading_asks_nothing_of_a_real_server() -> None:
    case = both_families()
    case.service.update(forwarding="masquerade", vips=[FOUR, SIX])

    assert items(case) == []


def second(**options: Any) -> Callable[[Case], object]:  # noqa: ANN401
    return lambda case: case.add_service("tls", **{"ports": [443], **options})


@pytest.mark.parametrize("first_on_lo", [True, False])
def test_a_vip_is_on_lo_if_one_service_wants_it_there(first_on_lo: bool) -> None:
    """The tunnel's packets come out on their device all the same, and are for an address of this host."""
    case = Case()
    case.service["forwarding"] = "dr" if first_on_lo else "tun"
    case.add_service("tls", ports=[443], forwarding="tun" if first_on_lo else "dr")

    found = items(case)

    assert [item for item in found if item.startswith("address ")] == [f"address {FOUR} lo"]
    assert "up tunl0" in found
    assert rp_filter("tunl0")[0] in found


def test_two_tunnels_of_one_device_are_one() -> None:
    case = Case()
    case.service.update(forwarding="tun", tunnel={"type": "gue", "port": 6080})
    case.add_service("tls", ports=[443], vips=["192.0.2.20"], forwarding="tun")

    found = items(case)

    assert len(found) == len(set(found))
    assert [item for item in found if item.split()[0] in {"up", "fou", "address"}] == [
        "up tunl0",
        "fou 4 6080 gue",
        f"address {FOUR} tunl0",
        "address 192.0.2.20 tunl0",
    ]


# NAT.

GATEWAY = ["link 8840 192.0.2.0/24 eth0", "route 8840 192.0.2.1 eth0"]
RULE = "rule 30000 8840 from 192.0.2.21"


def behind_nat(*changes: Callable[[Case], object], **options: Any) -> Case:  # noqa: ANN401
    case = Case()
    case.document["failover"]["vips"] = ["192.0.2.1"]
    case.service.update(forwarding="nat", **options)
    for change in changes:
        change(case)
    return case


@pytest.mark.parametrize(
    ("changes", "options", "rules"),
    [
        ([], {}, [f"{RULE} tcp 80-80"]),
        # The ports are the real server's own: its answers come from there.
        ([], {"server_port": 8080}, [f"{RULE} tcp 8080-8080"]),
        (
            [lambda case: case.hostvars["web1"].update(lvs_services={"www": {"port": 8181}})],
            {"server_port": 8080},
            [f"{RULE} tcp 8181-8181"],
        ),
        ([], {"ports": [80, 443]}, [f"{RULE} tcp 80-80", f"{RULE} tcp 443-443"]),
        ([], {"ports": [443, 81, 80, "82-84"]}, [f"{RULE} tcp 80-84", f"{RULE} tcp 443-443"]),
        ([], {"ports": ["8000-8010", "8012-8013"]}, [f"{RULE} tcp 8000-8010", f"{RULE} tcp 8012-8013"]),
        ([], {"ports": [53], "protocol": "udp"}, [f"{RULE} udp 53-53"]),
        # Under a mark ports stay as they are, whatever the document says (a rule refuses it).
        (
            [],
            {"mark": 7, "ports": [554, "6970-6971/udp"], "server_port": 8080},
            [f"{RULE} tcp 554-554", f"{RULE} udp 6970-6971"],
        ),
        ([second(forwarding="nat")], {}, [f"{RULE} tcp 80-80", f"{RULE} tcp 443-443"]),
        # Of another method, which answers past the director.
        ([second(forwarding="masquerade")], {}, [f"{RULE} tcp 80-80"]),
        # FTP's data connections have any port; a rule for some ports beside that for all would say nothing.
        ([], {"ports": [21]}, [RULE]),
        ([], {"ports": ["20-22"]}, [RULE]),
        ([second(forwarding="nat", ports=[21])], {}, [RULE]),
        ([], {"ports": "all", "persistence": 60, "check": {"type": "ping"}}, [RULE]),
    ],
)
def test_answers_alone_leave_through_the_gateway(
    changes: list[Callable[[Case], object]], options: dict[str, Any], rules: list[str]
) -> None:
    assert items(behind_nat(*changes, **options)) == [*GATEWAY, *rules]


def test_both_families_have_a_gateway_each() -> None:
    case = both_families()
    case.document["failover"]["vips"] = ["192.0.2.1", "2001:db8:1::1"]
    case.service.update(forwarding="nat", vips=[FOUR, SIX])

    assert items(case) == [
        "link 8840 192.0.2.0/24 eth0",
        "link 8840 2001:db8:1::/64 eth0",
        "route 8840 192.0.2.1 eth0",
        "route 8840 2001:db8:1::1 eth0",
        "rule 30000 8840 from 192.0.2.21 tcp 80-80",
        "rule 30000 8840 from 2001:db8:1::21 tcp 80-80",
    ]


def test_the_gateway_is_on_the_hosts_own_interface() -> None:
    case = behind_nat(lambda case: case.hostvars["web1"].update(lvs_interfaces={"front": "bond0.120"}))

    assert items(case)[:2] == ["link 8840 192.0.2.0/24 bond0.120", "route 8840 192.0.2.1 bond0.120"]


@pytest.mark.parametrize(
    ("ports", "forwarding", "guard"),
    [
        # ssh's own answers may go by such a rule, and a wrong gateway would cut the controller off.
        ([80], "nat", [TOOL, "undo-routes", "{since}"]),
        ([21], "nat", [TOOL, "undo-routes", "{since}"]),
        ([80], "dr", []),
    ],
)
def test_rules_are_set_under_guard(ports: list[int], forwarding: str, guard: list[str]) -> None:
    case = behind_nat(ports=ports)
    case.service["forwarding"] = forwarding
    inventory, _ = read_inventory(*case.inputs())
    planned = compile_inventory(inventory, [])["hosts"]["web1"]
    guards = [action["guard"] for action in planned["actions"] if "network" in action["heals"]]

    assert guards == [guard]
    assert [action for action in planned["actions"] if action["guard"] not in ([], guard)] == []
