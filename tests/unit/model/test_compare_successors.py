"""Directors that go: who takes over what they own, and which of them may not be forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.teardown import tear_down

from .builders import Case, Site
from .compared import KEEPALIVED_CONF, as_before, changed, problems, retired, work
from .pretended import Raw, states_json

NO_HEIR = (
    "host lb1: it owns VIP {vip} of cluster edge, shall be no director any more, and no other director "
    "stands by for it: add another director and deploy it first"
)
FORGOTTEN = (
    "host web3: it shall be retired and was not looked at: a director that still runs there would go on "
    "owning VIPs beside the others: mend it, leave out --limit, take it out of 'retired' if it holds "
    "nothing, or accept its absence: -e lvs_accept_unreachable=web3"
)


def owner_goes() -> Site:
    """lb1 owns the VIPs and is retired, and lb2, the only other director, is as lb1 had left it."""
    site = as_before("lb1", spare=False)
    site.seen["lb2"] = Site(retired(spare=False).plan()).seen["lb2"]
    return site


@pytest.mark.parametrize(
    "unit",
    [{"ActiveState": "inactive", "UnitFileState": "enabled", "NeedDaemonReload": "no"}, None],
    ids=["stopped", "fresh"],
)
def test_the_owner_is_not_retired_while_no_other_director_runs(unit: Raw | None) -> None:
    site = owner_goes()
    site.seen["lb2"]["units"]["keepalived.service"] = unit

    assert problems(site) == [NO_HEIR.format(vip="192.0.2.10")]


@pytest.mark.parametrize("seen", ["unreachable", "not asked"])
def test_a_successor_that_was_not_seen_is_none(seen: str) -> None:
    site = as_before("lb1", spare=False)
    if seen == "unreachable":
        site.seen["lb2"] = {}
    else:
        del site.seen["lb2"]

    assert NO_HEIR.format(vip="192.0.2.10") in problems(site, "lb2")


@pytest.mark.parametrize(
    ("states", "stands_by"),
    [
        ({"VI_edge": "BACKUP"}, True),
        ({"VI_edge": "MASTER"}, True),
        # It runs, and takes nothing over: its interface or what it watches is down.
        ({"VI_edge": "FAULT"}, False),
        ({"VI_edge": "INIT"}, False),
        # It runs with a configuration that does not have this instance yet.
        ({"VI_other": "BACKUP"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_successor_takes_part_in_the_election(states: dict[str, str] | None, stands_by: bool) -> None:
    site = owner_goes()
    site.seen["lb2"]["keepalived"]["json"] = None if states is None else states_json(states)

    if stands_by:
        assert work(site)["retire"] == ["lb1"]
    else:
        assert problems(site) == [NO_HEIR.format(vip="192.0.2.10")]


def test_a_standby_may_go_whoever_runs() -> None:
    site = as_before("lb2", spare=False)

    assert work(site)["retire"] == ["lb2"]


def split(*gone: str) -> Case:
    """Two instances, each with a VIP: lb1 is preferred for the first one, lb3 for the second one."""
    case = retired(*gone)
    case.service["vips"] = ["192.0.2.10", "192.0.2.20"]
    preferred = {"even": ["lb1", "lb2", "lb3"], "odd": ["lb3", "lb1", "lb2"]}
    case.document["failover"]["instances"] = [
        {"name": name, "directors": [host for host in hosts if host not in gone]}
        for name, hosts in preferred.items()
    ]
    case.document["failover"]["instances"][1]["vips"] = ["192.0.2.20"]
    return case


@pytest.mark.parametrize(
    ("lb2", "lb3", "left"),
    [
        ("BACKUP BACKUP", "BACKUP MASTER", None),
        # One instance's heir may be another than the next one's.
        ("BACKUP FAULT", "FAULT BACKUP", None),
        # Who stands by for one instance is no heir of another one.
        ("FAULT BACKUP", "FAULT BACKUP", "192.0.2.10"),
        # lb1 does not own what the second instance moves.
        ("BACKUP FAULT", "BACKUP FAULT", None),
    ],
)
def test_each_instance_has_a_successor_of_its_own(lb2: str, lb3: str, left: str | None) -> None:
    before = Site(split().plan())
    site = Site(split("lb1").plan())
    site.seen |= before.seen
    labels = [one["label"] for one in site.plan["clusters"]["edge"]["instances"]]
    for host, states in (("lb2", lb2), ("lb3", lb3)):
        told = json.loads(site.seen[host]["keepalived"]["json"])
        numbers = json.loads(states_json(dict(zip(labels, states.split(), strict=True))))
        site.seen[host]["keepalived"]["json"] = json.dumps(
            [{"data": old["data"] | new["data"]} for old, new in zip(told, numbers, strict=True)]
        )

    if left is None:
        assert work(site)["retire"] == ["lb1"]
    else:
        assert problems(site) == [NO_HEIR.format(vip=left)]


# Retired hosts that nobody looked at.


def unseen(away: str, gone: str = "web3") -> Site:
    """A host is retired that is unreachable, or that --limit leaves out; all others are as planned."""
    site = Site(retired(gone, spare=False).plan())
    if away == "unreachable":
        site.seen[gone] = {}
    else:
        del site.seen[gone]
    return site


@pytest.mark.parametrize("away", ["unreachable", "not asked"])
def test_a_retired_host_that_was_not_seen_keeps_directors_from_forgetting_it(away: str) -> None:
    site = unseen(away)
    site.seen["lb2"]["files"][KEEPALIVED_CONF]["sha256"] = "0" * 64

    assert problems(site) == problems(site, "lb1") == [FORGOTTEN]
    assert work(site, "web3")["directors"] == ["lb2"]


@pytest.mark.parametrize("away", ["unreachable", "not asked"])
@pytest.mark.parametrize("what", ["nothing", "a real server", "no file of a director's"])
def test_it_forbids_nothing_that_leaves_the_directors_as_they_are(away: str, what: str) -> None:
    site = unseen(away)
    if what == "a real server":
        changed(site, "web1")
    elif what == "no file of a director's":
        site.seen["lb1"]["units"]["keepalived.service"]["UnitFileState"] = "disabled"

    found = work(site)

    expected: dict[str, Any] = {"nothing": [], "a real server": ["web1"], "no file of a director's": ["lb1"]}
    assert list(found["hosts"]) == expected[what]


def test_a_host_that_stays_a_real_server_may_be_away() -> None:
    site = Site()
    site.seen["web3"] = {}
    changed(site, "lb1")

    assert work(site)["directors"] == ["lb1"]


def test_in_a_teardown_nobody_is_left_that_could_forget_it() -> None:
    plan = retired("web3", spare=False).plan()
    before = Site(plan)
    site = Site(tear_down(plan, ["edge"]))
    site.seen = {host: before.seen[host] for host in site.plan["hosts"]} | {"web3": {}}

    assert work(site)["retire"] == ["lb2", "lb1"]


@pytest.mark.parametrize(
    ("own", "concerned"),
    [
        (["192.0.2.23"], True),
        # By whatever network of the cluster: its election may have been there.
        (["198.51.100.23"], True),
        ([], True),
        (["203.0.113.23"], False),
    ],
)
def test_a_retired_host_concerns_the_clusters_on_whose_networks_it_is(
    own: list[str], concerned: bool
) -> None:
    case = retired("web3")
    case.hostvars["web3"]["lvs_addresses"] = own
    site = Site(case.plan())
    del site.seen["web3"]
    changed(site, "lb1")

    if concerned:
        assert problems(site) == [FORGOTTEN]
    else:
        assert work(site)["directors"] == ["lb1"]


def test_a_cluster_that_does_not_change_does_not_ask_for_retired_hosts_of_its_networks() -> None:
    case = retired("web3")
    case.hostvars["web3"]["lvs_addresses"] = ["203.0.113.23"]
    other = case.add_cluster("two", 3)
    other["networks"] = {
        "front": {"interface": "eth0", "subnets": ["192.0.2.0/24"]},
        "sync": {"interface": "eth1", "subnets": ["198.51.100.0/24"]},
        "far": {"interface": "eth0", "subnets": ["203.0.113.0/24"]},
    }
    site = Site(case.plan())
    del site.seen["web3"]

    changed(site, "lb1")
    assert work(site)["directors"] == ["lb1"]
    changed(site, "two-lb1")
    assert problems(site) == [FORGOTTEN]
