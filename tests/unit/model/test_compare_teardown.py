"""Whole clusters that shall go: their plan turned around, and in which order their hosts are cleaned."""

from __future__ import annotations

import pytest

from lvs_model.problems import ModelError
from lvs_model.teardown import tear_down

from .builders import Case, Plan, Site
from .compared import work


def two_clusters() -> Plan:
    case = Case()
    case.add_cluster("two", 3)
    case.add_host("old1", "retired", lvs_addresses=["192.0.2.99"])
    return case.plan()


def test_a_torn_down_cluster_leaves_nothing_on_its_hosts_and_others_alone() -> None:
    plan = tear_down(two_clusters(), ["two"])

    assert list(plan["clusters"]) == ["two"]
    assert plan["clusters"]["two"]["teardown"] is True
    assert sorted(plan["hosts"]) == ["old1", "two-lb1", "two-lb2", "two-web1"]
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

    assert work(torn)["unreachable"] == ["web1", "web2", "web3"]


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
