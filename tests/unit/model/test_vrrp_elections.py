"""Simulated VRRP elections: what given priorities and tracker weights make of every failure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs_model.refused import RefusedError
from lvs_model.vrrp import LEAST_GAP, priorities

WEIGHTS = st.lists(st.integers(-253, 253), min_size=1, max_size=2)
# By director, for each tracker whether it failed.
Failures = Sequence[Sequence[bool]]


def effective(base: int, trackers: Sequence[int], failed: Sequence[bool]) -> int | None:
    """A director's priority in the election; None in state FAULT (keepalived.conf(5), track_script)."""
    if any(weight == 0 and down for weight, down in zip(trackers, failed, strict=True)):
        return None
    counted = sum(
        weight for weight, down in zip(trackers, failed, strict=True) if (weight > 0) != down and weight
    )
    return max(1, min(254, base + counted))


@dataclass(frozen=True)
class Election:
    """Directors of one VRRP instance: base priorities in order of preference, and what each tracks."""

    bases: Sequence[int]
    trackers: Sequence[int]
    preempt: bool = True

    def now(self, failures: Failures) -> list[int | None]:
        """Every director's priority under these failures."""
        return [
            effective(base, self.trackers, failed) for base, failed in zip(self.bases, failures, strict=True)
        ]

    def successors(self, owner: int | None, now: Sequence[int | None]) -> list[int]:
        """Who may own the VIPs next, given the owner; empty where nothing moves (RFC 5798, 6.4)."""
        running = {place: priority for place, priority in enumerate(now) if priority is not None}
        held = None if owner is None else now[owner]
        if held is None:
            # The shortest skew wins; among equals the timers decide.
            return [place for place in running if running[place] == max(running.values())]
        # Every backup that is better may be the first to speak up; an equal one never does.
        return [place for place in running if self.preempt and running[place] > held]

    def ends(self, owner: int | None, now: Sequence[int | None]) -> set[int | None]:
        """Every owner at which the election may come to rest; AssertionError if it may come back to one."""
        ends: set[int | None] = set()
        paths: list[list[int | None]] = [[owner]]
        while paths:
            path = paths.pop()
            nexts = self.successors(path[-1], now)
            assert not set(nexts) & set(path), f"the VIPs flap: {path}"
            paths += [[*path, place] for place in nexts]
            if not nexts:
                ends.add(path[-1])
        return ends


def every_failure(directors: int, trackers: int) -> Iterator[Failures]:
    """Every combination of failed trackers of all directors."""
    return product(product([False, True], repeat=trackers), repeat=directors)


def broken_promise(election: Election) -> str:
    """A failure that the election does not answer as it must; empty if there is none.

    A director with a failed tracker never keeps the VIPs while a healthy one exists, whoever had them; the
    first of the healthy ones owns them, and so with everything repaired the first of all.
    """
    count = len(election.bases)
    for failures in every_failure(count, len(election.trackers)):
        healthy = [place for place in range(count) if not any(failures[place])]
        now = election.now(failures)
        for owner in (None, *range(count)):
            ends = election.ends(owner, now)
            if healthy and ends != {min(healthy, key=lambda place: -election.bases[place])}:
                return f"{failures} from {owner} ends at {ends}"
    return ""


@pytest.mark.parametrize(
    ("tracker", "preempt", "over", "back"),
    [
        # Measured with keepalived: priorities 150 and 100, the first one's tracked script fails and recovers.
        (0, True, True, True),
        (-60, True, True, True),
        (-40, True, False, False),
        (-60, False, False, False),
        (0, False, True, False),
    ],
)
def test_the_simulation_elects_as_keepalived_was_measured_to(
    tracker: int, preempt: bool, over: bool, back: bool
) -> None:
    election = Election([150, 100], [tracker], preempt)

    (failed,) = election.ends(0, election.now([[True], [False]]))
    assert (failed == 1) == over
    if over:
        (repaired,) = election.ends(failed, election.now([[False], [False]]))
        assert (repaired == 0) == back


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "trackers", [[0], [-60], [60], [-30], [-100], [-60, 0], [-60, -60], [60, -60], [60, 60], [-40, 90]]
)
def test_every_combination_of_failures_ends_at_the_first_healthy_director(
    count: int, trackers: list[int]
) -> None:
    found = priorities([f"d{place}" for place in range(count)], {}, trackers=trackers)

    assert broken_promise(Election(list(found.values()), trackers)) == ""


@given(count=st.integers(1, 4), trackers=WEIGHTS)
def test_priorities_keep_the_promise_or_are_refused_where_none_can(count: int, trackers: list[int]) -> None:
    try:
        found = priorities([f"d{place}" for place in range(count)], {}, trackers=trackers)
    except RefusedError:
        # No priorities that far apart keep it, wherever they lie: as close as allowed is the best there is.
        for lowest in range(1, 255 - (count - 1) * LEAST_GAP):
            bases = [lowest + place * LEAST_GAP for place in reversed(range(count))]
            assert cut_off(bases, trackers) or broken_promise(Election(bases, trackers))
        return

    values = list(found.values())
    assert not cut_off(values, trackers)
    assert broken_promise(Election(values, trackers)) == ""


def cut_off(bases: Sequence[int], trackers: Sequence[int]) -> bool:
    """Whether some failure takes a priority out of 1 to 254, where VRRP has no such priority."""
    reached = [
        base + sum(weight for weight, counted in zip(trackers, which, strict=True) if counted)
        for base in bases
        for which in product([False, True], repeat=len(trackers))
    ]
    return min(reached) < 1 or max(reached) > 254


@given(data=st.data(), count=st.integers(2, 4), trackers=WEIGHTS)
def test_given_priorities_are_accepted_only_where_they_keep_the_promise(
    data: st.DataObject, count: int, trackers: list[int]
) -> None:
    values = data.draw(st.lists(st.integers(1, 254), min_size=count, max_size=count, unique=True))
    bases = {f"d{place}": value for place, value in enumerate(values)}
    ordered = sorted(values)
    near = any(high - low < LEAST_GAP for low, high in pairwise(ordered))

    try:
        found = priorities(list(bases), bases, trackers=trackers)
    except RefusedError:
        assert near or cut_off(values, trackers) or broken_promise(Election(values, trackers))
        return

    assert found == bases
    assert not near
    assert broken_promise(Election(values, trackers)) == ""


@given(count=st.integers(2, 5), owner=st.integers(0, 4), data=st.data())
def test_without_failback_a_repaired_director_leaves_the_owner_alone(
    count: int, owner: int, data: st.DataObject
) -> None:
    found = priorities([f"d{place}" for place in range(count)], {}, trackers=[0, 0], failback=False)
    election = Election(list(found.values()), [0, 0], preempt=False)
    failures = data.draw(st.sampled_from(list(every_failure(count, 2))))
    holder = owner % count

    ends = election.ends(holder, election.now(failures))

    healthy = [place for place in range(count) if not any(failures[place])]
    if holder in healthy:
        assert ends == {holder}
    elif healthy:
        assert ends == {healthy[0]}
