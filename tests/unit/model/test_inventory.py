"""The inventory as the model sees it: who is in which role, where, with which weight."""

from __future__ import annotations

import pytest

from lvs_model.inventory import Inventory, read_inventory

from .builders import Case


def read(case: Case) -> Inventory:
    inventory, problems = read_inventory(*case.inputs())
    assert problems == []
    return inventory


def weights_of(case: Case) -> list[dict[str, int]]:
    """The weights in each service of the only cluster."""
    inventory = read(case)
    (cluster,) = inventory.clusters.values()
    return [inventory.weights(cluster, service) for service in cluster.services]


def test_directors_and_pools_keep_the_inventorys_order() -> None:
    case = Case()
    case.groups["edge_directors"].reverse()
    case.groups["edge_web"] = ["web3", "web1", "web2"]

    inventory = read(case)

    (cluster,) = inventory.clusters.values()
    assert [host.name for host in inventory.directors(cluster)] == ["lb2", "lb1"]
    (service,) = cluster.services
    assert [host.name for host in inventory.pool(service)] == ["web3", "web1", "web2"]
    assert inventory.probes == ["client1"]


@pytest.mark.parametrize(
    ("state", "weights"),
    [
        ("enabled", {"web1": 3, "web2": 2, "web3": 1}),
        ("drained", {"web1": 0, "web2": 2, "web3": 1}),
        ("disabled", {"web2": 2, "web3": 1}),
    ],
)
def test_a_servers_state_decides_its_weight_and_membership(state: str, weights: dict[str, int]) -> None:
    case = Case()
    case.hostvars["web1"]["lvs_state"] = state

    assert weights_of(case) == [weights]


def test_a_server_has_a_weight_and_a_state_of_its_own_in_a_service() -> None:
    case = Case()
    case.add_service("tls", ports=[443])
    case.hostvars["web1"]["lvs_services"] = {"tls": {"weight": 7}}
    case.hostvars["web2"]["lvs_services"] = {"tls": {"state": "disabled"}}
    case.hostvars["web3"] |= {"lvs_state": "drained", "lvs_services": {"tls": {"state": "enabled"}}}

    assert weights_of(case) == [{"web1": 3, "web2": 2, "web3": 0}, {"web1": 7, "web3": 1}]


def test_weights_follow_from_capacities_where_none_is_given() -> None:
    case = Case()
    case.hostvars["web1"] = {"lvs_addresses": ["192.0.2.21"], "lvs_capacity": 64}
    case.hostvars["web2"] = {"lvs_addresses": ["192.0.2.22"], "lvs_capacity": 32}

    assert weights_of(case) == [{"web1": 2, "web2": 1, "web3": 1}]
    del case.hostvars["web1"]["lvs_capacity"]
    assert weights_of(case) == [{"web1": 1, "web2": 1, "web3": 1}]


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        (["192.0.2.21", "192.0.2.22"], "192.0.2.21"),
        (["198.51.100.21", "192.0.2.22"], "192.0.2.22"),
        (["203.0.113.9"], "203.0.113.9"),
        (["198.51.100.21"], None),
        ([], None),
    ],
)
def test_a_hosts_address_in_a_network_is_its_first_in_any_subnet(
    addresses: list[str], found: str | None
) -> None:
    case = Case()
    case.document["networks"]["front"]["subnets"].append("203.0.113.0/24")
    case.hostvars["client1"]["lvs_addresses"] = addresses
    inventory = read(case)

    address = inventory.hosts["client1"].address_in(inventory.clusters["edge"].networks["front"])

    assert (str(address) if address else None) == found


def test_a_hosts_interface_overrides_the_networks() -> None:
    case = Case()
    case.hostvars["lb2"]["lvs_interfaces"] = {"front": "enp3s0"}
    inventory = read(case)
    cluster = inventory.clusters["edge"]

    places = [
        (host.interface_on(cluster, "front"), host.interface_on(cluster, "sync"))
        for host in inventory.directors(cluster)
    ]

    assert places == [("eth0", "eth1"), ("enp3s0", "eth1")]


def test_hosts_of_one_cluster_carry_one_document() -> None:
    assert list(read(Case()).clusters) == ["edge"]


def test_two_documents_of_one_name_are_refused() -> None:
    case = Case()
    hostvars, groups = case.inputs()
    hostvars["lb2"]["lvs_cluster"]["failover"]["failback"] = True

    _, problems = read_inventory(hostvars, groups)

    assert [str(problem) for problem in problems] == [
        "lvs_cluster[edge]: two different clusters have this name: give one of them another name"
    ]


def test_an_inventory_without_a_cluster_is_refused() -> None:
    _, problems = read_inventory({"lb1": {"lvs_weight": 1}, "lb2": {"lvs_cluster": None}}, {})

    assert [str(problem) for problem in problems] == [
        "lvs_cluster: no host of the inventory has this variable: describe a cluster in it"
    ]
