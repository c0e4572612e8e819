"""Shares and rounds that IPVS weights promise."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import reduce
from itertools import cycle, islice
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs_model.weights import expected_shares, whole_rounds

# The kernel's schedulers (net/netfilter/ipvs/Kconfig).
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "lblc", "lblcr", "dh", "sh", "mh", "fo", "ovf")
WITHOUT_SHARES = ("fo", "ovf")
WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 65535), max_size=6)


@pytest.mark.parametrize(
    ("scheduler", "weights", "shares"),
    [
        ("wrr", {"a": 3, "b": 2, "c": 1}, {"a": "1/2", "b": "1/3", "c": "1/6"}),
        ("wlc", {"a": 3, "b": 1}, {"a": "3/4", "b": "1/4"}),
        ("mh", {"a": 1, "b": 0}, {"a": "1", "b": "0"}),
        ("rr", {"a": 3, "b": 2, "c": 1}, {"a": "1/3", "b": "1/3", "c": "1/3"}),
        ("lc", {"a": 9, "b": 0, "c": 1}, {"a": "1/2", "b": "0", "c": "1/2"}),
        ("fo", {"a": 3, "b": 1}, None),
        ("ovf", {"a": 3, "b": 1}, None),
        ("wrr", {"a": 0, "b": 0}, None),
        ("rr", {}, None),
    ],
)
def test_shares_of_new_connections(
    scheduler: str, weights: dict[str, int], shares: dict[str, str] | None
) -> None:
    expected = None if shares is None else {name: Fraction(share) for name, share in shares.items()}
    assert expected_shares(scheduler, weights) == expected


@given(
    scheduler=st.sampled_from([name for name in SCHEDULERS if name not in WITHOUT_SHARES]), weights=WEIGHTS
)
def test_shares_sum_to_one_and_follow_the_weights(scheduler: str, weights: dict[str, int]) -> None:
    shares = expected_shares(scheduler, weights)

    if not any(weights.values()):
        assert shares is None
        return
    assert shares is not None
    assert sum(shares.values()) == 1
    for name, weight in weights.items():
        assert (shares[name] > 0) == (weight > 0)
        for other, other_weight in weights.items():
            assert not (weight > other_weight and shares[name] < shares[other])


@pytest.mark.parametrize(
    ("scheduler", "weights", "at_least", "requests"),
    [
        ("wrr", {"a": 3, "b": 2, "c": 1}, 60, 60),
        ("wrr", {"a": 3, "b": 2, "c": 1}, 61, 66),
        ("wrr", {"a": 300, "b": 100}, 7, 8),  # a round is the sum over the greatest common divisor
        ("wrr", {"a": 5, "b": 0}, 3, 3),
        ("rr", {"a": 300, "b": 100, "c": 7}, 60, 60),
        ("rr", {"a": 300, "b": 100, "c": 7}, 61, 63),
        ("wrr", {"a": 0}, 60, 60),
    ],
)
def test_requests_are_rounded_up_to_whole_rounds(
    scheduler: str, weights: dict[str, int], at_least: int, requests: int
) -> None:
    assert whole_rounds(scheduler, weights, at_least) == requests


def _weighted_round_robin(weights: dict[str, int]) -> list[str]:
    """The servers in the order of one round, as the kernel's loop gives them (ip_vs_wrr.c)."""
    step = reduce(gcd, weights.values())
    levels = range(max(weights.values()), 0, -step)
    return [name for level in levels for name, weight in weights.items() if weight >= level]


@given(
    weights=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 12), min_size=1).filter(
        lambda weights: any(weights.values())
    ),
    at_least=st.integers(1, 300),
)
def test_after_whole_rounds_every_server_had_exactly_its_share(
    weights: dict[str, int], at_least: int
) -> None:
    requests = whole_rounds("wrr", weights, at_least)
    shares = expected_shares("wrr", weights)

    assert shares is not None
    assert at_least <= requests < at_least + sum(weights.values())
    served = Counter(islice(cycle(_weighted_round_robin(weights)), requests))
    assert {name: Fraction(served[name]) for name in weights} == {
        name: share * requests for name, share in shares.items()
    }
