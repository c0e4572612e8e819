"""Whole clusters that shall go: their plan turned around, and in which order their hosts are cleaned."""

from __future__ import annotations

import pytest

from lvs_model.problems import ModelError
from lvs_model.teardown import tear_down

from .builders import Case, Plan, Site
from .compared import problems, work


def two_clusters() -> Plan:
    case = Case()
    case.add_cluster("two", 3)
    case.add_host("old1", "retired", lvs_addresses=["192.0.2.99"])
    return case.plan()


def test_a_torn_down_cluster_leaves_nothing_on_its_hosts_and_others_alone() -> None:
    plan = tear_down(two_clusters(), ["two"])

    assert list(plan["clusters"]) == ["two"]
    assert plan["clusters"]["two"]["teardown"] is True
    assert sorted(plan["hosts"]) == ["two-lb1", "two-lb2", "two-web1"]
    assert {one["role"] for one in plan["hosts"].values()} == {"retired"}
    assert plan["probes"] == {}


def test_it_is_torn_down_owner_last_and_the_vips_go_to_nobody() -> None:
    plan = two_clusters()
    site = Site(plan)
    torn = Site(tear_down(plan, ["edge"]))
    torn.seen = {host: site.seen[host] for host in torn.plan["hosts"]}

    found = work(torn)

    assert found["retire"] == ["lb2", "lb1"]
    assert found["contract"] == ["lb1", "lb2", "web1", "web2", "web3"]
    assert found["expand"] == found["directors"] == []


def test_real_servers_that_are_away_do_not_keep_a_cluster_from_being_torn_down() -> None:
    plan = two_clusters()
    site = Site(plan)
    torn = Site(tear_down(plan, ["edge"]))
    torn.seen = {host: site.seen[host] for host in torn.plan["hosts"]} | {"web1": {}, "web2": {}, "web3": {}}

    assert work(torn)["unreachable"] == work(torn)["skipped"] == ["web1", "web2", "web3"]


def torn_down(*names: str) -> Site:
    """Clusters that shall go, and all of their hosts as they were."""
    plan = two_clusters()
    before = Site(plan)
    torn = Site(tear_down(plan, list(names)))
    torn.seen = {host: before.seen[host] for host in torn.plan["hosts"]}
    return torn


@pytest.mark.parametrize(("names", "there"), [(["edge"], False), (["two"], False), (["two", "edge"], True)])
def test_a_retired_host_goes_with_the_last_cluster(names: list[str], there: bool) -> None:
    """Whose directors may still forward to it is not known, and others' are not looked at."""
    assert ("old1" in tear_down(two_clusters(), names)["hosts"]) is there


@pytest.mark.parametrize(
    ("names", "host", "forwarders"),
    [
        (["edge"], "web1", ["lb1", "lb2"]),
        (["edge"], "lb2", ["lb1", "lb2"]),
        (["edge", "two"], "two-web1", ["two-lb1", "two-lb2"]),
        # Whose real server it was is not known any more.
        (["edge", "two"], "old1", ["lb1", "lb2", "two-lb1", "two-lb2"]),
    ],
)
def test_each_host_knows_who_may_forward_to_it(names: list[str], host: str, forwarders: list[str]) -> None:
    assert tear_down(two_clusters(), names)["hosts"][host]["forwarders"] == forwarders


def test_nothing_is_contracted_while_a_director_was_not_seen() -> None:
    """It forwards on: a real server that has let go of its VIP would refuse what it is sent."""
    torn = torn_down("edge", "two")
    del torn.seen["lb2"]

    assert work(torn)["contract"] == ["two-lb1", "two-lb2", "two-web1"]


def test_an_unreachable_director_stops_a_teardown_until_it_is_accepted_by_name() -> None:
    torn = torn_down("edge")
    torn.seen["lb2"] = {}

    assert [text.split(":")[0] for text in problems(torn)] == ["host lb2"]
    assert [text.split(":")[0] for text in problems(torn, "web1")] == ["host lb2"]
    assert work(torn, "lb2")["contract"] == ["lb1", "web1", "web2", "web3"]


def test_directors_that_were_not_asked_are_given_up_by_name_one_by_one() -> None:
    torn = torn_down("edge")
    del torn.seen["lb1"], torn.seen["lb2"]

    assert work(torn)["contract"] == work(torn, "lb2")["contract"] == []
    assert work(torn, "lb1", "lb2")["contract"] == ["web1", "web2", "web3"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (
            [],
            "lvs_teardown: which cluster shall be torn down is not said: name it: -e lvs_teardown=NAME, of "
            "edge, two",
        ),
        (["thre"], "lvs_teardown: there is no cluster 'thre': use one of edge, two"),
        (["edge", "thre"], "lvs_teardown: there is no cluster 'thre': use one of edge, two"),
    ],
)
def test_what_is_torn_down_is_named(names: list[str], problem: str) -> None:
    with pytest.raises(ModelError) as error:
        tear_down(two_clusters(), names)

    assert [str(one) for one in error.value.problems] == [problem]
