"""Connection sync: directors that tell each other of their connections.

The kernel's side is net/netfilter/ipvs/ip_vs_sync.c and Documentation/networking/ipvs-sysctl.rst.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, rule, service_rule
from lvs_model.rules.view import Served, View, root_of
from lvs_model.topology import server_address, sync_segments


@cluster_rule("sync-off-network")
def sync_off_network(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director has no address on the network of the connection sync.

    The sync daemon sends from its interface's own address, by multicast that no router passes on (ttl
    1). Without a network that all directors are on, connections end at every failover while everybody
    believes that they survive.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
          sync: {interface: eth1, subnets: [198.51.100.0/24]}
        connection_sync: {network: sync}
        # host_vars/lb2.yml
        lvs_addresses: [192.0.2.12]

    Mend: add the director's address on that network to its `lvs_addresses`, or sync over a network that
    all directors are on.
    """
    sync = cluster.connection_sync
    elections = {instance.network for instance in view.instances(cluster)}  # director-off-network says it
    if sync is None or sync.network not in cluster.networks or sync.network in elections:
        return
    for host in view.directors(cluster):
        if host.address_in(cluster.networks[sync.network]) is None:
            yield Problem(
                f"host {host.name}: lvs_addresses",
                f"none lies in the network {sync.network!r}, which directors of {cluster.name!r} need",
                "add its address there",
            )


@rule("sync-id-clash")
def sync_id_clash(view: View) -> Iterator[Problem]:
    """Two clusters on one segment have the same sync id.

    Sync messages go to a multicast group, and a daemon takes those of its own sync id (ipvsadm(8),
    `--syncid`): with one id in two clusters the connections of one end in the other's table.

    Wrong::

        # clusters edge and mail, both on segment dc1-v99
        connection_sync: {network: sync, id: 7}

    Mend: leave `id` out: the toolkit takes a free one. Or give another one.
    """
    owners: dict[tuple[str, int], str] = {}
    for name, (segment, sync_id) in sync_segments(view.inventory).items():
        if sync_id is None:
            continue
        owner = owners.setdefault((segment, sync_id), name)
        if owner != name:
            yield Problem(
                f"lvs_cluster[{name}].connection_sync.id",
                f"{sync_id} is taken by cluster {owner!r} on segment {segment!r}",
                "take another, or leave it out",
            )


@cluster_rule("sync-without-services")
def sync_without_services(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Connection sync, and no connections.

    Only connections that IPVS has scheduled are synced. Without a service keepalived runs without IPVS,
    and there is nothing to tell.

    Wrong::

        connection_sync: {network: sync}
        failover: {network: front, vips: [192.0.2.10]}
        services: []

    Mend: remove `connection_sync`.
    """
    if cluster.connection_sync is not None and not cluster.services:
        yield Problem(f"{root_of(cluster)}.connection_sync", "there is no service of IPVS", "remove it")


@cluster_rule("sync-mixed-tunnels")
def sync_mixed_tunnels(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Connection sync beside a tunnel of another address family.

    A tunnel can carry IPv6 clients to a real server's IPv4 address. The kernel refuses to sync such
    connections: with one such real server the sync daemon does not start
    (net/netfilter/ipvs/ip_vs_sync.c, start_sync_thread: mixed_address_family_dests).

    Wrong::

        connection_sync: {network: sync}
        services:
          - {name: www, forwarding: tun, vips: ["2001:db8::10"], ports: [80], pool: edge_web}
        # host_vars/web1.yml
        lvs_addresses: [192.0.2.21]

    Mend: give the real servers an address of the VIPs' own family, or remove `connection_sync`.
    """
    if cluster.connection_sync is None:
        return
    for served in view.services_of(cluster):
        if served.service.forwarding != "tun":
            continue
        for host in served.pool:
            for family in served.families:
                address = server_address(cluster, served.service, host, family)
                if address is not None and address.version != family:
                    yield Problem(
                        f"host {host.name}: lvs_addresses",
                        f"the tunnel of service {served.service.name!r} takes IPv{family} to {address}, and "
                        "connection sync does not start beside a tunnel of another family",
                        f"add its IPv{family} address, or remove connection_sync",
                    )


@cluster_rule("sync-both-backup-only")
def sync_both_backup_only(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Both sync daemons, and a director that schedules only as owner.

    `backup_only` lets a director pass packets on unscheduled while it runs the listening sync daemon
    (kernel, Documentation/networking/ipvs-sysctl.rst, backup_only). With `daemons: both` every director
    runs it, the owner too: nobody would schedule anything.

    Wrong::

        connection_sync: {network: sync, daemons: both}
        ipvs: {backup_only: true}

    Mend: `daemons: follow`, or `backup_only: false`.
    """
    sync = cluster.connection_sync
    if sync is not None and sync.daemons == "both" and cluster.ipvs.backup_only:
        yield Problem(
            f"{root_of(cluster)}.ipvs.backup_only",
            "with both sync daemons on every director none of them would schedule",
            "use daemons: follow, or backup_only: false",
        )


@cluster_rule("backup-only-without-sync")
def backup_only_without_sync(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Only the owner schedules, and nothing says who that is.

    The kernel knows whether a director is a backup from its sync daemon alone
    (Documentation/networking/ipvs-sysctl.rst, backup_only). Without connection sync the option is
    without effect.

    Wrong::

        ipvs: {backup_only: true}      # and no connection_sync

    Mend: add `connection_sync`, or remove `backup_only`.
    """
    if cluster.ipvs.backup_only and cluster.connection_sync is None:
        yield Problem(
            f"{root_of(cluster)}.ipvs.backup_only",
            "without connection_sync it is without effect",
            "add connection_sync, or remove it",
        )


@service_rule("sync-both-roles", "warning")
def sync_both_roles(served: Served) -> Iterator[Problem]:
    """Directors that are real servers too, and connections that the standby knows from its peer.

    A standby holds its peer's connections. When a client takes a source port again while the old connection
    is still listed (under direct routing and tunnels two minutes after its FIN), the standby drops the old
    entry when it sees the SYN, but only at its next timer tick: the client's next packet can come earlier,
    and goes to the old connection's real server, which resets it, or to the owner and back until its TTL is
    used up (net/netfilter/ipvs/ip_vs_core.c, ip_vs_in_hook; ip_vs_conn.c, ip_vs_conn_expire_now).

    Wrong::

        connection_sync: {network: sync}
        # and lb1 and lb2 are both directors and in a service's pool

    Mend: with one owner of all VIPs `ipvs: {backup_only: true}`: the standby then leaves every packet alone.
    Its price: until a new owner's sync daemon has changed sides, it takes what comes as its own. With
    several owners: no `connection_sync`, or real servers of their own.
    """
    cluster = served.cluster
    if cluster.connection_sync is None or not served.colocated or cluster.ipvs.backup_only:
        return
    one_owner = cluster.connection_sync.daemons == "follow" and not _apart(cluster)
    yield Problem(
        f"{root_of(cluster)}.connection_sync",
        f"directors are in the pool {served.service.pool!r}, and a client that takes a source port again "
        "within two minutes can lose its connection",
        "set ipvs.backup_only: true" if one_owner else "remove it, or take the directors out of the pool",
    )


@cluster_rule("backup-only-with-instances")
def backup_only_with_instances(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Only the owner schedules, and there are several owners.

    The sync state is one for a whole director. Where instances have different owners each director is
    owner of one and backup of another: as a backup it would schedule nothing, not even for the VIPs
    that it owns.

    Wrong::

        connection_sync: {network: sync}
        ipvs: {backup_only: true}
        failover:
          network: front
          instances:
            - {name: blue, directors: [lb1, lb2], vips: [192.0.2.10]}
            - {name: green, directors: [lb2, lb1], vips: [192.0.2.11]}

    Mend: remove `backup_only`, or put the instances into one sync group.
    """
    if cluster.ipvs.backup_only and _apart(cluster):
        yield Problem(
            f"{root_of(cluster)}.ipvs.backup_only",
            "instances can have different owners, and a director has one sync state for all",
            "remove it, or put all instances into one sync group",
        )


@cluster_rule("sync-follows-one-instance", "warning")
def sync_follows_one_instance(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Connection sync follows one of several owners.

    keepalived ties the sync daemons to one instance (keepalived.conf(5), `lvs_sync_daemon`), the first
    one: its owner sends, the others listen. What the owner of another instance schedules is not told,
    and ends at a failover.

    Wrong::

        connection_sync: {network: sync}       # daemons: follow
        failover:
          network: front
          instances:
            - {name: blue, directors: [lb1, lb2], vips: [192.0.2.10]}
            - {name: green, directors: [lb2, lb1], vips: [192.0.2.11]}

    Mend: `daemons: both`.
    """
    sync = cluster.connection_sync
    if sync is not None and sync.daemons == "follow" and _apart(cluster):
        yield Problem(
            f"{root_of(cluster)}.connection_sync.daemons",
            "only the owner of the first instance tells of its connections",
            "use daemons: both",
        )


def _apart(cluster: Cluster) -> bool:
    """Whether instances of a cluster can have different owners."""
    names = {instance.name for instance in cluster.failover.instances}
    return len(names) > 1 and not any(names <= set(group.instances) for group in cluster.failover.sync_groups)
