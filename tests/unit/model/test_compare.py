"""Plan against observations, for all hosts at once: what to do, in which order, and what forbids it."""

from __future__ import annotations

import pytest

from lvs_model.change_classes import CLASSES

from .builders import Case, Site
from .compared import APPLY, KERNELS, TOOL, changed, forced, holds, stops, work
from .pretended import link


def test_a_converged_cluster_has_nothing_to_do() -> None:
    assert work(Site()) | {"digest": "DIGEST"} == {
        "hosts": {},
        "expand": [],
        "expand_later": [],
        "retire": [],
        "directors": [],
        "owners": [],
        "moves": [],
        "moving": [],
        "moving_batches": [],
        "leave": [],
        "begin": [],
        "contract": [],
        "again": [],
        "settle_s": 0,
        "unreachable": [],
        "classes": {},
        "locks": {},
        "batches": [],
        "serving": [],
        "watchers": [],
        "batch_s": 0,
        "digest": "DIGEST",
        "skipped": [],
        "summary": [*KERNELS, "0 of 5 hosts differ from the plan"],
    }


def test_hosts_of_the_plan_that_were_not_asked_are_left_alone() -> None:
    site = Site()
    changed(site, "lb1", "lb2", "web1")
    site.seen = {host: site.seen[host] for host in ("lb2", "web2")}

    found = work(site)

    assert list(found["hosts"]) == found["directors"] == ["lb2"]


# Order.


@pytest.mark.parametrize(
    ("owner", "differing", "order"),
    [
        ("lb1", ["lb1", "lb2"], ["lb2", "lb1"]),
        ("lb2", ["lb1", "lb2"], ["lb1", "lb2"]),
        (None, ["lb1", "lb2"], ["lb1", "lb2"]),  # the preferred one becomes the owner
        ("lb1", ["lb1"], ["lb1"]),
        ("lb1", ["lb2"], ["lb2"]),
    ],
)
def test_the_standby_director_comes_first(owner: str | None, differing: list[str], order: list[str]) -> None:
    site = Site()
    site.owner["edge"] = owner
    site.look()
    changed(site, *differing)

    assert work(site)["directors"] == order


def test_of_three_directors_the_owner_is_last_and_the_others_in_order_of_preference() -> None:
    case = Case()
    case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])
    site = Site(case.plan())
    site.owner["edge"] = "lb2"
    site.look()
    changed(site, "lb1", "lb2", "lb3")

    assert work(site)["directors"] == ["lb1", "lb3", "lb2"]


STOPPED = {"ActiveState": "inactive", "UnitFileState": "enabled", "NeedDaemonReload": "no"}


@pytest.mark.parametrize(
    ("owner", "stopped", "order"),
    [
        # The owner must know a new peer before that one starts and listens for adverts.
        ("lb1", ["lb2"], ["lb3", "lb1", "lb2"]),
        ("lb3", ["lb1"], ["lb2", "lb3", "lb1"]),
        ("lb2", ["lb1", "lb3"], ["lb2", "lb1", "lb3"]),
        # Left behind by a crash: it has the VIP and does not run.
        ("lb1", ["lb1"], ["lb2", "lb3", "lb1"]),
        # Nobody runs: in order of preference, so that the preferred one becomes the owner.
        (None, ["lb1", "lb2", "lb3"], ["lb1", "lb2", "lb3"]),
        ("lb1", ["lb1", "lb2", "lb3"], ["lb1", "lb2", "lb3"]),
    ],
)
def test_directors_that_do_not_run_come_behind_the_owner(
    owner: str | None, stopped: list[str], order: list[str]
) -> None:
    case = Case()
    case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])
    site = Site(case.plan())
    site.owner["edge"] = owner
    site.look()
    changed(site, "lb1", "lb2", "lb3")
    for host in stopped:
        site.seen[host]["units"]["keepalived.service"] = STOPPED

    assert work(site)["directors"] == order


def test_a_director_that_reloads_runs() -> None:
    site = Site()
    changed(site, "lb1", "lb2")
    site.seen["lb2"]["units"]["keepalived.service"]["ActiveState"] = "reloading"

    assert work(site)["directors"] == ["lb2", "lb1"]


def test_the_anchor_alone_makes_an_owner() -> None:
    """Its VIPs were deleted by hand: it sends adverts all the same."""
    site = Site()
    (anchor,) = site.plan["clusters"]["edge"]["anchors"]
    site.links("lb1", link("lb1", "eth0", ["192.0.2.11", anchor]), link("lb1", "eth1", ["198.51.100.11"]))
    changed(site, "lb1", "lb2")

    assert work(site)["directors"] == ["lb2", "lb1"]


def test_any_vip_makes_an_owner() -> None:
    case = Case()
    case.service["vips"] = ["192.0.2.10", "192.0.2.20"]
    site = Site(case.plan())
    site.links(
        "lb1", link("lb1", "eth0", ["192.0.2.11", "192.0.2.20"]), link("lb1", "eth1", ["198.51.100.11"])
    )
    changed(site, "lb1", "lb2")

    assert work(site)["directors"] == ["lb2", "lb1"]


def test_each_cluster_has_its_own_standby() -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    site.owner["two"] = "two-lb2"
    site.look()
    changed(site, "lb1", "lb2", "two-lb1", "two-lb2")

    # Owners whose own change it is come behind all others.
    assert work(site)["directors"] == ["lb2", "two-lb1", "lb1", "two-lb2"]


def test_steps_are_expand_then_directors_then_contract() -> None:
    site = Site()
    changed(site, "lb1", "web1")
    holds(site, "web2", "address 192.0.2.20 lo")
    holds(site, "web3", "address 192.0.2.20 lo", without="address")

    found = work(site)

    assert found["expand"] == ["web1", "web3"]
    assert found["directors"] == ["lb1"]
    assert found["contract"] == ["web2", "web3"]


def test_what_is_contracted_is_not_removed_in_the_step_before() -> None:
    site = Site()
    holds(site, "web3", "address 192.0.2.20 lo", without="address")

    found = work(site)["hosts"]["web3"]

    assert found["changes"] == [
        "VIP 192.0.2.10 on lo is missing",
        "VIP 192.0.2.20 on lo is not needed any more",
    ]
    assert forced(site, "web3") == [APPLY]
    assert (found["contract"], stops(found), found["remove"]) == (
        True,
        [f"{TOOL} contract", f"{TOOL} apply"],
        [],
    )


@pytest.mark.parametrize("lb1", ["unreachable", "not asked"])
def test_nothing_is_contracted_while_a_director_that_may_forward_was_not_seen(lb1: str) -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    if lb1 == "unreachable":
        site.seen["lb1"] = {}
    else:
        del site.seen["lb1"]
    for host in ("web3", "two-web1", "two-lb1"):
        holds(site, host, "address 192.0.2.20 lo")

    assert work(site, "lb1")["contract"] == ["two-lb1", "two-web1"]


# Directors that are real servers too.


def test_a_director_that_is_a_real_server_too_is_switched_and_not_expanded() -> None:
    case = Case()
    case.groups["edge_web"] += ["lb1", "lb2"]
    site = Site(case.plan())
    changed(site, "lb1", "lb2", "web1")

    found = work(site)

    assert (found["expand"], found["directors"]) == (["web1"], ["lb2", "lb1"])


def test_its_own_local_vip_makes_it_no_owner() -> None:
    case = Case()
    case.groups["edge_web"] += ["lb1", "lb2"]
    site = Site(case.plan())
    site.links(
        "lb2",
        link("lb2", "lo", ["192.0.2.10"]),
        *[link("lb2", name, [address]) for address, name in site.plan["hosts"]["lb2"]["addresses"].items()],
    )
    changed(site, "lb1", "lb2")

    assert work(site)["directors"] == ["lb2", "lb1"]


# Looking again.


@pytest.mark.parametrize(
    ("differing", "again"),
    [
        ([], []),
        # What directors saw in ARP before proves nothing about a real server that changed.
        (["web1"], ["lb1", "lb2", "web1"]),
        (["lb2"], ["lb1", "lb2"]),
    ],
)
def test_changed_hosts_and_their_directors_are_observed_again(differing: list[str], again: list[str]) -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    changed(site, *differing)

    assert work(site)["again"] == again


# The operator's summary.


def test_a_director_whose_ipvs_is_not_loaded_says_so() -> None:
    site = Site()
    site.seen["lb1"]["ipvs"]["proc"] = None

    assert KERNELS[0].replace("version 1.2.1 (size=4096)", "not loaded yet") in work(site)["summary"]


def test_the_summary_says_what_differs_host_by_host() -> None:
    site = Site()
    changed(site, "web1")
    site.seen["web2"] = {}
    site.seen["web3"]["problems"] = ["/proc/x: Input/output error"]
    site.seen["lb1"]["ipvs"]["conn_tab_bits"] = "10"

    assert work(site)["summary"] == [
        "note: web2 is unreachable and was skipped",
        KERNELS[0],
        "note: lb1: the connection table has 2^10 buckets until ip_vs is loaded anew (planned: 2^12)",
        KERNELS[1],
        "note: web3: /proc/x: Input/output error",
        "web1: /usr/local/lib/lvs-toolkit/lvs-network is missing",
        f"change of {CLASSES['real_server']}",
        "  web1: /usr/local/lib/lvs-toolkit/lvs-network is missing",
        "order: real servers web1",
        "1 of 4 hosts differ from the plan",
    ]
