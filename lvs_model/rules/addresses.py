"""VIPs: where they lie, and who else has them."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, rule
from lvs_model.rules.view import View, root_of


@rule("vip-outside-networks")
def vip_outside_networks(view: View) -> Iterator[Problem]:
    """A VIP lies in no network of its cluster.

    The owner of a VIP has it on the interface of the network in whose subnets it lies, and tells that
    segment by gratuitous ARP. For an address of no network there is no such interface.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        services:
          - {name: www, vips: [203.0.113.10], ports: [80], pool: edge_web}

    Mend: take an address from the network's subnets, or add the subnet to the network. A VIP that
    routers send to the directors from elsewhere is a subnet of one address: `203.0.113.10/32`.
    """
    for vip in view.vips:
        networks = vip.cluster.networks
        if not any(vip.address in subnet for one in networks.values() for subnet in one.subnets):
            yield Problem(
                vip.path,
                f"{vip.address} lies in no subnet of the networks {', '.join(networks)}",
                "take an address from their subnets, or add the subnet to a network",
            )


@rule("vip-is-network-address")
def vip_is_network_address(view: View) -> Iterator[Problem]:
    """A VIP is a network's own or its broadcast address.

    The first address of an IPv4 subnet names the network and the last one is its broadcast (RFC 1122,
    3.2.1.3; a /31 has neither, RFC 3021): hosts drop connections to them. The first one of an IPv6
    subnet is the anycast address of its routers (RFC 4291, 2.6.1).

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        services:
          - {name: www, vips: [192.0.2.255], ports: [80], pool: edge_web}

    Mend: take another address of the subnet.
    """
    for vip in view.vips:
        for network in vip.cluster.networks.values():
            for subnet in network.subnets:
                own = [subnet.network_address]
                if subnet.version == 4:
                    own.append(subnet.broadcast_address)
                if vip.address in own and subnet.max_prefixlen - subnet.prefixlen >= 2:
                    yield Problem(
                        vip.path, f"{vip.address} is a network or broadcast address", "take another"
                    )


@rule("vip-is-host-address")
def vip_is_host_address(view: View) -> Iterator[Problem]:
    """A VIP is an address of a host's own.

    A VIP moves between directors and is silent on real servers. An address that a host has for itself
    does neither: two hosts would answer for it.

    Wrong::

        services:
          - {name: www, vips: [192.0.2.11], ports: [80], pool: edge_web}
        # host_vars/lb1.yml
        lvs_addresses: [192.0.2.11]

    Mend: give the service an address of its own, which no host has.
    """
    vips = {str(vip.address): vip.path.rsplit(".vips[", 1)[0] for vip in reversed(view.vips)}
    for host in view.inventory.hosts.values():
        for number, text in enumerate(map(str, host.variables.lvs_addresses)):
            if text in vips:
                yield Problem(
                    f"host {host.name}: lvs_addresses[{number}]",
                    f"{text} is a VIP of {vips[text]}",
                    "give the host its own",
                )


@rule("vip-in-two-clusters")
def vip_in_two_clusters(view: View) -> Iterator[Problem]:
    """Two clusters have the same VIP.

    Each cluster elects an owner for its VIPs: with one VIP in two clusters two directors have it at
    once.

    Wrong::

        # cluster edge
        services: [{name: www, vips: [192.0.2.10], ports: [80], pool: edge_web}]
        # cluster mail
        services: [{name: smtp, vips: [192.0.2.10], ports: [25], pool: mail_smtp}]

    Mend: give one of them another VIP, or describe both as services of one cluster.
    """
    owners: dict[str, str] = {}
    for vip in view.vips:
        owner = owners.setdefault(str(vip.address), vip.cluster.name)
        if owner != vip.cluster.name:
            yield Problem(
                vip.path,
                f"{vip.address} is a VIP of cluster {owner!r} too",
                "a VIP belongs to one cluster",
            )


@cluster_rule("vip-in-two-instances")
def vip_in_two_instances(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Two instances have the same VIP.

    Each VRRP instance elects an owner for its VIPs: with one VIP in two instances two directors can
    have it at once, and each removes it when it loses one of its roles.

    Wrong::

        failover:
          network: front
          instances:
            - {name: blue, vips: [192.0.2.10]}
            - {name: green, vips: [192.0.2.10]}

    Mend: name each VIP in one instance.
    """
    owners: dict[str, str] = {}
    for place, instance in enumerate(cluster.failover.instances):
        for number, vip in enumerate(instance.vips):
            path = f"{root_of(cluster)}.failover.instances[{place}].vips[{number}]"
            if str(vip) in owners:
                yield Problem(
                    path,
                    f"{vip} is a VIP of instance {owners[str(vip)]!r} already",
                    "a VIP belongs to one instance",
                )
            owners.setdefault(str(vip), instance.name)
