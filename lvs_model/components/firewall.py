"""What nftables does on directors and real servers: marks, masquerading, closed networks, MSS, the filter.

Sources: nft(8); net/netfilter/ipvs of the kernel (IPVS takes packets at LOCAL_IN, behind the input filter,
and sends requests on through LOCAL_OUT: ip_vs_core.c, ip_vs_xmit.c); docs/forwarding.md.

Connection tracking costs more than IPVS itself, and its table is the first to fill. It runs only where a
rule here or elsewhere asks for it: our forward chain does, for the answers to what real servers ask
elsewhere. Nothing else could tell an answer over UDP from a question. Then, and under the packet filter,
IPVS's own packets are kept out of it (`notrack`), as far as IPVS itself needs no tracking
(nft_words.needs_tracking). On real servers the services' packets are left alone: containers behind published
ports are reached by address translation, which needs tracking.

A limit: marking rules are loaded before keepalived reads its configuration, which is right for a mark that
is new (nobody may be sent packets that are not marked yet), and the wrong way round for one that changes or
goes. Between the two actions the VIPs' owner refuses new connections to that service itself, because they
no longer have the mark that the table knows; known connections go on, as IPVS finds them by their addresses
(ip_vs_conn_in_get, net/netfilter/ipvs/ip_vs_conn.c). The actions cannot tell the two cases apart, since a
plan knows nothing of the one before it. Allocated marks change only on a collision (topology.marks).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from lvs_model.components.filter_rules import director_filter, real_server_filter
from lvs_model.components.keepalived import Election
from lvs_model.components.nft_words import (
    ALL,
    IP,
    Chains,
    addresses,
    ftp_ranges,
    one_of,
    ports_of,
    words_of,
)
from lvs_model.document import Cluster, Network, Service
from lvs_model.inventory import Host, Inventory, network_of
from lvs_model.serving import Member, Serving
from lvs_model.topology import Address, Family

_OUTER: dict[int, int] = {4: 20, 6: 40}
# What a tunnel adds to its outer IP header: UDP and GUE's own (draft-ietf-intarea-gue), GRE (RFC 2784).
_ADDED = {"ipip": 0, "gue": 8 + 4, "gre": 4}
# IP and TCP header of the client's own packet, without options.
_INNER: dict[int, int] = {4: 20 + 20, 6: 40 + 20}


def director_chains(
    cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving], elections: list[Election]
) -> Chains:
    """A director's rules by chain, as nftables.nftables takes them; ``services`` are the whole cluster's."""
    behind = nat_interfaces(cluster, host, services)
    closed = [name for name, is_closed in behind.items() if is_closed]
    return merge_chains(
        director_filter(cluster, host, inventory, services, elections, behind),
        {
            "mark": [rule for one in services if one.mark is not None for rule in _marks(one)],
            "forward": [*_forward(closed), *_private(cluster, host, services, behind)],
            "masquerade": [rule for one in services for rule in _masquerade(one)],
        },
    )


def real_server_chains(cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving]) -> Chains:
    """A real server's rules by chain; of ``services`` only those count that have the host as a member."""
    served = [
        (one, member)
        for one in services
        if (member := next((found for found in one.members if found.name == host.name), None)) is not None
    ]
    return merge_chains(
        real_server_filter(cluster, host, inventory, served), {"mss": list(_mss(cluster, served))}
    )


def merge_chains(*several: Chains) -> Chains:
    """The rules of several roles of one host by chain, each once; chains without a rule are left out."""
    names = dict.fromkeys(name for chains in several for name in chains)
    merged = {
        name: list(dict.fromkeys(rule for chains in several for rule in chains.get(name, [])))
        for name in names
    }
    return {name: rules for name, rules in merged.items() if rules}


def _marks(one: Serving) -> Iterator[str]:
    """Mark a service's packets: a rule for each family and protocol.

    Of a service whose real servers are directors too only packets to a VIP that is on the interface of
    their arrival are marked: this director owns it now. What the owner sent here is not, and is delivered.
    """
    owned = " fib daddr . iif type local" if one.colocated else ""
    for family in one.families:
        for protocol in one.service.protocols:
            ports = _ports(protocol, "dport", ports_of(one.service, protocol))
            match = f"{IP[family]} daddr {{ {', '.join(_vips(one.service, family))} }}{owned} {ports}"
            yield f'{match} meta mark set {one.mark} comment "{one.service.name}"'


def _ports(protocol: str, field: str, ranges: list[tuple[int, int]]) -> str:
    if ALL in ranges:
        return f"meta l4proto {protocol}"
    return f"{protocol} {field} {{ {', '.join(words_of(ranges))} }}"


def _vips(service: Service, family: Family) -> list[str]:
    return [str(vip) for vip in service.vips if vip.version == family]


def nat_interfaces(cluster: Cluster, host: Host, services: list[Serving]) -> dict[str, bool]:
    """A director's interfaces on networks of NAT's real servers, and whether nothing else is routed there."""
    names = _server_networks(cluster, services, "nat")
    found: dict[str, bool] = {}
    for name, network in cluster.networks.items():
        if name in names and host.address_in(network) is not None:
            interface = host.interface_on(cluster, name)
            found[interface] = found.get(interface, True) and not network.routed_in
    return dict(sorted(found.items()))


def _server_networks(cluster: Cluster, services: list[Serving], *methods: str) -> set[str | None]:
    """The networks on which services of these forwarding methods have real servers."""
    servers = {
        rip
        for one in services
        if one.service.forwarding in methods
        for member in one.members
        for rip in member.addresses.values()
    }
    return {network_of(cluster, ip_address(rip)) for rip in servers}


def _forward(closed: list[str]) -> Iterator[str]:
    """Keep everybody else's packets out of the networks of NAT's real servers.

    What IPVS sends there does not pass this hook (LOCAL_OUT: ip_vs_nat_send_or_cont). Replies to what real
    servers ask elsewhere do, where directors are their way out: connection tracking knows them. After a
    failover it learns such a TCP connection from the real server's next packet (nf_conntrack_tcp_loose).
    """
    if len(closed) > 1:
        names = ", ".join(f'"{name}"' for name in closed)
        yield f"iifname {{ {names} }} ct state untracked accept"  # answers to clients on the other one
    for interface in closed:
        elsewhere = f'iifname != "{interface}" oifname "{interface}"'
        yield f"{elsewhere} ct state established,related accept"
        yield f"{elsewhere} drop"


def _private(cluster: Cluster, host: Host, services: list[Serving], behind: dict[str, bool]) -> Iterator[str]:
    """Where a director routes answers, keep it from routing into networks that no client asks (sync).

    Replies to what masquerading's real servers ask elsewhere get back in: tracking is on for them anyway.
    Networks of other real servers stay as they are, since nothing of theirs depends on the routing.
    """
    masqueraded = _server_networks(cluster, services, "masquerade")
    if not masqueraded and not behind:
        return
    asked = {network_of(cluster, vip) for one in services for vip in one.service.vips}
    asked |= _server_networks(cluster, services, "dr", "tun") | {cluster.failover.network}
    # Several networks may share an interface: the most open one counts.
    places: dict[str, set[str]] = {}
    for name, network in cluster.networks.items():
        if host.address_in(network) is not None:
            places.setdefault(host.interface_on(cluster, name), set()).add(name)
    for interface, names in places.items():
        if interface in behind or names & asked or any(cluster.networks[name].routed_in for name in names):
            continue
        elsewhere = f'iifname != "{interface}" oifname "{interface}"'
        if names & masqueraded:
            yield f"{elsewhere} ct state established,related accept"
        yield f"{elsewhere} drop"


def _masquerade(one: Serving) -> Iterator[str]:
    """Give IPVS's packets the director's address as their source.

    What iptables says by `-m ipvs --vmethod MASQ`: nft has no such match, but the connection's first
    destination says the same. A fallback that is reached in another way is told by its own address, which
    the packet has by then.
    """
    service, fallback = one.service, one.service.fallback
    usual = service.forwarding == "masquerade"
    apart = fallback is not None and (fallback.forwarding or service.forwarding) != service.forwarding
    in_need = apart and fallback is not None and fallback.forwarding == "masquerade"
    if not usual and not in_need:
        return
    for family in one.families:
        where = ""
        if apart and fallback is not None and fallback.address.version == family:
            where = f"{IP[family]} daddr {'!= ' if usual else ''}{fallback.address} "
        elif not usual:
            continue
        vips = f"ct original {IP[family]} daddr {addresses(_vips(service, family))}"
        for protocol in service.protocols:
            ranges = ftp_ranges(service, protocol)
            ports = "" if ALL in ranges else f" ct original proto-dst {one_of(words_of(ranges))}"
            yield f"{where}meta l4proto {protocol} {vips}{ports} masquerade"


def _mss(cluster: Cluster, served: Iterable[tuple[Serving, Member]]) -> Iterator[str]:
    """Have clients send segments that fit into the tunnel: the server's SYN says how large they may be.

    Only here it can be said: the answer does not pass the director. A smaller MSS is not raised (net/
    netfilter/nft_exthdr.c). A server that opens a connection itself, as FTP's does, says it in its own SYN.
    """
    sizes: dict[Address, int] = {}
    for one, member in served:
        if one.service.forwarding != "tun":
            continue
        for vip in one.service.vips:
            if (rip := member.addresses.get(vip.version)) is not None:
                size = _segment(cluster, one.service, vip, ip_address(rip))
                sizes[vip] = min(size, sizes.get(vip, size))
    for family, size in sorted({(vip.version, size) for vip, size in sizes.items()}):
        vips = addresses(vip for vip in sizes if (vip.version, sizes[vip]) == (family, size))
        yield f"{IP[family]} saddr {vips} tcp flags syn tcp option maxseg size set {size}"


def _segment(cluster: Cluster, service: Service, vip: Address, rip: Address) -> int:
    """Bytes of data in the largest TCP segment that fits into the tunnel to a real server."""
    network = network_of(cluster, rip)
    mtu: int = Network.model_fields["mtu"].default if network is None else cluster.networks[network].mtu
    return mtu - _OUTER[rip.version] - _ADDED[service.tunnel.type] - _INNER[vip.version]
