"""keepalived's VRRP instances and sync groups: who elects the owner of which VIPs, and how.

Sources: keepalived.conf(5), sections «VRRP synchronization group(s)» and «VRRP instance(s)»; RFC 5798.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lvs_model.components.keepalived.words import host_prefix, number, quoted
from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory
from lvs_model.topology import (
    Address,
    Family,
    Instance,
    anchor,
    election_family,
    election_version,
    failback_delay_s,
    instance_key,
    instance_priorities,
    instances,
    sync_group_of,
    vip_network,
)


@dataclass(frozen=True)
class Election:
    """An instance with the numbers of its election: family of the adverts, router id, priorities."""

    instance: Instance
    family: Family
    version: int
    router_id: int
    priorities: dict[str, int]

    @property
    def anchor(self) -> Address:
        """The one address in the adverts."""
        return anchor(self.family, self.router_id)


def elections(cluster: Cluster, inventory: Inventory, router_ids: dict[str, int]) -> list[Election]:
    """All elections of a cluster; ``router_ids`` by topology.instance_key."""
    found = []
    for instance in instances(cluster, inventory):
        family = election_family(cluster, instance, inventory)
        found.append(
            Election(
                instance,
                family,
                election_version(cluster, family),
                router_ids[instance_key(cluster, instance)],
                instance_priorities(cluster, instance, inventory),
            )
        )
    return found


def owned_addresses(cluster: Cluster, host: Host, election: Election) -> list[tuple[Address, str]]:
    """What the owner has: the anchor and the VIPs, each with its interface there."""
    instance = election.instance
    return [
        (election.anchor, host.interface_on(cluster, instance.network)),
        *((vip, host.interface_on(cluster, vip_network(cluster, instance, vip))) for vip in instance.vips),
    ]


def instance_context(
    cluster: Cluster, host: Host, inventory: Inventory, election: Election
) -> dict[str, Any]:
    """One vrrp_instance block of a director's configuration."""
    instance = election.instance
    (_, interface), *owned = owned_addresses(cluster, host, election)
    elsewhere = {one for _, one in owned} - {interface}
    scope = " scope link" if election.family == 4 else ""
    return {
        "label": instance.label,
        "interface": interface,
        "lines": [
            f"virtual_router_id {election.router_id}",
            f"priority {election.priorities[host.name]}",
            f"advert_int {number(cluster.failover.advert_interval)}",
            *_timing(cluster),
            *_transport(cluster, host, inventory, election),
            *_authentication(cluster, election),
            # Switches keep the place of a MAC address that also speaks on its own (keepalived.conf(5)).
            *(["garp_extra_if all 100"] if elsewhere else []),
            *([] if sync_group_of(cluster, instance) else notify_lines(cluster)),
            *cluster.extra_lines.vrrp_instance,
        ],
        "track_interfaces": sorted(
            {host.interface_on(cluster, name) for name in cluster.failover.track.networks} - {interface}
        ),
        "track_processes": [one.name for one in cluster.failover.track.processes if one.restart is None],
        "track_scripts": [
            *(f"restart_{one.name}" for one in cluster.failover.track.processes if one.restart is not None),
            *(one.name for one in cluster.failover.track.scripts),
        ],
        "anchor": f"{host_prefix(election.anchor)} dev {interface}{scope}",
        "vips": [f"{host_prefix(vip)} dev {where}" for vip, where in owned],
    }


def _timing(cluster: Cluster) -> Iterator[str]:
    failover = cluster.failover
    if failover.lost_adverts != 3:
        yield f"down_timer_adverts {failover.lost_adverts}"
    yield f"preempt_delay {number(failback_delay_s(cluster))}" if failover.failback else "nopreempt"


def _transport(cluster: Cluster, host: Host, inventory: Inventory, election: Election) -> Iterator[str]:
    failover = cluster.failover
    network = cluster.networks[election.instance.network]
    source = host.address_in(network, election.family)
    if failover.transport == "multicast":
        # IPv6 adverts come from the link-local address, which keepalived finds (RFC 5798, 5.1.2.1).
        if election.family == 4:
            yield f"mcast_src_ip {source}"
        if failover.multicast_group is not None and failover.multicast_group.version == election.family:
            yield f"mcast_dst_ip {failover.multicast_group}"
        return
    peers = [inventory.hosts[name] for name in election.instance.directors if name != host.name]
    if not peers:
        return
    yield f"unicast_src_ip {source}"
    if election.family == 6:
        # Left to itself keepalived 2.2.7 sends these with 64, and the peers would drop them all.
        yield "unicast_ttl 255"
    yield "unicast_peer {"
    # An advert from beyond a router has a smaller one (RFC 5798, 5.1.1.3).
    yield from (f"    {peer.address_in(network, election.family)} min_ttl 255 max_ttl 255" for peer in peers)
    yield "}"


def _authentication(cluster: Cluster, election: Election) -> Iterator[str]:
    given = cluster.failover.authentication
    if given is None or election.version != 2:
        return
    yield "authentication {"
    yield f"    auth_type {given.type.upper()}"
    yield f"    auth_pass {given.password}"
    yield "}"


def notify_lines(cluster: Cluster) -> Iterator[str]:
    """The programs that are started at a change of state, of an instance or a sync group."""
    notify = cluster.failover.notify
    for keyword, command in (
        ("notify_master", notify.owner),
        ("notify_backup", notify.backup),
        ("notify_fault", notify.fault),
        ("notify_stop", notify.stop),
        ("notify", notify.any),
    ):
        if command is not None:
            yield f"{keyword} {quoted(command)}"


def sync_groups(cluster: Cluster, mine: list[Election]) -> list[dict[str, Any]]:
    """The vrrp_sync_group blocks of a director that takes part in the elections ``mine``."""
    labels = {election.instance.name: election.instance.label for election in mine}
    return [
        {
            "name": f"VG_{group.name}",
            "members": [labels[name] for name in group.instances if name in labels],
            # Told once for the group, instead of once for each of its instances.
            "lines": list(notify_lines(cluster)),
        }
        for group in cluster.failover.sync_groups
        if any(name in labels for name in group.instances)
    ]
