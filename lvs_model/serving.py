"""What services become on a director: entries of the IPVS table, and the real servers behind each.

Compiled once for a cluster; the table, keepalived's configuration and the summary all come from it.
Sources: ipvsadm(8), keepalived.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_address
from typing import Any

from lvs_model.document import Check, Cluster, FileCheck, ScriptCheck, Service, Thresholds
from lvs_model.inventory import Host, Inventory
from lvs_model.topology import Address, Family, colocated, gateways_of, server_address

# The kernel's flags of the forwarding methods: masquerading is NAT with another source address.
_METHODS = {"dr": "dr", "nat": "nat", "masquerade": "nat", "tun": "tun"}
_TRANSLATED = {"nat", "masquerade"}


@dataclass(frozen=True)
class Member:
    """A real server of a service, with what is its own there.

    ``addresses`` are the RIPs by the family of the VIPs that lead to them (a tunnel's may be of the other
    one); ``port`` is its own port under address translation, or None; ``gateways`` are by family what it
    answers through under NAT.
    """

    name: str
    weight: int
    addresses: dict[Family, str]
    port: int | None
    thresholds: Thresholds | None
    checks: list[Check]
    gateways: dict[Family, Address] = field(default_factory=dict)

    @property
    def dynamic(self) -> bool:
        """Whether a check may change its weight."""
        return any(
            isinstance(one, FileCheck) or (isinstance(one, ScriptCheck) and one.dynamic_weight)
            for one in self.checks
        )


@dataclass(frozen=True)
class Entry:
    """One virtual service of the kernel: an address with protocol and port, or a firewall mark.

    ``key`` is its name in ipvs_table; ``port`` 0 stands for all ports. A mark has neither address nor port.
    """

    key: str
    family: Family
    vip: str | None
    protocol: str | None
    port: int
    mark: int | None


@dataclass(frozen=True)
class Serving:
    """A service with its real servers, and the firewall mark that makes it one, or None.

    ``colocated``: a director of the cluster is among the real servers. ``inhibits``: a dead real server stays
    in the table with weight 0.
    """

    service: Service
    mark: int | None
    members: list[Member]
    colocated: bool = False
    inhibits: bool = False

    @property
    def families(self) -> list[Family]:
        """The families of its VIPs, IPv4 first."""
        return sorted({vip.version for vip in self.service.vips})

    @property
    def endpoints(self) -> list[dict[str, Any]]:
        """What clients reach: every VIP with every port and protocol; port 0 stands for all of them."""
        return [
            {"vip": str(vip), "port": port, "protocol": protocol}
            for vip in self.service.vips
            for protocol, port in self.service.endpoints()
        ]

    def entries(self) -> Iterator[Entry]:
        """Its entries in the kernel's table: one a family under a mark, else one for each endpoint."""
        if self.mark is not None:
            for family in self.families:
                six = " IPv6" if family == 6 else ""
                yield Entry(f"FWM {self.mark}{six}", family, None, None, 0, self.mark)
            return
        for vip in self.service.vips:
            for protocol, port in self.service.endpoints():
                key = f"{protocol.upper()} {endpoint(str(vip), port)}"
                yield Entry(key, vip.version, str(vip), protocol, port, None)

    def members_of(self, entry: Entry) -> list[Member]:
        """The real servers that an entry can reach."""
        return [member for member in self.members if entry.family in member.addresses]

    def server_port(self, entry: Entry, member: Member) -> int:
        """The port at which a real server gets an entry's packets: only address translation changes it."""
        if entry.mark is not None or self.service.forwarding not in _TRANSLATED:
            return entry.port
        return member.port or self.service.server_port or entry.port

    def check_port(self, entry: Entry, member: Member) -> int:
        """The port that checks ask where they name none; 0 where the service has no definite one."""
        if own := self.server_port(entry, member):
            return own
        # Only now: this is asked for every real server of every port, and a range has many.
        known = self.service.endpoints()
        tcp = [port for protocol, port in known if protocol == "tcp"]
        return next(iter((*tcp, *(port for _, port in known))), 0)

    def granularity(self, family: Family) -> str | None:
        """Which clients count as one, as ipvsadm(8) writes it; None where each is its own."""
        prefix = self.service.persistence_prefix
        if self.service.persistence is None or prefix is None or prefix >= (32 if family == 4 else 128):
            return None
        return str(IPv4Network((0, prefix)).netmask) if family == 4 else str(prefix)


def endpoint(address: str, port: int) -> str:
    """An address with its port, as ipvsadm(8) writes it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def serving(cluster: Cluster, inventory: Inventory, marks: dict[tuple[str, str], int]) -> list[Serving]:
    """Every service of a cluster; ``marks`` as topology.marks gives them."""
    # The same host has the same address in every service that reaches it in the same way.
    known: dict[tuple[str, str, Family], str | None] = {}
    ways: dict[tuple[frozenset[Address], str], Address | None] = {}
    return [
        Serving(
            service,
            marks.get((cluster.name, service.name)),
            members := _members(cluster, service, inventory, known, ways),
            colocated(cluster, inventory, service),
            _inhibits(cluster, service, members),
        )
        for service in cluster.services
    ]


def _inhibits(cluster: Cluster, service: Service, members: list[Member]) -> bool:
    """Whether a dead real server stays with weight 0.

    ldirectord takes what has weight 0 when it reads its configuration for dead (ld_start): unless it keeps
    the dead ones, it takes drained ones, whose clients are still served, out until their next good check.
    """
    drained = cluster.engine == "ldirectord" and any(member.weight == 0 for member in members)
    return drained or service.on_failure == "inhibit"


def _members(
    cluster: Cluster,
    service: Service,
    inventory: Inventory,
    known: dict[tuple[str, str, Family], str | None],
    ways: dict[tuple[frozenset[Address], str], Address | None],
) -> list[Member]:
    weights = inventory.weights(cluster, service)
    families: set[Family] = {vip.version for vip in service.vips}
    members = []
    for host in inventory.pool(service):
        own = host.variables.lvs_services.get(service.name)
        addresses = {
            family: address
            for family in sorted(families)
            if (address := _address(cluster, service, host, family, known)) is not None
        }
        members.append(
            Member(
                host.name,
                weights[host.name],
                addresses,
                own.port if own else None,
                (own and own.thresholds) or service.thresholds,
                (own and own.check) or service.checks,
                _gateways(cluster, service, inventory, addresses, ways)
                if service.forwarding == "nat"
                else {},
            )
        )
    return members


def _gateways(
    cluster: Cluster,
    service: Service,
    inventory: Inventory,
    addresses: dict[Family, str],
    ways: dict[tuple[frozenset[Address], str], Address | None],
) -> dict[Family, Address]:
    found: dict[Family, Address] = {}
    vips = frozenset(service.vips)
    for family, address in addresses.items():
        if (vips, address) not in ways:
            ways[vips, address] = next(
                iter(gateways_of(cluster, inventory, service, ip_address(address))), None
            )
        way = ways[vips, address]
        if way is not None:
            found[family] = way
    return found


def _address(
    cluster: Cluster,
    service: Service,
    host: Host,
    family: Family,
    known: dict[tuple[str, str, Family], str | None],
) -> str | None:
    key = (host.name, service.forwarding, family)
    if key not in known:
        found = server_address(cluster, service, host, family)
        known[key] = None if found is None else str(found)
    return known[key]


def table(services: list[Serving]) -> dict[str, Any]:
    """A director's IPVS table as plain data; ipvs_table.read_table reads it, differences.py compares it.

    By key: ``scheduler``, ``extra`` (further options of ipvsadm), ``min_servers``, ``quorum`` and
    ``hysteresis`` (sums of weights), ``inhibit`` (a dead server stays with weight 0), ``fallback`` (the
    server that stands in below the quorum: ``server`` and its entry; or null) and ``servers``; of each its
    ``host``, ``weight``, ``method``, ``extra`` and whether its weight is ``dynamic``.
    """
    return {entry.key: _entry(one, entry) for one in services for entry in one.entries()}


def _entry(one: Serving, entry: Entry) -> dict[str, Any]:
    service = one.service
    tunnel = _tunnel(service)
    servers = {}
    for member in one.members_of(entry):
        place = endpoint(member.addresses[entry.family], one.server_port(entry, member))
        servers[place] = {
            "host": member.name,
            "weight": member.weight,
            "method": _METHODS[service.forwarding],
            "extra": [*tunnel, *_thresholds(member.thresholds)],
            "dynamic": member.dynamic,
        }
    return {
        "service": service.name,
        "scheduler": service.scheduler,
        "extra": _options(one, entry),
        "min_servers": service.min_servers,
        "quorum": service.quorum,
        "hysteresis": service.hysteresis,
        "inhibit": one.inhibits,
        "fallback": _fallback(service, entry, tunnel),
        "servers": servers,
    }


def _options(one: Serving, entry: Entry) -> list[str]:
    service = one.service
    options: list[str] = []
    if service.persistence is not None:
        options += ["-p", str(service.persistence)]
        mask = one.granularity(entry.family)
        options += ["-M", mask] if mask else []
    if service.one_packet:
        options.append("-o")
    if service.scheduler_flags:
        options += ["-b", ",".join(sorted(service.scheduler_flags))]
    return options


def _tunnel(service: Service) -> list[str]:
    if service.forwarding != "tun" or service.tunnel.type == "ipip":
        return []
    port = ["--tun-port", str(service.tunnel.port)] if service.tunnel.type == "gue" else []
    return ["--tun-type", service.tunnel.type, *port]


def _thresholds(thresholds: Thresholds | None) -> list[str]:
    if thresholds is None:
        return []
    return ["-x", str(thresholds.upper), "-y", str(thresholds.lower)]


def _fallback(service: Service, entry: Entry, tunnel: list[str]) -> dict[str, Any] | None:
    fallback = service.fallback
    if fallback is None or fallback.address.version != entry.family:
        return None
    port = 0 if entry.mark is not None else fallback.port or entry.port
    method = _METHODS[fallback.forwarding or service.forwarding]
    return {
        "server": endpoint(str(fallback.address), port),
        # keepalived's own: a sorry server has weight 1 (keepalived/check/check_data.c).
        "weight": 1,
        "method": method,
        "extra": tunnel if method == "tun" else [],
    }
