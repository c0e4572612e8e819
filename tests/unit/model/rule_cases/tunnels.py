"""Tunnels to the real servers."""

from __future__ import annotations

from ..changes import both, group, host, network, second, service
from . import S0, S1, mixed, near, six, trigger, without

GUE = {"forwarding": "tun", "tunnel": {"type": "gue", "port": 6080}}
UDP = {"protocol": "udp", "ports": [6080], "check": {"type": "udp"}}
# The second director has IPv6 only, the real servers IPv4 only.
LB2_IPV6 = both(
    without("connection_sync"),
    six,
    service(forwarding="tun", vips=["2001:db8::10"]),
    host("lb1", lvs_addresses=["2001:db8::11", "192.0.2.11"]),
    host("lb2", lvs_addresses=["2001:db8::12"]),
)
SIX_FAR = both(
    six,
    service(forwarding="tun", vips=["192.0.2.10", "2001:db8::10"]),
    network("far", interface="eth0", subnets=["203.0.113.0/24", "2001:db8:1::/64"]),
    *(host(f"web{n}", lvs_addresses=[f"203.0.113.2{n}", f"2001:db8:1::2{n}"]) for n in (1, 2, 3)),
)
# One real server has IPv6 only.
SIX_ONLY = both(without("connection_sync"), SIX_FAR, host("web2", lvs_addresses=["2001:db8:1::22"]))


TABLE = [
    # tunnels.py
    trigger(
        "tunnel-without-tun",
        service(tunnel={"type": "gre"}),
        f"{S0}.tunnel: gre, and the forwarding is dr: use forwarding: tun, or remove it",
    ),
    near("tunnel-without-tun", service(tunnel={"type": "gre"}, forwarding="tun")),
    trigger(
        "tunnel-port",
        both(
            service(tunnel={"type": "gue"}, forwarding="tun"),
            second("tls", ports=[81], tunnel={"type": "gre", "port": 6080}, forwarding="tun"),
        ),
        f"{S0}.tunnel.port: gue needs the UDP port of the real servers: add it",
        f"{S1}.tunnel.port: gre has no ports: remove it, or use gue",
    ),
    near("tunnel-port", service(tunnel={"type": "gue", "port": 6080}, forwarding="tun")),
    trigger(
        "tunnel-port-in-use",
        both(service(**GUE), second("voice", **UDP)),
        *(f"{S0}.tunnel.port: 6080 is the UDP port of {S1} on web{n}: take another" for n in (1, 2, 3)),
    ),
    trigger(
        "tunnel-port-in-use",
        both(
            service(**GUE),
            group("other", "web2"),
            second(
                "voice", **UDP | {"ports": [5060], "server_port": 6080}, pool="other", forwarding="masquerade"
            ),
        ),
        f"{S0}.tunnel.port: 6080 is the UDP port of {S1} on web2: take another",
        also="conntrack-for-all",
    ),
    trigger(
        "tunnel-port-in-use",
        both(
            service(forwarding="tun", tunnel={"type": "gue", "port": 8848}), mixed("edge_web", "lb1", "web1")
        ),
        f"{S0}.tunnel.port: 8848 is the UDP port of connection_sync on lb1: take another",
    ),
    near(  # the port on the way to a host that has no tunnel
        "tunnel-port-in-use",
        both(
            service(**GUE, pool="other"),
            group("other", "web2"),
            group("voices", "web3"),
            second("voice", **UDP, pool="voices"),
        ),
    ),
    near("tunnel-port-in-use", both(service(**GUE), second("tls", ports=[6080], **GUE))),
    trigger(
        "tunnel-source-missing",
        both(LB2_IPV6, *(host(f"web{n}", lvs_addresses=[f"192.0.2.2{n}"]) for n in (1, 2, 3))),
        "host lb2: lvs_addresses: none is IPv4, and the tunnel of 'www' to web1 (192.0.2.21) needs one as "
        "its source: add its IPv4 address",
    ),
    near("tunnel-source-missing", LB2_IPV6),
    *(
        trigger(
            "tunnel-family",
            both(SIX_ONLY, service(tunnel=tunnel)),
            f"host web2: lvs_addresses: none is IPv4, and a tunnel of type {tunnel['type']} to "
            "2001:db8:1::22 does not carry the IPv4 clients of service 'www': add its IPv4 address, or "
            "use tunnel: {type: gre}",
        )
        for tunnel in ({"type": "ipip"}, {"type": "gue", "port": 6080})
    ),
    near("tunnel-family", both(SIX_ONLY, service(tunnel={"type": "gre"}))),
    near("tunnel-family", both(SIX_ONLY, service(vips=["2001:db8::10"]))),
    # An IPv4 address that lies in no network of the document is one.
    near("tunnel-family", both(SIX_ONLY, host("web2", lvs_addresses=["2001:db8:1::22", "198.18.0.22"]))),
    trigger(
        "tunnel-mtu",
        both(SIX_FAR, network("far", mtu=1331), service(tunnel={"type": "gue", "port": 6080})),
        f"{S0}.tunnel: gue to web1 (2001:db8:1::21) needs an MTU of 1332 for IPv6, and that of 'far' is "
        "1331: raise the MTU of that network",
    ),
    trigger(
        "tunnel-mtu",
        both(
            without("connection_sync"),
            SIX_FAR,
            network("far", mtu=1303),
            service(tunnel={"type": "gre"}),
            *(host(f"web{n}", lvs_addresses=[f"203.0.113.2{n}"]) for n in (1, 2, 3)),
        ),
        f"{S0}.tunnel: gre to web1 (203.0.113.21) needs an MTU of 1304 for IPv6, and that of 'far' is 1303: "
        "raise the MTU of that network",
    ),
    near("tunnel-mtu", both(SIX_FAR, network("far", mtu=1320))),
    near("tunnel-mtu", both(SIX_FAR, network("far", mtu=1280), service(vips=["192.0.2.10"]))),
]
