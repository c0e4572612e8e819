"""How packets are scheduled and reach the real servers."""

from __future__ import annotations

from ..changes import both, failover, group, host, second, service
from . import BEHIND, S0, S1, mixed, near, only_six, six, trigger

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
    ),
    near("real-server-out-of-reach", host("web1", lvs_addresses=["198.51.100.21"])),
    near(
        "real-server-out-of-reach",
        both(service(forwarding="tun"), host("web1", lvs_addresses=["203.0.113.21"])),
    ),
    trigger(
        "real-server-out-of-reach",
        both(
            service(forwarding="nat"), *(host(f"web{n}", lvs_addresses=[f"203.0.113.2{n}"]) for n in (1, 2))
        ),
        *(
            f"host web{n}: lvs_addresses: 203.0.113.2{n} lies in no network of the cluster, and under nat "
            "the directors are its gateway for 'www', on its own subnet: describe that network, or use "
            "masquerade"
            for n in (1, 2)
        ),
        also="nat-beside-clients gateway-missing",  # of web3, which has stayed
    ),
    near(
        "real-server-out-of-reach",
        both(service(forwarding="masquerade"), host("web1", lvs_addresses=["203.0.113.21"])),
    ),
    # fallbacks.py
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
        "fallback-is-director",
        service(fallback={"address": "192.0.2.12"}),
        f"{S0}.fallback.address: 192.0.2.12 is director lb2's: forwarded by dr it does not serve the VIPs "
        "while another director owns them: use another host, or forwarding masquerade for the fallback",
    ),
    trigger(
        "fallback-is-director",
        both(
            mixed("edge_web", "lb2", "web1"), service(fallback={"address": "192.0.2.12", "forwarding": "nat"})
        ),
        f"{S0}.fallback.address: 192.0.2.12 is director lb2's: forwarded by nat it does not serve the VIPs "
        "while another director owns them: use another host, or forwarding masquerade for the fallback",
    ),
    near(
        "fallback-is-director",
        both(mixed("edge_web", "lb2", "web1"), service(fallback={"address": "192.0.2.12"})),
    ),
    near(
        "fallback-is-director",
        service(fallback={"address": "192.0.2.12", "forwarding": "masquerade"}),
    ),
    near(
        "fallback-is-director",
        both(group("edge_directors", "lb1"), service(fallback={"address": "192.0.2.11"})),
        also="directors-too-few",
    ),
    # ftp.py
    trigger(
        "ftp-without-persistence",
        service(ports=[21], check={"type": "tcp"}),
        f"{S0}.persistence: FTP's data connections would go to other real servers than their control "
        "connections: add persistence: 300",
    ),
    near("ftp-without-persistence", service(ports=[21], check={"type": "tcp"}, persistence=300)),
    near("ftp-without-persistence", both(BEHIND, service(ports=[21], check={"type": "tcp"}))),
    trigger(
        "ftp-data-without-mark",
        service(ports=[20, 21], check={"type": "tcp"}, persistence=300, mark="auto"),
        f"{S0}.ports: FTP's data connections go to other ports, which do not get the service's mark: add the "
        "FTP servers' range of data ports",
    ),
    trigger(
        "ftp-data-without-mark",
        both(mixed("edge_web", "lb1", "lb2"), service(ports=[21], check={"type": "tcp"}, persistence=300)),
        f"{S0}.ports: FTP's data connections go to other ports, which do not get the service's mark: add the "
        "FTP servers' range of data ports",
    ),
    near(
        "ftp-data-without-mark",
        service(ports=[20, 21, "50000-50099"], check={"port": 21}, persistence=300, mark="auto"),
    ),
    near(
        "ftp-data-without-mark",
        both(BEHIND, service(ports=[21], check={"type": "tcp"}, mark="auto")),
    ),
]
