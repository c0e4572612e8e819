"""The packet filter: what is dropped before anybody sees it, and what connection tracking is spared.

All of it hangs at prerouting before connection tracking (priority raw), so that a dropped packet costs the
least. It concerns VIPs, VRRP, connection sync and tunnels only: what goes to a host's own addresses is none
of its business, and neighbour discovery goes to those, or to multicast groups (RFC 4861, 4.3). Nothing here
can accept what another table drops: packet_filter.py finds that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

from lvs_model.components.keepalived import Election
from lvs_model.components.nft_words import (
    FRAGMENT,
    ICMP,
    IP,
    Chains,
    Ranges,
    address_set,
    addresses,
    declared,
    endpoint_sets,
    flood_set,
    merged,
    needs_tracking,
    one_of,
    ports_of,
    reached_ports,
    words_of,
)
from lvs_model.components.nftables import SETS
from lvs_model.components.real_server import tunnel_of
from lvs_model.document import Cluster, ConnectionSync, Network
from lvs_model.document.firewall import Flood
from lvs_model.inventory import Host, Inventory
from lvs_model.serving import Member, Serving
from lvs_model.topology import Address, Family

VRRP = 112
_FAMILIES: tuple[Family, ...] = (4, 6)
SYNC_GROUP = IPv4Address("224.0.0.81")
# Protocol numbers of the outer packet: IPv4 or IPv6 in IP (RFC 2003, RFC 4213), GRE (RFC 2784).
_INNER_PROTOCOL: dict[Family, int] = {4: 4, 6: 41}
_GRE = 47


def director_filter(
    cluster: Cluster,
    host: Host,
    inventory: Inventory,
    services: list[Serving],
    elections: list[Election],
    behind: dict[str, bool],
) -> Chains:
    """A director's rules by chain.

    ``behind`` are its interfaces on networks of NAT's real servers, and whether they are closed: by a chain
    that turns connection tracking on. Without such ones and without a packet filter there are no rules.
    """
    firewall = cluster.firewall
    if not spares_tracking(cluster, behind):
        return {}
    needing = [one for one in services if needs_tracking(one.service)]
    others = [one for one in services if not needs_tracking(one.service)]
    # FTP's data connections come last: they may meet any port, and those that are listed mean others.
    ways = [
        ("untracked", reached_ports(others, data=False), " notrack"),
        ("tracked", reached_ports(needing, data=False), ""),
        ("untracked_data", reached_ports(others, data=True), " notrack"),
        ("tracked_data", reached_ports(needing, data=True), ""),
    ]
    vips = list(dict.fromkeys(vip for one in services for vip in one.service.vips))
    families = sorted({vip.version for vip in vips})
    answers = _answers(services)
    own_answers = any(one.colocated and _member(one, host) for one in services)
    sets = [
        *(line for name, reached, _ in ways for line in endpoint_sets(name, reached)),
        *answers.values(),
    ]
    raw: list[str] = []
    output = list(_spared_tunnels(services))
    if firewall is not None:
        sets += [line for family in families for line in address_set(f"vips{family}", family, vips)]
        raw += _vrrp(cluster, host, inventory, elections)
        output += [
            f'oifname "{name}" meta l4proto {VRRP} notrack' for name in _places(cluster, host, elections)
        ]
        if firewall.flood is not None:
            sets += [flood_set(family) for family in families]
            raw += [_flood(family, firewall.flood) for family in families]
    for name, reached, untrack in ways:
        raw += [f"{match}{untrack} accept" for match in _matches(name, reached)]
        if own_answers and untrack:
            output += [f"{match} notrack" for match in _matches(name, reached, "s")]
    if answers:
        # Not what is the director's own, such as answers to its checks.
        interfaces = one_of(f'"{name}"' for name in behind)
        raw += [
            f"iifname {interfaces} {protocol} sport @answers_{protocol} fib daddr type != local notrack"
            for protocol in answers
        ]
    if firewall is not None:
        if firewall.only_services:
            raw += [rule for family in families for rule in _rest(family)]
        if cluster.connection_sync is not None and services:
            raw += _sync(cluster, host, inventory, cluster.connection_sync)
            output.append(_sync_sent(cluster, host, cluster.connection_sync))
    return {SETS: sets, "raw": raw, "raw_output": output}


def spares_tracking(cluster: Cluster, behind: dict[str, bool]) -> bool:
    """Whether a director's packets for services are kept out of connection tracking; ``behind`` as there."""
    return cluster.firewall is not None or any(behind.values())


def real_server_filter(
    cluster: Cluster, host: Host, inventory: Inventory, served: list[tuple[Serving, Member]]
) -> Chains:
    """A real server's rules by chain; ``served`` are its services with what it is there."""
    firewall = cluster.firewall
    if firewall is None:
        return {}
    held = [one for one, _ in served if one.service.forwarding in {"dr", "tun"}]
    vips = list(dict.fromkeys(vip for one in held for vip in one.service.vips))
    ends = tunnel_ends(served)
    raw = list(_tunnels(cluster, inventory, ends))
    devices = sorted({end.device for end in ends})
    # What a tunnel brings for the host itself, or for somebody beyond it, no director has sent.
    for device in devices:
        for family in sorted({address.version for address in host.variables.lvs_addresses}):
            own = addresses(one for one in host.variables.lvs_addresses if one.version == family)
            raw.append(f'iifname "{device}" {IP[family]} daddr {own} drop')
        raw.append(f'iifname "{device}" fib daddr type != local drop')
    sets: list[str] = []
    director = any(one.name == host.name for one in inventory.directors(cluster))
    if firewall.only_services and not director:  # a director's rules say the same
        reached = reached_ports(held)
        sets += endpoint_sets("services", reached)
        raw += [f"{match} accept" for match in _matches("services", reached)]
        for family in _families(reached):
            sets += address_set(f"vips{family}", family, vips)
            raw += _rest(family)
    return {SETS: sets, "raw": raw}


def _matches(name: str, reached: Ranges, side: str = "d") -> Iterator[str]:
    """What matches the destination (or the source, "s") of packets in the sets of endpoint_sets."""
    for family, protocol in sorted({(vip.version, protocol) for vip, protocol in reached}):
        place = f"{IP[family]} {side}addr . {protocol} {side}port"
        yield f"{place} @{name}{family}_{protocol}"


def _families(reached: Ranges) -> list[Family]:
    return sorted({vip.version for vip, _ in reached})


def _member(one: Serving, host: Host) -> bool:
    return any(member.name == host.name for member in one.members)


def _rest(family: Family) -> Iterator[str]:
    """Drop what else is sent to the VIPs; ICMP tells of unreachable hosts and smaller packets (RFC 4890)."""
    vips = f"{IP[family]} daddr @vips{family}"
    yield f"{vips} meta l4proto {ICMP[family]} accept"
    yield f"{vips} {FRAGMENT[family]} accept"
    yield f"{vips} drop"


def _flood(family: Family, limit: Flood) -> str:
    """Drop a client's new connections above a rate; one IPv6 client has a whole /64 (RFC 4291, 2.5.4)."""
    client = "ip saddr" if family == 4 else "ip6 saddr & ffff:ffff:ffff:ffff::"
    return (
        f"{IP[family]} daddr @vips{family} tcp flags & (fin | syn | rst | ack) == syn update @flood{family} "
        f"{{ {client} limit rate over {limit.rate}/second burst {limit.burst} packets }} drop"
    )


def _answers(services: Iterable[Serving]) -> dict[str, str]:
    """By protocol the set of ports that answers of NAT's real servers come from."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in services:
        service = one.service
        if service.forwarding != "nat" or needs_tracking(service):
            continue
        own = {member.port or service.server_port for member in one.members} if one.mark is None else {None}
        for protocol in service.protocols:
            for port in own:
                found[protocol] += ports_of(service, protocol) if port is None else [(port, port)]
    return {
        protocol: declared(f"answers_{protocol}", "inet_service", words_of(merged(ranges)))
        for protocol, ranges in sorted(found.items())
    }


def _places(cluster: Cluster, host: Host, elections: Iterable[Election]) -> list[str]:
    """The interfaces on which a director takes part in elections."""
    mine = (one for one in elections if host.name in one.instance.directors)
    return sorted({host.interface_on(cluster, one.instance.network) for one in mine})


def _vrrp(cluster: Cluster, host: Host, inventory: Inventory, elections: Iterable[Election]) -> Iterator[str]:
    """Adverts only from the peers on the interface, and from no router (RFC 5798, 5.1.1.3).

    Under authentication type ah adverts are of another protocol (51), and prove their sender themselves.
    """
    peers: dict[tuple[str, Family], list[object]] = defaultdict(list)
    for one in elections:
        if host.name not in one.instance.directors:
            continue
        where = host.interface_on(cluster, one.instance.network), one.family
        if cluster.failover.transport == "multicast" and one.family == 6:
            peers[where].append("fe80::/10")  # from link-local addresses, which nobody has told (5.1.2.1)
            continue
        peers[where] += _peers(
            inventory, host, one.instance.directors, cluster.networks[one.instance.network], one.family
        )
    for (interface, family), found in sorted(peers.items()):
        if found:
            hops = "ip ttl" if family == 4 else "ip6 hoplimit"
            source = f"{IP[family]} saddr {one_of(found)}"
            yield f'iifname "{interface}" {source} {hops} 255 meta l4proto {VRRP} notrack accept'
    for interface in sorted({interface for interface, _ in peers}):
        yield f'iifname "{interface}" meta l4proto {VRRP} drop'


def _peers(
    inventory: Inventory, host: Host, directors: Iterable[str], network: Network, family: int
) -> list[Address]:
    """Addresses of the other directors on a network.

    Directors that have just retired are among them: they go on until the others have taken over.
    """
    names = dict.fromkeys([*directors, *inventory.retired])
    hosts = (inventory.hosts[name] for name in names if name != host.name)
    return [found for one in hosts if (found := one.address_in(network, family)) is not None]


def _sync(cluster: Cluster, host: Host, inventory: Inventory, sync: ConnectionSync) -> Iterator[str]:
    """Connection sync only from the peers: its messages are not authenticated.

    The kernel's daemon listens on this interface only (make_receive_sock, net/netfilter/ipvs/ip_vs_sync.c).
    """
    interface, network = host.interface_on(cluster, sync.network), cluster.networks[sync.network]
    family = (sync.group or SYNC_GROUP).version
    directors = [one.name for one in inventory.directors(cluster)]
    peers: list[object] = [*_peers(inventory, host, directors, network, family)]
    peers += ["fe80::/10"] if family == 6 else []  # to a group of the link
    messages = f'iifname "{interface}" udp dport {sync.port}'
    if peers:
        yield f"{messages} {IP[family]} saddr {one_of(peers)} notrack accept"
    yield f"{messages} drop"


def _sync_sent(cluster: Cluster, host: Host, sync: ConnectionSync) -> str:
    group = sync.group or SYNC_GROUP
    interface = host.interface_on(cluster, sync.network)
    return f'oifname "{interface}" {IP[group.version]} daddr {group} udp dport {sync.port} notrack'


class End(NamedTuple):
    """The end of a tunnel: its device, outer packet's family and protocol, GUE's port, and the RIP."""

    device: str
    family: Family
    protocol: int
    port: int | None
    rip: Address

    @property
    def wrapped(self) -> str:
        """The match on the outer packet."""
        return f"udp dport {self.port}" if self.port else f"meta l4proto {self.protocol}"


def tunnel_ends(served: Iterable[tuple[Serving, Member]]) -> list[End]:
    """The tunnels' ends of these real servers, each once."""
    found: dict[End, None] = {}
    for one, member in served:
        tunnel = one.service.tunnel
        for family, rip in member.addresses.items() if one.service.forwarding == "tun" else ():
            outer = ip_address(rip)
            device = tunnel_of(one.service, family, outer.version).device
            protocol = _GRE if tunnel.type == "gre" else _INNER_PROTOCOL[family]
            found[End(device, outer.version, protocol, tunnel.port, outer)] = None
    return sorted(found, key=lambda end: (end.family, end.port or 0, end.protocol, int(end.rip)))


def _tunnels(cluster: Cluster, inventory: Inventory, ends: Iterable[End]) -> Iterator[str]:
    """Wrapped packets only from the directors, and from those that retire, as long as they send."""
    hosts = [*inventory.directors(cluster), *(inventory.hosts[name] for name in inventory.retired)]
    for family in _FAMILIES:
        directors = {
            address for host in hosts for address in host.variables.lvs_addresses if address.version == family
        }
        for end in dict.fromkeys(end._replace(device="") for end in ends if end.family == family):
            wrapped = f"{IP[family]} daddr {end.rip} {end.wrapped}"
            if directors:
                yield f"{wrapped} {IP[family]} saddr {addresses(directors)} notrack accept"
            yield f"{wrapped} drop"


def _spared_tunnels(services: Iterable[Serving]) -> Iterator[str]:
    """Leave the wrapped packets that a director sends untracked: GUE's would have an entry for each flow."""
    ends = tunnel_ends((one, member) for one in services for member in one.members)
    rips: dict[tuple[Family, str], list[Address]] = defaultdict(list)
    for end in ends:
        rips[end.family, end.wrapped].append(end.rip)
    for (family, wrapped), found in rips.items():
        yield f"{IP[family]} daddr {addresses(found)} {wrapped} notrack"
