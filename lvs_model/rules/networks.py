"""Networks: what lies where."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lvs_model.document import Cluster
from lvs_model.inventory import network_of
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, rule
from lvs_model.rules.view import View, root_of
from lvs_model.topology import server_address


@cluster_rule("networks-overlap")
def networks_overlap(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Two networks of a cluster have addresses in common.

    The toolkit finds the interface for an address by the network whose subnet holds it. In two networks
    at once a VIP would lie inside two segments, and it would be left to the order of the document which
    one gets it.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
          guests: {interface: eth1, subnets: [192.0.2.128/25]}

    Mend: give each network subnets of its own. Several subnets on one segment belong into one network.
    """
    for (one, first), (other, second) in combinations(cluster.networks.items(), 2):
        if any(subnet.overlaps(against) for subnet in first.subnets for against in second.subnets):
            yield Problem(
                f"{root_of(cluster)}.networks.{other}",
                f"its subnets overlap with those of {one!r}",
                "an address must lie in one network only",
            )


@rule("subnet-on-two-segments", "warning")
def subnet_on_two_segments(view: View) -> Iterator[Problem]:
    """Two clusters place one subnet on different segments.

    Router ids, sync ids and addresses are kept unique on each segment. Where two clusters name the
    segment of one subnet differently, the toolkit takes them for two networks (two sites may well use
    the same private addresses) and finds no clash between them. Where it is one network, a router id
    can then be used twice.

    Wrong::

        # cluster edge
        front: {segment: dc1-v120, interface: eth0, subnets: [192.0.2.0/24]}
        # cluster mail, on the same wire
        front: {segment: v120, interface: eth0, subnets: [192.0.2.0/24]}

    Mend: write the same segment where it is the same network. Where it is not, nothing needs to be
    done.
    """
    seen: dict[str, tuple[str, str]] = {}
    for cluster in view.clusters:
        for name, network in cluster.networks.items():
            for subnet in network.subnets:
                segment, owner = seen.setdefault(str(subnet), (network.segment_name, cluster.name))
                if segment != network.segment_name:
                    yield Problem(
                        f"{root_of(cluster)}.networks.{name}.segment",
                        f"{subnet} is on segment {network.segment_name!r} here and on {segment!r} in cluster "
                        f"{owner!r}",
                        "name the segment alike if it is the same network",
                    )


@cluster_rule("director-off-network")
def director_off_network(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director has no address on a network that it needs.

    Directors send their adverts from an address of their own, and reach real servers under direct
    routing on a segment that they are on themselves. Without an address there a director cannot take
    part: it would wait for ever, or own the VIPs beside another one.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
          back: {interface: eth1, subnets: [10.0.0.0/24]}
        failover: {network: front}
        # host_vars/lb2.yml
        lvs_addresses: [10.0.0.12]

    Mend: add the director's address on that network to its `lvs_addresses`, or use a network that all
    directors are on.
    """
    needed = {instance.network for instance in view.instances(cluster)} | {cluster.failover.network}
    for served in view.services_of(cluster):
        if served.service.forwarding == "dr":
            for host in served.pool:
                for family in served.families:
                    address = server_address(cluster, served.service, host, family)
                    if address is not None and (name := network_of(cluster, address)):
                        needed.add(name)
    for name in sorted(needed & set(cluster.networks)):
        for host in view.directors(cluster):
            if host.address_in(cluster.networks[name]) is None:
                yield Problem(
                    f"host {host.name}: lvs_addresses",
                    f"none lies in the network {name!r}, which directors of {cluster.name!r} need",
                    "add its address there",
                )


@cluster_rule("director-family-missing")
def director_family_missing(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Directors of an election have no address family in common.

    VRRP runs over IPv4 or over IPv6 (RFC 5798, 5.1): all directors of an election must have an address
    of one and the same family on its network, or they never hear each other, and each takes the VIPs.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24, "2001:db8::/64"]}
        # host_vars/lb1.yml
        lvs_addresses: [192.0.2.11]
        # host_vars/lb2.yml
        lvs_addresses: ["2001:db8::12"]

    Mend: give every director of the cluster an IPv4 address on the network, or every one an IPv6
    address.
    """
    for name in dict.fromkeys(instance.network for instance in view.instances(cluster)):
        network = cluster.networks.get(name)
        hosts = [host for host in view.directors(cluster) if network and host.address_in(network)]
        if network is None or not hosts:
            continue
        if not any(all(host.address_in(network, family) for host in hosts) for family in (4, 6)):
            yield Problem(
                f"{root_of(cluster)}.networks.{name}",
                f"of the directors {', '.join(host.name for host in hosts)} some have only IPv4 addresses "
                "there, and some only IPv6 ones",
                "give all of them an address of one family",
            )
