"""VRRP takeover times (RFC 5798, RFC 3768)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs_model.refused import RefusedError
from lvs_model.timing import crash_takeover_s, orderly_takeover_s, skew_s, takeover_times


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


@pytest.mark.parametrize(
    ("advert_interval", "priority", "orderly", "crash"),
    [
        # Version 2: the skew is of a second, whatever the interval (RFC 3768, 6.1).
        (1, 100, 0.609375, (2.609375, 3.609375)),
        (2, 100, 0.609375, (4.609375, 6.609375)),
        (10, 254, 0.0078125, (20.0078125, 30.0078125)),
    ],
)
def test_takeover_times_of_version_2(
    advert_interval: float, priority: int, orderly: float, crash: tuple[float, float]
) -> None:
    assert orderly_takeover_s(advert_interval, priority, version=2) == pytest.approx(orderly)
    assert crash_takeover_s(advert_interval, priority, version=2) == pytest.approx(crash)


def test_a_backup_that_waits_for_fewer_adverts_takes_over_sooner() -> None:
    assert crash_takeover_s(1.0, 128, down_timer_adverts=2) == (1.5, 2.5)
    assert crash_takeover_s(1, 128, version=2, down_timer_adverts=1) == (0.5, 1.5)


def test_times_by_director_in_falling_priority() -> None:
    found = takeover_times({"lb2": 128, "lb1": 192}, advert_interval=0.5)

    assert list(found) == ["lb1", "lb2"]
    assert found == {
        "lb1": {
            "priority": 192,
            "skew_s": 0.125,
            "master_down_s": 1.625,
            "crash_best_s": 1.125,
            "crash_worst_s": 1.625,
            "orderly_s": 0.125,
        },
        "lb2": {
            "priority": 128,
            "skew_s": 0.25,
            "master_down_s": 1.75,
            "crash_best_s": 1.25,
            "crash_worst_s": 1.75,
            "orderly_s": 0.25,
        },
    }


def test_version_2_and_fewer_adverts_are_counted_in_all_times() -> None:
    assert takeover_times({"lb1": 192}, advert_interval=4, version=2, down_timer_adverts=2) == {
        "lb1": {
            "priority": 192,
            "skew_s": 0.25,
            "master_down_s": 8.25,
            "crash_best_s": 4.25,
            "crash_worst_s": 8.25,
            "orderly_s": 0.25,
        }
    }


@given(
    interval=st.integers(1, 4095).map(lambda hundredths: hundredths / 100),
    values=st.lists(st.integers(1, 254), min_size=1, max_size=5, unique=True),
    adverts=st.integers(1, 10),
)
def test_who_comes_first_in_priority_comes_first_in_time(
    interval: float, values: list[int], adverts: int
) -> None:
    directors = {f"d{value}": value for value in values}

    found = list(takeover_times(directors, advert_interval=interval, down_timer_adverts=adverts).values())

    for kind in ("skew_s", "master_down_s", "crash_best_s", "crash_worst_s", "orderly_s"):
        times = [times[kind] for times in found]
        assert times == sorted(set(times))
    for one in found:
        assert one["orderly_s"] <= one["crash_best_s"] < one["crash_worst_s"] == one["master_down_s"]


@pytest.mark.parametrize(
    ("priorities", "options", "what", "remedy"),
    [
        ({"a": 255}, {}, "a has priority 255, which no backup has", "use a whole number from 1 to 254"),
        ({"a": 0}, {}, "a has priority 0, which no backup has", "use a whole number from 1 to 254"),
        ({"a": "9"}, {}, "a has priority '9', which no backup has", "use a whole number from 1 to 254"),
        ({"a": True}, {}, "a has priority True, which no backup has", "use a whole number from 1 to 254"),
        (
            {},
            {"advert_interval": 0.015},
            "version 3 has no advert interval of 0.015 s",
            "use 0.01 to 40.95 seconds, in steps of 0.01",
        ),
        (
            {},
            {"advert_interval": 41},
            "version 3 has no advert interval of 41 s",
            "use 0.01 to 40.95 seconds, in steps of 0.01",
        ),
        (
            {},
            {"advert_interval": 1.5, "version": 2},
            "version 2 has no advert interval of 1.5 s",
            "use 1 to 255 whole seconds, or version 3",
        ),
        (
            {},
            {"advert_interval": "1"},
            "version 3 has no advert interval of '1' s",
            "use 0.01 to 40.95 seconds, in steps of 0.01",
        ),
        ({}, {"version": "3"}, "there is no VRRP version '3'", "use 2 or 3"),
        (
            {},
            {"down_timer_adverts": 0},
            "down_timer_adverts: 0 is not allowed",
            "use a whole number from 1 to 100",
        ),
    ],
)
def test_times_of_what_vrrp_has_not_are_refused(
    priorities: dict[str, int], options: dict[str, Any], what: str, remedy: str
) -> None:
    with pytest.raises(RefusedError) as error:
        takeover_times(priorities, **options)

    assert (str(error.value), error.value.remedy) == (what, remedy)


@given(interval=st.floats(0.01, 40.95), low=st.integers(1, 253), data=st.data())
def test_a_higher_priority_takes_over_sooner(interval: float, low: int, data: st.DataObject) -> None:
    high = data.draw(st.integers(low + 1, 254))
    soonest, latest = crash_takeover_s(interval, high)

    assert soonest < crash_takeover_s(interval, low)[0]
    assert latest - soonest == pytest.approx(interval)
    assert orderly_takeover_s(interval, high) < soonest
