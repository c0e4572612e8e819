"""The semantic check beyond one cluster: what hosts, addresses and ids of the whole inventory must not do."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.inventory import Inventory, network_of
from lvs_model.problems import Problem
from lvs_model.topology import Scope, cluster_hosts, failover_segments, sync_segments
from lvs_model.vrrp import router_ids


def check_estate(inventory: Inventory) -> list[Problem]:
    """Every relation between clusters and hosts that does not hold."""
    return [
        *_roles(inventory),
        *_host_variables(inventory),
        *_vips(inventory),
        *_router_ids(inventory),
        *_addresses(inventory),
    ]


def root_of(cluster: Cluster) -> str:
    """The path of a cluster's document in problems."""
    return f"lvs_cluster[{cluster.name}]"


def _roles(inventory: Inventory) -> Iterator[Problem]:
    directors: dict[str, str] = {}
    for cluster in inventory.clusters.values():
        for host in inventory.directors(cluster):
            if host.name in directors:
                yield Problem(
                    f"host {host.name}",
                    f"it is a director of both {directors[host.name]!r} and {cluster.name!r}",
                    "give each cluster directors of its own",
                )
            directors[host.name] = cluster.name
    pools: dict[str, str] = {}
    for cluster in inventory.clusters.values():
        for service in cluster.services:
            for host in inventory.pool(service):
                if host.name in directors:
                    yield Problem(
                        f"host {host.name}",
                        f"it is a director and in the pool {service.pool!r}; a director that is a real "
                        "server too is not supported yet",
                        "take it out of one of the two groups",
                    )
                if pools.setdefault(host.name, cluster.name) != cluster.name:
                    yield Problem(
                        f"host {host.name}",
                        f"it is in pools of both {pools[host.name]!r} and {cluster.name!r}, which is not "
                        "supported yet",
                        "give each cluster real servers of its own",
                    )
    for name in inventory.probes:
        if name in directors or name in pools:
            yield Problem(
                f"host {name}",
                "it is in the group 'probes' and a director or real server, which cannot test its own VIPs",
                "take a host outside the cluster as client",
            )


def _host_variables(inventory: Inventory) -> Iterator[Problem]:
    """Variables that would be without effect."""
    for cluster in inventory.clusters.values():
        for host in inventory.directors(cluster):
            if host.variables.lvs_state != "enabled":
                yield Problem(
                    f"host {host.name}: lvs_state",
                    f"it is {host.variables.lvs_state!r}, and a director knows no such state",
                    "remove it",
                )
        for host in cluster_hosts(cluster, inventory).values():
            for network in host.variables.lvs_interfaces:
                if network not in cluster.networks:
                    yield Problem(
                        f"host {host.name}: lvs_interfaces.{network}",
                        f"there is no network {network!r} in cluster {cluster.name!r}",
                        f"use one of: {', '.join(cluster.networks)}",
                    )


def _vips(inventory: Inventory) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for cluster in inventory.clusters.values():
        for index, service in enumerate(cluster.services):
            for number, vip in enumerate(service.vips):
                owner = owners.setdefault(str(vip), cluster.name)
                if owner != cluster.name:
                    yield Problem(
                        f"{root_of(cluster)}.services[{index}].vips[{number}]",
                        f"{vip} is a VIP of cluster {owner!r} too",
                        "a VIP belongs to one cluster",
                    )


def _router_ids(inventory: Inventory) -> Iterator[Problem]:
    given: dict[tuple[Scope, int], str] = {}
    for name, (segment, router_id) in failover_segments(inventory).items():
        if router_id is None:
            continue
        owner = given.setdefault((segment, router_id), name)
        if owner != name:
            yield Problem(
                f"lvs_cluster[{name}].failover.router_id",
                f"{router_id} is taken by cluster {owner!r} on segment {segment[0]!r}",
                "take another, or leave it out",
            )
    for wanted in (failover_segments, sync_segments):
        try:
            router_ids(wanted(inventory))
        except ValueError as error:
            yield Problem("lvs_cluster", str(error), "spread the clusters over more segments")


def _addresses(inventory: Inventory) -> Iterator[Problem]:
    """Addresses that two hosts of a segment have, or a host and a service."""
    vips = {
        str(vip): f"{root_of(cluster)}.services[{index}]"
        for cluster in inventory.clusters.values()
        for index, service in enumerate(cluster.services)
        for vip in service.vips
    }
    owners: dict[tuple[str, str], str] = {}
    for cluster in inventory.clusters.values():
        for host in cluster_hosts(cluster, inventory).values():
            for number, address in enumerate(host.variables.lvs_addresses):
                network = network_of(cluster, address)
                segment = cluster.networks[network].segment_name if network else f"cluster {cluster.name}"
                owner = owners.setdefault((segment, str(address)), host.name)
                if owner != host.name:
                    yield Problem(
                        f"host {host.name}: lvs_addresses[{number}]",
                        f"{address} is an address of host {owner} too",
                        "mend one of the two",
                    )
    for host in inventory.hosts.values():
        for number, text in enumerate(map(str, host.variables.lvs_addresses)):
            if text in vips:
                yield Problem(
                    f"host {host.name}: lvs_addresses[{number}]",
                    f"{text} is a VIP of {vips[text]}",
                    "give the host its own",
                )
