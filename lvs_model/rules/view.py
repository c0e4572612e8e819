"""The inventory as the rules see it: what several of them ask for, found once, whatever is broken in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from lvs_model.document import Cluster, Network, Service
from lvs_model.inventory import Host, Inventory
from lvs_model.topology import (
    Address,
    Family,
    Instance,
    election_family,
    gateways,
    instances,
    server_address,
    table_everywhere,
)


def root_of(cluster: Cluster) -> str:
    """The path of a cluster's document in problems."""
    return f"lvs_cluster[{cluster.name}]"


def subnet_of(cluster: Cluster, address: Address) -> IPv4Network | IPv6Network | None:
    """The subnet of the cluster's networks in which an address lies, or None."""
    subnets = (subnet for network in cluster.networks.values() for subnet in network.subnets)
    return next((subnet for subnet in subnets if address in subnet), None)


class Vip(NamedTuple):
    """A VIP where the document names it."""

    cluster: Cluster
    path: str
    address: Address


@dataclass(frozen=True, eq=False)
class Served:
    """A service in its place: ``path`` leads to it, ``pool`` are its real servers without the disabled ones.

    ``weights`` are its IPVS weights by real server, or None where they cannot be computed.
    """

    path: str
    cluster: Cluster
    service: Service
    pool: list[Host]
    weights: dict[str, int] | None
    view: View

    @cached_property
    def families(self) -> list[Family]:
        """The address families of its VIPs."""
        found: list[Family] = [6 if vip.version == 6 else 4 for vip in self.service.vips]
        return list(dict.fromkeys(found))

    @cached_property
    def marked(self) -> bool:
        """Whether it is known by a firewall mark: a given one, or since directors are in its pool."""
        return self.service.mark is not None or (self.colocated and table_everywhere(self.cluster))

    @cached_property
    def colocated(self) -> bool:
        """Whether a director of its cluster is among its real servers."""
        order = {host.name for host in self.view.directors(self.cluster)}
        return any(host.name in order for host in self.pool)

    @cached_property
    def addresses(self) -> list[tuple[Host, Family, Address]]:
        """Every real server with each family of the VIPs and its own address for that, if it has one."""
        return [
            (host, family, address)
            for host in self.pool
            for family in self.families
            if (address := server_address(self.cluster, self.service, host, family)) is not None
        ]

    @property
    def one_port(self) -> int | None:
        """Its port, where it has only one."""
        ports = {port for _, port in self.service.endpoints()}
        return next(iter(ports)) if len(ports) == 1 else None


class View:
    """All clusters of an inventory. Nothing here raises, whatever names in the documents lead nowhere.

    ``plain_secrets`` are paths of secrets that stand in the inventory in plain text.
    """

    def __init__(self, inventory: Inventory, plain_secrets: Collection[str] = ()) -> None:
        self.inventory = inventory
        self.plain_secrets = plain_secrets
        self._directors: dict[str, list[Host]] = {}
        self._instances: dict[str, list[Instance]] = {}
        self._owners: dict[str, dict[Address, str]] = {}
        self._gateways: dict[tuple[object, ...], list[Address]] = {}

    @property
    def clusters(self) -> Collection[Cluster]:
        """Every cluster."""
        return self.inventory.clusters.values()

    @cached_property
    def services(self) -> list[Served]:
        """Every service of every cluster."""
        return [
            Served(
                f"{root_of(cluster)}.services[{index}]",
                cluster,
                service,
                self.inventory.pool(service),
                self._weights(cluster, service),
                self,
            )
            for cluster in self.clusters
            for index, service in enumerate(cluster.services)
        ]

    def services_of(self, cluster: Cluster) -> list[Served]:
        """The services of a cluster."""
        return self._by_cluster.get(cluster.name, [])

    def directors(self, cluster: Cluster) -> list[Host]:
        """The directors of a cluster in order of preference."""
        if cluster.name not in self._directors:
            self._directors[cluster.name] = self.inventory.directors(cluster)
        return self._directors[cluster.name]

    def instances(self, cluster: Cluster) -> list[Instance]:
        """The VRRP instances of a cluster."""
        if cluster.name not in self._instances:
            self._instances[cluster.name] = instances(cluster, self.inventory)
        return self._instances[cluster.name]

    def gateways(self, served: Served, host: Host, address: Address) -> list[Address]:
        """Through which addresses a real server under NAT may answer: topology.gateways.

        Asked once for all services whose VIPs move alike and all real servers of a subnet: there can be
        thousands.
        """
        cluster, subnet = served.cluster, subnet_of(served.cluster, address)
        if cluster.name not in self._owners:
            self._owners[cluster.name] = {
                vip: instance.name for instance in self.instances(cluster) for vip in instance.vips
            }
        owners = self._owners[cluster.name]
        moving = frozenset((owners.get(vip), vip.version) for vip in served.service.vips)
        key = (cluster.name, moving, subnet)
        if key not in self._gateways:
            found = gateways(cluster, self.inventory, served.service, host, address.version)
            self._gateways[key] = found
        return self._gateways[key]

    def elections(self) -> Iterator[tuple[Cluster, Instance, Network, Family]]:
        """Every VRRP instance with a network that is there, and the address family of its adverts."""
        for cluster in self.clusters:
            for instance in self.instances(cluster):
                network = cluster.networks.get(instance.network)
                if network is not None and cluster.failover.method == "vrrp":
                    yield cluster, instance, network, election_family(cluster, instance, self.inventory)

    def hosts(self, cluster: Cluster) -> dict[str, Host]:
        """The directors and real servers of a cluster by name."""
        hosts = {host.name: host for host in self.directors(cluster)}
        for served in self.services_of(cluster):
            hosts |= {host.name: host for host in served.pool}
        return hosts

    @cached_property
    def vips(self) -> list[Vip]:
        """Every VIP at every place that names it, those of services first."""
        found = [
            Vip(served.cluster, f"{served.path}.vips[{number}]", vip)
            for served in self.services
            for number, vip in enumerate(served.service.vips)
        ]
        for cluster in self.clusters:
            path = f"{root_of(cluster)}.failover"
            found += [
                Vip(cluster, f"{path}.vips[{number}]", vip)
                for number, vip in enumerate(cluster.failover.vips)
            ]
            found += [
                Vip(cluster, f"{path}.instances[{place}].vips[{number}]", vip)
                for place, instance in enumerate(cluster.failover.instances)
                for number, vip in enumerate(instance.vips)
            ]
        return found

    @cached_property
    def vip_addresses(self) -> frozenset[Address]:
        """Every VIP of the inventory."""
        return frozenset(vip.address for vip in self.vips)

    @cached_property
    def _by_cluster(self) -> dict[str, list[Served]]:
        found: dict[str, list[Served]] = {}
        for served in self.services:
            found.setdefault(served.cluster.name, []).append(served)
        return found

    def _weights(self, cluster: Cluster, service: Service) -> dict[str, int] | None:
        try:
            return self.inventory.weights(cluster, service)
        except ValueError:
            return None  # rules/pools.py says why
