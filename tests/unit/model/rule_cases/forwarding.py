"""How packets are scheduled and reach the real servers."""

from __future__ import annotations

from ..changes import both, failover, host, second, service
from . import S0, S1, near, only_six, six, trigger

HOSTS = "host-side-missing"

TABLE = [
    # services.py
    trigger(
        "one-packet-not-udp",
        service(one_packet=True),
        f"{S0}.one_packet: its packets are scheduled one by one, and tcp has connections: remove it, or use "
        "udp only",
    ),
    near("one-packet-not-udp", service(one_packet=True, protocol="udp", check={"type": "udp"})),
    trigger(
        "scheduler-flag-mismatch",
        both(
            service(scheduler="mh", scheduler_flags=["sh-port"]),
            second("tls", ports=[81], scheduler_flags=["mh-port"]),
        ),
        f"{S0}.scheduler_flags[0]: sh-port is no flag of mh: use mh-port",
        f"{S1}.scheduler_flags[0]: mh-port is no flag of wrr: use mh, or remove it",
    ),
    near("scheduler-flag-mismatch", service(scheduler="mh", scheduler_flags=["mh-port", "mh-fallback"])),
    trigger(
        "real-server-out-of-reach",
        host("web1", lvs_addresses=["203.0.113.21"]),
        "host web1: lvs_addresses: no IPv4 one lies in a network of the cluster, and direct routing reaches "
        "a real server of service 'www' only on a segment that the directors are on: add its address there",
    ),
    trigger(
        "real-server-out-of-reach",
        both(six, service(vips=["192.0.2.10", "2001:db8::10"]), host("web1", lvs_addresses=["192.0.2.21"])),
        "host web1: lvs_addresses: no IPv6 one lies in a network of the cluster, and direct routing reaches "
        "a real server of service 'www' only on a segment that the directors are on: add its address there",
    ),
    trigger(
        "real-server-out-of-reach",
        both(service(forwarding="tun"), host("web1", lvs_addresses=[])),
        "host web1: lvs_addresses: there is no IPv4 one, by which the directors could reach it for 'www': "
        "add its address there",
        also=HOSTS,
    ),
    near("real-server-out-of-reach", host("web1", lvs_addresses=["198.51.100.21"])),
    near(
        "real-server-out-of-reach",
        both(service(forwarding="tun"), host("web1", lvs_addresses=["203.0.113.21"])),
        also=HOSTS,
    ),
    # forwarding.py
    trigger(
        "host-side-missing",
        service(forwarding="tun"),
        f"{S0}.forwarding: tun: this version does not set up the hosts' side of it yet: set the hosts up "
        "yourself, or use dr",
    ),
    near("host-side-missing", service(forwarding="dr")),
    trigger(
        "nat-beside-clients",
        service(forwarding="nat"),
        f"{S0}.forwarding: nat, and web1 (192.0.2.21) is on the VIPs' network 'front': clients there would "
        "get its answers past the director: put the real servers behind the directors, or use masquerade",
        also=HOSTS,
    ),
    near(
        "nat-beside-clients",
        both(
            service(forwarding="nat"),
            *(host(f"web{n}", lvs_addresses=[f"198.51.100.2{n}"]) for n in (1, 2, 3)),
        ),
        also=HOSTS,
    ),
    trigger(
        "tunnel-without-tun",
        service(tunnel={"type": "gre"}),
        f"{S0}.tunnel: gre, and the forwarding is dr: use forwarding: tun, or remove it",
    ),
    near("tunnel-without-tun", service(tunnel={"type": "gre"}, forwarding="tun"), also=HOSTS),
    trigger(
        "tunnel-port",
        both(
            service(tunnel={"type": "gue"}, forwarding="tun"),
            second("tls", ports=[81], tunnel={"type": "gre", "port": 6080}, forwarding="tun"),
        ),
        f"{S0}.tunnel.port: gue needs the UDP port of the real servers: add it",
        f"{S1}.tunnel.port: gre has no ports: remove it, or use gue",
        also=HOSTS,
    ),
    near(
        "tunnel-port",
        service(tunnel={"type": "gue", "port": 6080}, forwarding="tun"),
        also=HOSTS,
    ),
    trigger(
        "fallback-family",
        both(six, service(fallback={"address": "2001:db8::99"})),
        f"{S0}.fallback.address: 2001:db8::99, and the VIPs are IPv4: use an address of their family",
    ),
    near("fallback-family", both(only_six, service(fallback={"address": "2001:db8::99"}))),
    trigger(
        "fallback-for-one-family",
        both(six, service(vips=["192.0.2.10", "2001:db8::10"], fallback={"address": "192.0.2.99"})),
        f"{S0}.fallback.address: 192.0.2.99 stands in for real servers of its own family: IPv6 has no "
        "fallback: make it two services, or accept it",
    ),
    near("fallback-for-one-family", both(six, service(fallback={"address": "192.0.2.99"}))),
    trigger(
        "fallback-is-vip",
        both(service(fallback={"address": "192.0.2.30"}), failover(vips=["192.0.2.30"])),
        f"{S0}.fallback.address: 192.0.2.30 is a VIP: use a host's address",
    ),
    near("fallback-is-vip", service(fallback={"address": "192.0.2.21"})),
    trigger(
        "fallback-out-of-reach",
        service(fallback={"address": "203.0.113.99"}),
        f"{S0}.fallback.address: 203.0.113.99 lies in no network of the cluster, and direct routing reaches "
        "only those: use a server on one of them, or another forwarding for the fallback",
    ),
    near("fallback-out-of-reach", service(fallback={"address": "203.0.113.99", "forwarding": "tun"})),
    trigger(
        "ftp-without-persistence",
        service(ports=[21], check={"type": "tcp"}),
        f"{S0}.persistence: FTP's data connections would go to other real servers than their control "
        "connections: add persistence: 300",
    ),
    near("ftp-without-persistence", service(ports=[21], check={"type": "tcp"}, persistence=300)),
]
