"""What IPVS weights promise: the share of new connections that each real server gets."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

# Schedulers that give every server with a weight above 0 the same share (kernel, ip_vs_rr.c,
# ip_vs_lc.c, ip_vs_dh.c: the weight is only compared with 0).
_EQUAL = frozenset({"rr", "lc", "dh"})
# Schedulers whose long-run shares follow the weights.
_PROPORTIONAL = frozenset({"wrr", "wlc", "sed", "nq", "sh", "mh", "lblc", "lblcr"})
# Of these, the ones whose split one client sees exactly: a fixed round, whatever is open or who asks.
ROUND_ROBIN = frozenset({"rr", "wrr"})


def expected_shares(scheduler: str, weights: dict[str, int]) -> dict[str, Fraction] | None:
    """The share of new connections that each server gets, by its name; the shares sum to 1.

    ``weights`` are IPVS weights (integers >= 0). Returns None where weights promise no shares
    (``fo`` sends everything to one server, ``ovf`` fills one after the other) and where no server has
    a weight above 0.
    """
    if scheduler in _EQUAL:
        weights = {name: min(weight, 1) for name, weight in weights.items()}
    elif scheduler not in _PROPORTIONAL:
        return None
    total = sum(weights.values())
    if total == 0:
        return None
    return {name: Fraction(weight, total) for name, weight in weights.items()}


def whole_rounds(scheduler: str, weights: dict[str, int], at_least: int) -> int:
    """The smallest number of requests >= ``at_least`` that is a whole number of scheduling rounds.

    After a whole round of rr or wrr every server has had exactly its share (ip_vs_wrr.c: a round is
    the sum of the weights over their greatest common divisor).
    """
    used = [1 if scheduler == "rr" else weight for weight in weights.values() if weight > 0]
    if not used:
        return at_least
    length = sum(used) // gcd(*used)
    return -(-at_least // length) * length
