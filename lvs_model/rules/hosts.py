"""Hosts: what roles they have, and addresses that they must not share."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.inventory import network_of
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, rule
from lvs_model.rules.view import View, root_of


@cluster_rule("directors-empty")
def directors_empty(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A cluster has no director.

    Without a director nobody owns the VIPs, and nothing but the real servers would be set up: servers with
    addresses that no client ever reaches.

    Wrong::

        edge_directors: {hosts: {}}

    Mend: put hosts into the group that `directors` names; two or more, to survive the loss of one.
    """
    if cluster.directors in view.inventory.groups and not view.directors(cluster):
        yield Problem(
            f"{root_of(cluster)}.directors",
            f"the group {cluster.directors!r} is empty",
            "put at least one host into it",
        )


@cluster_rule("directors-too-few", "warning")
def directors_too_few(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Nobody can take over.

    A cluster with one director works, but its failure is everybody's: there is no one to take the VIPs
    over.

    Wrong::

        edge_directors: {hosts: {lb1: {}}}

    Mend: add a second director. A test cluster may stay as it is.
    """
    if len(view.directors(cluster)) == 1:
        yield Problem(
            f"{root_of(cluster)}.directors",
            f"{view.directors(cluster)[0].name} is the only one: when it fails, nobody takes over",
            "add a second director",
        )
    for place, instance in enumerate(cluster.failover.instances):
        if len(instance.directors) == 1:
            yield Problem(
                f"{root_of(cluster)}.failover.instances[{place}].directors",
                f"{instance.directors[0]} is the only one: when it fails, nobody takes over",
                "add a second director",
            )


@rule("director-in-two-clusters")
def director_in_two_clusters(view: View) -> Iterator[Problem]:
    """A host is a director of two clusters.

    A director runs one keepalived with one configuration and one IPVS table, and the toolkit writes
    both for one cluster.

    Wrong::

        edge_directors: {hosts: {lb1: {}, lb2: {}}}
        mail_directors: {hosts: {lb1: {}, lb3: {}}}

    Mend: give each cluster directors of its own, or describe both as services of one cluster, with
    `failover.instances` where their VIPs shall move apart.
    """
    owners: dict[str, str] = {}
    for cluster in view.clusters:
        for host in view.directors(cluster):
            owner = owners.setdefault(host.name, cluster.name)
            if owner != cluster.name:
                yield Problem(
                    f"host {host.name}",
                    f"it is a director of both {owner!r} and {cluster.name!r}",
                    "give each cluster directors of its own",
                )


@rule("director-is-real-server")
def director_is_real_server(view: View) -> Iterator[Problem]:
    """A director is a real server where it cannot be one.

    Directors may be real servers of their own cluster by direct routing or a tunnel: the answers go
    straight to the clients. Under NAT they must pass the owner of the VIPs, through a gateway that the
    answering director may own itself or lose in between. Under masquerading the kernel drops connections to
    an address of its own that it learnt by connection sync (net/netfilter/ipvs/ip_vs_xmit.c,
    ip_vs_nat_xmit). And a host is set up by one cluster's plan.

    Wrong::

        edge_directors: {hosts: {lb1: {}, lb2: {}}}
        edge_web: {hosts: {web1: {}, lb2: {}}}
        services:
          - {name: www, forwarding: nat, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: `forwarding: dr` or `tun`, or take the host out of one of the two groups.
    """
    owners = {host.name: cluster.name for cluster in view.clusters for host in view.directors(cluster)}
    why = {
        "nat": "its answers must pass the gateway, which it can own itself",
        "masquerade": "connections to itself do not survive a failover",
    }
    for served in view.services if owners else ():
        own, pool = served.cluster.name, served.service.pool
        for host in served.pool:
            if owners.get(host.name, own) != own:
                yield Problem(
                    f"host {host.name}",
                    f"it is a director of {owners[host.name]!r} and in the pool {pool!r} of {own!r}: a host "
                    "is set up by one cluster",
                    "take it out of one of the two groups",
                )
            elif host.name in owners and (forwarding := served.service.forwarding) in why:
                yield Problem(
                    f"host {host.name}",
                    f"it is a director and a real server of {served.service.name!r} by {forwarding}: "
                    f"{why[forwarding]}",
                    f"use dr or tun, or take it out of the pool {pool!r}",
                )


@rule("real-server-in-two-clusters")
def real_server_in_two_clusters(view: View) -> Iterator[Problem]:
    """A host is a real server of two clusters.

    A real server has one set of VIPs and settings, written from one cluster's plan: the second
    cluster's would replace the first one's. Within a cluster a host may be in any number of pools.

    Wrong::

        edge_web: {hosts: {web1: {}}}     # a pool of cluster edge
        mail_imap: {hosts: {web1: {}}}    # a pool of cluster mail

    Mend: give each cluster real servers of its own, or describe both as services of one cluster.
    """
    owners: dict[str, str] = {}
    for served in view.services:
        for host in served.pool:
            owner = owners.setdefault(host.name, served.cluster.name)
            if owner != served.cluster.name:
                yield Problem(
                    f"host {host.name}",
                    f"it is in pools of both {owner!r} and {served.cluster.name!r}, which is not "
                    "supported yet",
                    "give each cluster real servers of its own",
                )


@rule("probe-in-cluster")
def probe_in_cluster(view: View) -> Iterator[Problem]:
    """A client of the tests is part of a cluster.

    A director and a real server have the VIPs themselves: what they send to a VIP never leaves them,
    and a test from there proves nothing.

    Wrong::

        probes: {hosts: {web1: {}}}       # a real server

    Mend: take a host outside the cluster as client.
    """
    inside = {name for cluster in view.clusters for name in view.hosts(cluster)}
    for name in view.inventory.probes:
        if name in inside:
            yield Problem(
                f"host {name}",
                "it is in the group 'probes' and a director or real server, which cannot test its own VIPs",
                "take a host outside the cluster as client",
            )


@cluster_rule("director-state")
def director_state(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director is drained or disabled by a variable of real servers.

    `lvs_state` is about real servers: weight 0, or not in the pool. On a director that is in no pool it would
    be without effect, and whoever wrote it would believe that the director is out of service.

    Wrong::

        # host_vars/lb1.yml
        lvs_state: disabled

    Mend: remove it. To take a director out of service, take it out of the group, or lower its priority.
    """
    groups = view.inventory.groups
    pooled = {name for service in cluster.services for name in groups.get(service.pool, [])}
    for host in view.directors(cluster):
        if host.variables.lvs_state != "enabled" and host.name not in pooled:
            yield Problem(
                f"host {host.name}: lvs_state",
                f"it is {host.variables.lvs_state!r}, and a director knows no such state",
                "remove it",
            )


@rule("retired-in-use")
def retired_in_use(view: View) -> Iterator[Problem]:
    """A retired host has a part in a cluster.

    Hosts of the group `retired` shall hold nothing of the toolkit's any more, and are cleaned up. One that
    is a director or a real server as well would be set up and cleaned up in one run.

    Wrong::

        edge_web: {hosts: {web1: {}, web2: {}}}
        retired: {hosts: {web2: {}}}

    Mend: take it out of the cluster's group; or out of `retired`, if it shall serve again.
    """
    for name in view.inventory.retired:
        for cluster in view.clusters:
            if name in view.hosts(cluster):
                yield Problem(
                    f"host {name}",
                    f"it is in the group 'retired', and a director or real server of {cluster.name!r}",
                    "take it out of one of the two",
                )


@rule("address-of-two-hosts")
def address_of_two_hosts(view: View) -> Iterator[Problem]:
    """Two hosts of a segment have the same address.

    Two hosts with one address on a segment answer each other's packets in turn (RFC 5227, 1.1): checks
    see one server, clients the other.

    Wrong::

        # host_vars/web1.yml
        lvs_addresses: [192.0.2.21]
        # host_vars/web2.yml
        lvs_addresses: [192.0.2.21]

    Mend: correct one of the two.
    """
    owners: dict[tuple[str, str], str] = {}
    for cluster in view.clusters:
        for host in view.hosts(cluster).values():
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
