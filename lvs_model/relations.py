"""The semantic check: relations inside a cluster document, and between it and the inventory.

Everything found here would make a cluster fail later (keepalived.conf(5), RFC 5798, docs/decisions).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lvs_model.document import Cluster, Service
from lvs_model.estate import check_estate, root_of
from lvs_model.inventory import Host, Inventory
from lvs_model.problems import Problem
from lvs_model.topology import director_priorities, failback_delay_s

_LONGEST_FAILBACK_DELAY = 1000  # preempt_delay of keepalived.conf(5), seconds


def check_relations(inventory: Inventory) -> list[Problem]:
    """Every relation that does not hold, over all clusters of the inventory."""
    problems: list[Problem] = []
    for cluster in inventory.clusters.values():
        problems += _failover(cluster)
        problems += _networks(cluster)
        problems += _services(cluster, inventory)
        problems += _directors(cluster, inventory)
    return problems + check_estate(inventory)


def _failover(cluster: Cluster) -> Iterator[Problem]:
    if cluster.failover.failback and failback_delay_s(cluster) > _LONGEST_FAILBACK_DELAY:
        yield Problem(
            f"{root_of(cluster)}.failover.failback_delay",
            f"the checks' first results can take {failback_delay_s(cluster):.0f} s, and keepalived waits "
            f"at most {_LONGEST_FAILBACK_DELAY} s",
            "shorten the checks' timeouts or retries, or give a delay",
        )


def _networks(cluster: Cluster) -> Iterator[Problem]:
    known = ", ".join(cluster.networks)
    used = {"failover.network": cluster.failover.network}
    if cluster.connection_sync:
        used["connection_sync.network"] = cluster.connection_sync.network
    for path, network in used.items():
        if network not in cluster.networks:
            yield Problem(
                f"{root_of(cluster)}.{path}", f"there is no network {network!r}", f"use one of: {known}"
            )
    for (one, first), (other, second) in combinations(cluster.networks.items(), 2):
        if any(subnet.overlaps(against) for subnet in first.subnets for against in second.subnets):
            yield Problem(
                f"{root_of(cluster)}.networks.{other}",
                f"its subnets overlap with those of {one!r}",
                "an address must lie in one network only",
            )


def _directors(cluster: Cluster, inventory: Inventory) -> Iterator[Problem]:
    path = f"{root_of(cluster)}.directors"
    if cluster.directors not in inventory.groups:
        yield Problem(
            path, f"there is no inventory group {cluster.directors!r}", "create it, or name another"
        )
        return
    directors = inventory.directors(cluster)
    if not directors:
        yield Problem(path, f"the group {cluster.directors!r} is empty", "put at least one host into it")
    needed = {cluster.failover.network}
    if cluster.connection_sync:
        needed.add(cluster.connection_sync.network)
    for name in sorted(needed & set(cluster.networks)):
        for host in directors:
            if host.address_in(cluster.networks[name]) is None:
                yield Problem(
                    f"host {host.name}: lvs_addresses",
                    f"none lies in the network {name!r}, which directors of {cluster.name!r} need",
                    "add its address there",
                )
    try:
        director_priorities(cluster, inventory)
    except ValueError as error:
        yield Problem(f"{path}: lvs_priority", str(error), "set lvs_priority of all of them, further apart")


def _services(cluster: Cluster, inventory: Inventory) -> Iterator[Problem]:
    names: set[str] = set()
    endpoints: dict[tuple[str, str, int], str] = {}
    for index, service in enumerate(cluster.services):
        path = f"{root_of(cluster)}.services[{index}]"
        if service.name in names:
            yield Problem(
                f"{path}.name", f"{service.name!r} is there twice", "give each service its own name"
            )
        names.add(service.name)
        yield from _endpoints(path, service, endpoints)
        yield from _pool(path, service, cluster, inventory)
        yield from _vips(path, service, cluster)
        if service.scheduler in {"sh", "mh"}:
            total = sum(inventory.weights(cluster, service).values())
            limit = 256 if service.scheduler == "sh" else 4093  # CONFIG_IP_VS_{SH,MH}_TAB_* of Debian
            if total > limit:
                yield Problem(
                    f"{path}.scheduler",
                    f"the pool's weights sum to {total}, the table of {service.scheduler} has {limit} places",
                    "give smaller weights",
                )


def _endpoints(path: str, service: Service, seen: dict[tuple[str, str, int], str]) -> Iterator[Problem]:
    for number, vip in enumerate(service.vips):
        for protocol, port in service.endpoints():
            key = (protocol, str(vip), port)
            if key in seen:
                yield Problem(
                    f"{path}.vips[{number}]",
                    f"{vip}:{port} ({protocol}) is already served by {seen[key]}",
                    "one address and port belong to one service",
                )
            else:
                seen[key] = path


def _pool(path: str, service: Service, cluster: Cluster, inventory: Inventory) -> Iterator[Problem]:
    if service.pool not in inventory.groups:
        yield Problem(
            f"{path}.pool", f"there is no inventory group {service.pool!r}", "create it, or name another"
        )
        return
    pool = inventory.pool(service)
    if not pool:
        yield Problem(
            f"{path}.pool",
            f"the pool {service.pool!r} is empty",
            "put real servers into the group (disabled ones do not count)",
        )
        return
    serving = sum(weight > 0 for weight in inventory.weights(cluster, service).values())
    if not serving:
        yield Problem(f"{path}.pool", "every real server has weight 0", "give one a weight above 0")
    elif service.min_servers > serving:
        yield Problem(
            f"{path}.min_servers",
            f"{service.min_servers} is more than the {serving} real servers with a weight above 0",
            "lower it, or add real servers",
        )
    if cluster.failover.network not in cluster.networks:
        return  # _networks has said it
    for host in pool:
        if real_server_network(cluster, host) is None:
            yield Problem(
                f"host {host.name}: lvs_addresses",
                f"none lies in a network with the VIPs of service {service.name!r}, and direct routing "
                "reaches a real server only on the directors' own segment",
                "add its address there",
            )


def _vips(path: str, service: Service, cluster: Cluster) -> Iterator[Problem]:
    election = cluster.networks.get(cluster.failover.network)
    if election is None:
        return
    for number, vip in enumerate(service.vips):
        if not any(vip in subnet for subnet in election.subnets):
            yield Problem(
                f"{path}.vips[{number}]",
                f"{vip} lies in no subnet of the network {cluster.failover.network!r}",
                "take an address from its subnets, or add the subnet to the network",
            )
        elif any(
            vip in (subnet.network_address, subnet.broadcast_address)
            for subnet in election.subnets
            if subnet.prefixlen <= 30  # RFC 3021: a /31 has neither
        ):
            yield Problem(
                f"{path}.vips[{number}]", f"{vip} is a network or broadcast address", "take another"
            )


def real_server_network(cluster: Cluster, host: Host) -> str | None:
    """The network on which directors reach a real server, or None if it has no address there.

    Direct routing rewrites only the destination MAC, so it is the network of the VIPs.
    """
    network = cluster.networks.get(cluster.failover.network)
    if network is None or host.address_in(network) is None:
        return None
    return cluster.failover.network
