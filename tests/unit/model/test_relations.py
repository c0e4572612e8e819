"""The semantic check of one cluster: what is right field by field and would still fail later."""

from __future__ import annotations

import pytest

from .builders import Case
from .changes import Change, both, failover, group, host, network, second, service

S0, S1 = "lvs_cluster[edge].services[0]", "lvs_cluster[edge].services[1]"


REFUSED = {
    # Names that lead nowhere.
    "failover network": (
        failover(network="frnt"),
        "lvs_cluster[edge].failover.network: there is no network 'frnt': use one of: front, sync",
    ),
    "sync network": (
        lambda case: case.document.update(connection_sync={"network": "back"}),
        "lvs_cluster[edge].connection_sync.network: there is no network 'back': use one of: front, sync",
    ),
    "directors' group": (
        lambda case: case.document.update(directors="lbs"),
        "lvs_cluster[edge].directors: there is no inventory group 'lbs': create it, or name another",
    ),
    "empty directors' group": (
        group("edge_directors"),
        "lvs_cluster[edge].directors: the group 'edge_directors' is empty: put at least one host into it",
    ),
    "pool's group": (
        service(pool="web"),
        f"{S0}.pool: there is no inventory group 'web': create it, or name another",
    ),
    # Pools.
    "empty pool": (
        group("edge_web"),
        f"{S0}.pool: the pool 'edge_web' is empty: put real servers into the group (disabled ones do not "
        "count)",
    ),
    "disabled pool": (
        both(*(host(name, lvs_state="disabled") for name in ("web1", "web2", "web3"))),
        f"{S0}.pool: the pool 'edge_web' is empty: put real servers into the group (disabled ones do not "
        "count)",
    ),
    "drained pool": (
        both(*(host(name, lvs_state="drained") for name in ("web1", "web2", "web3"))),
        f"{S0}.pool: every real server has weight 0: give one a weight above 0",
    ),
    "min_servers": (
        service(min_servers=4),
        f"{S0}.min_servers: 4 is more than the 3 real servers with a weight above 0: lower it, or add real "
        "servers",
    ),
    "min_servers and drained": (
        both(service(min_servers=3), host("web2", lvs_state="drained")),
        f"{S0}.min_servers: 3 is more than the 2 real servers with a weight above 0: lower it, or add real "
        "servers",
    ),
    "weights for sh": (
        both(service(scheduler="sh"), host("web1", lvs_weight=254)),
        f"{S0}.scheduler: the pool's weights sum to 257, the table of sh has 256 places: give smaller "
        "weights",
    ),
    "weights for mh": (
        both(service(scheduler="mh"), host("web1", lvs_weight=4091)),
        f"{S0}.scheduler: the pool's weights sum to 4094, the table of mh has 4093 places: give smaller "
        "weights",
    ),
    # Services.
    "service twice": (
        second("www", ports=[443]),
        f"{S1}.name: 'www' is there twice: give each service its own name",
    ),
    "endpoint twice": (
        second("tls"),
        f"{S1}.vips[0]: 192.0.2.10:80 (tcp) is already served by {S0}: one address and port belong to one "
        "service",
    ),
    "VIP twice": (
        service(vips=["192.0.2.10", "192.0.2.10"]),
        f"{S0}.vips[1]: 192.0.2.10:80 (tcp) is already served by {S0}: one address and port belong to one "
        "service",
    ),
    "VIP elsewhere": (
        service(vips=["203.0.113.10"]),
        f"{S0}.vips[0]: 203.0.113.10 lies in no subnet of the network 'front': take an address from its "
        "subnets, or add the subnet to the network",
    ),
    "VIP is the network": (
        service(vips=["192.0.2.0"]),
        f"{S0}.vips[0]: 192.0.2.0 is a network or broadcast address: take another",
    ),
    "VIP is the broadcast": (
        service(vips=["192.0.2.255"]),
        f"{S0}.vips[0]: 192.0.2.255 is a network or broadcast address: take another",
    ),
    # Directors.
    "director not on the front": (
        host("lb1", lvs_addresses=["198.51.100.11"]),
        "host lb1: lvs_addresses: none lies in the network 'front', which directors of 'edge' need: "
        "add its address there",
    ),
    "director not on the sync network": (
        host("lb2", lvs_addresses=["192.0.2.12"]),
        "host lb2: lvs_addresses: none lies in the network 'sync', which directors of 'edge' need: "
        "add its address there",
    ),
    "equal priorities": (
        both(host("lb1", lvs_priority=150), host("lb2", lvs_priority=150)),
        "lvs_cluster[edge].directors: lvs_priority: lb1 has priority 150 and lb2 150, less than 5 apart: "
        "which one takes over would be left to chance: set lvs_priority of all of them, further apart",
    ),
    "priority beside a computed one": (
        host("lb2", lvs_priority=198),
        "lvs_cluster[edge].directors: lvs_priority: lb1 has priority 200 and lb2 198, less than 5 apart: "
        "which one takes over would be left to chance: set lvs_priority of all of them, further apart",
    ),
    # Networks.
    "overlapping networks": (
        network("third", interface="eth2", subnets=["198.51.100.128/25"]),
        "lvs_cluster[edge].networks.third: its subnets overlap with those of 'sync': an address must lie in "
        "one network only",
    ),
    "failback too late": (
        both(failover(failback=True), service(check={"timeout": 300, "retries": 3})),
        "lvs_cluster[edge].failover.failback_delay: the checks' first results can take 1203 s, and "
        "keepalived waits at most 1000 s: shorten the checks' timeouts or retries, or give a delay",
    ),
    # Real servers.
    "real server not on the segment": (
        host("web1", lvs_addresses=["198.51.100.21"]),
        "host web1: lvs_addresses: none lies in a network with the VIPs of service 'www', and direct routing "
        "reaches a real server only on the directors' own segment: add its address there",
    ),
    "real server without an address": (
        host("web1", lvs_addresses=[]),
        "host web1: lvs_addresses: none lies in a network with the VIPs of service 'www', and direct routing "
        "reaches a real server only on the directors' own segment: add its address there",
    ),
}


@pytest.mark.parametrize(("change", "problem"), REFUSED.values(), ids=list(REFUSED))
def test_what_would_fail_later_is_refused(change: Change, problem: str) -> None:
    case = Case()
    change(case)

    assert case.problems() == [problem]


def test_problems_of_all_kinds_and_clusters_come_at_once() -> None:
    case = Case()
    case.service.update(pool="web", vips=["203.0.113.10"])
    case.add_service("www", ports=[443])
    case.hostvars["lb1"]["lvs_addresses"] = []
    document = case.add_cluster("two", 3)
    document["services"][0]["min_servers"] = 2

    places = [problem.split(": ")[0] for problem in case.problems()]

    assert places == sorted(places)
    assert {
        "host lb1",
        f"{S0}.pool",
        f"{S0}.vips[0]",
        f"{S1}.name",
        "lvs_cluster[two].services[0].min_servers",
    } <= set(places)


ACCEPTED = {
    "as it stands": lambda _: None,
    "VIPs with one port each": second("tls", ports=[443]),
    "same port, other VIP": second("two", vips=["192.0.2.20"]),
    "one director": group("edge_directors", "lb1"),
    "no sync": both(
        lambda case: case.document.pop("connection_sync"), host("lb2", lvs_addresses=["192.0.2.12"])
    ),
    "sh at its limit": both(service(scheduler="sh"), host("web1", lvs_weight=253)),
    "a second subnet": both(
        network("front", subnets=["192.0.2.0/24", "203.0.113.0/24"]), service(vips=["203.0.113.10"])
    ),
    "a pool of two services": second("tls", ports=[443]),
    "a subnet of one address": both(
        network("front", subnets=["192.0.2.0/24", "203.0.113.7/32", "203.0.113.8/31"]),
        service(vips=["203.0.113.7", "203.0.113.8", "203.0.113.9"]),
    ),
}


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=list(ACCEPTED))
def test_what_works_is_accepted(change: Change) -> None:
    case = Case()
    change(case)

    assert case.problems() == []
