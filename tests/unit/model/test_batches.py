"""Real servers in batches: no pool is taken below what it needs, and what a batch has broken is seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs_model.batches import MOST, Pool, batches, lost

from .builders import Case, Site
from .compared import KEY, changed, problems, work
from .pretended import checker_dump


@pytest.mark.parametrize(
    ("hosts", "found", "made"),
    [
        pytest.param("abc", [], ["abc"], id="nothing serves yet"),
        pytest.param("abc", [Pool(1, 1, {"a": 1, "b": 1, "c": 1})], ["ab", "c"], id="one stays"),
        pytest.param("abc", [Pool(1, 2, {"a": 1, "b": 1, "c": 1})], ["a", "b", "c"], id="two stay"),
        pytest.param("abcd", [Pool(6, 1, {"a": 5, "b": 5, "c": 1, "d": 1})], ["ac", "bd"], id="quorum"),
        pytest.param("ab", [Pool(1, 2, {"a": 1, "b": 1})], ["a", "b"], id="nothing to spare: one at a time"),
        pytest.param("a", [Pool(1, 1, {"a": 1})], ["a"], id="a pool of one"),
        pytest.param("abx", [Pool(1, 1, {"a": 1, "b": 1})], ["ax", "b"], id="x gets no requests"),
        pytest.param(
            "abcd",
            [Pool(1, 1, {"a": 1, "b": 1}), Pool(1, 1, {"b": 1, "c": 1, "d": 1})],
            ["acd", "b"],
            id="servers of two pools",
        ),
    ],
)
def test_batches(hosts: str, found: list[Pool], made: list[str]) -> None:
    assert ["".join(batch) for batch in batches(list(hosts), found)] == made


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(1, 30),
)
def test_every_host_comes_once_and_a_pool_that_can_spare_something_keeps_what_it_needs(
    weights: list[int], least: int, quorum: int
) -> None:
    pool = Pool(quorum, least, {f"w{n}": weight for n, weight in enumerate(weights)})
    made = batches(list(pool.weights), [pool])
    assert sorted(host for batch in made for host in batch) == sorted(pool.weights)
    assert all(0 < len(batch) <= MOST for batch in made)
    for batch in made:
        left = [weight for host, weight in pool.weights.items() if host not in batch]
        assert (len(left) >= least and sum(left) >= quorum) or len(batch) == 1


# From what is observed.


def site(*dead: str, **service: Any) -> Site:  # noqa: ANN401
    """All real servers differ; the checks of lb1 find some dead."""
    case = Case()
    case.service.update(service)
    found = Site(case.plan())
    changed(found, "web1", "web2", "web3")
    servers = found.plan["hosts"]["lb1"]["ipvs"][KEY]["servers"]
    states = {name: (name.split(":")[0][-1] not in dead, True) for name in servers}
    found.seen["lb1"]["keepalived"]["data"] = checker_dump({KEY: states})
    return found


@pytest.mark.parametrize(
    ("one", "expand", "sizes"),
    [
        (site(), ["web1", "web2", "web3"], [2, 1]),
        (site(min_servers=2), ["web1", "web2", "web3"], [1, 1, 1]),
        # web1 is dead: it takes nothing away.
        (site("1"), ["web1", "web2", "web3"], [2, 1]),
        (site("1", min_servers=2), ["web1", "web2", "web3"], [1, 1, 1]),
        (site(quorum=4), ["web2", "web3", "web1"], [1, 1, 1]),
    ],
)
def test_the_checks_of_any_director_say_what_serves(one: Site, expand: list[str], sizes: list[int]) -> None:
    found = work(one)
    assert (found["expand"], found["batches"]) == (expand, sizes)
    assert found["watchers"] == ["lb1"]
    assert found["batch_s"] > 0


def test_on_a_first_deployment_nothing_serves_and_nobody_waits() -> None:
    one = site()
    for host in ("lb1", "lb2"):
        one.seen[host]["keepalived"]["data"] = None
        one.seen[host]["units"]["keepalived.service"]["ActiveState"] = "inactive"

    found = work(one)
    assert (found["batches"], found["watchers"], found["batch_s"], found["serving"]) == ([3], [], 0, [])


def test_where_no_director_tells_all_real_servers_are_taken_to_serve() -> None:
    one = site()
    for host in ("lb1", "lb2"):
        one.seen[host]["keepalived"]["data"] = None

    found = work(one)
    assert (found["batches"], found["serving"]) == ([2, 1], ["web1", "web2", "web3"])


def test_real_servers_do_not_change_unseen_by_any_director() -> None:
    """--limit on them: nobody would watch, and no director is there to hold the lock."""
    one = site()
    for host in ("lb1", "lb2"):
        del one.seen[host]

    assert problems(one) == [
        "cluster edge: its real servers would change (web1, web2, web3), and none of its directors was "
        "looked at, which tell what still serves and hold the lock: leave out --limit, or let "
        "it name the directors too"
    ]


def test_one_batch_is_not_waited_for() -> None:
    one = Site()
    changed(one, "web1")

    found = work(one)
    assert (found["batches"], found["serving"], found["watchers"]) == ([1], ["web1"], [])


def test_what_a_batch_has_broken_is_told_and_what_was_dead_before_is_not() -> None:
    one = site("3")
    done = work(one)
    after = site("1", "3").seen["lb1"]

    assert lost(one.plan, done, ["web1", "web3"], {"lb1": after}) == [
        f"web1: the checks of lb1 find it dead for {KEY} since its change"
    ]
    assert lost(one.plan, done, ["web2"], {"lb1": after}) == []
    assert lost(one.plan, done, ["web1"], {"lb1": {}}) == ["lb1 could not be asked whether these still serve"]
