"""What the lab reads from an inventory, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.home import PROJECT
from lab.inventory import load, topology
from lab.nodevars import Backend
from tests.unit.lab.builders import NETWORKS, hostvars


def test_the_projects_own_inventory() -> None:
    found = load(PROJECT / "inventories" / "lab")
    by_name = {node.name: node for node in found.nodes}
    assert set(by_name) == {"lb1", "lb2", "web1", "web2", "web3", "client1"}
    assert by_name["lb1"].interfaces == {"front": "eth0", "sync": "eth1"}
    assert by_name["web1"].interfaces == {"front": "eth0"}
    assert by_name["web1"].settings.backend == Backend((80,))
    assert by_name["lb1"].settings.backend is None
    assert found.images == {"debian13"}


SCENARIOS = sorted(path.parent.name for path in PROJECT.glob("molecule/*/molecule.yml"))
# The names of the how-to that these are after.
NAMED_OTHERWISE = dict.fromkeys(("heartbeat", "pacemaker"), ("loadbalancer", "backup", "real1", "gateway"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_lab_can_build_every_scenario(scenario: str) -> None:
    inventory = PROJECT / "molecule" / scenario / "inventory"
    # As molecule/shared/create.yml has it: a scenario with nodes of its own stands alone.
    alone = (inventory / "group_vars" / "all" / "lab.yml").exists()
    found = load(*([] if alone else [PROJECT / "inventories" / "lab"]), inventory)
    servers = NAMED_OTHERWISE.get(scenario, ("lb1", "web1"))
    assert {*servers, "client1"} <= {node.name for node in found.nodes}


def test_a_later_inventory_goes_over_an_earlier_one(tmp_path: Path) -> None:
    other = tmp_path / "hosts.yml"
    other.write_text("all: {hosts: {lb2: {lab_debian: 12}, web9: {lvs_addresses: [192.0.2.29]}}}\n")
    found = load(PROJECT / "inventories" / "lab", other)
    assert {node.name for node in found.nodes if node.debian == 12} == {"lb2"}
    assert found.node("web9").interfaces == {"front": "eth0"}
    assert found.images == {"debian12", "debian13"}


def test_names_resolve_on_every_node() -> None:
    hosts = topology(hostvars(lb1=["192.0.2.11", "198.51.100.11"], web1=["192.0.2.21"])).hosts_file()
    assert hosts.splitlines()[2:] == [
        "192.0.2.11 lb1",
        "198.51.100.11 lb1-sync",
        "192.0.2.21 web1",
    ]


def test_hardware_addresses_are_stable_local_and_differ() -> None:
    first, second = (topology(hostvars(lb1=["192.0.2.11", "198.51.100.11"])).nodes[0] for _ in range(2))
    macs = [place.mac("lb1") for place in first.attachments]
    assert macs == [place.mac("lb1") for place in second.attachments]
    assert len(set(macs)) == 2
    assert all(int(mac[:2], 16) & 3 == 2 for mac in macs)


def test_both_families_and_ipv6_only() -> None:
    networks = {"front": {"interface": "eth0", "subnets": ["192.0.2.0/24", "2001:db8::/64"]}}
    variables: dict[str, dict[str, Any]] = {
        "a": {"lab_networks": networks, "lvs_addresses": ["192.0.2.5", "2001:db8::5"]},
        "b": {"lab_networks": networks, "lvs_addresses": ["2001:db8::6"], "lab_debian": 12},
    }
    a, b = topology(variables).nodes
    assert [str(address) for address in a.attachments[0].addresses] == ["192.0.2.5", "2001:db8::5"]
    assert [str(address) for address in b.attachments[0].addresses] == ["2001:db8::6"]
    assert b.image == "debian12"


def test_a_host_without_addresses_is_no_node() -> None:
    variables = {**hostvars(lb1=["192.0.2.11"]), "localhost": {"ansible_connection": "local"}}
    assert [node.name for node in topology(variables).nodes] == ["lb1"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (hostvars(a=["203.0.113.5"]), "a: 203.0.113.5 lies in no network of lab_networks"),
        (hostvars(a=["nonsense"]), "a: 'nonsense' in lvs_addresses is not an address"),
        (hostvars(a=[]), "a: no address on any network"),
        (hostvars(a=["192.0.2.1"]), "a: 192.0.2.1 is taken by the lab's own gateway"),
        (hostvars(a=["192.0.2.5"], b=["192.0.2.5"]), "b: 192.0.2.5 belongs to a already"),
        (hostvars(a=["192.0.2.5", "192.0.2.6"]), "a: two IPv4 addresses on network front"),
        (hostvars(A=["192.0.2.5"]), "A: a node's name has lower-case letters"),
        (
            hostvars(a={"lvs_addresses": ["192.0.2.5"], "lab_debian": 11}),
            "a: lab_debian is 11, known ones: 12, 13",
        ),
        (
            hostvars(a={"lvs_addresses": ["192.0.2.5"], "lab_backend": {"port": 0}}),
            "a: lab_backend.port is 0, and wants a port",
        ),
        (hostvars(a={"lvs_addresses": ["192.0.2.5"], "lab_networks": None}), "a: lab_networks is missing"),
        (
            hostvars(
                a={
                    "lvs_addresses": ["192.0.2.5"],
                    "lab_networks": {"x": {"interface": "eth0", "subnet": "1/2"}},
                }
            ),
            "a: lab_networks.x.subnet: '1/2' does not appear",
        ),
        (
            hostvars(a={"lvs_addresses": ["192.0.2.5"], "lab_networks": {"far-too-long": NETWORKS["front"]}}),
            "a: lab_networks.far-too-long: a network's name",
        ),
        (
            hostvars(a={"lvs_addresses": ["192.0.2.5"], "lab_networks": {"x": {"subnet": "192.0.2.0/24"}}}),
            "a: lab_networks.x.interface is missing",
        ),
        ({"localhost": {}}, "no host has lvs_addresses"),
    ],
)
def test_refusals(variables: dict[str, dict[str, Any]], message: str) -> None:
    with pytest.raises(LabError) as caught:
        topology(variables)
    assert message in str(caught.value)


def test_all_problems_come_at_once() -> None:
    with pytest.raises(LabError) as caught:
        topology(hostvars(a=["203.0.113.5"], b=["nonsense"]))
    assert "a: 203.0.113.5" in str(caught.value)
    assert "b: 'nonsense'" in str(caught.value)


def test_an_unknown_node_is_told_the_known_ones() -> None:
    with pytest.raises(LabError, match=r"no node is called 'lb9'\. Known ones: lb1, web1\."):
        topology(hostvars(lb1=["192.0.2.11"], web1=["192.0.2.21"])).node("lb9")


def test_a_missing_inventory(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no inventory"):
        load(PROJECT / "inventories" / "lab", tmp_path / "none")
