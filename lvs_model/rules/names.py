"""Names that lead nowhere, and names that are there twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, rule
from lvs_model.rules.view import View, root_of


@cluster_rule("unknown-network")
def unknown_network(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A network's name is none of the cluster's networks.

    Elections, connection sync and tracking name the networks that they are on, and a host names the
    networks on which its interface differs. A misspelt name would leave the default in force without a
    word.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        failover: {network: frnt}

    Mend: write one of the names under `networks`, or add the network there.
    """
    failover = cluster.failover
    used: dict[str, str] = {"failover.network": failover.network}
    used |= {
        f"failover.instances[{place}].network": instance.network
        for place, instance in enumerate(failover.instances)
        if instance.network
    }
    used |= {f"failover.track.networks[{place}]": name for place, name in enumerate(failover.track.networks)}
    if cluster.connection_sync:
        used["connection_sync.network"] = cluster.connection_sync.network
    for path, name in used.items():
        if name not in cluster.networks:
            yield Problem(
                f"{root_of(cluster)}.{path}",
                f"there is no network {name!r}",
                f"use one of: {', '.join(cluster.networks)}",
            )


@rule("unknown-interface-network")
def unknown_interface_network(view: View) -> Iterator[Problem]:
    """A host has an interface for a network that is not there.

    `lvs_interfaces` says where a host's interface on a network has another name than the cluster's.
    Under a misspelt network it is without effect, and addresses and ARP settings go to the wrong
    interface.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        # host_vars/web1.yml
        lvs_interfaces: {fornt: bond0}

    Mend: write the network's name as it stands under `networks` of a cluster that the host belongs to.
    """
    known: dict[str, dict[str, list[str]]] = {}
    for cluster in view.clusters:
        for host in view.hosts(cluster):
            known.setdefault(host, {})[cluster.name] = list(cluster.networks)
    for name, clusters in known.items():
        networks = list(dict.fromkeys(network for those in clusters.values() for network in those))
        for network in view.inventory.hosts[name].variables.lvs_interfaces:
            if network not in networks:
                yield Problem(
                    f"host {name}: lvs_interfaces.{network}",
                    f"there is no network {network!r} in cluster {' or '.join(map(repr, clusters))}",
                    f"use one of: {', '.join(networks)}",
                )


@rule("unknown-group")
def unknown_group(view: View) -> Iterator[Problem]:
    """A group's name is no group of the inventory.

    Directors and pools are groups of the Ansible inventory. Without the group a cluster has no
    director, or a service no real server.

    Wrong::

        lvs_cluster:
          directors: edge_director     # the inventory has edge_directors

    Mend: create the group, or name another.
    """
    named = [(f"{root_of(cluster)}.directors", cluster.directors) for cluster in view.clusters]
    named += [(f"{served.path}.pool", served.service.pool) for served in view.services]
    for path, group in named:
        if group not in view.inventory.groups:
            yield Problem(path, f"there is no inventory group {group!r}", "create it, or name another")


@cluster_rule("unknown-director")
def unknown_director(cluster: Cluster, view: View) -> Iterator[Problem]:
    """An instance's director is none of the cluster's.

    `directors` of an instance orders hosts of the cluster's own group of directors. Another name would
    take part in no election.

    Wrong::

        directors: edge_directors      # the group has lb1 and lb2
        failover:
          network: front
          instances:
            - {name: blue, directors: [lb1, lb3], vips: [192.0.2.10]}

    Mend: name hosts of the group, or leave `directors` out to have its order.
    """
    known = [host.name for host in view.directors(cluster)]
    for place, instance in enumerate(cluster.failover.instances):
        for number, name in enumerate(instance.directors):
            if name not in known:
                yield Problem(
                    f"{root_of(cluster)}.failover.instances[{place}].directors[{number}]",
                    f"{name!r} is no director of the cluster",
                    f"use {', '.join(known) or 'a host of its group'}",
                )


@cluster_rule("unknown-instance")
def unknown_instance(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A sync group names an instance that is not there.

    A sync group moves several VRRP instances together. keepalived refuses a group with a member that it
    does not know (keepalived.conf(5), section «VRRP synchronization group(s)»).

    Wrong::

        failover:
          network: front
          instances:
            - {name: outside, vips: [192.0.2.10]}
            - {name: inside, network: back, vips: [10.0.0.1]}
          sync_groups:
            - {name: nat, instances: [outside, insde]}

    Mend: write names of `failover.instances`.
    """
    known = [instance.name for instance in cluster.failover.instances]
    for place, group in enumerate(cluster.failover.sync_groups):
        for number, name in enumerate(group.instances):
            if name not in known:
                yield Problem(
                    f"{root_of(cluster)}.failover.sync_groups[{place}].instances[{number}]",
                    f"there is no instance {name!r}",
                    f"use one of: {', '.join(known)}" if known else "describe it in failover.instances",
                )


@rule("unknown-service")
def unknown_service(view: View) -> Iterator[Problem]:
    """A host says something about a service that does not have it.

    `lvs_services` says what is different for a real server in one service. Under a misspelt name, or
    for a service whose pool the host is not in, it is without effect: a drained server would get
    traffic.

    Wrong::

        # host_vars/web1.yml; the service is called www
        lvs_services: {wwww: {state: drained}}

    Mend: write the service's name, or put the host into the service's pool.
    """
    own: dict[str, list[str]] = {}
    for served in view.services:
        for name in view.inventory.groups.get(served.service.pool, []):
            own.setdefault(name, []).append(served.service.name)
    for host in view.inventory.hosts.values():
        for service in host.variables.lvs_services:
            if service not in own.get(host.name, []):
                yield Problem(
                    f"host {host.name}: lvs_services.{service}",
                    f"it is in the pool of no service {service!r}",
                    f"use one of: {', '.join(dict.fromkeys(own[host.name]))}"
                    if host.name in own
                    else "remove it, or put the host into the pool",
                )


@cluster_rule("name-twice")
def name_twice(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Two things of one kind have the same name.

    Services, instances, sync groups, tracked scripts and tracked processes are told apart by their
    names, in keepalived's configuration too: a second block of the same name is dropped or replaces the
    first.

    Wrong::

        services:
          - {name: www, vips: [192.0.2.10], ports: [80], pool: edge_web}
          - {name: www, vips: [192.0.2.10], ports: [443], pool: edge_web}

    Mend: give each its own name.
    """
    failover = cluster.failover
    processes, scripts = failover.track.processes, failover.track.scripts
    yield from _twice(cluster, "service", _named("services", cluster.services))
    yield from _twice(cluster, "instance", _named("failover.instances", failover.instances))
    yield from _twice(cluster, "sync group", _named("failover.sync_groups", failover.sync_groups))
    trackers = [
        *_named("failover.track.processes", processes),
        # The script that restarts a process is one in keepalived's configuration too.
        *((path, f"restart_{name}") for path, name in _named("failover.track.processes", processes)),
        *_named("failover.track.scripts", scripts),
    ]
    yield from _twice(cluster, "process and script", trackers)
    for place, instance in enumerate(failover.instances):
        path = f"failover.instances[{place}].directors"
        yield from _twice(
            cluster,
            "director",
            [(f"{path}[{number}]", name) for number, name in enumerate(instance.directors)],
        )


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def _named(path: str, things: Sequence[_Named]) -> list[tuple[str, str]]:
    return [(f"{path}[{place}].name", one.name) for place, one in enumerate(things)]


def _twice(cluster: Cluster, kind: str, named: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, name in named:
        if name in seen:
            yield Problem(
                f"{root_of(cluster)}.{path}", f"{name!r} is there twice", f"give each {kind} its own name"
            )
        seen.add(name)
