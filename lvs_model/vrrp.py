"""VRRP arithmetic: priorities, virtual router ids and the times that follow from them (RFC 5798)."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

# The first director's priority and the distance to the next one. A priority point is 1/256 of an
# advert interval of skew, so 50 points keep two directors a fifth of an interval apart: more than
# the jitter of a busy machine at one second, and enough for the lab at a quarter of one.
_FIRST_PRIORITY = 200
_WIDEST_STEP = 50
_LOWEST_PRIORITY = 10
# Points between two directors below which their skew times drown in timer jitter.
LEAST_GAP = 5


def priorities(directors: list[str], given: dict[str, int]) -> dict[str, int]:
    """VRRP priority (1 to 254, distinct) by director, falling in the order of preference.

    ``given`` priorities (``lvs_priority``) are kept and decide against the order. A pair and a trio keep
    their numbers when a director is added behind.

    Raises ValueError where two would be closer than :data:`LEAST_GAP` points.
    """
    step = min(_WIDEST_STEP, (_FIRST_PRIORITY - _LOWEST_PRIORITY) // max(1, len(directors) - 1))
    result = {
        director: given.get(director, _FIRST_PRIORITY - place * step)
        for place, director in enumerate(directors)
    }
    falling = sorted(result.items(), key=lambda entry: -entry[1])
    for (above, high), (below, low) in pairwise(falling):
        if high - low < LEAST_GAP:
            raise ValueError(
                f"{above} has priority {high} and {below} {low}, less than {LEAST_GAP} apart: which "
                "one takes over would be left to chance"
            )
    return result


def router_ids(wanted: dict[str, tuple[str, int | None]]) -> dict[str, int]:
    """A virtual router id (1 to 255) for every cluster, unique per layer-2 segment.

    ``wanted`` gives for each cluster its segment's name and a given id or None. Given ids are kept
    (two equal ones on one segment are the caller's to refuse). The others follow from the cluster's
    name, so that they stay when other clusters come and go; only where two names collide on a segment
    does the later one in alphabetical order take the next free id.

    Raises ValueError when a segment has more than 255 clusters.
    """
    taken: dict[str, set[int]] = {}
    result: dict[str, int] = {}
    for cluster, (segment, given) in wanted.items():
        if given is not None:
            taken.setdefault(segment, set()).add(given)
            result[cluster] = given
    for cluster in sorted(set(wanted) - set(result)):
        segment = wanted[cluster][0]
        used = taken.setdefault(segment, set())
        first = crc32(cluster.encode()) % 255
        free = next((i for n in range(255) if (i := (first + n) % 255 + 1) not in used), None)
        if free is None:
            raise ValueError(f"segment {segment} has no free virtual router id for cluster {cluster}")
        used.add(free)
        result[cluster] = free
    return result


def skew_s(advert_interval: float, priority: int) -> float:
    """Skew time in seconds of a VRRPv3 router: (256 - priority)/256 of an interval (RFC 5798, 6.1)."""
    return (256 - priority) / 256 * advert_interval


def crash_takeover_s(advert_interval: float, priority: int) -> tuple[float, float]:
    """Shortest and longest time in seconds until a backup has taken over from a master that crashed.

    ``priority`` is the backup's own. It waits three intervals and its skew from the last advert it
    heard (RFC 5798, 6.1: Master_Down_Interval); the crash comes up to one interval after that advert.
    """
    skew = skew_s(advert_interval, priority)
    return 2 * advert_interval + skew, 3 * advert_interval + skew


def orderly_takeover_s(advert_interval: float, priority: int) -> float:
    """Time in seconds until a backup has taken over from a master that said it leaves (priority 0)."""
    return skew_s(advert_interval, priority)
