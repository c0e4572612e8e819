"""Checks, persistence, platforms and extra lines."""

from __future__ import annotations

from ..changes import both, host, network, second, service
from . import EDGE, S0, S1, document, near, six, trigger

TABLE = [
    # checks.py
    trigger(
        "http-check-on-tls-port",
        both(service(ports=[443]), second("plain", check={"type": "https"})),
        f"{S0}.check.type: http is asked of port 443, where https is usual: use https, or name another port "
        "in the check",
        f"{S1}.check.type: https is asked of port 80, where http is usual: use http, or name another port in "
        "the check",
    ),
    trigger(
        "http-check-on-tls-port",
        host("web1", lvs_services={"www": {"check": [{"type": "http", "port": 8443}]}}),
        "host web1: lvs_services.www.check[0].type: http is asked of port 8443, where https is usual: use "
        "https, or name another port in the check",
    ),
    near("http-check-on-tls-port", service(ports=[443], check={"type": "http", "port": 8888})),
    near("http-check-on-tls-port", service(ports=[443], check={"type": "https"})),
    trigger(
        "check-without-port",
        service(ports="all", persistence=300),
        f"{S0}.check: a service of all ports has none that a check of type http could ask: name a port in "
        "the check, or use type ping",
    ),
    near("check-without-port", service(ports="all", persistence=300, check={"port": 80})),
    trigger(
        "check-of-other-protocol",
        service(protocol="udp", ports=[514], check=[{"type": "udp"}, {"type": "tcp"}]),
        f"{S0}.check[1].type: tcp connects by TCP, and the service has udp only: use udp, dns, ping or "
        "script, or name the TCP port",
    ),
    near("check-of-other-protocol", service(protocol="udp", ports=[514], check={"type": "tcp", "port": 22})),
    trigger(
        "check-proves-little",
        service(check=[{"type": "ping"}, {"type": "file"}]),
        f"{S0}.check: file and ping says nothing about the service itself: add a check that asks it",
    ),
    near("check-proves-little", service(check=[{"type": "ping"}, {"type": "tcp"}])),
    trigger(
        "persistence-below-detection",
        service(persistence=26, check={"type": "http", "interval": 10, "timeout": 5}),
        f"{S0}.persistence: 26 s, and a dead real server is noticed after up to 27 s: use a longer "
        "persistence, or faster checks",
    ),
    near(
        "persistence-below-detection",
        service(persistence=27, check={"type": "http", "interval": 10, "timeout": 5}),
    ),
    # persistence.py
    trigger(
        "persistence-prefix-alone",
        service(persistence_prefix=24),
        f"{S0}.persistence_prefix: 24, and there is no persistence: add persistence: 300, or remove it",
    ),
    near("persistence-prefix-alone", service(persistence_prefix=24, persistence=300)),
    trigger(
        "persistence-prefix-too-long",
        service(persistence_prefix=33, persistence=300),
        f"{S0}.persistence_prefix: 33, and the clients of IPv4 VIPs have 32: use 32 or less",
    ),
    near("persistence-prefix-too-long", service(persistence_prefix=32, persistence=300)),
    near(
        "persistence-prefix-too-long",
        both(six, service(vips=["192.0.2.10", "2001:db8::10"], persistence_prefix=64, persistence=300)),
    ),
    trigger(
        "sloppy-tcp-without-mh",
        document(ipvs={"sloppy_tcp": True}),
        f"{EDGE}.ipvs.sloppy_tcp: after a failover the connections of www would go to any real server: use "
        "scheduler mh for them, or remove it",
    ),
    near("sloppy-tcp-without-mh", both(document(ipvs={"sloppy_tcp": True}), service(scheduler="mh"))),
    # platforms.py
    trigger(
        "unsupported-by-platform",
        service(scheduler="twos"),
        f"{S0}.scheduler: Debian 12 (Linux 6.1, keepalived 2.2.7) has no twos: use another one, or take "
        "debian12 out of the cluster's platforms",
    ),
    near("unsupported-by-platform", both(service(scheduler="twos"), document(platforms=["debian13"]))),
    # lines.py
    trigger(
        "extra-line-repeats",
        both(
            document(
                extra_lines={
                    "global_defs": ["vrrp_version 2"],
                    "vrrp_instance": ["dont_track_primary", "advert_int 2"],
                    "top": ["global_defs {", "}"],
                }
            ),
            service(extra_lines=["quorum 2"]),
        ),
        f"{EDGE}.extra_lines.global_defs[0]: the toolkit writes vrrp_version itself: use the document's own "
        "key for it",
        f"{EDGE}.extra_lines.top[0]: the toolkit writes global_defs itself: use the document's own key for "
        "it",
        f"{EDGE}.extra_lines.vrrp_instance[1]: the toolkit writes advert_int itself: use the document's own "
        "key for it",
        f"{S0}.extra_lines[0]: the toolkit writes quorum itself: use the document's own key for it",
    ),
    near(
        "extra-line-repeats",
        both(
            document(extra_lines={"global_defs": ["vrrp_priority -10"], "top": ["include extra.conf"]}),
            service(extra_lines=["ha_suspend"]),
            network("front", interface="eth2"),
        ),
    ),
    trigger(
        "extra-lines-unbalanced",
        both(
            document(
                extra_lines={
                    "global_defs": ["}", "vrrp_priority -10", "global_defs {"],
                    "vrrp_instance": ["virtual_routes {", "192.0.2.128/25 dev eth1 }", "virtual_rules {"],
                    "top": ["static_ipaddress {", "# }", '"}"', "192.0.2.7/32 dev lo"],
                }
            ),
            service(extra_lines=["ha_suspend }", "{"]),
        ),
        f"{EDGE}.extra_lines.global_defs[0]: it closes a block that this list has not opened: remove the "
        "'}', or open its block in a line before",
        f"{EDGE}.extra_lines.top: 1 '{{' of these lines are not closed: add a line '}}' for each at its "
        "place",
        f"{EDGE}.extra_lines.vrrp_instance: 1 '{{' of these lines are not closed: add a line '}}' for each "
        "at its place",
        f"{S0}.extra_lines[0]: it closes a block that this list has not opened: remove the '}}', or open its "
        "block in a line before",
    ),
    near(
        "extra-lines-unbalanced",
        both(
            document(
                extra_lines={
                    "vrrp_instance": ["virtual_routes {", "192.0.2.128/25 dev eth1", "}"],
                    "top": ["static_ipaddress { # of the {", '192.0.2.7/32 dev lo label "{" }', "! }"],
                }
            ),
            service(extra_lines=["ha_suspend"]),
        ),
    ),
]
