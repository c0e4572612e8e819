"""Pools, ports and marks."""

from __future__ import annotations

from ..changes import both, group, host, second, service
from . import S0, S1, mixed, near, trigger

# A director and a real server: a service of theirs has a mark of its own.
MIXED = mixed("edge_web", "lb1", "web1")
MEDIA = {"ports": ["554/tcp", "6970-6999/udp"], "check": {"type": "tcp"}}

TABLE = [
    # pools.py
    trigger(
        "pool-empty",
        both(*(host(name, lvs_state="disabled") for name in ("web1", "web2", "web3"))),
        f"{S0}.pool: the pool 'edge_web' is empty: put real servers into the group (disabled ones do not "
        "count)",
    ),
    near("pool-empty", both(*(host(name, lvs_state="disabled") for name in ("web1", "web2")))),
    trigger(
        "pool-drained",
        both(*(host(name, lvs_state="drained") for name in ("web1", "web2", "web3"))),
        f"{S0}.pool: every real server has weight 0: give one a weight above 0",
    ),
    near("pool-drained", both(*(host(name, lvs_state="drained") for name in ("web1", "web2")))),
    trigger(
        "min-servers-above-pool",
        both(service(min_servers=3), host("web2", lvs_state="drained")),
        f"{S0}.min_servers: 3 is more than the 2 real servers with a weight above 0: lower it, or add real "
        "servers",
    ),
    near("min-servers-above-pool", service(min_servers=3)),
    trigger(
        "weights-impossible",
        both(
            service(scheduler="sh"),
            *(
                lambda case, n=n, c=c: case.hostvars.update(
                    {f"web{n}": {"lvs_addresses": [f"192.0.2.2{n}"], "lvs_capacity": c}}
                )
                for n, c in ((1, 1), (2, 100000), (3, 1))
            ),
        ),
        f"{S0}.pool: lvs_capacity: no weights that fit into the 256 places of sh keep every share within 5 % "
        "of what the capacities say: use wlc or wrr, or give weights",
    ),
    near(
        "weights-impossible",
        both(
            *(
                lambda case, n=n, c=c: case.hostvars.update(
                    {f"web{n}": {"lvs_addresses": [f"192.0.2.2{n}"], "lvs_capacity": c}}
                )
                for n, c in ((1, 1), (2, 1000), (3, 1))
            ),
        ),
    ),
    trigger(
        "weight-units-mixed",
        both(
            lambda case: case.hostvars["web1"].pop("lvs_weight"),
            lambda case: case.hostvars["web2"].pop("lvs_weight"),
            host("web1", lvs_capacity=16),
        ),
        f"{S0}.pool: web1 says lvs_capacity, and web2 neither a capacity nor a weight: give all of them "
        "lvs_capacity, or all of them lvs_weight",
        f"{S0}.pool: web1 says lvs_capacity, and web3 a weight: give all of them lvs_capacity, or all of "
        "them lvs_weight",
    ),
    near(
        "weight-units-mixed",
        both(
            lambda case: case.hostvars["web1"].pop("lvs_weight"),
            lambda case: case.hostvars["web2"].pop("lvs_weight"),
            host("web1", lvs_capacity=16),
            host("web2", lvs_capacity=8),
            host("web3", lvs_state="drained"),
        ),
    ),
    trigger(
        "weights-without-effect",
        service(scheduler="rr"),
        f"{S0}.scheduler: rr does not look at weights, and those of the pool differ: use wrr, or remove the "
        "weights",
    ),
    near(
        "weights-without-effect",
        both(
            service(scheduler="rr"),
            *(host(f"web{n}", lvs_weight=2) for n in (1, 2)),
            host("web3", lvs_state="drained"),
        ),
    ),
    trigger(
        "hash-table-overflow",
        both(service(scheduler="sh"), host("web1", lvs_weight=254)),
        f"{S0}.scheduler: the pool's weights sum to 257, the table of sh has 256 places: give smaller "
        "weights",
    ),
    trigger(
        "hash-table-overflow",
        both(service(scheduler="mh"), host("web1", lvs_weight=4091)),
        f"{S0}.scheduler: the pool's weights sum to 4094, the table of mh has 4093 places: give smaller "
        "weights",
    ),
    near("hash-table-overflow", both(service(scheduler="sh"), host("web1", lvs_weight=253))),
    trigger(
        "dynamic-weight-overflow",
        service(scheduler="sh", check={"type": "script", "command": "/usr/bin/load", "dynamic_weight": True}),
        f"{S0}.check: dynamic weights can sum to 759, the table of sh has 256 places: use wlc or wrr, or "
        "return small weights only",
    ),
    near(
        "dynamic-weight-overflow",
        service(scheduler="mh", check={"type": "script", "command": "/usr/bin/load", "dynamic_weight": True}),
    ),
    trigger(
        "quorum-above-weights",
        service(quorum=7),
        f"{S0}.quorum: 7 is more than the weights of all real servers, 6: lower it, or raise the weights "
        "(drained ones count 0)",
    ),
    near("quorum-above-weights", service(quorum=6)),
    trigger(
        "hysteresis-too-large",
        service(quorum=2, hysteresis=2),
        f"{S0}.hysteresis: 2 is not below the quorum, 2: lower it",
    ),
    trigger(
        "hysteresis-too-large",
        service(quorum=4, hysteresis=3),
        f"{S0}.hysteresis: quorum and hysteresis, 7, are more than the weights of all real servers, 6: a "
        "service that was down would stay so: lower one of the two",
    ),
    near("hysteresis-too-large", service(quorum=4, hysteresis=2)),
    trigger(
        "threshold-order",
        both(
            service(thresholds={"upper": 100, "lower": 101}),
            host("web2", lvs_services={"www": {"thresholds": {"upper": 0, "lower": 5}}}),
        ),
        "host web2: lvs_services.www.thresholds.lower: 5 is above upper, 0: lower it, or raise upper",
        f"{S0}.thresholds.lower: 101 is above upper, 100: lower it, or raise upper",
    ),
    near("threshold-order", service(thresholds={"upper": 100, "lower": 100})),
    # ports.py
    trigger(
        "endpoint-twice",
        second("tls", ports=["80-81"]),
        f"{S1}.vips[0]: 192.0.2.10:80 (tcp) is already served by {S0}: one address and port belong to one "
        "service",
    ),
    trigger(
        "endpoint-twice",
        service(vips=["192.0.2.10", "192.0.2.10"]),
        f"{S0}.vips[1]: 192.0.2.10:80 (tcp) is already served by {S0}: one address and port belong to one "
        "service",
    ),
    trigger(
        "endpoint-twice",
        second("tls", mark="auto"),
        f"{S1}.vips[0]: 192.0.2.10:80 (tcp) is already served by {S0}: one address and port belong to one "
        "service",
    ),
    near("endpoint-twice", second("any", ports="all", persistence=300, check={"port": 80})),
    near("endpoint-twice", second("dns", protocol="udp", check={"port": 80})),
    trigger(
        "mark-takes-all-ports",
        second("any", ports="all", mark="auto", check={"port": 80}),
        f"{S0}.vips[0]: every tcp packet to 192.0.2.10 gets the mark of {S1}, whatever its port: list that "
        "service's ports, or use another VIP",
    ),
    trigger(
        "mark-takes-all-ports",
        both(
            MIXED,
            service(pool="edge_web"),
            group("edge_any", "web2", "web3"),
            second("web", ports=[81], pool="edge_any"),
            service(ports="all", check={"port": 80}),
        ),
        f"{S1}.vips[0]: every tcp packet to 192.0.2.10 gets the mark of {S0}, whatever its port: list that "
        "service's ports, or use another VIP",
    ),
    near("mark-takes-all-ports", second("any", ports="all", protocol="udp", mark="auto", check={"port": 80})),
    trigger(
        "all-ports-without-persistence",
        service(ports="all", check={"port": 80}),
        f"{S0}.ports: all ports need a persistent service: add persistence: 300, or a mark",
    ),
    near("all-ports-without-persistence", service(ports="all", mark="auto", check={"port": 80})),
    near("all-ports-without-persistence", both(MIXED, service(ports="all", check={"port": 80}))),
    trigger(
        "many-endpoints",
        service(ports=["10000-10100"], vips=["192.0.2.10", "192.0.2.20"], check={"port": 80}),
        f"{S0}.ports: 202 virtual services, with 3 checked real servers each: add mark: auto, which makes "
        "them one",
    ),
    near("many-endpoints", service(ports=["10000-10199"], check={"port": 80})),
    near("many-endpoints", service(ports=["10000-19999"], mark="auto", check={"port": 80})),
    near("many-endpoints", both(MIXED, service(ports=["10000-19999"], check={"port": 80}))),
    trigger(
        "server-port-mismatch",
        both(
            service(server_port=8080, fallback={"address": "192.0.2.99", "port": 81}),
            host("web1", lvs_services={"www": {"port": 8081}}),
        ),
        "host web1: lvs_services.www.port: 8081, and direct routing keeps the port that clients use: remove "
        "it, or use forwarding nat or masquerade",
        f"{S0}.fallback.port: 81, and direct routing keeps the port that clients use: remove it, or use "
        "forwarding nat or masquerade",
        f"{S0}.server_port: 8080, and direct routing keeps the port that clients use: remove it, or use "
        "forwarding nat or masquerade",
    ),
    near("server-port-mismatch", service(server_port=80)),
    near("server-port-mismatch", service(server_port=8080, forwarding="masquerade")),
    trigger(
        "server-port-with-mark",
        service(server_port=8080, forwarding="masquerade", mark="auto"),
        f"{S0}.server_port: 8080, and a marked service keeps its ports: remove it, or the mark",
    ),
    trigger(
        "server-port-with-mark",
        both(MIXED, service(fallback={"address": "192.0.2.99", "port": 81, "forwarding": "nat"})),
        f"{S0}.fallback.port: 81, and a service with directors in its pool keeps its ports: remove it, or "
        "take the directors out of the pool",
    ),
    near("server-port-with-mark", service(mark="auto")),
    near("server-port-with-mark", both(MIXED, service(server_port=80))),
    trigger(
        "server-port-for-many",
        service(ports=[80, 81], server_port=8080, forwarding="masquerade"),
        f"{S0}.server_port: all ports of the service arrive at port 8080: make it a service for each port, "
        "or leave server_port out",
    ),
    near("server-port-for-many", service(ports=[80, 81], forwarding="masquerade")),
    # marks.py
    trigger(
        "mark-twice",
        both(service(mark=10), second("tls", mark=10, ports=[81])),
        f"{S1}.mark: 10 is the mark of {S0}: use auto, or another",
    ),
    near("mark-twice", both(service(mark=10), second("tls", mark="auto", ports=[81]))),
    trigger(
        "protocols-without-mark",
        service(**MEDIA),
        f"{S0}.ports: tcp and udp, and no mark that makes them one service: add mark: auto, or make it a "
        "service for each protocol",
    ),
    near("protocols-without-mark", service(**MEDIA, mark="auto", persistence=300)),
    near("protocols-without-mark", both(MIXED, service(**MEDIA, persistence=300))),
    trigger(
        "protocols-apart",
        service(**MEDIA, mark="auto"),
        f"{S0}.persistence: tcp and udp of one client may go to different real servers: add persistence: "
        "300, or use scheduler sh or mh",
    ),
    trigger(
        "protocols-apart",
        both(MIXED, service(**MEDIA)),
        f"{S0}.persistence: tcp and udp of one client may go to different real servers: add persistence: "
        "300, or use scheduler sh or mh",
    ),
    near("protocols-apart", service(**MEDIA, mark="auto", scheduler="sh")),
]
