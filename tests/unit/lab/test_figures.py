"""Which figures are as promised, and what is said of those that are not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lab.figures import Failover, Figures, Requests, SecondRun, lost_at_most, not_as_promised

SHARES = {"web1": 1 / 2, "web2": 1 / 3, "web3": 1 / 6}
GOOD = Figures(
    Requests(60, 0, {"web1": 30, "web2": 20, "web3": 10}, SHARES),
    Failover(0.912, (0.6, 0.85), 8, 0.1, "lb1", "lb2", recovered=True),
    SecondRun(0, {"lb1": 1, "lb2": 2, "web1": 1}),
)


def test_good_figures_are_as_promised() -> None:
    assert not_as_promised(GOOD) == []


@pytest.mark.parametrize(
    ("got", "problems"),
    [
        ({"web1": 29, "web2": 21, "web3": 10}, []),
        ({"web1": 28, "web2": 21, "web3": 11}, ["web1 answered 28 requests of 60, promised are 30"]),
        (
            {"web1": 40, "web2": 20},
            [
                "web1 answered 40 requests of 60, promised are 30",
                "web3 answered 0 requests of 60, promised are 10",
            ],
        ),
        (
            {"web1": 30, "web2": 20, "web3": 8, "stranger": 2},
            [
                "stranger answered 2 requests of 60, promised are 0",
                "web3 answered 8 requests of 60, promised are 10",
            ],
        ),
    ],
)
def test_the_split_is_exact_to_one_request(got: dict[str, int], problems: list[str]) -> None:
    assert not_as_promised(replace(GOOD, requests=Requests(60, 0, got, SHARES))) == problems


def test_a_failed_request_without_a_fault_is_told() -> None:
    requests = replace(GOOD.requests, failed=1)
    assert not_as_promised(replace(GOOD, requests=requests)) == [
        "1 of 60 requests failed while nothing was wrong"
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"owner_after": None}, "after lb1 lost power, not exactly one other director owned the VIP"),
        (
            {"recovered": False},
            "after the power loss, answers did not come steadily again while the demo waited",
        ),
        (
            {"requests_failed": 25},
            "the failover lost 25 requests; 24 are allowed: "
            "(0.85 s in theory + 1.5 s for the lab) / 0.1 s, + 1",
        ),
        (
            {"requests_failed": 0},
            "the power loss cost no request at all: it cannot have hit the active director",
        ),
    ],
)
def test_a_failover_that_is_none_is_told(change: dict[str, object], problem: str) -> None:
    failover = replace(GOOD.failover, **change)  # type: ignore[arg-type]  # any of the fields
    assert not_as_promised(replace(GOOD, failover=failover)) == [problem]


@pytest.mark.parametrize(("theory_s", "interval_s", "lost"), [(0.85, 0.1, 24), (0.0, 0.5, 4), (3.5, 1.0, 6)])
def test_losses_are_allowed_for_the_theoretical_outage_and_the_lab(
    theory_s: float, interval_s: float, lost: int
) -> None:
    assert lost_at_most(theory_s, interval_s) == lost


@pytest.mark.parametrize(
    ("second_run", "problems"),
    [
        (
            SecondRun(2, {"lb1": 1}, {"lb1": ("Write it", "Load it"), "lb2": ()}),
            ["the second run changed something (lb1: Write it, Load it)"],
        ),
        (
            SecondRun(0, {"lb1": 3, "lb2": 2}),
            ["the second run cost 3 remote executions on lb1; 2 are the limit"],
        ),
        (SecondRun(0, {}), ["the second run reached no host"]),
    ],
)
def test_a_second_run_that_works_is_told(second_run: SecondRun, problems: list[str]) -> None:
    assert not_as_promised(replace(GOOD, second_run=second_run)) == problems


def test_the_file_has_these_names_and_no_others() -> None:
    assert json.loads(GOOD.as_json()) == {
        "requests": {
            "total": 60,
            "failed": 0,
            "by_real_server": {"web1": 30, "web2": 20, "web3": 10},
            "expected_share": SHARES,
        },
        "failover": {"gap_ms": 912, "theoretical_ms": 850, "requests_failed": 8},
        "second_run": {"changed": 0, "remote_executions": {"lb1": 1, "lb2": 2, "web1": 1}},
    }
