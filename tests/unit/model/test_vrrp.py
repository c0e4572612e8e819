"""VRRP priorities, router ids and times (RFC 5798)."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lvs_model.vrrp import (
    LEAST_GAP,
    crash_takeover_s,
    orderly_takeover_s,
    priorities,
    router_ids,
    skew_s,
)

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


@given(segments=CLUSTERS)
def test_router_ids_stay_when_clusters_come_and_go_without_a_collision(segments: dict[str, str]) -> None:
    first_choices = {(segment, crc32(name.encode()) % 255) for name, segment in segments.items()}
    assume(len(first_choices) == len(segments))

    together = router_ids({name: (segment, None) for name, segment in segments.items()})

    for name, segment in segments.items():
        assert router_ids({name: (segment, None)}) == {name: together[name]}


def test_of_two_names_that_collide_the_first_keeps_its_router_id() -> None:
    names = [f"c{number}" for number in range(400)]
    by_choice: dict[int, str] = {}
    for second in names:
        first = by_choice.setdefault(crc32(second.encode()) % 255, second)
        if first != second:
            break
    early, late = sorted([first, second])
    alone = router_ids({early: ("s", None)})[early]

    ids = router_ids({late: ("s", None), early: ("s", None)})

    assert ids == {early: alone, late: alone % 255 + 1}


def test_a_full_segment_has_no_further_router_id() -> None:
    wanted: dict[str, tuple[str, int | None]] = {f"c{number}": ("full", None) for number in range(255)}
    assert sorted(router_ids(wanted).values()) == list(range(1, 256))

    with pytest.raises(ValueError, match=r"^segment full has no free virtual router id for cluster late$"):
        router_ids({**wanted, "late": ("full", None)})


@pytest.mark.parametrize(
    ("advert_interval", "priority", "skew", "crash"),
    [
        # Each figure was measured with keepalived too.
        (1.0, 100, 0.609375, (2.609375, 3.609375)),
        (0.1, 254, 0.00078125, (0.20078125, 0.30078125)),
        (0.25, 150, 0.103515625, (0.603515625, 0.853515625)),
    ],
)
def test_takeover_times(
    advert_interval: float, priority: int, skew: float, crash: tuple[float, float]
) -> None:
    assert skew_s(advert_interval, priority) == pytest.approx(skew)
    assert orderly_takeover_s(advert_interval, priority) == pytest.approx(skew)
    assert crash_takeover_s(advert_interval, priority) == pytest.approx(crash)


@given(interval=st.floats(0.01, 40.95), low=st.integers(1, 253), data=st.data())
def test_a_higher_priority_takes_over_sooner(interval: float, low: int, data: st.DataObject) -> None:
    high = data.draw(st.integers(low + 1, 254))
    soonest, latest = crash_takeover_s(interval, high)

    assert soonest < crash_takeover_s(interval, low)[0]
    assert latest - soonest == pytest.approx(interval)
    assert orderly_takeover_s(interval, high) < soonest
