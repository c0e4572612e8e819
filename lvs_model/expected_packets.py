"""The packets that a host must get, as plain data for the plan: observation asks whether others drop them.

Each is a mapping of packet_match.Packet's fields and its ``name``, with what is not None. A client's address
is not known, nor is the interface that it comes by.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import islice
from typing import Any

from lvs_model.components.filter_rules import SYNC_GROUP, VRRP, spares_tracking, tunnel_ends
from lvs_model.components.firewall import nat_interfaces
from lvs_model.components.keepalived import Election
from lvs_model.components.nft_words import needs_tracking
from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory, network_of
from lvs_model.manager_packets import manager_packets
from lvs_model.packet_match import Packet
from lvs_model.serving import Entry, Member, Serving, endpoint
from lvs_model.topology import Family

_AH = 51
_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
_VRRP_GROUP: dict[Family, str] = {4: "224.0.0.18", 6: "ff02::12"}
# Enough to meet every kind of rule; a rule that drops one service's packets only is for its tests to find.
_MOST = 20

Plain = dict[str, Any]


def expected_packets(
    cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving], elections: list[Election]
) -> list[Plain]:
    """What a host must get, and a director must route: a packet of each kind, 20 of services at most.

    ``services`` of a director are the whole cluster's, of another host those that it is a member of.
    """
    found: list[Plain] = []
    director = any(one.name == host.name for one in inventory.directors(cluster))
    if director:
        found += _elections(cluster, host, inventory, elections)
        found += manager_packets(cluster, host, inventory)
        if services:
            found += _sync(cluster, host, inventory)
        spared = spares_tracking(cluster, nat_interfaces(cluster, host, services))
        found += islice(_requests(services, spared=spared), _MOST)
        found += islice(_translated(cluster, host, services, spared=spared), _MOST)
    served = [(one, member) for one in services for member in one.members if member.name == host.name]
    found += islice(_tunnelled(cluster, host, inventory, served), _MOST)
    if not director:  # there, they are the director's own requests
        found += islice(_served(served), _MOST)
    return [one for number, one in enumerate(found) if one not in found[:number]]


def packets_of(planned: list[Plain]) -> list[tuple[str, Packet]]:
    """The packets with their names, out of the plan's plain data."""
    found = []
    for one in planned:
        fields: dict[str, Any] = {key: value for key, value in one.items() if key != "name"}
        if "flags" in fields:
            fields["flags"] = tuple(fields["flags"])
        found.append((str(one["name"]), Packet(**fields)))
    return found


def _plain(name: str, **fields: Any) -> Plain:  # noqa: ANN401 - the fields of Packet
    return {"name": name} | {key: value for key, value in fields.items() if value is not None}


def _elections(
    cluster: Cluster, host: Host, inventory: Inventory, elections: list[Election]
) -> Iterator[Plain]:
    """VRRP adverts from and to the peers."""
    failover = cluster.failover
    for one in elections:
        if host.name not in one.instance.directors:
            continue
        network = cluster.networks[one.instance.network]
        interface = host.interface_on(cluster, one.instance.network)
        hidden = failover.transport == "multicast" and one.family == 6  # link-local, which nobody has told
        own = None if hidden else _text(host.address_in(network, one.family))
        with_ah = failover.authentication is not None and failover.authentication.type == "ah"
        advert = {
            "family": one.family,
            "protocol": _AH if with_ah and one.version == 2 else VRRP,
            "ttl": 255,
            "state": "untracked" if cluster.firewall and not with_ah else "new",
        }
        group = None
        if failover.transport == "multicast":
            given = failover.multicast_group
            group = str(given) if given and given.version == one.family else _VRRP_GROUP[one.family]
        for name in one.instance.directors:
            if name == host.name:
                continue
            peer = None if hidden else _text(inventory.hosts[name].address_in(network, one.family))
            yield _plain(
                f"VRRP from {peer or name}",
                hook="input",
                iifname=interface,
                saddr=peer,
                daddr=group or own,
                **advert,
            )
            yield _plain(
                f"VRRP to {peer or name}",
                hook="output",
                oifname=interface,
                saddr=own,
                daddr=group or peer,
                **advert,
            )


def _sync(cluster: Cluster, host: Host, inventory: Inventory) -> Iterator[Plain]:
    """Connection sync from the peers."""
    sync = cluster.connection_sync
    if sync is None:
        return
    group = sync.group or SYNC_GROUP
    for peer in inventory.directors(cluster):
        if peer.name == host.name:
            continue
        source = _text(peer.address_in(cluster.networks[sync.network], group.version))
        yield _plain(
            f"connection sync from {source or peer.name}",
            hook="input",
            family=group.version,
            protocol=_PROTOCOLS["udp"],
            iifname=host.interface_on(cluster, sync.network),
            saddr=source if group.version == 4 else None,
            daddr=str(group),
            dport=sync.port,
            ttl=sync.ttl,
            state="untracked" if cluster.firewall else "new",
        )


def _endpoints(one: Serving) -> Iterator[tuple[Entry, str, int | None]]:
    """A service's VIPs, each with its first endpoint: entry, protocol and port; None for all ports."""
    protocol, port = one.service.endpoints()[0]
    for vip in one.service.vips:
        mark = one.mark
        yield Entry("", vip.version, str(vip), protocol, port, mark), protocol, port or None


def _requests(services: list[Serving], *, spared: bool) -> Iterator[Plain]:
    """Clients' requests to a director; ``spared``: connection tracking does not see those that need none."""
    for one in services:
        state = "untracked" if spared and not needs_tracking(one.service) else "new"
        for entry, protocol, port in _endpoints(one):
            yield _plain(
                f"requests to {endpoint(entry.vip or '', port or 0)}/{protocol}",
                hook="input",
                family=entry.family,
                protocol=_PROTOCOLS[protocol],
                daddr=entry.vip,
                dport=port,
                state=state,
            )


def _translated(cluster: Cluster, host: Host, services: list[Serving], *, spared: bool) -> Iterator[Plain]:
    """Answers of NAT's real servers, which a director routes back: one of each service."""
    tracking = any(needs_tracking(one.service) for one in services)
    for one in services:
        if one.service.forwarding != "nat":
            continue
        for entry, protocol, _ in _endpoints(one):
            member = next(iter(one.members_of(entry)), None)
            if member is None:
                continue
            rip = member.addresses[entry.family]
            network = network_of(cluster, ip_address(rip))
            # A SYN-ACK whose SYN it has not kept is invalid to connection tracking (tcp_new in
            # net/netfilter/nf_conntrack_proto_tcp.c), and IPVS makes it known only where it tracks itself.
            known = "established" if tracking else "invalid" if protocol == "tcp" else "new"
            yield _plain(
                f"answers of {member.name} ({rip})",
                hook="forward",
                family=entry.family,
                protocol=_PROTOCOLS[protocol],
                iifname=host.interface_on(cluster, network) if network else None,
                saddr=rip,
                sport=one.server_port(entry, member) or None,
                flags=["syn", "ack"],
                state="untracked" if spared and not needs_tracking(one.service) else known,
            )


def _tunnelled(
    cluster: Cluster, host: Host, inventory: Inventory, served: list[tuple[Serving, Member]]
) -> Iterator[Plain]:
    """Wrapped packets of the directors to a real server."""
    directors = [one for one in inventory.directors(cluster) if one.name != host.name]
    for end in tunnel_ends(served):
        network = network_of(cluster, end.rip)
        for director in directors:
            near = network and director.address_in(cluster.networks[network], end.family)
            yield _plain(
                f"tunnelled packets from {director.name}",
                hook="input",
                family=end.family,
                protocol=_PROTOCOLS["udp"] if end.port else end.protocol,
                iifname=host.interface_on(cluster, network) if network else None,
                # Which address it takes outside of a common network, is its routes' affair.
                saddr=_text(near or None),
                daddr=str(end.rip),
                dport=end.port,
                state="untracked" if cluster.firewall else "new",
            )


def _served(served: list[tuple[Serving, Member]]) -> Iterator[Plain]:
    """Clients' requests to a real server."""
    for one, member in served:
        for entry, protocol, port in _endpoints(one):
            if (rip := member.addresses.get(entry.family)) is None:
                continue
            translated = one.service.forwarding in {"nat", "masquerade"}
            reached = (one.server_port(entry, member) or None) if translated else port
            address = rip if translated else entry.vip or ""
            yield _plain(
                f"requests to {endpoint(address, reached or 0)}/{protocol}",
                hook="input",
                family=entry.family,
                protocol=_PROTOCOLS[protocol],
                daddr=address,
                dport=reached,
            )


def _text(address: object) -> str | None:
    return None if address is None else str(address)
