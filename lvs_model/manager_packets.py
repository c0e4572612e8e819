"""The messages of heartbeat and of corosync that a director must get, as expected_packets.py has them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, NamedTuple

from lvs_model.components.heartbeat.nodes import GROUPS, options, ways
from lvs_model.components.pacemaker.links import links
from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory
from lvs_model.topology import Address

_UDP = 17


class _Message(NamedTuple):
    """A kind of message from another director: by which interface, to which address and UDP port."""

    name: str
    interface: str
    source: Address
    target: Address | None
    port: int
    ttl: int | None = None


def manager_packets(cluster: Cluster, host: Host, inventory: Inventory) -> list[dict[str, Any]]:
    """What the other directors send by the way in which they agree on the owner; nothing under VRRP."""
    found: list[_Message] = []
    if cluster.failover.method == "heartbeat":
        found += _heartbeat(cluster, host, inventory)
    elif cluster.failover.method == "pacemaker":
        found += _corosync(cluster, host, inventory)
    return [
        {
            "name": f"{one.name} from {one.source}",
            "hook": "input",
            "family": one.source.version,
            "protocol": _UDP,
            "iifname": one.interface,
            "saddr": str(one.source),
            "dport": one.port,
            "state": "new",
        }
        | ({} if one.target is None else {"daddr": str(one.target)})
        | ({} if one.ttl is None else {"ttl": one.ttl})
        for one in found
    ]


def _heartbeat(cluster: Cluster, host: Host, inventory: Inventory) -> Iterator[_Message]:
    wanted = options(cluster)
    for way in ways(cluster, host, inventory):
        family = way.peer.version
        if wanted.transport == "multicast":
            group = ip_address(str(wanted.multicast_group or GROUPS[family]))
            yield _Message("heartbeat", way.interface, way.peer, group, wanted.port, wanted.multicast_ttl)
        else:
            own = host.address_in(cluster.networks[way.network], 4 if family == 4 else 6)
            yield _Message("heartbeat", way.interface, way.peer, own, wanted.port)


def _corosync(cluster: Cluster, host: Host, inventory: Inventory) -> Iterator[_Message]:
    for link in links(cluster, inventory):
        interface = host.interface_on(cluster, link.network)
        for name, address in link.addresses.items():
            if name != host.name:
                yield _Message("corosync", interface, address, link.addresses.get(host.name), link.port)
