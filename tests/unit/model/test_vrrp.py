"""VRRP priorities and router ids (RFC 5798)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lvs_model.refused import RefusedError
from lvs_model.vrrp import LEAST_GAP, given_twice, least_gap, priorities, router_ids, skew_s

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
DIRECTORS = st.lists(NAMES, min_size=1, max_size=39, unique=True)


@pytest.mark.parametrize(
    ("directors", "given_ones", "expected"),
    [
        (["a"], {}, {"a": 200}),
        (["a", "b"], {}, {"a": 200, "b": 150}),
        (["a", "b", "c"], {}, {"a": 200, "b": 150, "c": 100}),
        (["a", "b", "c", "d"], {}, {"a": 200, "b": 150, "c": 100, "d": 50}),
        (["a", "b", "c", "d", "e"], {}, {"a": 200, "b": 153, "c": 106, "d": 59, "e": 12}),
        (["a", "b"], {"b": 254}, {"a": 200, "b": 254}),
        (["a", "b"], {"a": 10, "b": 20}, {"a": 10, "b": 20}),
    ],
)
def test_priorities(directors: list[str], given_ones: dict[str, int], expected: dict[str, int]) -> None:
    assert priorities(directors, given_ones) == expected


@given(directors=DIRECTORS)
def test_priorities_fall_in_the_order_of_preference(directors: list[str]) -> None:
    found = priorities(directors, {})

    assert list(found) == directors
    values = list(found.values())
    assert values == sorted(set(values), reverse=True)
    assert 1 <= values[-1] <= values[0] <= 254


@given(data=st.data(), directors=st.lists(NAMES, min_size=1, max_size=8, unique=True))
def test_given_priorities_are_kept_and_none_is_too_close_to_another(
    data: st.DataObject, directors: list[str]
) -> None:
    kept = data.draw(st.lists(st.sampled_from(directors), unique=True))
    given_ones = {name: data.draw(st.integers(1, 254)) for name in kept}
    unforced = priorities(directors, {})

    try:
        found = priorities(directors, given_ones)
    except ValueError:
        values = sorted((unforced | given_ones).values())
        assert any(high - low < LEAST_GAP for low, high in pairwise(values))
        return

    assert found == unforced | given_ones
    values = sorted(found.values())
    assert all(high - low >= LEAST_GAP for low, high in pairwise(values))
    assert 1 <= values[0] <= values[-1] <= 254


@pytest.mark.parametrize(
    ("given_ones", "says"),
    [
        ({"a": 150}, "a has priority 150 and b 150"),
        ({"b": 196}, "a has priority 200 and b 196"),
        ({"b": 204}, "b has priority 204 and a 200"),
        ({"a": 1, "b": 1}, "a has priority 1 and b 1"),
    ],
)
def test_priorities_that_drown_in_jitter_are_refused(given_ones: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match="less than 5 apart: which one takes over") as error:
        priorities(["a", "b"], given_ones)

    assert str(error.value).startswith(f"{says}, less than 5 apart")


def test_a_gap_of_the_least_size_is_enough() -> None:
    assert priorities(["a", "b"], {"b": 200 - LEAST_GAP}) == {"a": 200, "b": 195}


@given(directors=st.lists(NAMES, min_size=2, max_size=4, unique=True))
def test_priorities_of_up_to_three_stay_when_one_is_appended(directors: list[str]) -> None:
    *former, _ = directors

    before, after = priorities(former, {}), priorities(directors, {})

    assert {name: after[name] for name in former} == before


@pytest.mark.parametrize(
    ("advert_interval", "jitter_s", "version", "gap"),
    [
        (1.0, 0.004, 3, 5),  # one point is 3.9 ms
        (0.25, 0.004, 3, 5),  # … 1 ms
        (0.1, 0.004, 3, 11),
        (0.01, 0.004, 3, 103),
        (1.0, 0.1, 3, 26),
        (1, 0.1, 2, 26),
        (3, 0.1, 2, 26),  # version 2: of a second, whatever the interval
        (3, 0.1, 3, 9),
        (1.0, 0, 3, 5),
    ],
)
def test_the_gap_is_more_than_the_jitter(
    advert_interval: float, jitter_s: float, version: int, gap: int
) -> None:
    assert least_gap(advert_interval, jitter_s, version) == gap
    apart = skew_s(advert_interval, 100, version=version) - skew_s(
        advert_interval, 100 + gap, version=version
    )
    assert apart > jitter_s


@pytest.mark.parametrize(
    ("count", "options", "expected"),
    [
        # Without a weight, trackers ask for nothing.
        (2, {"trackers": [0, 0], "failback": False, "sync_group": True}, [200, 150]),
        # Room for four within 59 points, the flip itself beyond the jitter.
        (2, {"trackers": [-60]}, [200, 182]),
        (4, {"trackers": [-60]}, [200, 182, 164, 146]),
        (5, {"trackers": [-60]}, [200, 187, 174, 161, 148]),
        (2, {"trackers": [60]}, [194, 176]),
        (1, {"trackers": [-1]}, [200]),
        (2, {"trackers": [-6]}, [200, 195]),
        # The lowest keeps 1 when all fail.
        (2, {"trackers": [-120, -120]}, [246, 241]),
        (2, {"advert_interval": 0.01}, [200, 97]),
    ],
)
def test_priorities_for_trackers_and_intervals(
    count: int, options: dict[str, Any], expected: list[int]
) -> None:
    assert list(priorities([f"d{place}" for place in range(count)], {}, **options).values()) == expected


@pytest.mark.parametrize(
    ("given_ones", "options", "what", "remedy"),
    [
        (
            {"a": 150, "b": 100},
            {"trackers": [-40]},
            "a tracker has weight -40, and a has priority 150 and b 100: its failure would never "
            "move the VIPs that far",
            "use a weight beyond 50, or 0, or priorities closer to each other",
        ),
        (
            {"a": 150, "b": 100},
            {"trackers": [-60, 50]},
            "a tracker has weight 50, and a has priority 150 and b 100: its failure would never "
            "move the VIPs that far",
            "use a weight beyond 50, or 0, or priorities closer to each other",
        ),
        (
            {"a": 110, "b": 60},
            {"trackers": [-60]},
            "b has priority 60, and all its trackers failed take 60: below 1 it is cut off",
            "use smaller weights, or 0, or higher priorities",
        ),
        (
            {"a": 195, "b": 150},
            {"trackers": [60]},
            "a has priority 195, and all its trackers good add 60: above 254 it is cut off",
            "use smaller weights, or 0, or lower priorities",
        ),
        (
            {},
            {"trackers": [0, -60], "failback": False},
            "a tracker has weight -60, and without failback (nopreempt) no backup takes the VIPs from "
            "a living master",
            "use weight 0, or failback",
        ),
        (
            {},
            {"trackers": [60], "sync_group": True},
            "a tracker has weight 60, and keepalived drops weights of a sync group's members",
            "use weight 0",
        ),
        (
            {},
            {"trackers": [-5]},
            "a tracker has weight -5, and 2 directors 5 points apart are spread over 5: its failure "
            "would never move the VIPs",
            "use a weight beyond 5, or 0",
        ),
        (
            {},
            {"trackers": [-125, -125]},
            "the trackers' weights move a priority by 250, and 2 directors 5 points apart do not fit into "
            "what they leave of 1 to 254",
            "use smaller weights, or 0",
        ),
        (
            {},
            {"advert_interval": 0.01, "jitter_s": 0.01},
            "2 directors 257 points apart do not fit into 1 to 254",
            "use fewer directors, or a longer advert interval",
        ),
        (
            {"a": 200, "b": 190},
            {"advert_interval": 0.1},
            "a has priority 200 and b 190, less than 11 apart: which one takes over would be left to chance",
            "give all of them a priority, further apart, or none",
        ),
        (
            {"a": 255},
            {},
            "a has priority 255",
            "use a whole number from 1 to 254 (255 never gives way, whatever fails)",
        ),
        ({"c": 10}, {}, "c has a priority and is no director", "add it, or mend its spelling"),
        ({}, {"trackers": [-254]}, "a tracker has weight -254", "use a whole number from -253 to 253"),
        ({}, {"jitter_s": -1}, "-1 is no jitter of timers", "give seconds, such as 0.004"),
        ({}, {"version": 4}, "there is no VRRP version 4", "use 2 or 3"),
        (
            {},
            {"version": 2, "advert_interval": 0.5},
            "version 2 has no advert interval of 0.5 s",
            "use 1 to 255 whole seconds, or version 3",
        ),
    ],
)
def test_what_no_priorities_can_keep_is_refused_with_a_remedy(
    given_ones: dict[str, int], options: dict[str, Any], what: str, remedy: str
) -> None:
    with pytest.raises(RefusedError) as error:
        priorities(["a", "b"], given_ones, **options)

    assert (str(error.value), error.value.remedy) == (what, remedy)


def test_a_director_named_twice_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"^a is there twice$"):
        priorities(["a", "b", "a"], {})


@given(weights=st.lists(st.integers(-253, 253), max_size=2))
def test_priorities_of_up_to_three_stay_with_trackers_too(weights: list[int]) -> None:
    names = ["a", "b", "c", "d"]
    try:
        largest = priorities(names, {}, trackers=weights)
    except RefusedError:
        assume(False)
    assume(largest["a"] - largest["b"] > LEAST_GAP)  # a step that is not just the least one

    for count in (1, 2, 3):
        smaller = priorities(names[:count], {}, trackers=weights)
        assert smaller == {name: largest[name] for name in names[:count]}


SEGMENTS = st.sampled_from(["dc1-v120", "dc1-v121"])
CLUSTERS = st.dictionaries(NAMES, SEGMENTS, min_size=1, max_size=30)


def _unique_per_segment(wanted: dict[str, tuple[str, int | None]], ids: dict[str, int]) -> bool:
    places = [(wanted[cluster][0], ids[cluster]) for cluster in wanted]
    return len(set(places)) == len(places)


@given(segments=CLUSTERS, data=st.data())
def test_router_ids_are_unique_on_each_segment_and_given_ones_are_kept(
    segments: dict[str, str], data: st.DataObject
) -> None:
    wanted: dict[str, tuple[str, int | None]] = dict.fromkeys(segments, ("", None))
    for cluster, segment in segments.items():
        wanted[cluster] = (segment, data.draw(st.none() | st.integers(1, 255)))
    fixed = {name: number for name, (_, number) in wanted.items() if number is not None}
    assume(_unique_per_segment({name: wanted[name] for name in fixed}, fixed))

    ids = router_ids(wanted)

    assert ids.keys() == wanted.keys()
    assert all(1 <= number <= 255 for number in ids.values())
    assert _unique_per_segment(wanted, ids)
    assert {name: ids[name] for name in fixed} == fixed


def _first_choice(name: str) -> int:
    return crc32(name.encode()) % 255 + 1


# Few names of few first choices, so that real collisions are frequent.
_COLLIDING = [name for name in map("c{}".format, range(2000)) if _first_choice(name) in {1, 2, 3, 254, 255}]
SCOPES = st.sampled_from([("dc1-v120", "ipv4"), ("dc1-v120", "ipv6"), ("dc1-v121", "ipv4")])
INSTANCES = st.dictionaries(NAMES | st.sampled_from(_COLLIDING), SCOPES, min_size=1, max_size=30)


@given(scopes=INSTANCES, data=st.data())
def test_a_router_id_stays_whoever_comes_and_goes_unless_a_first_choice_collides(
    scopes: dict[str, tuple[str, str]], data: st.DataObject
) -> None:
    """The promise of router_ids' docstring, word for word."""
    fixed = {
        name: data.draw(st.integers(1, 255))
        for name in data.draw(st.lists(st.sampled_from(sorted(scopes)), unique=True, max_size=3))
    }
    wanted = {name: (scope, fixed.get(name)) for name, scope in scopes.items()}
    assume(not given_twice(wanted))

    ids = router_ids(wanted)

    assert len({(scopes[name], ids[name]) for name in ids}) == len(ids)
    for name in scopes.keys() - fixed.keys():
        others = [other for other in scopes if other != name and scopes[other] == scopes[name]]
        first = _first_choice(name)
        loses = any(
            fixed[other] == first if other in fixed else other < name and _first_choice(other) == first
            for other in others
        )
        if not loses:
            assert ids[name] == first == router_ids({name: (scopes[name], None)})[name]
        else:
            avoided = {ids[other] for other in others if other in fixed}
            avoided |= {_first_choice(other) for other in others if other not in fixed}
            assert ids[name] not in avoided


@given(scopes=INSTANCES, data=st.data())
def test_router_ids_do_not_depend_on_the_order_or_on_other_scopes(
    scopes: dict[str, tuple[str, str]], data: st.DataObject
) -> None:
    wanted: dict[str, tuple[tuple[str, str], int | None]] = {
        name: (scope, None) for name, scope in scopes.items()
    }
    ids = router_ids(wanted)

    shuffled = {name: wanted[name] for name in data.draw(st.permutations(sorted(wanted)))}
    assert router_ids(shuffled) == ids
    scope = data.draw(st.sampled_from(sorted(set(scopes.values()))))
    alone = {name: one for name, one in wanted.items() if one[0] == scope}
    assert router_ids(alone) == {name: ids[name] for name in alone}


def test_of_two_names_that_collide_the_first_keeps_its_router_id() -> None:
    early, late, *_ = sorted(name for name in _COLLIDING if _first_choice(name) == 255)

    assert router_ids({late: ("s", None), early: ("s", None)}) == {early: 255, late: 1}
    # The one that lost makes nobody else lose: not even the one whose first choice comes next.
    innocent = max(name for name in _COLLIDING if _first_choice(name) == 1)
    assert router_ids({late: ("s", None), early: ("s", None), innocent: ("s", None)}) == {
        early: 255,
        late: 2,
        innocent: 1,
    }


def test_two_equal_given_ids_of_a_scope_are_found() -> None:
    v4, v6 = ("dc1-v120", "ipv4"), ("dc1-v120", "ipv6")

    assert given_twice({"a": (v4, 51), "b": (v6, 51), "c": (v4, None), "d": (v4, 51), "e": (v4, 51)}) == [
        ("a", "d"),
        ("a", "e"),
    ]


def test_a_full_segment_has_no_further_router_id() -> None:
    wanted: dict[str, tuple[str, int | None]] = {f"c{number}": ("full", None) for number in range(255)}
    assert sorted(router_ids(wanted).values()) == list(range(1, 256))

    with pytest.raises(ValueError, match=r"^segment full has no free virtual router id for cluster late$"):
        router_ids({**wanted, "late": ("full", None)})
    families = dict.fromkeys(wanted, (("full", "ipv4"), None))
    with pytest.raises(ValueError, match=r"^segment full has no free virtual router id for cluster late$"):
        router_ids({**families, "late": (("full", "ipv4"), None)})
    # Another family, or another segment, has ids of its own.
    assert router_ids({**families, "late": (("full", "ipv6"), None)})["late"] == _first_choice("late")
