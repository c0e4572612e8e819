"""What follows from document and inventory, decided here once for the rules and the components.

Which VIPs move together, who elects their owner, and at which address a real server is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from typing import Literal
from zlib import crc32

from lvs_model.document import Cluster, Service
from lvs_model.inventory import Host, Inventory, network_of
from lvs_model.vrrp import priorities, router_ids

Address = IPv4Address | IPv6Address
Family = Literal[4, 6]
# What an election's router id must be unique in: the layer-2 segment's name and the adverts' family.
Scope = tuple[str, Family]

# The upper half of allocated firewall marks: small numbers are what people give by hand.
_MARKS = 0x4C560000


@dataclass(frozen=True)
class Instance:
    """A VRRP instance: VIPs that move together, and who may own them.

    ``directors`` are names in order of preference, ``network`` the election's, ``given_id`` the document's
    router id or None, ``path`` where problems about it point to, inside the cluster document.
    """

    name: str
    network: str
    vips: tuple[Address, ...]
    directors: tuple[str, ...]
    given_id: int | None
    path: str

    @property
    def label(self) -> str:
        """Its name in keepalived's configuration."""
        return f"VI_{self.name}"


def all_vips(cluster: Cluster) -> list[Address]:
    """Every address that moves with the directors' roles, each once, in the document's order."""
    of_services = (vip for service in cluster.services for vip in service.vips)
    of_instances = (vip for instance in cluster.failover.instances for vip in instance.vips)
    return list(dict.fromkeys([*of_services, *cluster.failover.vips, *of_instances]))


def instances(cluster: Cluster, inventory: Inventory) -> list[Instance]:
    """The cluster's VRRP instances; the first one has the VIPs that no other one names."""
    failover = cluster.failover
    order = tuple(host.name for host in inventory.directors(cluster))
    if not failover.instances:
        vips = tuple(all_vips(cluster))
        return [Instance(cluster.name, failover.network, vips, order, failover.router_id, "failover")]
    named = {vip for instance in failover.instances for vip in instance.vips}
    left = [vip for vip in all_vips(cluster) if vip not in named]
    return [
        Instance(
            instance.name,
            instance.network or failover.network,
            (*instance.vips, *(left if place == 0 else [])),
            tuple(instance.directors) or order,
            instance.router_id,
            f"failover.instances[{place}]",
        )
        for place, instance in enumerate(failover.instances)
    ]


def election_family(cluster: Cluster, instance: Instance, inventory: Inventory) -> Family:
    """The address family of an instance's adverts: IPv4 wherever all its directors have it there."""
    hosts = [inventory.hosts[name] for name in instance.directors if name in inventory.hosts]
    network = cluster.networks[instance.network]
    return 4 if all(host.address_in(network, 4) for host in hosts) else 6


def vip_network(cluster: Cluster, instance: Instance, vip: Address) -> str:
    """The network on whose interface an instance's owner has a VIP: its subnet's, else the election's."""
    return network_of(cluster, vip) or instance.network


def election_version(cluster: Cluster, family: Family) -> int:
    """The VRRP version of an election: version 2 knows IPv4 only (RFC 3768, 5.1)."""
    return cluster.failover.version if family == 4 else 3


def anchor(family: Family, router_id: int) -> Address:
    """The one address in an election's adverts (docs/decisions/0007); ``router_id`` from 1 to 255.

    RFC 3927 keeps 169.254.255.0/24 free of autoconfigured addresses. In IPv6 it is the link-local address
    that belongs to VRRP's own MAC address 00-00-5E-00-02-ID (RFC 5798, 7.3; RFC 4291, appendix A), which
    no interface card has. The router id is the election's own on its segment: so is the anchor.
    """
    if family == 4:
        return IPv4Address("169.254.255.0") + router_id
    return IPv6Address("fe80::200:5eff:fe00:200") + router_id


def instance_key(cluster: Cluster, instance: Instance) -> str:
    """An instance's name in the whole inventory: the cluster's where it is the only one."""
    return f"{cluster.name}/{instance.name}" if cluster.failover.instances else cluster.name


def sync_group_of(cluster: Cluster, instance: Instance) -> str | None:
    """The sync group of an instance, or None."""
    for group in cluster.failover.sync_groups:
        if instance.name in group.instances:
            return group.name
    return None


def failover_segments(inventory: Inventory) -> dict[str, tuple[Scope, int | None]]:
    """By :func:`instance_key` an election's scope and its given router id: as vrrp.router_ids wants it.

    Instances whose network is unknown are left out.
    """
    return {
        instance_key(cluster, instance): (
            (
                cluster.networks[instance.network].segment_name,
                election_family(cluster, instance, inventory),
            ),
            instance.given_id,
        )
        for cluster in inventory.clusters.values()
        for instance in instances(cluster, inventory)
        if instance.network in cluster.networks and cluster.failover.method == "vrrp"
    }


def sync_segments(inventory: Inventory) -> dict[str, tuple[str, int | None]]:
    """By cluster with connection sync the segment of its messages, and its given sync id.

    Clusters whose network is unknown are left out.
    """
    return {
        name: (cluster.networks[cluster.connection_sync.network].segment_name, cluster.connection_sync.id)
        for name, cluster in inventory.clusters.items()
        if cluster.connection_sync and cluster.connection_sync.network in cluster.networks
    }


def all_router_ids(inventory: Inventory) -> dict[str, int]:
    """The router id of every election by :func:`instance_key`; ValueError where a segment is full."""
    return router_ids(failover_segments(inventory))


def all_sync_ids(inventory: Inventory) -> dict[str, int]:
    """The sync id of every cluster with connection sync; ValueError where a segment is full."""
    return router_ids(sync_segments(inventory))


def instance_priorities(cluster: Cluster, instance: Instance, inventory: Inventory) -> dict[str, int]:
    """VRRP priority by director of an instance, in its order of preference.

    ``lvs_priority`` counts where the instance keeps the group's order: an order of its own says more.
    Raises ValueError where no priorities are sound (vrrp.priorities says why and what to do).
    """
    failover = cluster.failover
    group = tuple(host.name for host in inventory.directors(cluster))
    given = {
        name: one
        for name in instance.directors
        if instance.directors == group and (one := inventory.hosts[name].variables.lvs_priority) is not None
    }
    return priorities(
        instance.directors,
        given,
        trackers=[
            *(one.weight for one in failover.track.processes),
            *(one.weight for one in failover.track.scripts),
        ],
        failback=failover.failback,
        sync_group=sync_group_of(cluster, instance) is not None,
        advert_interval=failover.advert_interval,
        version=election_version(cluster, election_family(cluster, instance, inventory)),
    )


def failback_delay_s(cluster: Cluster) -> float:
    """Seconds that a returning director waits before it takes its role back.

    Without a given one: until every check has had its first result, so that it does not take over
    with an empty table.
    """
    if cluster.failover.failback_delay is not None:
        return cluster.failover.failback_delay
    return max((service.first_result_s for service in cluster.services), default=0)


def server_address(cluster: Cluster, service: Service, host: Host, family: Family) -> Address | None:
    """The RIP: where the directors reach a real server for VIPs of a family; None where they cannot.

    Direct routing and NAT keep the family; a tunnel may have another one outside, which is the second choice.
    Networks of the document are tried in its order, the one of the election first: directors have addresses
    there.
    """
    families: tuple[Family, ...] = (family,)
    if service.forwarding == "tun":
        families = (4, 6) if family == 4 else (6, 4)
    first = [cluster.failover.network]
    if service.forwarding == "nat":
        # Where there is a gateway for the answers.
        first = [*dict.fromkeys(network_of(cluster, vip) or "" for vip in cluster.unserved_vips), *first]
    order = list(dict.fromkeys([*first, *cluster.networks]))
    routed = service.forwarding in {"tun", "masquerade", "nat"}
    for wanted in families:
        for name in order:
            if name in cluster.networks and (found := host.address_in(cluster.networks[name], wanted)):
                return found
        others = (one for one in host.variables.lvs_addresses if one.version == wanted)
        if routed and (found := next(others, None)):  # any address will do
            return found
    return None


def gateways(
    cluster: Cluster, inventory: Inventory, service: Service, host: Host, family: Family
) -> list[Address]:
    """Addresses through which a real server under NAT may answer a service's clients.

    They move with the service's VIPs (in one instance, or in instances of one sync group), belong to no
    service, and lie in the real server's own subnet. One is right; none or several are for the rules to
    complain about.
    """
    own = server_address(cluster, service, host, family)
    return [] if own is None else gateways_of(cluster, inventory, service, own)


def gateways_of(cluster: Cluster, inventory: Inventory, service: Service, own: Address) -> list[Address]:
    """The same for a real server's address."""
    known = instances(cluster, inventory)
    moved = [one for one in known if set(one.vips) & set(service.vips)]
    groups = {sync_group_of(cluster, one) for one in moved} - {None}
    moved += [one for one in known if one not in moved and sync_group_of(cluster, one) in groups]
    return [
        vip
        for one in moved
        for vip in one.vips
        if vip in cluster.unserved_vips and vip.version == own.version and _same_subnet(cluster, own, vip)
    ]


def _same_subnet(cluster: Cluster, one: Address, other: Address) -> bool:
    return any(
        one in subnet and other in subnet
        for network in cluster.networks.values()
        for subnet in network.subnets
    )


def nat_networks(cluster: Cluster, inventory: Inventory) -> list[str]:
    """The networks on which real servers answer through the directors (forwarding nat), by name."""
    found: dict[str, None] = {}
    for service in cluster.services:
        if service.forwarding != "nat":
            continue
        for host in inventory.pool(service):
            for family in sorted({vip.version for vip in service.vips}):
                address = server_address(cluster, service, host, family)
                if address is not None and (network := network_of(cluster, address)):
                    found[network] = None
    return list(found)


def table_everywhere(cluster: Cluster) -> bool:
    """Whether every director has the IPVS table; under ldirectord only the owner of the VIPs has it."""
    return cluster.engine == "keepalived"


def colocated(cluster: Cluster, inventory: Inventory, service: Service) -> bool:
    """Whether one of a service's real servers is a director of its cluster."""
    order = {host.name for host in inventory.directors(cluster)}
    return any(host.name in order for host in inventory.pool(service))


def marks(inventory: Inventory) -> dict[tuple[str, str], int]:
    """The firewall mark of every marked service by (cluster, service): given, or derived from its name.

    As vrrp.router_ids does it: given marks are kept; every other service has a first choice, which follows
    from its name alone. It gets that, whatever services come or go and in whatever order they stand, unless
    the mark is a given one, or a service whose name comes before its own has the same first choice (1 in
    65536 for two names). Who so loses its first choice takes the next number that is neither given nor
    taken; only these may move when others come or go. A mark is unique in its own cluster, because each
    director's kernel knows only its own cluster's.
    """
    return {
        (name, service): mark
        for name, cluster in inventory.clusters.items()
        for service, mark in _cluster_marks(cluster, inventory).items()
    }


def _cluster_marks(cluster: Cluster, inventory: Inventory) -> dict[str, int]:
    found = {one.name: one.mark for one in cluster.services if isinstance(one.mark, int)}
    taken = set(found.values())
    losers = []
    # A service of real servers that are directors too is always marked (docs/decisions/0011), unless only the
    # owner of the VIPs has a table: what it sends to another director finds none there.
    wanted = (
        one.name
        for one in cluster.services
        if one.mark == "auto"
        or (one.mark is None and table_everywhere(cluster) and colocated(cluster, inventory, one))
    )
    for name in sorted(wanted):
        first = _first_mark(name)
        if first in taken:
            losers.append(name)
        else:
            taken.add(first)
            found[name] = first
    for name in losers:
        found[name] = next(mark for mark in count(_first_mark(name)) if mark not in taken)
        taken.add(found[name])
    return found


def _first_mark(name: str) -> int:
    return _MARKS | crc32(name.encode()) & 0xFFFF
