"""A plan turned around for a teardown, and what it makes of hosts as they are."""

from __future__ import annotations

import pytest

from lvs_model.problems import ModelError
from lvs_model.teardown import tear_down

from .builders import Site
from .compared import KEEPALIVED_CONF, NETWORK_CONF, TOOL, problems, stops, work


def torn_down() -> Site:
    """A site as it was deployed, with lb1 the owner, under the plan of its teardown."""
    site = Site()
    managed = {host: [file["path"] for file in one["files"]] for host, one in site.plan["hosts"].items()}
    for host, seen in site.seen.items():
        seen["managed"] = sorted(managed[host])
    site.plan = tear_down(site.plan, ["edge"])
    return site


def test_every_host_gives_up_all_its_files_the_owner_of_the_vips_last() -> None:
    site = torn_down()

    found = work(site)

    assert found["retire"] == ["lb2", "lb1"]
    assert set(found["contract"]) == set(site.seen), "real servers too: nobody forwards to them any more"
    assert (found["directors"], found["expand"]) == ([], [])
    assert KEEPALIVED_CONF in [file["path"] for file in found["hosts"]["lb1"]["remove"]]
    assert {NETWORK_CONF, TOOL} <= {file["path"] for file in found["hosts"]["web1"]["remove"]}


def test_keepalived_stops_first_and_the_network_items_go_last() -> None:
    argv = stops(work(torn_down())["hosts"]["lb1"])

    assert argv[0] == "systemctl disable --now keepalived.service"
    assert argv[-1] == f"{TOOL} remove"


def test_a_host_that_holds_nothing_more_needs_nothing() -> None:
    site = torn_down()
    for seen in site.seen.values():
        seen.update(managed=[], network=None)

    assert work(site)["hosts"] == {}


def test_an_unreachable_director_would_go_on_and_is_accepted_by_name_only() -> None:
    site = torn_down()
    site.seen["lb1"] = {}

    assert [text.split(":")[0] for text in problems(site)] == ["host lb1"]
    assert "lb1" not in work(site, "lb1")["hosts"]


def test_real_servers_are_cleaned_when_no_director_is_left() -> None:
    site = torn_down()
    site.seen.update(lb1={}, lb2={})

    assert "web1" in work(site, "lb1", "lb2")["contract"]


def test_unreachable_real_servers_are_skipped_whatever_their_minimum() -> None:
    site = torn_down()
    site.seen.update(web1={}, web2={})

    assert "note: web1 is unreachable and was skipped" in work(site)["summary"]


NOT_NAMED = "which cluster shall be torn down is not said: name it: -e lvs_teardown=NAME, of edge"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], f"lvs_teardown: {NOT_NAMED}"),
        (["edge", "egde"], "lvs_teardown: there is no cluster 'egde': use one of edge"),
    ],
)
def test_a_cluster_must_be_named(names: list[str], said: str) -> None:
    with pytest.raises(ModelError) as error:
        tear_down(Site().plan, names)
    assert [str(problem) for problem in error.value.problems] == [said]
