"""The semantic check beyond one cluster: hosts, addresses and ids of the whole inventory."""

from __future__ import annotations

import copy

import pytest

from lvs_model.plan import compile_plan
from lvs_model.problems import ModelError

from .builders import Case
from .changes import Change, both, failover, group, host, other

S0 = "lvs_cluster[edge].services[0]"

REFUSED = {
    # Hosts in two roles.
    "director and real server": (
        group("edge_web", "web1", "lb2"),
        "host lb2: it is a director and in the pool 'edge_web'; a director that is a real server too is not "
        "supported yet: take it out of one of the two groups",
    ),
    "client and director": (
        group("probes", "lb1"),
        "host lb1: it is in the group 'probes' and a director or real server, which cannot test its own "
        "VIPs: take a host outside the cluster as client",
    ),
    "client and real server": (
        group("probes", "web1"),
        "host web1: it is in the group 'probes' and a director or real server, which cannot test its own "
        "VIPs: take a host outside the cluster as client",
    ),
    # Variables that would be without effect.
    "state of a director": (
        host("lb1", lvs_state="disabled"),
        "host lb1: lvs_state: it is 'disabled', and a director knows no such state: remove it",
    ),
    "interface on no network": (
        host("web1", lvs_interfaces={"fornt": "eth7"}),
        "host web1: lvs_interfaces.fornt: there is no network 'fornt' in cluster 'edge': use one of: front, "
        "sync",
    ),
    # Addresses.
    "VIP on a real server": (
        host("web1", lvs_addresses=["192.0.2.21", "192.0.2.10"]),
        f"host web1: lvs_addresses[1]: 192.0.2.10 is a VIP of {S0}: give the host its own",
    ),
    "VIP on a director": (
        host("lb1", lvs_addresses=["192.0.2.10", "198.51.100.11"]),
        f"host lb1: lvs_addresses[0]: 192.0.2.10 is a VIP of {S0}: give the host its own",
    ),
    "VIP of another cluster on a real server": (
        both(other(), host("web1", lvs_addresses=["192.0.2.30"])),
        "host web1: lvs_addresses[0]: 192.0.2.30 is a VIP of lvs_cluster[two].services[0]: give the host "
        "its own",
    ),
    "address on two hosts": (
        host("web2", lvs_addresses=["192.0.2.21"]),
        "host web2: lvs_addresses[0]: 192.0.2.21 is an address of host web1 too: mend one of the two",
    ),
    "VIP on a client": (
        host("client1", lvs_addresses=["192.0.2.10"]),
        f"host client1: lvs_addresses[0]: 192.0.2.10 is a VIP of {S0}: give the host its own",
    ),
    "name of a host": (
        both(lambda case: case.add_host("web 4\n", "edge_web", "edge", lvs_addresses=["192.0.2.24"])),
        "host 'web 4\\n': this name would break configurations: use A-Z, a-z, 0-9, '.', '_', '-'",
    ),
    # Several clusters.
    "address in two clusters": (
        both(other(), lambda case: case.hostvars["two-web1"].update(lvs_addresses=["192.0.2.21"])),
        "host two-web1: lvs_addresses[0]: 192.0.2.21 is an address of host web1 too: mend one of the two",
    ),
    "router id of two clusters": (
        both(failover(router_id=51), other(lambda document: document["failover"].update(router_id=51))),
        "lvs_cluster[two].failover.router_id: 51 is taken by cluster 'edge' on segment 'dc1-v120': take "
        "another, or leave it out",
    ),
    "VIP of two clusters": (
        other(lambda document: document["services"][0].update(vips=["192.0.2.10"])),
        "lvs_cluster[two].services[0].vips[0]: 192.0.2.10 is a VIP of cluster 'edge' too: "
        "a VIP belongs to one cluster",
    ),
}


@pytest.mark.parametrize(("change", "problem"), REFUSED.values(), ids=list(REFUSED))
def test_what_would_fail_later_is_refused(change: Change, problem: str) -> None:
    case = Case()
    change(case)

    assert case.problems() == [problem]


def test_two_clusters_share_no_host() -> None:
    case = Case()
    document = case.add_cluster("two", 3)
    case.groups["two_directors"] = ["lb1", "two-lb2"]
    case.groups["two_web"] = ["web1"]

    problems = case.problems()

    assert document["directors"] == "two_directors"
    assert problems == [
        "host lb1: it is a director of both 'edge' and 'two': give each cluster directors of its own",
        "host web1: it is in pools of both 'edge' and 'two', which is not supported yet: "
        "give each cluster real servers of its own",
    ]


def test_a_segment_holds_no_more_clusters_than_router_ids() -> None:
    case = Case()
    hostvars, groups = case.inputs()
    for number in range(255):
        document = copy.deepcopy(case.document)
        document.update(name=f"c{number}", directors=f"d{number}")
        document["networks"]["front"]["subnets"] = ["10.1.0.0/16"]
        document["networks"]["sync"].update(subnets=["10.2.0.0/16"], segment=f"sync-{number % 2}")
        document["services"][0].update(pool=f"p{number}", vips=[f"10.1.{number}.10"])
        for last, role in enumerate("dp", start=1):
            own = [f"10.1.{number}.{last}", f"10.2.{number}.{last}"]
            hostvars[f"{role}{number}"] = {"lvs_cluster": document, "lvs_addresses": own}
            groups[f"{role}{number}"] = [f"{role}{number}"]

    with pytest.raises(ModelError) as error:
        compile_plan(hostvars, groups)

    assert str(error.value) == (
        "lvs_cluster: segment dc1-v120 has no free virtual router id for cluster edge: spread the clusters "
        "over more segments"
    )


ACCEPTED = {
    "two clusters": other(),
    "no client": group("probes"),
    "a host without a role": lambda case: case.add_host("spare", lvs_addresses=["192.0.2.99"]),
    "a disabled one may be anything": both(
        host("web3", lvs_state="disabled", lvs_addresses=[]), group("probes", "web3")
    ),
    "router ids on two segments": both(
        failover(router_id=51),
        other(
            lambda document: (
                document["failover"].update(router_id=51),
                document["networks"]["front"].update(segment="dc1-v121"),
                document["networks"]["sync"].update(segment="dc1-v98"),
            )
        ),
    ),
}


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=list(ACCEPTED))
def test_what_works_is_accepted(change: Change) -> None:
    case = Case()
    change(case)

    assert case.problems() == []
