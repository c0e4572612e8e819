"""VRRP versions, instances and connection sync."""

from __future__ import annotations

from ..changes import both, failover, group, host, other, service
from . import EDGE, TWO, document, instances, mixed, near, only_six, six, trigger, without
from .election import GROUPED, TOGETHER

APART = (
    {"name": "blue", "directors": ["lb1", "lb2"]},
    {"name": "green", "directors": ["lb2", "lb1"], "vips": ["192.0.2.20"]},
)

TABLE = [
    # versions.py
    trigger(
        "vrrp2-interval",
        failover(version=2, advert_interval=1.5),
        f"{EDGE}.failover.advert_interval: 1.5 s, and version 2 has whole seconds only: use whole seconds, "
        "or version 3",
    ),
    near("vrrp2-interval", failover(version=2, advert_interval=2)),
    trigger(
        "vrrp2-ipv6",
        both(only_six, failover(version=2)),
        f"{EDGE}.failover.version: 2, and the directors of 'edge' elect over IPv6 on 'front': use version 3, "
        "or give all of them IPv4 addresses there",
    ),
    near("vrrp2-ipv6", both(six, failover(version=2), service(vips=["2001:db8::10"]))),
    trigger(
        "vrrp3-authentication",
        failover(authentication={"password": "s3cret"}),
        f"{EDGE}.failover.authentication: version 3 of VRRP has none: remove it, or use version 2",
    ),
    near("vrrp3-authentication", failover(version=2, authentication={"password": "s3cret"})),
    trigger(
        "multicast-group-unused",
        failover(multicast_group="224.0.0.50"),
        f"{EDGE}.failover.multicast_group: 224.0.0.50, and adverts go by unicast: use transport: multicast, "
        "or remove it",
    ),
    near("multicast-group-unused", failover(transport="multicast", multicast_group="224.0.0.50")),
    trigger(
        "multicast-group-family",
        failover(transport="multicast", multicast_group="ff02::12"),
        f"{EDGE}.failover.multicast_group: ff02::12, and the directors of 'edge' elect over IPv4: use a "
        "group of that family, or leave it out",
    ),
    near(
        "multicast-group-family",
        both(only_six, failover(transport="multicast", multicast_group="ff02::12")),
    ),
    trigger(
        "lost-adverts-too-few",
        failover(lost_adverts=1),
        f"{EDGE}.failover.lost_adverts: 1: a single advert that is lost moves the VIPs: use 2 or more, and a "
        "shorter advert_interval",
    ),
    near("lost-adverts-too-few", failover(lost_adverts=2)),
    # instances.py
    trigger(
        "nothing-to-move",
        both(document(services=[]), without("connection_sync")),
        f"{EDGE}.services: no service, and no failover.vips: there is nothing to move: describe a service, "
        "or name the addresses in failover.vips",
    ),
    near(
        "nothing-to-move",
        both(document(services=[]), without("connection_sync"), failover(vips=["192.0.2.10"])),
    ),
    trigger(
        "instance-without-vips",
        instances({"name": "blue"}, {"name": "green"}, sync_groups=GROUPED),
        f"{EDGE}.failover.instances[1].vips: 'green' has none: name its VIPs, or remove it",
    ),
    trigger(
        "instance-without-vips",
        instances({"name": "blue"}, {"name": "green", "vips": ["192.0.2.10"]}, sync_groups=GROUPED),
        f"{EDGE}.failover.instances[0].vips: 'blue' has none and none are left over: name its VIPs, or "
        "remove it",
    ),
    near("instance-without-vips", instances(*TOGETHER, sync_groups=GROUPED)),
    trigger(
        "router-id-with-instances",
        instances(*TOGETHER, sync_groups=GROUPED, router_id=51),
        f"{EDGE}.failover.router_id: 51 belongs to no instance: write it into one of failover.instances, or "
        "remove it",
    ),
    near("router-id-with-instances", failover(router_id=51)),
    trigger(
        "sync-group-overlap",
        instances(
            *TOGETHER,
            sync_groups=[*GROUPED, {"name": "again", "instances": ["green", "green"]}],
        ),
        f"{EDGE}.failover.sync_groups[1].instances[0]: 'green' is in the sync group 'both' already: put each "
        "instance into one group",
        f"{EDGE}.failover.sync_groups[1].instances[1]: 'green' is in the sync group 'both' already: put each "
        "instance into one group",
    ),
    near("sync-group-overlap", instances(*TOGETHER, sync_groups=GROUPED)),
    trigger(
        "sync-group-order",
        instances(*APART, sync_groups=GROUPED),
        f"{EDGE}.failover.sync_groups[0].instances: blue and green prefer different directors: give them the "
        "same directors in the same order",
    ),
    near(
        "sync-group-order",
        instances(APART[0], {**APART[1], "directors": ["lb1", "lb2"]}, sync_groups=GROUPED),
    ),
    # sync.py
    trigger(
        "sync-off-network",
        host("lb2", lvs_addresses=["192.0.2.12"]),
        "host lb2: lvs_addresses: none lies in the network 'sync', which directors of 'edge' need: "
        "add its address there",
    ),
    near("sync-off-network", both(without("connection_sync"), host("lb2", lvs_addresses=["192.0.2.12"]))),
    trigger(
        "sync-id-clash",
        both(
            lambda case: case.document["connection_sync"].update(id=7),
            other(lambda two: two["connection_sync"].update(id=7)),
        ),
        f"{TWO}.connection_sync.id: 7 is taken by cluster 'edge' on segment 'dc1-v99': take another, or "
        "leave it out",
    ),
    near(
        "sync-id-clash",
        both(
            lambda case: case.document["connection_sync"].update(id=7),
            other(lambda two: two["connection_sync"].update(id=7, network="front")),
        ),
    ),
    trigger(
        "sync-without-services",
        both(document(services=[]), failover(vips=["192.0.2.10"])),
        f"{EDGE}.connection_sync: there is no service of IPVS: remove it",
    ),
    near(
        "sync-without-services",
        both(document(services=[]), failover(vips=["192.0.2.10"]), without("connection_sync")),
    ),
    trigger(
        "sync-mixed-tunnels",
        both(
            six, service(vips=["2001:db8::10"], forwarding="tun"), host("web1", lvs_addresses=["192.0.2.21"])
        ),
        "host web1: lvs_addresses: the tunnel of service 'www' takes IPv6 to 192.0.2.21, and connection sync "
        "does not start beside a tunnel of another family: add its IPv6 address, or remove connection_sync",
    ),
    near(
        "sync-mixed-tunnels",
        both(six, service(vips=["192.0.2.10", "2001:db8::10"], forwarding="tun")),
    ),
    trigger(
        "sync-both-backup-only",
        document(connection_sync={"network": "sync", "daemons": "both"}, ipvs={"backup_only": True}),
        f"{EDGE}.ipvs.backup_only: with both sync daemons on every director none of them would schedule: use "
        "daemons: follow, or backup_only: false",
    ),
    near("sync-both-backup-only", document(ipvs={"backup_only": True})),
    trigger(
        "backup-only-without-sync",
        both(without("connection_sync"), document(ipvs={"backup_only": True})),
        f"{EDGE}.ipvs.backup_only: without connection_sync it is without effect: add connection_sync, or "
        "remove it",
    ),
    near("backup-only-without-sync", document(ipvs={"backup_only": True})),
    trigger(
        "sync-both-roles",
        group("edge_web", "lb2", "web1"),
        f"{EDGE}.connection_sync: directors are in the pool 'edge_web', and a client that takes a source "
        "port again within two minutes can lose its connection: set ipvs.backup_only: true",
    ),
    trigger(
        "sync-both-roles",
        both(
            group("edge_web", "lb2", "web1"),
            document(connection_sync={"network": "sync", "daemons": "both"}),
        ),
        f"{EDGE}.connection_sync: directors are in the pool 'edge_web', and a client that takes a source "
        "port again within two minutes can lose its connection: remove it, or take the directors out of the "
        "pool",
    ),
    near("sync-both-roles", mixed("edge_web", "lb2", "web1")),
    near("sync-both-roles", both(group("edge_web", "lb2", "web1"), without("connection_sync"))),
    trigger(
        "backup-only-with-instances",
        both(instances(*APART), document(ipvs={"backup_only": True})),
        f"{EDGE}.ipvs.backup_only: instances can have different owners, and a director has one sync state "
        "for all: remove it, or put all instances into one sync group",
        also="sync-follows-one-instance",
    ),
    near(
        "backup-only-with-instances",
        both(instances(*TOGETHER, sync_groups=GROUPED), document(ipvs={"backup_only": True})),
    ),
    trigger(
        "sync-follows-one-instance",
        instances(*APART),
        f"{EDGE}.connection_sync.daemons: only the owner of the first instance tells of its connections: use "
        "daemons: both",
    ),
    near(
        "sync-follows-one-instance",
        both(instances(*APART), document(connection_sync={"network": "sync", "daemons": "both"})),
    ),
]
