"""Forwarding nat: the address through which real servers answer, and where it must lie."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.inventory import Host, network_of
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, service_rule
from lvs_model.rules.view import Served, View, root_of, subnet_of
from lvs_model.topology import Address, Instance, all_vips, nat_networks


@service_rule("nat-beside-clients", "warning")
def nat_beside_clients(served: Served) -> Iterator[Problem]:
    """Real servers behind NAT are on the VIP's own subnet.

    Under NAT the answer must pass the director, which puts the VIP back into it. A client on the real
    server's own subnet gets the answer directly, from an address that it never asked, and drops it.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        services:
          - {name: www, forwarding: nat, vips: [192.0.2.10], ports: [80], pool: edge_web}
        # host_vars/web1.yml
        lvs_addresses: [192.0.2.21]

    Mend: real servers on a network of their own behind the directors, or `forwarding: masquerade`.
    Where no client is ever on that subnet the warning may stand.
    """
    if served.service.forwarding != "nat":
        return
    front = {network_of(served.cluster, vip) for vip in served.service.vips} - {None}
    for host, _, address in served.addresses:
        network = network_of(served.cluster, address)
        if network in front:
            yield Problem(
                f"{served.path}.forwarding",
                f"nat, and {host.name} ({address}) is on the VIPs' network {network!r}: clients there "
                "would get its answers past the director",
                "put the real servers behind the directors, or use masquerade",
            )
            return


@service_rule("gateway-missing")
def gateway_missing(served: Served) -> Iterator[Problem]:
    """Real servers under NAT have no way back through the directors.

    Under NAT every answer must pass the director that owns the VIP: it puts the VIP back into the packet.
    Real servers send their answers there by a route of their own (ip-rule(8)), to the gateway: an address
    of their own subnet that is on the owner's interface, moves with the service's VIPs, and belongs to no
    service. Without one the clients get answers from an address that they never asked.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
          back: {interface: eth1, subnets: [203.0.113.0/24]}
        failover: {network: front}
        services:
          - {name: www, forwarding: nat, vips: [192.0.2.10], ports: [80], pool: edge_web}
        # host_vars/web1.yml
        lvs_addresses: [203.0.113.21]

    Mend: name a free address of the real servers' subnet in `failover.vips`: `vips: [203.0.113.1]`; where
    there are instances, in the `vips` of the service's own.
    """
    seen = set()
    for host, address, found in _answers(served):
        subnet = subnet_of(served.cluster, address)
        if found or subnet is None or subnet in seen:
            continue  # without a subnet: real-server-out-of-reach
        seen.add(subnet)
        place = f"{_owners(served)[0].path}.vips"
        elsewhere = [vip for vip in _free(served.cluster) if vip in subnet]
        yield Problem(
            f"{served.path}.forwarding",
            f"nat, and no address of {subnet} moves with its VIPs, by which {host.name} ({address}) could "
            "answer through the directors",
            f"name {elsewhere[0]} in {place}, with which it must move"
            if elsewhere
            else f"add a free address of {subnet} to {place}",
        )


@service_rule("gateway-ambiguous")
def gateway_ambiguous(served: Served) -> Iterator[Problem]:
    """Two addresses could be the gateway of a real server under NAT.

    Real servers answer through the address of their subnet that moves with the service's VIPs and belongs
    to no service. With two of them nothing says which one is meant.

    Wrong::

        failover: {network: front, vips: [203.0.113.1, 203.0.113.2]}
        services:
          - {name: www, forwarding: nat, vips: [192.0.2.10], ports: [80], pool: edge_web}
        # host_vars/web1.yml
        lvs_addresses: [203.0.113.21]

    Mend: leave one of them, or give the other one an instance of its own in `failover.instances`.
    """
    seen = set()
    for host, address, found in _answers(served):
        subnet = subnet_of(served.cluster, address)
        if len(found) > 1 and subnet not in seen:
            seen.add(subnet)
            yield Problem(
                f"{served.path}.forwarding",
                f"nat, and {' and '.join(map(str, found))} move with its VIPs: {host.name} ({address}) could "
                "answer through either",
                "leave one of them, or give the other an instance of its own",
            )


@cluster_rule("gateway-of-two-instances")
def gateway_of_two_instances(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A real server under NAT would need two gateways.

    A real server's answers leave by its own address, to one gateway. With services of two instances the
    VIPs can be on two directors, each with a gateway of its own: what passes the wrong one reaches the
    client with the real server's address in it.

    Wrong::

        failover:
          network: front
          instances:
            - {name: blue, vips: [192.0.2.10, 203.0.113.1]}
            - {name: green, vips: [192.0.2.11, 203.0.113.2]}
        services:
          - {name: www, forwarding: nat, vips: [192.0.2.10], ports: [80], pool: edge_web}
          - {name: tls, forwarding: nat, vips: [192.0.2.11], ports: [443], pool: edge_web}

    Mend: a pool of its own for each instance, or both services in one instance.
    """
    known: dict[tuple[str, Address], tuple[Address, str]] = {}
    for served in view.services_of(cluster):
        for host, address, found in _answers(served):
            if len(found) != 1:
                continue  # gateway-missing or gateway-ambiguous
            gateway, name = known.setdefault((host.name, address), (found[0], served.service.name))
            if gateway != found[0]:
                yield Problem(
                    f"host {host.name}: lvs_addresses",
                    f"{address} would answer {name!r} through {gateway} and {served.service.name!r} through "
                    f"{found[0]}, which can be on different directors",
                    "give each instance real servers of its own, or put both services into one",
                )


@cluster_rule("gateway-network-untracked", "warning")
def gateway_network_untracked(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director that loses the real servers' network keeps the VIPs.

    An election watches the interface that it runs on. The gateway of real servers under NAT is on another
    one: when that link fails, the owner keeps VIPs behind which it reaches nobody, although the other
    director still could (keepalived.conf(5), `track_interface`).

    Wrong::

        failover: {network: front, vips: [203.0.113.1]}   # the gateway, on the network back

    Mend: `track: {networks: [back]}` in `failover`.
    """
    tracked = set(cluster.failover.track.networks)
    owners = {vip: instance for instance in view.instances(cluster) for vip in instance.vips}
    for served in view.services_of(cluster):
        for _, _, found in _answers(served):
            for gateway in found:
                network = network_of(cluster, gateway)
                if network is not None and network not in tracked | {owners[gateway].network}:
                    yield Problem(
                        f"{root_of(cluster)}.failover.track.networks",
                        f"the gateway {gateway} is on {network!r}, which is not tracked: a director that "
                        "loses that network keeps the VIPs",
                        f"add {network}",
                    )


@service_rule("director-off-subnet")
def director_off_subnet(served: Served) -> Iterator[Problem]:
    """A director has no address on the subnet of real servers under NAT.

    A director reaches real servers under NAT directly, and is their gateway. The gateway's address alone
    gives it no route to their subnet (keepalived adds it as a /32 or /128): it needs an address of its own
    there, of the same family.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
          back: {interface: eth1, subnets: [203.0.113.0/24]}
        failover: {network: front, vips: [203.0.113.1]}
        # host_vars/lb2.yml, and real servers under nat have 203.0.113.21 and .22
        lvs_addresses: [192.0.2.12]

    Mend: add the director's address there to its `lvs_addresses`.
    """
    subnets = {
        subnet
        for _, address, found in _answers(served)
        if found and (subnet := subnet_of(served.cluster, address)) is not None
    }
    names = {name for instance in _owners(served) for name in instance.directors}
    for subnet in subnets:
        for host in served.view.directors(served.cluster):
            if host.name in names and not any(one in subnet for one in host.variables.lvs_addresses):
                yield Problem(
                    f"host {host.name}: lvs_addresses",
                    f"none lies in {subnet}, where it is the gateway of real servers under nat of "
                    f"{served.cluster.name!r}",
                    "add its address there",
                )


@cluster_rule("routed-in-without-nat", "warning")
def routed_in_without_nat(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A network is opened that nobody has closed.

    Directors are routers only for networks with real servers under NAT, and let nothing into these but what
    IPVS forwards. `routed_in` opens such a network; on any other it is without effect.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24], routed_in: true}
        services:
          - {name: www, forwarding: dr, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: remove it; on a network of real servers under NAT it has its meaning.
    """
    if not any(network.routed_in for network in cluster.networks.values()):
        return
    behind = nat_networks(cluster, view.inventory)
    for name, network in cluster.networks.items():
        if network.routed_in and name not in behind:
            yield Problem(
                f"{root_of(cluster)}.networks.{name}.routed_in",
                "it has no effect: no real server under nat is there",
                "remove it",
            )


def _answers(served: Served) -> Iterator[tuple[Host, Address, list[Address]]]:
    """Each real server of a service under NAT, its address, and the gateways that it may answer through."""
    if served.service.forwarding == "nat":
        for host, _, address in served.addresses:
            yield host, address, served.view.gateways(served, host, address)


def _owners(served: Served) -> list[Instance]:
    """The instances that have a service's VIPs."""
    vips = set(served.service.vips)
    return [one for one in served.view.instances(served.cluster) if vips & set(one.vips)]


def _free(cluster: Cluster) -> list[Address]:
    """Addresses that move with the directors' roles and belong to no service."""
    served = {vip for service in cluster.services for vip in service.vips}
    return [vip for vip in all_vips(cluster) if vip not in served]
