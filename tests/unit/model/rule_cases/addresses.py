"""VIPs: where they lie, and who else has them."""

from __future__ import annotations

from ..changes import both, failover, host, network, other, second, service
from . import EDGE, S0, TWO, instances, near, six, trigger, without

TABLE = [
    # addresses.py
    trigger(
        "vip-outside-networks",
        both(service(vips=["203.0.113.10"]), failover(vips=["203.0.113.11"])),
        f"{EDGE}.failover.vips[0]: 203.0.113.11 lies in no subnet of the networks front, sync: take an "
        "address from their subnets, or add the subnet to a network",
        f"{S0}.vips[0]: 203.0.113.10 lies in no subnet of the networks front, sync: take an address from "
        "their subnets, or add the subnet to a network",
    ),
    near(
        "vip-outside-networks",
        both(
            network("front", subnets=["192.0.2.0/24", "203.0.113.0/24"]),
            service(vips=["203.0.113.10", "198.51.100.10"]),
        ),
    ),
    trigger(
        "vip-is-network-address",
        service(vips=["192.0.2.0", "192.0.2.255"]),
        f"{S0}.vips[0]: 192.0.2.0 is a network or broadcast address: take another",
        f"{S0}.vips[1]: 192.0.2.255 is a network or broadcast address: take another",
    ),
    trigger(
        "vip-is-network-address",
        both(six, service(vips=["2001:db8::"])),
        f"{S0}.vips[0]: 2001:db8:: is a network or broadcast address: take another",
    ),
    near(
        "vip-is-network-address",
        both(
            network("front", subnets=["192.0.2.0/24", "203.0.113.7/32", "203.0.113.8/31"]),
            service(vips=["203.0.113.7", "203.0.113.8", "203.0.113.9"]),
        ),
    ),
    trigger(
        "vip-is-host-address",
        both(
            host("web1", lvs_addresses=["192.0.2.21", "192.0.2.10"]),
            host("client1", lvs_addresses=["192.0.2.30"]),
            failover(vips=["192.0.2.30"]),
        ),
        f"host client1: lvs_addresses[0]: 192.0.2.30 is a VIP of {EDGE}.failover: give the host its own",
        f"host web1: lvs_addresses[1]: 192.0.2.10 is a VIP of {S0}: give the host its own",
    ),
    trigger(
        "vip-is-host-address",
        both(other(), host("web1", lvs_addresses=["192.0.2.30"])),
        f"host web1: lvs_addresses[0]: 192.0.2.30 is a VIP of {TWO}.services[0]: give the host its own",
    ),
    near("vip-is-host-address", failover(vips=["192.0.2.31"])),
    trigger(
        "vip-in-two-clusters",
        other(lambda two: two["services"][0].update(vips=["192.0.2.10"])),
        f"{TWO}.services[0].vips[0]: 192.0.2.10 is a VIP of cluster 'edge' too: a VIP belongs to one cluster",
    ),
    near("vip-in-two-clusters", both(other(), second("tls", ports=[81]))),
    trigger(
        "vip-in-two-instances",
        instances({"name": "blue", "vips": ["192.0.2.10"]}, {"name": "green", "vips": ["192.0.2.10"]}),
        f"{EDGE}.failover.instances[1].vips[0]: 192.0.2.10 is a VIP of instance 'blue' already: a VIP "
        "belongs to one instance",
        also="sync-follows-one-instance",
    ),
    near(
        "vip-in-two-instances",
        both(
            without("connection_sync"),
            instances({"name": "blue", "vips": ["192.0.2.10"]}, {"name": "green", "vips": ["192.0.2.20"]}),
        ),
    ),
]
