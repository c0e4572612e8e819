"""Cases of the rules about heartbeat."""

from __future__ import annotations

from typing import Any

from ..builders import Case
from ..changes import Change, both, host
from . import EDGE, TWO, NearMiss, Trigger, near, only_six, six, trigger

PATH = f"{EDGE}.failover.heartbeat"
KEY = {"secret": "s3cret-key"}


def heartbeat(**options: Any) -> Change:  # noqa: ANN401
    """Have the directors agree by heartbeat, with these options beside a key."""

    def change(case: Case) -> None:
        case.document["engine"] = "ldirectord"
        case.document["failover"].update(method="heartbeat", heartbeat={"key": KEY, **options})

    return change


def _third(case: Case) -> None:
    case.add_host("lb3", "edge", "edge_directors", lvs_addresses=["192.0.2.13", "198.51.100.13"])


def _off_sync(case: Case) -> None:
    """Take lb2 off the network sync."""
    case.document.pop("connection_sync")
    case.hostvars["lb2"]["lvs_addresses"] = ["192.0.2.12"]


def _also_two(**options: Any) -> Change:  # noqa: ANN401
    """Another cluster that has heartbeat on the same segments, both by multicast."""

    def change(case: Case) -> None:
        heartbeat(transport="multicast")(case)
        document = case.add_cluster("two", 3)
        document["engine"] = "ldirectord"
        document["failover"].update(
            method="heartbeat", heartbeat={"key": KEY, "transport": "multicast", **options}
        )

    return change


TABLE: list[Trigger | NearMiss] = [
    trigger(
        "heartbeat-two-directors",
        both(heartbeat(), _third),
        f"{EDGE}.directors: group 'edge_directors' has 3, and heartbeat is for two: make it two, or use "
        "method: pacemaker",
    ),
    near("heartbeat-two-directors", heartbeat()),
    trigger(
        "heartbeat-without-key",
        heartbeat(key=None),
        f"{PATH}.key: there is none: give key: {{secret: …}}, from a vault",
    ),
    near("heartbeat-without-key", heartbeat(key={"method": "md5", **KEY}), also="heartbeat-weak-key"),
    trigger(
        "heartbeat-weak-key",
        heartbeat(key={"method": "crc"}),
        f"{PATH}.key.method: crc keeps no forger out: use sha1, with a secret",
    ),
    trigger(
        "heartbeat-weak-key",
        heartbeat(key={"method": "md5", **KEY}),
        f"{PATH}.key.method: md5 keeps no forger out: use sha1, with a secret",
    ),
    near("heartbeat-weak-key", heartbeat(key={"method": "sha1", **KEY})),
    trigger(
        "heartbeat-timers",
        heartbeat(keepalive=2, deadtime=4),
        f"{PATH}.deadtime: 4 s, and it must be more than twice keepalive (2 s): make it longer",
    ),
    trigger(
        "heartbeat-timers",
        heartbeat(deadping=2),
        f"{PATH}.deadping: 2 s, and it must be more than twice keepalive (1 s): make it longer",
    ),
    trigger(
        "heartbeat-timers",
        heartbeat(deadtime=30, initdead=20, warntime=30),
        f"{PATH}.initdead: 20 s, less than deadtime (30 s): make it twice deadtime, or leave it out",
        f"{PATH}.warntime: 30 s, not less than deadtime (30 s): make it shorter, or leave it out",
    ),
    # The document [001].
    near("heartbeat-timers", heartbeat(keepalive=2, deadtime=30, warntime=10, initdead=120)),
    trigger(
        "heartbeat-impatient",
        heartbeat(keepalive=2, deadtime=5, initdead=9),
        f"{PATH}.deadtime: 5 s, less than three keepalives (2 s each): make it longer, or keepalive shorter",
        f"{PATH}.initdead: 9 s, and networks may still come up: use 10 s or more, or leave it out",
    ),
    trigger(
        "heartbeat-impatient",
        heartbeat(initdead=19),
        f"{PATH}.initdead: 19 s, and networks may still come up: use 20 s or more, or leave it out",
    ),
    near("heartbeat-impatient", heartbeat(keepalive=2, deadtime=6, initdead=12)),
    trigger(
        "heartbeat-node-names",
        heartbeat(node_names={"lb3": "loadbalancer"}),
        f"{PATH}.node_names.lb3: it is no director: use lb1, lb2",
    ),
    trigger(
        "heartbeat-node-names",
        heartbeat(node_names={"lb1": "LB2"}),
        f"{PATH}.node_names: two directors have one name: give each its own",
    ),
    near("heartbeat-node-names", heartbeat(node_names={"lb1": "loadbalancer", "lb2": "backup"})),
    # heartbeat_lines.py
    trigger(
        "heartbeat-off-network",
        heartbeat(networks=["front", "back"]),
        f"{PATH}.networks[1]: there is no network 'back': use front, sync",
    ),
    trigger(
        "heartbeat-off-network",
        both(heartbeat(networks=["front", "sync"]), _off_sync),
        f"{PATH}.networks[1]: the directors have no addresses of one family on 'sync': add them to their "
        "lvs_addresses, or take another network",
    ),
    near("heartbeat-off-network", heartbeat(networks=["sync", "front"])),
    trigger(
        "heartbeat-one-line",
        heartbeat(networks=["front"]),
        f"{PATH}.networks: front is the only line: add a network or a serial line",
    ),
    trigger(
        "heartbeat-one-line",
        both(heartbeat(), _off_sync),
        f"{PATH}.networks: front is the only line: add a network or a serial line",
    ),
    near("heartbeat-one-line", heartbeat(networks=["front"], serial=["/dev/ttyS0"])),
    trigger(
        "heartbeat-interfaces-differ",
        both(heartbeat(), host("lb2", lvs_interfaces={"front": "ens3"})),
        f"{EDGE}.networks.front.interface: it is eth0 on lb1 and ens3 on lb2: give it the same name on both "
        "directors",
    ),
    # No VIP is there.
    near("heartbeat-interfaces-differ", both(heartbeat(), host("lb2", lvs_interfaces={"sync": "ens4"}))),
    trigger(
        "heartbeat-ping-target",
        both(
            heartbeat(
                ping=["192.0.2.11"],
                ping_groups=[{"name": "gateways", "addresses": ["192.0.2.10", "2001:db8::1"]}],
            ),
            six,
        ),
        f"{PATH}.ping[0]: 192.0.2.11 is lb1: take a gateway",
        f"{PATH}.ping_groups[0].addresses[0]: 192.0.2.10 is the VIPs' owner: take a gateway",
        f"{PATH}.ping_groups[0].addresses[1]: 2001:db8::1: groups know IPv4 only: write it under ping",
    ),
    near(
        "heartbeat-ping-target",
        heartbeat(ping=["2001:db8::1"], ping_groups=[{"name": "gateways", "addresses": ["192.0.2.1"]}]),
    ),
    trigger(
        "heartbeat-multicast-group",
        heartbeat(multicast_group="225.0.0.1"),
        f"{PATH}.multicast_group: 225.0.0.1, and messages go by unicast: use transport: multicast, or remove "
        "it",
    ),
    trigger(
        "heartbeat-multicast-group",
        both(only_six, heartbeat(transport="multicast", multicast_group="225.0.0.1")),
        f"{PATH}.multicast_group: 225.0.0.1, and the directors have IPv6 on 'front': use a group of that "
        "family",
    ),
    near("heartbeat-multicast-group", heartbeat(transport="multicast", multicast_group="225.0.0.1")),
    trigger(
        "heartbeat-multicast-clash",
        _also_two(),
        f"{TWO}.failover.heartbeat.port: 694 at group 239.255.0.69 is taken by cluster 'edge' on segment "
        "'dc1-v120': take another port or group",
        f"{TWO}.failover.heartbeat.port: 694 at group 239.255.0.69 is taken by cluster 'edge' on segment "
        "'dc1-v99': take another port or group",
    ),
    near("heartbeat-multicast-clash", _also_two(port=695)),
]
