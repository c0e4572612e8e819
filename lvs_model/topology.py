"""What follows from document and inventory, decided here once for the rules and the components.

Which VIPs move together, who elects their owner, and at which address a real server is reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from lvs_model.document import Cluster, Service
from lvs_model.inventory import Host, Inventory, network_of

Address = IPv4Address | IPv6Address
Family = Literal[4, 6]

# Allocated firewall marks begin here: small numbers are what people give by hand.
_FIRST_MARK = 0x4C560001


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


def server_address(cluster: Cluster, service: Service, host: Host, family: Family) -> Address | None:
    """The RIP: where the directors reach a real server for VIPs of a family; None where they cannot.

    Direct routing and NAT keep the family; a tunnel may have another one outside. Networks of the
    document are tried in its order, the one of the election first: directors have addresses there.
    """
    families: tuple[Family, ...] = (family,)
    if service.forwarding == "tun":
        families = (4, 6) if family == 4 else (6, 4)
    first = cluster.failover.network
    order = [first, *(name for name in cluster.networks if name != first)]
    for wanted in families:
        for name in order:
            if name in cluster.networks and (found := host.address_in(cluster.networks[name], wanted)):
                return found
    if service.forwarding in {"tun", "masquerade", "nat"}:  # routed: any address will do
        return next((one for one in host.variables.lvs_addresses if one.version == family), None)
    return None


def marks(inventory: Inventory) -> dict[tuple[str, str], int]:
    """The firewall mark of every marked service by (cluster, service): given, or the next free one.

    An allocated mark depends on the names before it in its own cluster only, because each director's kernel
    knows only its own cluster's.
    """
    found: dict[tuple[str, str], int] = {}
    for cluster in inventory.clusters.values():
        given = {one.mark for one in cluster.services if isinstance(one.mark, int)}
        free = (mark for mark in _marks() if mark not in given)
        for service in cluster.services:
            if service.mark is not None:
                mark = service.mark if isinstance(service.mark, int) else next(free)
                found[cluster.name, service.name] = mark
    return found


def _marks() -> Iterator[int]:
    mark = _FIRST_MARK
    while True:
        yield mark
        mark += 1
