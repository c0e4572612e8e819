"""What ha.cf says: the two nodes, and the lines over which they hear each other.

heartbeat reads the file line by line: a port and a speed count for the media behind them. IPv6 has directives
of its own (ucast6, mcast6, ping6); addresses are written out, so that nothing depends on names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lvs_model.components.keepalived.words import number
from lvs_model.document import Cluster
from lvs_model.document.heartbeat import Heartbeat
from lvs_model.inventory import Host, Inventory
from lvs_model.topology import Address

IPFAIL = "/usr/libexec/heartbeat/ipfail"
# Of the addresses for an administration's own use (RFC 2365, 6.1); and of the link (RFC 4291, 2.7).
GROUPS: dict[int, str] = {4: "239.255.0.69", 6: "ff02::694"}


class Way(NamedTuple):
    """A network over which a director hears the other one: the own interface, and the other's address."""

    network: str
    interface: str
    peer: Address


def options(cluster: Cluster) -> Heartbeat:
    """The cluster's options of heartbeat."""
    return cluster.failover.heartbeat or Heartbeat()


def node_name(cluster: Cluster, host: Host) -> str:
    """What `uname -n` prints on a director, and what heartbeat calls it: in small letters in haresources."""
    return options(cluster).node_names.get(host.name, host.name)


def networks(cluster: Cluster, inventory: Inventory) -> list[str]:
    """The networks that carry messages: the given ones, or all that every director is on, the VIPs' first."""
    given = options(cluster).networks
    order = [cluster.failover.network, *cluster.networks]
    shared = [
        name
        for name in dict.fromkeys(order)
        if name in cluster.networks and family_on(cluster, name, inventory.directors(cluster)) is not None
    ]
    return given or shared


def family_on(cluster: Cluster, network: str, hosts: list[Host]) -> int | None:
    """The address family in which hosts hear each other on a network, IPv4 first; None where in none."""
    place = cluster.networks[network]
    return next((one for one in (4, 6) if all(host.address_in(place, one) for host in hosts)), None)


def ways(cluster: Cluster, host: Host, inventory: Inventory) -> list[Way]:
    """A director's networks to the other one."""
    directors = inventory.directors(cluster)
    found = []
    for name in networks(cluster, inventory):
        family = family_on(cluster, name, directors)
        for peer in directors:
            address = peer.address_in(cluster.networks[name], family) if family else None
            if peer.name != host.name and address is not None:
                found.append(Way(name, host.interface_on(cluster, name), address))
    return found


def seconds(value: float) -> str:
    """A span of time as ha.cf has it: whole seconds, or milliseconds."""
    return number(value) if value == round(value) else f"{round(value * 1000)}ms"


def media(cluster: Cluster, host: Host, inventory: Inventory) -> Iterator[str]:
    """The heartbeat lines, with what must stand before them."""
    wanted = options(cluster)
    yield f"udpport {wanted.port}"
    if wanted.serial:
        yield f"baud {wanted.baud}"
        yield from (f"serial {device}" for device in wanted.serial)
    for way in ways(cluster, host, inventory):
        family = way.peer.version
        six = "" if family == 4 else "6"
        if wanted.transport == "unicast":
            yield f"ucast{six} {way.interface} {way.peer}"
            continue
        group = wanted.multicast_group or GROUPS[family]
        # The last word: 0, since a host need not hear itself.
        yield f"mcast{six} {way.interface} {group} {wanted.port} {wanted.multicast_ttl} 0"


def pings(cluster: Cluster) -> Iterator[str]:
    """Hosts that must answer, and ipfail, which gives the VIPs away when they do not."""
    wanted = options(cluster)
    if not wanted.pings:
        return
    yield f"deadping {seconds(wanted.dead_ping_s)}"
    for address in wanted.ping:
        yield f"ping{'6' if address.version == 6 else ''} {address}"
    for group in wanted.ping_groups:
        yield f"ping_group {group.name} {' '.join(map(str, group.addresses))}"
    yield "apiauth ipfail gid=haclient uid=hacluster"
    yield f"respawn hacluster {IPFAIL}"


def guards(cluster: Cluster) -> Iterator[str]:
    """What keeps a director that has gone wrong from doing harm."""
    wanted = options(cluster)
    if wanted.watchdog is not None:
        yield f"watchdog {wanted.watchdog.device}"
    if wanted.stonith is not None:
        yield f"stonith {wanted.stonith.type} {wanted.stonith.configuration}"
