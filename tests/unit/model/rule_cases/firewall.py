"""What directors drop and track, and hosts that leave."""

from __future__ import annotations

from ..changes import both, group, host, network, second, service
from . import BEHIND, EDGE, S0, document, near, trigger

OLD = second("old", ports=[81], forwarding="masquerade")
ALL = {"ports": "all", "persistence": 300, "check": {"port": 80}}

TABLE = [
    # firewall.py
    trigger(
        "flood-limit-zero",
        document(firewall={"flood": {"rate": 0, "burst": 0}}),
        f"{EDGE}.firewall.flood.burst: of 0 the kernel makes 5: use 1 or more",
        f"{EDGE}.firewall.flood.rate: 0 lets no client in: raise it, or remove flood",
    ),
    near("flood-limit-zero", document(firewall={"flood": {"rate": 1, "burst": 1}})),
    trigger(
        "only-services-all-ports",
        both(document(firewall={}), service(**ALL)),
        f"{S0}.ports: all of them: firewall.only_services keeps no tcp from its VIPs: list the ports, or "
        "accept it",
    ),
    near("only-services-all-ports", both(document(firewall={"only_services": False}), service(**ALL))),
    near("only-services-all-ports", service(**ALL)),
    trigger(
        "conntrack-for-all",
        OLD,
        f"{EDGE}.firewall: 'old' needs connection tracking, and without it the kernel tracks the other "
        "service too: add firewall: {}, or accept it",
    ),
    trigger(
        "conntrack-for-all",
        both(
            BEHIND,
            network("sync", routed_in=True),
            service(ports=[21], check={"type": "tcp"}),
            second("one", forwarding="nat", ports=[81]),
            second("two", forwarding="nat", ports=[82]),
        ),
        f"{EDGE}.firewall: 'www' needs connection tracking, and without it the kernel tracks the 2 other "
        "services too: add firewall: {}, or accept it",
    ),
    near("conntrack-for-all", both(OLD, document(firewall={}))),
    near("conntrack-for-all", service(forwarding="masquerade")),
    near("conntrack-for-all", both(BEHIND, OLD)),
    near("conntrack-for-all", both(BEHIND, second("one", forwarding="nat", ports=[81]))),
    trigger(
        "defense-always",
        document(ipvs={"defense": {"drop_entry": 3, "drop_packet": 3}}),
        f"{EDGE}.ipvs.defense.drop_entry: 3 drops connections always, also without an attack: use 1, or "
        "accept it",
        f"{EDGE}.ipvs.defense.drop_packet: 3 drops connections always, also without an attack: use 1, or "
        "accept it",
    ),
    near("defense-always", document(ipvs={"defense": {"drop_entry": 1, "drop_packet": 2, "secure_tcp": 3}})),
    # hosts.py
    trigger(
        "retired-in-use",
        group("retired", "lb2", "web1", "client1"),
        "host lb2: it is in the group 'retired', and a director or real server of 'edge': take it out of one "
        "of the two",
        "host web1: it is in the group 'retired', and a director or real server of 'edge': take it out of "
        "one of the two",
    ),
    near("retired-in-use", both(group("retired", "web1"), group("edge_web", "web2", "web3"))),
    near("retired-in-use", both(group("retired", "web1"), host("web1", lvs_state="disabled"))),
]
