"""Forwarding nat: real servers behind the directors, and the way back."""

from __future__ import annotations

from ..changes import both, failover, group, host, network, second, service
from . import BEHIND, EDGE, S0, instances, mixed, near, six, third, trigger, without

SYNC_IPV6 = both(
    six,
    network("sync", subnets=["198.51.100.0/24", "2001:db8:9::/64"]),
    *(
        host(f"lb{n}", lvs_addresses=[f"192.0.2.1{n}", f"198.51.100.1{n}", f"2001:db8:9::1{n}"])
        for n in (1, 2)
    ),
    *(host(f"web{n}", lvs_addresses=[f"198.51.100.2{n}", f"2001:db8:9::2{n}"]) for n in (1, 2, 3)),
    service(vips=["192.0.2.10", "2001:db8::10"]),
)
APART = both(
    without("connection_sync"),
    second("tls", ports=[443], vips=["192.0.2.20"], check={"type": "tcp"}),
    instances(
        {"name": "blue", "vips": ["192.0.2.10", "198.51.100.1"]},
        {"name": "green", "vips": ["192.0.2.20", "198.51.100.2"]},
        vips=[],
    ),
)

TABLE = [
    # nat.py
    trigger(
        "nat-beside-clients",
        both(service(forwarding="nat"), failover(vips=["192.0.2.1"])),
        f"{S0}.forwarding: nat, and web1 (192.0.2.21) is on the VIPs' network 'front': clients there would "
        "get its answers past the director: put the real servers behind the directors, or use masquerade",
    ),
    near("nat-beside-clients", BEHIND),
    trigger(
        "gateway-missing",
        both(BEHIND, failover(vips=["192.0.2.1"])),
        f"{S0}.forwarding: nat, and no address of 198.51.100.0/24 moves with its VIPs, by which web1 "
        f"(198.51.100.21) could answer through the directors: add a free address of 198.51.100.0/24 to "
        "failover.vips",
    ),
    trigger(  # a service's address is none: IPVS takes what is for it
        "gateway-missing",
        both(BEHIND, failover(vips=[]), second("in", vips=["198.51.100.1"], forwarding="masquerade")),
        f"{S0}.forwarding: nat, and no address of 198.51.100.0/24 moves with its VIPs, by which web1 "
        f"(198.51.100.21) could answer through the directors: add a free address of 198.51.100.0/24 to "
        "failover.vips",
    ),
    trigger(
        "gateway-missing",
        both(BEHIND, SYNC_IPV6),
        f"{S0}.forwarding: nat, and no address of 2001:db8:9::/64 moves with its VIPs, by which web1 "
        f"(2001:db8:9::21) could answer through the directors: add a free address of 2001:db8:9::/64 to "
        "failover.vips",
    ),
    trigger(
        "gateway-missing",
        both(
            BEHIND,
            without("connection_sync"),
            instances(
                {"name": "other", "vips": ["192.0.2.20", "198.51.100.1"]},
                {"name": "www", "vips": ["192.0.2.10"]},
                vips=[],
            ),
        ),
        f"{S0}.forwarding: nat, and no address of 198.51.100.0/24 moves with its VIPs, by which web1 "
        f"(198.51.100.21) could answer through the directors: name 198.51.100.1 in "
        "failover.instances[1].vips, with which it must move",
    ),
    near("gateway-missing", both(BEHIND, SYNC_IPV6, failover(vips=["198.51.100.1", "2001:db8:9::1"]))),
    near(
        "gateway-missing",
        both(
            BEHIND,
            without("connection_sync"),
            instances(
                {"name": "other", "vips": ["192.0.2.20"]},
                {"name": "www", "vips": ["192.0.2.10", "198.51.100.1"]},
                vips=[],
            ),
        ),
    ),
    trigger(
        "gateway-ambiguous",
        both(BEHIND, failover(vips=["198.51.100.1", "192.0.2.1", "198.51.100.2"])),
        f"{S0}.forwarding: nat, and 198.51.100.1 and 198.51.100.2 move with its VIPs: web1 (198.51.100.21) "
        "could answer through either: leave one of them, or give the other an instance of its own",
    ),
    near("gateway-ambiguous", both(BEHIND, failover(vips=["198.51.100.1", "192.0.2.1"]))),
    trigger(
        "gateway-of-two-instances",
        both(BEHIND, APART, lambda case: case.document["services"][1].update(forwarding="nat")),
        *(
            f"host web{n}: lvs_addresses: 198.51.100.2{n} would answer 'www' through 198.51.100.1 and 'tls' "
            "through 198.51.100.2, which can be on different directors: give each instance real servers of "
            "its own, or put both services into one"
            for n in (1, 2, 3)
        ),
    ),
    near(
        "gateway-of-two-instances",
        both(
            BEHIND,
            APART,
            group("edge_web", "web1"),
            group("edge_tls", "web2"),
            lambda case: case.document["services"][1].update(forwarding="nat", pool="edge_tls"),
        ),
    ),
    near("gateway-of-two-instances", both(BEHIND, second("tls", ports=[81], forwarding="nat"))),
    trigger(
        "gateway-network-untracked",
        both(BEHIND, failover(track={"networks": ["front"]})),
        f"{EDGE}.failover.track.networks: the gateway 198.51.100.1 is on 'sync', which is not tracked: a "
        "director that loses that network keeps the VIPs: add sync",
    ),
    near("gateway-network-untracked", BEHIND),
    near("gateway-network-untracked", both(BEHIND, failover(network="sync", track={}))),
    trigger(
        "director-off-subnet",
        both(BEHIND, without("connection_sync"), host("lb2", lvs_addresses=["192.0.2.12"])),
        "host lb2: lvs_addresses: none lies in 198.51.100.0/24, where it is the gateway of real servers "
        "under nat of 'edge': add its address there",
    ),
    trigger(  # on the network, and with an address of the other family
        "director-off-subnet",
        both(
            BEHIND,
            SYNC_IPV6,
            failover(vips=["198.51.100.1", "2001:db8:9::1"]),
            host("lb1", lvs_addresses=["192.0.2.11", "198.51.100.11"]),
        ),
        "host lb1: lvs_addresses: none lies in 2001:db8:9::/64, where it is the gateway of real servers "
        "under nat of 'edge': add its address there",
    ),
    near(  # it never owns the VIPs
        "director-off-subnet",
        both(
            BEHIND,
            without("connection_sync"),
            third,
            host("lb3", lvs_addresses=["192.0.2.13"]),
            instances(
                {"name": "www", "directors": ["lb1", "lb2"], "vips": ["192.0.2.10", "198.51.100.1"]},
                {"name": "other", "directors": ["lb3", "lb1"], "vips": ["192.0.2.20"]},
                vips=[],
            ),
        ),
    ),
    trigger(
        "routed-in-without-nat",
        both(BEHIND, network("front", routed_in=True)),
        f"{EDGE}.networks.front.routed_in: it has no effect: no real server under nat is there: remove it",
    ),
    near("routed-in-without-nat", both(BEHIND, network("sync", routed_in=True))),
    # hosts.py
    trigger(
        "director-is-real-server",
        both(
            BEHIND,
            mixed("edge_web", "web1", "lb2"),
            second("tls", ports=[81], forwarding="masquerade"),
        ),
        "host lb2: it is a director and a real server of 'tls' by masquerade: connections to itself do not "
        "survive a failover: use dr or tun, or take it out of the pool 'edge_web'",
        "host lb2: it is a director and a real server of 'www' by nat: its answers must pass the gateway, "
        "which it can own itself: use dr or tun, or take it out of the pool 'edge_web'",
    ),
    near("director-is-real-server", mixed("edge_web", "web1", "lb2")),
    near("director-is-real-server", both(mixed("edge_web", "lb1", "lb2"), service(forwarding="tun"))),
]
