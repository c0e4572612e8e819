"""What follows from the inventory for address translation, and for directors that are real servers too."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest

from lvs_model.document import Cluster
from lvs_model.inventory import Inventory, read_inventory
from lvs_model.topology import colocated, gateways, marks, nat_networks, server_address

from .builders import Case


def read(case: Case) -> tuple[Cluster, Inventory]:
    inventory, problems = read_inventory(*case.inputs())
    assert not problems
    return inventory.clusters["edge"], inventory


def behind_nat() -> Case:
    """A NAT service in front of real servers on a network of their own, which has both families."""
    case = Case()
    case.document["networks"] |= {
        "front": {"interface": "eth0", "subnets": ["192.0.2.0/24", "2001:db8:1::/64"]},
        "back": {"interface": "eth2", "subnets": ["203.0.113.0/25", "203.0.113.128/25", "2001:db8:2::/64"]},
    }
    case.service.update(forwarding="nat", vips=["192.0.2.10", "2001:db8:1::10"])
    for last, name in enumerate(("web1", "web2", "web3"), start=21):
        case.hostvars[name]["lvs_addresses"] = [f"203.0.113.{last}", f"2001:db8:2::{last}"]
    return case


@pytest.mark.parametrize(
    ("vips", "four", "six"),
    [
        ([], [], []),
        (["203.0.113.1"], ["203.0.113.1"], []),
        (["2001:db8:2::1", "203.0.113.1"], ["203.0.113.1"], ["2001:db8:2::1"]),
        # Of another subnet, even of the same network.
        (["203.0.113.129", "198.51.100.1"], [], []),
        # Too many are for the rules to complain about.
        (["203.0.113.1", "203.0.113.2"], ["203.0.113.1", "203.0.113.2"], []),
    ],
)
def test_gateways_are_unserved_addresses_of_the_real_servers_subnet(
    vips: list[str], four: list[str], six: list[str]
) -> None:
    case = behind_nat()
    case.document["failover"]["vips"] = vips
    cluster, inventory = read(case)
    host = inventory.hosts["web1"]

    found = [list(map(str, gateways(cluster, inventory, cluster.services[0], host, one))) for one in (4, 6)]
    assert found == [four, six]


def test_a_services_own_address_is_no_gateway() -> None:
    case = behind_nat()
    case.document["failover"]["vips"] = ["203.0.113.1"]
    case.add_service("inside", vips=["203.0.113.1"], ports=[53])
    cluster, inventory = read(case)

    assert gateways(cluster, inventory, cluster.services[0], inventory.hosts["web1"], 4) == []


@pytest.mark.parametrize(
    ("apart", "group", "found"),
    [
        (False, False, ["203.0.113.1"]),
        # It would be at home with another director than the VIPs.
        (True, False, []),
        (True, True, ["203.0.113.1"]),
    ],
)
def test_gateways_move_with_the_services_vips(apart: bool, group: bool, found: list[str]) -> None:
    case = behind_nat()
    gateway = ["203.0.113.1"]
    case.document["failover"] |= {
        "instances": [
            {"name": "one", "vips": ["192.0.2.10", "2001:db8:1::10", *([] if apart else gateway)]},
            {"name": "two", "vips": ["192.0.2.20", *(gateway if apart else [])]},
        ],
        "sync_groups": [{"name": "nat", "instances": ["one", "two"]}] if group else [],
    }
    cluster, inventory = read(case)
    host = inventory.hosts["web1"]

    assert list(map(str, gateways(cluster, inventory, cluster.services[0], host, 4))) == found


@pytest.mark.parametrize(
    ("options", "networks"),
    [
        ({}, ["back"]),
        ({"forwarding": "masquerade"}, []),
        ({"forwarding": "dr", "vips": ["203.0.113.10"]}, []),
        ({"pool": "nobody"}, []),
    ],
)
def test_networks_behind_the_directors(options: dict[str, Any], networks: list[str]) -> None:
    case = behind_nat()
    case.groups["nobody"] = []
    case.document["failover"]["vips"] = ["203.0.113.1", "2001:db8:2::1"]
    case.service.update(options)

    assert nat_networks(*read(case)) == networks


def test_disabled_real_servers_make_no_network() -> None:
    case = behind_nat()
    for name in ("web1", "web2", "web3"):
        case.hostvars[name]["lvs_state"] = "disabled"

    assert nat_networks(*read(case)) == []


# Directors that are real servers too.


@pytest.mark.parametrize(
    ("pool", "state", "found"),
    [
        (["web1"], "enabled", False),
        (["web1", "lb2"], "enabled", True),
        (["lb1", "lb2"], "enabled", True),
        # Drained it still has connections; disabled nothing is sent to it.
        (["web1", "lb2"], "drained", True),
        (["web1", "lb2"], "disabled", False),
        # Another cluster's director is a real server like any other.
        (["web1", "two-lb1"], "enabled", False),
    ],
)
def test_a_service_is_colocated_if_a_director_of_its_cluster_serves(
    pool: list[str], state: str, found: bool
) -> None:
    case = Case()
    case.add_cluster("two", 3)
    case.groups["edge_web"] = pool
    case.hostvars["lb2"]["lvs_state"] = state
    cluster, inventory = read(case)

    assert colocated(cluster, inventory, cluster.services[0]) is found


def first_choice(name: str) -> int:
    return 0x4C560000 + crc32(name.encode()) % 65536


@pytest.mark.parametrize(
    ("given", "mark"), [(None, first_choice("www")), ("auto", first_choice("www")), (7, 7)]
)
def test_a_colocated_service_is_always_marked(given: int | str | None, mark: int) -> None:
    case = Case()
    case.service["mark"] = given
    case.add_service("plain", ports=[443], pool="others")
    case.add_host("other1", "others", "edge", lvs_addresses=["192.0.2.25"])
    case.groups["edge_web"].append("lb1")
    _, inventory = read(case)

    assert marks(inventory) == {("edge", "www"): mark}


def test_a_director_with_two_roles_is_planned_once_with_both() -> None:
    case = Case()
    case.groups["edge_web"].append("lb1")
    plan = case.plan()

    assert {host: (one["role"], one["roles"]) for host, one in plan["hosts"].items()} == {
        "lb1": ("director", ["director", "real_server"]),
        "lb2": ("director", ["director"]),
        **{f"web{number}": ("real_server", ["real_server"]) for number in (1, 2, 3)},
    }
    lb1, web1 = plan["hosts"]["lb1"], plan["hosts"]["web1"]
    # One that only forwards has the addresses it owns, and no others.
    assert [item for item in plan["hosts"]["lb2"]["items"] if "192.0.2.10" in item] == []
    assert [item for item in lb1["items"] if "192.0.2.10" in item] == ["local 192.0.2.10"]
    assert [item for item in web1["items"] if "192.0.2.10" in item] == ["address 192.0.2.10 lo"]
    # Both directors mark, and forward by the mark.
    for host in ("lb1", "lb2"):
        assert list(plan["hosts"][host]["ipvs"]) == [f"FWM {first_choice('www')}"]
        assert "lvs-nftables.service" in plan["hosts"][host]["units"]


def test_a_director_whose_part_as_a_real_server_is_disabled_has_one_role() -> None:
    case = Case()
    case.groups["edge_web"].append("lb1")
    case.hostvars["lb1"]["lvs_services"] = {"www": {"state": "disabled"}}
    plan = case.plan()

    assert plan["hosts"]["lb1"]["roles"] == ["director"]
    assert list(plan["hosts"]["lb1"]["ipvs"]) == ["TCP 192.0.2.10:80"]


@pytest.mark.parametrize(
    ("forwarding", "own", "four", "six"),
    [
        ("tun", ["198.18.0.21", "2001:db8:1::21"], "198.18.0.21", "2001:db8:1::21"),
        ("tun", ["192.0.2.21", "2001:db8:f::21"], "192.0.2.21", "2001:db8:f::21"),
        ("tun", ["198.18.0.21"], "198.18.0.21", "198.18.0.21"),
        ("tun", ["198.18.0.21", "192.0.2.21"], "192.0.2.21", "192.0.2.21"),
        ("masquerade", ["198.18.0.21"], "198.18.0.21", None),
        ("dr", ["198.18.0.21", "2001:db8:1::21"], None, "2001:db8:1::21"),
    ],
)
def test_a_real_servers_own_family_comes_before_the_documents_networks(
    forwarding: str, own: list[str], four: str | None, six: str | None
) -> None:
    case = Case()
    case.document["networks"]["front"]["subnets"] = ["192.0.2.0/24", "2001:db8:1::/64"]
    case.service["forwarding"] = forwarding
    case.hostvars["web1"]["lvs_addresses"] = own
    cluster, inventory = read(case)
    (service,) = cluster.services
    found = [server_address(cluster, service, inventory.hosts["web1"], family) for family in (4, 6)]
    assert [one and str(one) for one in found] == [four, six]
