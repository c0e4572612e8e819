"""The semantic check: relations inside a cluster document, and between it and the inventory.

Everything found here would make a cluster fail later (shared/reference/lvs.md, chapters 1 and 4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lvs_model.document import Cluster, Service
from lvs_model.inventory import Host, Inventory
from lvs_model.problems import Problem

_LONGEST_FAILBACK_DELAY = 1000  # preempt_delay of keepalived.conf(5), seconds


def check_relations(inventory: Inventory) -> list[Problem]:
    """Every relation that does not hold, over all clusters of the inventory."""
    problems: list[Problem] = []
    for cluster in inventory.clusters.values():
        problems += _failover(cluster)
        problems += _networks(cluster)
        problems += _services(cluster, inventory)
        problems += _directors(cluster, inventory)
    problems += _roles(inventory)
    problems += _across_clusters(inventory)
    problems += _addresses(inventory)
    return problems


def _root(cluster: Cluster) -> str:
    return f"lvs_cluster[{cluster.name}]"


def failback_delay_s(cluster: Cluster) -> float:
    """Seconds that a returning director waits before it takes its role back.

    Without a given one: until every check has had its first result, so that it does not take over
    with an empty table.
    """
    if cluster.failover.failback_delay is not None:
        return cluster.failover.failback_delay
    return max(service.check.first_result_s for service in cluster.services)


def _failover(cluster: Cluster) -> Iterator[Problem]:
    if cluster.failover.failback and failback_delay_s(cluster) > _LONGEST_FAILBACK_DELAY:
        yield Problem(
            f"{_root(cluster)}.failover.failback_delay",
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
                f"{_root(cluster)}.{path}", f"there is no network {network!r}", f"use one of: {known}"
            )


def _directors(cluster: Cluster, inventory: Inventory) -> Iterator[Problem]:
    path = f"{_root(cluster)}.directors"
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
    given = Counter(host.variables.lvs_priority for host in directors if host.variables.lvs_priority)
    for host in directors:
        if host.variables.lvs_priority and given[host.variables.lvs_priority] > 1:
            yield Problem(
                f"host {host.name}: lvs_priority",
                f"another director of {cluster.name!r} has the same one, and equals never preempt each other",
                "give each director its own, or none",
            )


def _services(cluster: Cluster, inventory: Inventory) -> Iterator[Problem]:
    names: set[str] = set()
    endpoints: dict[tuple[str, str, int], str] = {}
    for index, service in enumerate(cluster.services):
        path = f"{_root(cluster)}.services[{index}]"
        if service.name in names:
            yield Problem(
                f"{path}.name", f"{service.name!r} is there twice", "give each service its own name"
            )
        names.add(service.name)
        yield from _endpoints(path, service, endpoints)
        yield from _pool(path, service, cluster, inventory)
        yield from _vips(path, service, cluster)
        if service.scheduler in {"sh", "mh"}:
            total = sum(inventory.pool_weights(service.pool).values())
            limit = 256 if service.scheduler == "sh" else 4093  # CONFIG_IP_VS_{SH,MH}_TAB_* of Debian
            if total > limit:
                yield Problem(
                    f"{path}.scheduler",
                    f"the pool's weights sum to {total}, the table of {service.scheduler} has {limit} places",
                    "give smaller weights",
                )


def _endpoints(path: str, service: Service, seen: dict[tuple[str, str, int], str]) -> Iterator[Problem]:
    for number, vip in enumerate(service.vips):
        for port in service.ports:
            key = (service.protocol, str(vip), port)
            if key in seen:
                yield Problem(
                    f"{path}.vips[{number}]",
                    f"{vip}:{port} ({service.protocol}) is already served by {seen[key]}",
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
    pool = inventory.pool(service.pool)
    if not pool:
        yield Problem(
            f"{path}.pool",
            f"the pool {service.pool!r} is empty",
            "put real servers into the group (disabled ones do not count)",
        )
        return
    serving = sum(weight > 0 for weight in inventory.pool_weights(service.pool).values())
    if not serving:
        yield Problem(f"{path}.pool", "every real server has weight 0", "give one a weight above 0")
    elif service.min_servers > serving:
        yield Problem(
            f"{path}.min_servers",
            f"{service.min_servers} is more than the {serving} real servers with a weight above 0",
            "lower it, or add real servers",
        )
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
        elif any(vip in (subnet.network_address, subnet.broadcast_address) for subnet in election.subnets):
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
            for host in inventory.pool(service.pool):
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


def _across_clusters(inventory: Inventory) -> Iterator[Problem]:
    vips: dict[str, str] = {}
    ids: dict[tuple[str, int], str] = {}
    for cluster in inventory.clusters.values():
        for index, service in enumerate(cluster.services):
            for number, vip in enumerate(service.vips):
                owner = vips.setdefault(str(vip), cluster.name)
                if owner != cluster.name:
                    yield Problem(
                        f"{_root(cluster)}.services[{index}].vips[{number}]",
                        f"{vip} is a VIP of cluster {owner!r} too",
                        "a VIP belongs to one cluster",
                    )
        network = cluster.networks.get(cluster.failover.network)
        router_id = cluster.failover.router_id
        if network and router_id:
            owner = ids.setdefault((network.segment_name, router_id), cluster.name)
            if owner != cluster.name:
                yield Problem(
                    f"{_root(cluster)}.failover.router_id",
                    f"{router_id} is taken by cluster {owner!r} on segment {network.segment_name!r}",
                    "take another, or leave it out",
                )


def _addresses(inventory: Inventory) -> Iterator[Problem]:
    vips = {
        str(vip): f"{_root(cluster)}.services[{index}]"
        for cluster in inventory.clusters.values()
        for index, service in enumerate(cluster.services)
        for vip in service.vips
    }
    for cluster in inventory.clusters.values():
        hosts = {host.name: host for host in inventory.directors(cluster)}
        hosts |= {host.name: host for service in cluster.services for host in inventory.pool(service.pool)}
        owners: dict[str, str] = {}
        for host in hosts.values():
            for number, address in enumerate(map(str, host.variables.lvs_addresses)):
                path = f"host {host.name}: lvs_addresses[{number}]"
                if address in vips:
                    yield Problem(path, f"{address} is a VIP of {vips[address]}", "give the host its own")
                owner = owners.setdefault(address, host.name)
                if owner != host.name:
                    yield Problem(path, f"{address} is an address of host {owner} too", "mend one of the two")
