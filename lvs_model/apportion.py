"""The search for the smallest integers that keep given proportions within an error bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import ceil, lcm


@dataclass(frozen=True)
class _Choice:
    """Servers of one capacity: how many, the weight that would be exact, and what is allowed."""

    count: int
    exact: Fraction
    low: int
    high: int

    def near_exact_first(self, at_least: int, at_most: int) -> Iterator[int]:
        """The allowed weights between two bounds, by their distance to the exact one."""
        least, most = max(self.low, at_least), min(self.high, at_most)
        above = min(max(ceil(self.exact), least), most + 1)
        below = above - 1
        while below >= least or above <= most:
            if above > most or (below >= least and self.exact - below <= above - self.exact):
                yield below
                below -= 1
            else:
                yield above
                above += 1


def smallest_weights(
    sizes: Mapping[Fraction, int], error: Fraction, largest_sum: int, largest: int
) -> dict[Fraction, int] | None:
    """An integer >= 1 for each size, so that their sum is the smallest that keeps the proportions.

    ``sizes`` gives how many members have each size (> 0); all members of one size get one integer w,
    a greater size never a smaller one, and with s the size's part of the sum of all members' sizes
    ``|w / sum - s| <= error * s``. Among several of the same sum the one nearest to the proportions is
    taken, size by size from the smallest.

    None where the sum would pass ``largest_sum``, or an integer ``largest``.
    """
    whole = sum(size * count for size, count in sizes.items())
    ordered = sorted(sizes)
    # share * (1 - error) is least / unit, share * (1 + error) is most / unit: integers are far faster.
    unit = lcm(*((size / whole * bound).denominator for size in ordered for bound in (1 - error, 1 + error)))
    bounds = [
        (int(size / whole * (1 - error) * unit), int(size / whole * (1 + error) * unit), sizes[size])
        for size in ordered
    ]
    total = sum(sizes.values())
    while total <= largest_sum:
        choices: list[_Choice] = []
        capped, free = 0, 0
        for (least, most, count), size in zip(bounds, ordered, strict=True):
            low, high = max(1, -(-least * total // unit)), most * total // unit
            if low > largest:
                return None  # and with every greater sum
            if low > high:
                # No integer is near enough: `low` is, as soon as the sum is great enough for it.
                total = -(-low * unit // most)
                break
            if high > largest:
                capped += largest * count
            else:
                free += most * count
            choices.append(_Choice(count, size / whole * total, low, min(high, largest)))
        else:
            if capped * unit + free * total < total * unit:
                return None  # what the capped ones lack grows faster with the sum than what others may add
            lowest = sum(choice.count * choice.low for choice in choices)
            weights = _summing_to(total, choices) if lowest <= total else None
            if weights is not None:
                return dict(zip(ordered, weights, strict=True))
            # The bounds never fall while the sum grows.
            total = max(lowest, total + 1)
    return None


def _summing_to(total: int, choices: list[_Choice]) -> list[int] | None:
    """A weight for each choice, never falling, that together sum to ``total``; None where there are none.

    A depth-first search that never looks twice at the same rest from the same height; with its own stack,
    because there may be more choices than Python allows calls.
    """
    lows = _sums_from([choice.count * choice.low for choice in choices])
    highs = _sums_from([choice.count * choice.high for choice in choices])
    if not lows[0] <= total <= highs[0]:
        return None

    def untried(place: int, height: int, rest: int) -> Iterator[int]:
        """Weights that leave the later choices a sum that they can have."""
        count = choices[place].count
        least = max(height, -((highs[place + 1] - rest) // count))
        return choices[place].near_exact_first(least, (rest - lows[place + 1]) // count)

    seen: set[tuple[int, int, int]] = set()
    taken: list[int] = []
    rests = [total]
    ahead = [untried(0, 1, total)]
    while ahead:
        place = len(taken)
        weight = next(ahead[-1], None)
        if weight is None:
            ahead.pop()
            rests.pop()
            del taken[-1:]
            continue
        rest = rests[-1] - choices[place].count * weight
        if place + 1 == len(choices):
            return [*taken, weight]
        if (place, weight, rest) not in seen:
            seen.add((place, weight, rest))
            taken.append(weight)
            rests.append(rest)
            ahead.append(untried(place + 1, weight, rest))
    return None


def _sums_from(values: list[int]) -> list[int]:
    """At each place the sum of the values from there on; a final 0."""
    return list(accumulate(reversed(values), initial=0))[::-1]
