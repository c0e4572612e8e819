"""Weights from capacities: the smallest that keep the proportions, or a refusal that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import count, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lvs_model.refused import RefusedError
from lvs_model.weights import (
    TABLE_PLACES,
    computed_weights,
    expected_shares,
    given_weights,
    pool_weights,
    scheduler_uses_weights,
)

POSITIVE = st.integers(1, 10**6) | st.decimals("0.01", "999", places=2).map(float)
CAPACITIES = st.dictionaries(st.text("abcdefghij", min_size=1, max_size=3), POSITIVE, min_size=1, max_size=8)
ERRORS = st.sampled_from([0.01, 0.05, 0.2, 0.5])


@pytest.mark.parametrize(
    ("capacities", "options", "weights"),
    [
        ({"a": 8, "b": 4, "c": 4}, {}, {"a": 2, "b": 1, "c": 1}),
        ({"a": 7, "b": 7}, {}, {"a": 1, "b": 1}),
        ({"a": 5}, {}, {"a": 1}),
        # 10 : 3.3 is 3.03 : 1, one percent from 3 : 1; without an error it is 100 : 33.
        ({"a": 10, "b": 3.3}, {}, {"a": 3, "b": 1}),
        ({"a": 10, "b": 3.3}, {"error": 0}, {"a": 100, "b": 33}),
        # 0.1 and 0.2 are meant as they are written, not as binary fractions.
        ({"a": 0.1, "b": 0.2, "c": 0.3}, {"error": 0}, {"a": 1, "b": 2, "c": 3}),
        ({"a": 64, "b": 63}, {}, {"a": 1, "b": 1}),
        ({"a": 8, "b": 4, "c": 4}, {"drained": ["a"]}, {"a": 0, "b": 1, "c": 1}),
        ({"a": 8, "b": 4}, {"drained": ["c"]}, {"a": 2, "b": 1, "c": 0}),
        ({"a": 8}, {"drained": ["a"]}, {"a": 0}),
        ({}, {}, {}),
        ({"a": 2, "b": 2}, {"scheduler": "rr"}, {"a": 1, "b": 1}),
        ({"a": 255, "b": 1}, {"scheduler": "sh", "error": 0}, {"a": 255, "b": 1}),
    ],
)
def test_weights_from_capacities(
    capacities: dict[str, float], options: dict[str, object], weights: dict[str, int]
) -> None:
    assert computed_weights(capacities, **options) == weights  # type: ignore[arg-type]


def keeps(weights: dict[str, int], capacities: dict[str, float], error: float) -> bool:
    """The definition in computed_weights' docstring, word for word."""
    exact = {name: Fraction(str(value)) for name, value in capacities.items()}
    whole, total = sum(exact.values()), sum(weights.values())
    bound = Fraction(str(error))
    return _in_order(weights, exact) and all(
        abs(Fraction(weights[name], total) - value / whole) <= bound * value / whole
        for name, value in exact.items()
    )


def _in_order(weights: dict[str, int], exact: dict[str, Fraction]) -> bool:
    rising = sorted(exact, key=lambda name: (exact[name], weights[name]))
    return all(
        weights[one] == weights[other] if exact[one] == exact[other] else weights[one] <= weights[other]
        for one, other in pairwise(rising)
    )


def _sums_to(total: int, places: int) -> Iterator[tuple[int, ...]]:
    """Every way to write a total as so many integers >= 1."""
    if places == 1:
        yield (total,)
        return
    for first in range(1, total - places + 2):
        for rest in _sums_to(total - first, places - 1):
            yield (first, *rest)


@given(
    capacities=st.lists(st.integers(1, 9), min_size=1, max_size=4)
    .filter(lambda sizes: sum(sizes) <= 20)
    .map(lambda sizes: dict(zip("abcd", sizes, strict=False))),
    error=st.sampled_from([0, 0.05, 0.1, 0.25, 0.5]),
)
def test_no_smaller_sum_keeps_the_proportions(capacities: dict[str, float], error: float) -> None:
    found = computed_weights(capacities, error=error)

    assert keeps(found, capacities, error)
    smallest = next(
        total
        for total in count(len(capacities))
        if any(
            keeps(dict(zip(capacities, weights, strict=True)), capacities, error)
            for weights in _sums_to(total, len(capacities))
        )
    )
    assert sum(found.values()) == smallest


@given(capacities=CAPACITIES, error=ERRORS, scheduler=st.sampled_from(["wlc", "wrr", "sh", "mh"]))
def test_found_weights_keep_the_proportions_and_fit_the_table(
    capacities: dict[str, float], error: float, scheduler: str
) -> None:
    try:
        weights = computed_weights(capacities, error=error, scheduler=scheduler)
    except RefusedError as refused:
        assert "give weights" in refused.remedy
        # 1 / (error * smallest share) is a sum at which every server has a weight near enough.
        exact = [Fraction(str(value)) for value in capacities.values()]
        enough = sum(exact) / min(exact) / Fraction(str(error)) + len(exact)
        places = TABLE_PLACES.get(scheduler, 65535)
        assert enough > places
        return

    assert keeps(weights, capacities, error)
    assert all(1 <= weight <= 65535 for weight in weights.values())
    assert sum(weights.values()) <= TABLE_PLACES.get(scheduler, 65535 * len(weights))


@pytest.mark.parametrize(
    "capacities",
    [{"a": 50, "b": 16, "c": 51}, {"a": 23, "b": 24, "c": 23, "d": 5}, {"a": 71, "b": 13, "c": 72}],
)
def test_a_greater_capacity_is_never_the_lighter_one_to_save_a_unit(capacities: dict[str, float]) -> None:
    """Within such a bound a smaller sum would do, with the greater capacity behind."""
    for error in (0.2, 0.25, 0.3):
        assert keeps(computed_weights(capacities, error=error), capacities, error)


@given(capacities=CAPACITIES, error=ERRORS, factor=st.integers(2, 1000))
def test_the_unit_and_the_order_of_capacities_are_of_no_matter(
    capacities: dict[str, float], error: float, factor: int
) -> None:
    whole = {name: float(round(value) or 1) for name, value in capacities.items()}
    try:
        weights = computed_weights(whole, error=error)
    except RefusedError:
        assume(False)

    scaled = {name: value * factor for name, value in reversed(whole.items())}
    assert computed_weights(scaled, error=error) == weights


@given(capacities=CAPACITIES, data=st.data())
def test_drained_servers_get_nothing_and_change_nothing_for_the_others(
    capacities: dict[str, float], data: st.DataObject
) -> None:
    drained = data.draw(st.sets(st.sampled_from(sorted(capacities))))
    left = {name: value for name, value in capacities.items() if name not in drained}
    try:
        alone = computed_weights(left)
    except RefusedError:
        assume(False)

    assert computed_weights(capacities, drained=drained) == alone | dict.fromkeys(drained, 0)


@pytest.mark.parametrize(
    ("capacities", "options", "what", "remedy"),
    [
        (
            {"a": 211, "b": 100, "c": 31},
            {"scheduler": "sh", "error": 0.001},
            "no weights that fit into the 256 places of sh keep every share within 0.1 % of what the "
            "capacities say",
            "allow an error of 0.01, or use wlc or wrr, or give weights",
        ),
        (
            {"a": 1, "b": 10**7},
            {},
            "no weights up to 65535 keep every share within 5 % of what the capacities say",
            "give weights",
        ),
        (
            {f"s{number}": 1 for number in range(257)},
            {"scheduler": "sh"},
            "257 servers do not fit into the table of sh, which has 256 places",
            "use wlc or wrr, or fewer servers",
        ),
        (
            {"a": 1, "b": 2},
            {"scheduler": "rr"},
            "the capacities differ, and rr does not split by weight",
            "use a scheduler that does (wlc, wrr), or give weights",
        ),
        ({"a": 0}, {}, "a: 0 is no capacity", "give a number above 0, or drain the server"),
        ({"a": -1.5}, {}, "a: -1.5 is no capacity", "give a number above 0, or drain the server"),
        ({"a": float("nan")}, {}, "a: nan is no capacity", "give a number above 0, or drain the server"),
        ({"a": float("inf")}, {}, "a: inf is no capacity", "give a number above 0, or drain the server"),
        ({"a": True}, {}, "a: True is no capacity", "give a number above 0, or drain the server"),
        ({"a": "8"}, {}, "a: '8' is no capacity", "give a number above 0, or drain the server"),
        (
            {"a": 1},
            {"error": 1},
            "error: 1 is no error bound",
            "use a number from 0 to below 1, such as 0.05 for 5 %",
        ),
        (
            {"a": 1},
            {"error": "5 %"},
            "error: '5 %' is no error bound",
            "use a number from 0 to below 1, such as 0.05 for 5 %",
        ),
        (
            {"a": 1},
            {"scheduler": "wwlc"},
            "there is no scheduler 'wwlc'",
            "use one of dh, fo, lblc, lblcr, lc, mh, nq, ovf, rr, sed, sh, wlc, wrr",
        ),
    ],
)
def test_what_is_impossible_is_refused_with_a_remedy(
    capacities: dict[str, float], options: dict[str, object], what: str, remedy: str
) -> None:
    with pytest.raises(RefusedError) as error:
        computed_weights(capacities, **options)  # type: ignore[arg-type]

    assert (str(error.value), error.value.remedy) == (what, remedy)


@given(
    capacities=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 60), min_size=2, max_size=6),
    error=st.sampled_from([0.001, 0.01]),
)
def test_the_error_of_the_remedy_is_the_smallest_whole_percentage_that_works(
    capacities: dict[str, float], error: float
) -> None:
    try:
        computed_weights(capacities, error=error, scheduler="sh")
    except RefusedError as refused:
        advice, *_ = refused.remedy.split(", ")
        assume(advice.startswith("allow an error of "))
        percent = round(float(advice.rsplit(" ", 1)[1]) * 100)
        enough = computed_weights(capacities, error=percent / 100, scheduler="sh")
        assert keeps(enough, capacities, percent / 100)
        if percent > 1:
            with pytest.raises(RefusedError):
                computed_weights(capacities, error=(percent - 1) / 100, scheduler="sh")


@given(weights=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 65535), max_size=6))
def test_given_weights_are_kept(weights: dict[str, int]) -> None:
    assert given_weights(weights, drained=["b"]) == {**weights, "b": 0}


@pytest.mark.parametrize(
    ("weights", "scheduler", "what"),
    [
        ({"a": -1}, "wlc", "a: -1 is no IPVS weight"),
        ({"a": 65536}, "wlc", "a: 65536 is no IPVS weight"),
        ({"a": 1.5}, "wlc", "a: 1.5 is no IPVS weight"),
        ({"a": True}, "wlc", "a: True is no IPVS weight"),
        ({"a": 200, "b": 57}, "sh", "the weights sum to 257, the table of sh has 256 places"),
        ({"a": 4000, "b": 94}, "mh", "the weights sum to 4094, the table of mh has 4093 places"),
    ],
)
def test_given_weights_that_ipvs_cannot_keep_are_refused(
    weights: dict[str, int], scheduler: str, what: str
) -> None:
    with pytest.raises(RefusedError) as error:
        given_weights(weights, scheduler=scheduler)

    assert str(error.value) == what


@pytest.mark.parametrize("scheduler", sorted(TABLE_PLACES))
def test_a_full_table_is_accepted_and_drained_servers_take_no_place(scheduler: str) -> None:
    weights = {"a": TABLE_PLACES[scheduler], "b": 5}

    assert given_weights(weights, scheduler=scheduler, drained=["b"]) == {**weights, "b": 0}


@pytest.mark.parametrize(
    "scheduler", ["rr", "lc", "dh", "wrr", "wlc", "sed", "nq", "sh", "mh", "lblc", "lblcr"]
)
def test_a_scheduler_uses_weights_where_a_greater_weight_is_a_greater_share(scheduler: str) -> None:
    shares = expected_shares(scheduler, {"a": 2, "b": 1})

    assert shares is not None
    assert scheduler_uses_weights(scheduler) == (shares["a"] > shares["b"])


@pytest.mark.parametrize("scheduler", ["fo", "ovf"])
def test_a_scheduler_without_shares_uses_no_weights(scheduler: str) -> None:
    assert not scheduler_uses_weights(scheduler)


@pytest.mark.parametrize(
    ("servers", "weights"),
    [
        ({"a": {"weight": 6}, "b": {"weight": 3, "drained": True}}, {"a": 6, "b": 0}),
        ({"a": {"capacity": 6, "cpus": 1}, "b": {"capacity": 3, "cpus": 1}}, {"a": 2, "b": 1}),
        ({"a": {"cpus": 4}, "b": {"cpus": 8}, "c": {"drained": True}}, {"a": 1, "b": 2, "c": 0}),
        ({"a": {"weight": 9, "cpus": 4}, "b": {"weight": 1, "cpus": 8}}, {"a": 9, "b": 1}),
        ({}, {}),
    ],
)
def test_a_pool_is_weighed_by_what_its_servers_say(
    servers: dict[str, dict[str, object]], weights: dict[str, int]
) -> None:
    found = pool_weights(servers)

    assert found == weights
    assert list(found) == list(servers)


@pytest.mark.parametrize(
    ("servers", "what", "remedy"),
    [
        (
            {"a": {"weight": 6}, "b": {"capacity": 3}},
            "b: it says capacity, and others weight",
            "say the same of all that are not drained: weight, capacity or cpus",
        ),
        (
            {"a": {}},
            "a: it says no weight and no capacity",
            "say the same of all that are not drained: weight, capacity or cpus",
        ),
        ({"a": {"wieght": 6}}, "a: unknown key 'wieght'", "use weight, capacity or cpus, or drained"),
        ({"a": {"drained": "yes"}}, "a: drained is 'yes'", "write true or false"),
        ({"a": 6}, "a: 6 says nothing of the server", "write {capacity: 6}"),
    ],
)
def test_a_pool_that_says_nothing_sound_is_refused(
    servers: dict[str, dict[str, object]], what: str, remedy: str
) -> None:
    with pytest.raises(RefusedError) as error:
        pool_weights(servers)

    assert (str(error.value), error.value.remedy) == (what, remedy)
