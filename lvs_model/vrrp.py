"""VRRP arithmetic: priorities (RFC 5798, keepalived.conf(5)).

Virtual router ids and times are in modules of their own; their names are here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from lvs_model.refused import RefusedError
from lvs_model.router_ids import given_twice, router_ids
from lvs_model.timing import check_interval, crash_takeover_s, orderly_takeover_s, skew_s

__all__ = [
    "JITTER_S",
    "LEAST_GAP",
    "crash_takeover_s",
    "given_twice",
    "least_gap",
    "orderly_takeover_s",
    "priorities",
    "router_ids",
    "skew_s",
]

# The first director's priority and the distance to the next one. A priority point is 1/256 of an
# advert interval of skew, so 50 points keep two directors a fifth of an interval apart: more than
# the jitter of a busy machine at one second, and enough for the lab at a quarter of one.
_FIRST_PRIORITY = 200
_WIDEST_STEP = 50
_LOWEST_PRIORITY = 10
# VRRP keeps 0 for a master that leaves and 255 for an address's owner (RFC 5798, 5.2.4).
_LEAST, _MOST = 1, 254
# keepalived.conf(5): weights of tracked scripts, processes, files and interfaces.
_LARGEST_WEIGHT = 253
# Points between two directors below which their skew times drown in timer jitter, at any interval.
LEAST_GAP = 5
# Seconds by which timers of a server under load are late.
JITTER_S = 0.004


def least_gap(advert_interval: float = 1.0, jitter_s: float = JITTER_S, version: int = 3) -> int:
    """Points between two priorities whose skew times differ by more than the timers' jitter.

    ``advert_interval`` and ``jitter_s`` are in seconds. Never less than :data:`LEAST_GAP`.

    Raises RefusedError for an interval that the version has not, and a negative jitter.
    """
    check_interval(advert_interval, version)
    number = isinstance(jitter_s, int | float) and not isinstance(jitter_s, bool)
    if not number or not 0 <= jitter_s <= 10:
        raise RefusedError(f"{jitter_s!r} is no jitter of timers", "give seconds, such as 0.004")
    point = skew_s(advert_interval, 255, version=version)
    return max(LEAST_GAP, int(jitter_s / point) + 1)


def priorities(  # noqa: PLR0913 - one set of rules needs them all, by keyword
    directors: Sequence[str],
    given: Mapping[str, int],
    *,
    trackers: Sequence[int] = (),
    failback: bool = True,
    sync_group: bool = False,
    advert_interval: float = 1.0,
    jitter_s: float = JITTER_S,
    version: int = 3,
) -> dict[str, int]:
    """VRRP priority (1 to 254, distinct) by director, falling in the order of preference.

    ``given`` priorities (``lvs_priority``) are kept and decide against the order. A pair, a trio and a
    quartet keep their numbers when a director is added behind, as long as they need no narrower step.

    ``trackers`` are the weights of what every director tracks. A failed one of weight 0 takes its director
    out of the election and asks nothing of priorities. Any other is counted into the priority (a negative
    one while failed, a positive one while good, keepalived.conf(5)), and then these hold, or nothing is
    returned:

    - every weight is greater than the distance from the highest to the lowest priority, so that a director
      with a failed tracker is behind every healthy one;
    - no sum of weights takes a priority below 1 or above 254, where it would be cut off;
    - a backup may preempt (``failback``), because nothing else moves the VIPs while the master lives;
    - it is no ``sync_group``, whose members' weights keepalived drops.

    Priorities keep :func:`least_gap` of ``advert_interval``, ``jitter_s`` (seconds) and ``version`` from each
    other. Raises RefusedError where one of this cannot be kept.
    """
    _check_input(directors, given, trackers)
    for option, value in {"failback": failback, "sync_group": sync_group}.items():
        if not isinstance(value, bool):
            raise RefusedError(f"{option}: {value!r} is no boolean", "write true or false")
    gap = least_gap(advert_interval, jitter_s, version)
    weights = [weight for weight in trackers if weight != 0]
    if weights and not failback:
        raise RefusedError(
            f"a tracker has weight {weights[0]}, and without failback (nopreempt) no backup takes the VIPs "
            "from a living master",
            "use weight 0, or failback",
        )
    if weights and sync_group:
        raise RefusedError(
            f"a tracker has weight {weights[0]}, and keepalived drops weights of a sync group's members",
            "use weight 0",
        )
    if len(given) == len(directors):  # all of them
        result = {director: given[director] for director in directors}
    else:
        first, step = _spacing(len(directors), gap, weights)
        result = {
            director: given.get(director, first - place * step) for place, director in enumerate(directors)
        }
    _check_gaps(result, gap)
    if result and weights:
        _check_trackers(result, weights)
    return result


def _check_input(directors: Sequence[str], given: Mapping[str, int], trackers: Sequence[int]) -> None:
    if not isinstance(directors, list | tuple) or not all(isinstance(name, str) for name in directors):
        raise RefusedError(f"{directors!r} is no list of directors", "write [lb1, lb2]")
    if not isinstance(given, Mapping):
        raise RefusedError(f"given: {given!r} is no priority by director", "write {lb1: 200}")
    if not isinstance(trackers, list | tuple):
        raise RefusedError(f"trackers: {trackers!r} is no list of weights", "write [-60]")
    for director in directors:
        if directors.count(director) > 1:
            raise RefusedError(f"{director} is there twice", "name each director once")
    for director, priority in given.items():
        if director not in directors:
            raise RefusedError(
                f"{director} has a priority and is no director", "add it, or mend its spelling"
            )
        if not _is_integer(priority) or not _LEAST <= priority <= _MOST:
            raise RefusedError(
                f"{director} has priority {priority!r}",
                f"use a whole number from {_LEAST} to {_MOST} (255 never gives way, whatever fails)",
            )
    for weight in trackers:
        if not _is_integer(weight) or abs(weight) > _LARGEST_WEIGHT:
            raise RefusedError(
                f"a tracker has weight {weight!r}",
                f"use a whole number from -{_LARGEST_WEIGHT} to {_LARGEST_WEIGHT}",
            )


def _spacing(count: int, gap: int, weights: Sequence[int]) -> tuple[int, int]:
    """The first director's priority and the step to each next one, so that the weights flip."""
    gaps = max(count - 1, 0)
    least = _LEAST + _falls(weights)
    most = _MOST - _rises(weights)
    flip = min((abs(weight) - 1 for weight in weights), default=_MOST)
    if weights and gaps * gap > flip:
        raise RefusedError(
            f"a tracker has weight {min(weights, key=abs)}, and {count} directors {gap} points apart are "
            f"spread over {gaps * gap}: its failure would never move the VIPs",
            f"use a weight beyond {gaps * gap}, or 0",
        )
    if gaps * gap > most - least:
        if weights:
            raise RefusedError(
                f"the trackers' weights move a priority by {_falls(weights) + _rises(weights)}, and {count} "
                f"directors {gap} points apart do not fit into what they leave of {_LEAST} to {_MOST}",
                "use smaller weights, or 0",
            )
        raise RefusedError(
            f"{count} directors {gap} points apart do not fit into {_LEAST} to {_MOST}",
            "use fewer directors, or a longer advert interval",
        )
    # Where there is room a flip clears the jitter too, and all have the place of a quartet: directors keep
    # their numbers when one is added behind.
    places = max(gaps, 3)
    step = min(
        _WIDEST_STEP,
        (_FIRST_PRIORITY - _LOWEST_PRIORITY) // max(gaps, 1),
        (most - least) // places,
        (flip + 1 - gap) // places,
    )
    if step < gap:
        places, step = gaps, gap
    return min(max(_FIRST_PRIORITY, least + places * step), most), step


def _falls(weights: Sequence[int]) -> int:
    """Points that all failed trackers together take."""
    return sum(-weight for weight in weights if weight < 0)


def _rises(weights: Sequence[int]) -> int:
    """Points that all good trackers together add."""
    return sum(weight for weight in weights if weight > 0)


def _check_gaps(result: Mapping[str, int], gap: int) -> None:
    falling = sorted(result.items(), key=lambda entry: -entry[1])
    for (above, high), (below, low) in pairwise(falling):
        if high - low < gap:
            raise RefusedError(
                f"{above} has priority {high} and {below} {low}, less than {gap} apart: which "
                "one takes over would be left to chance",
                "give all of them a priority, further apart, or none",
            )


def _check_trackers(result: Mapping[str, int], weights: Sequence[int]) -> None:
    first, last = max(result, key=result.__getitem__), min(result, key=result.__getitem__)
    spread = result[first] - result[last]
    for weight in weights:
        if abs(weight) <= spread:
            raise RefusedError(
                f"a tracker has weight {weight}, and {first} has priority {result[first]} and {last} "
                f"{result[last]}: its failure would never move the VIPs that far",
                f"use a weight beyond {spread}, or 0, or priorities closer to each other",
            )
    if result[last] - _falls(weights) < _LEAST:
        raise RefusedError(
            f"{last} has priority {result[last]}, and all its trackers failed take {_falls(weights)}: "
            f"below {_LEAST} it is cut off",
            "use smaller weights, or 0, or higher priorities",
        )
    if result[first] + _rises(weights) > _MOST:
        raise RefusedError(
            f"{first} has priority {result[first]}, and all its trackers good add {_rises(weights)}: "
            f"above {_MOST} it is cut off",
            "use smaller weights, or 0, or lower priorities",
        )


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
