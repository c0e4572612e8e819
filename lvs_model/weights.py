"""IPVS weights: the share of new connections that each promises, and weights that promise given shares."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping
from fractions import Fraction
from math import gcd, isfinite
from typing import Any

from lvs_model.apportion import smallest_weights
from lvs_model.refused import RefusedError

# Schedulers that give every server with a weight above 0 the same share (kernel, ip_vs_rr.c,
# ip_vs_lc.c, ip_vs_dh.c: the weight is only compared with 0).
_EQUAL = frozenset({"rr", "lc", "dh"})
# Schedulers whose long-run shares follow the weights.
_PROPORTIONAL = frozenset({"wrr", "wlc", "sed", "nq", "sh", "mh", "lblc", "lblcr"})
# Schedulers whose weights promise no share: ip_vs_fo.c sends everything to the greatest, ip_vs_ovf.c
# fills one server up to as many connections as its weight, then the next.
_UNSHARED = frozenset({"fo", "ovf"})
# The ones whose split one client sees exactly: a fixed round, whatever is open or who asks.
ROUND_ROBIN = frozenset({"rr", "wrr"})

# Places of a scheduler's hash table: a server takes as many as its weight, so the sum must fit. Debian's
# kernels build them with 2**8 (CONFIG_IP_VS_SH_TAB_BITS) and the prime 4093 (CONFIG_IP_VS_MH_TAB_INDEX).
TABLE_PLACES = {"sh": 256, "mh": 4093}
# ipvsadm(8), --weight.
LARGEST_WEIGHT = 65535
# What a server may say of itself, the strongest first.
_BASES = ("weight", "capacity", "cpus")
_ONE_OF = "weight, capacity or cpus"


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


def scheduler_uses_weights(scheduler: str) -> bool:
    """Whether a server's share of new connections follows its weight.

    False for rr, lc and dh, which only ask whether it is 0, and for fo and ovf, to which it is an order
    of preference or a number of connections. Raises RefusedError for a scheduler that the kernel has not.
    """
    if scheduler not in _PROPORTIONAL | _EQUAL | _UNSHARED:
        known = ", ".join(sorted(_PROPORTIONAL | _EQUAL | _UNSHARED))
        raise RefusedError(f"there is no scheduler {scheduler!r}", f"use one of {known}")
    return scheduler in _PROPORTIONAL


def given_weights(
    weights: Mapping[str, int], *, scheduler: str = "wlc", drained: Collection[str] = ()
) -> dict[str, int]:
    """Weights kept as they are given, 0 for the drained ones.

    Quorum, warm-up and dynamic weights count in an operator's units: given weights are never reduced.

    Raises RefusedError for one that is no integer from 0 to :data:`LARGEST_WEIGHT`, and where their sum does
    not fit into the scheduler's table.
    """
    scheduler_uses_weights(scheduler)
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= LARGEST_WEIGHT:
            raise RefusedError(
                f"{name}: {weight!r} is no IPVS weight", f"use a whole number from 0 to {LARGEST_WEIGHT}"
            )
    kept = {name: 0 if name in drained else weight for name, weight in weights.items()}
    total, places = sum(kept.values()), TABLE_PLACES.get(scheduler)
    if places is not None and total > places:
        raise RefusedError(
            f"the weights sum to {total}, the table of {scheduler} has {places} places",
            "give smaller weights",
        )
    return kept | {name: 0 for name in drained if name not in kept}


def computed_weights(
    capacities: Mapping[str, float],
    *,
    error: float = 0.05,
    scheduler: str = "wlc",
    drained: Collection[str] = (),
) -> dict[str, int]:
    """The smallest IPVS weights that split new connections as the capacities say; 0 for drained servers.

    ``capacities`` are positive numbers by server, in any unit. Of the servers that are not drained, a
    server's exact share s is its capacity over the sum of all capacities, and its share under the weights
    is w over the sum of all weights. Every server keeps ``|w / sum - s| <= error * s`` (``error`` 0.05 is
    5 %), equal capacities get equal weights, and a greater capacity never a smaller weight. Among all such
    weights >= 1 these have the smallest sum, and are never above :data:`LARGEST_WEIGHT` or, summed up, above
    the scheduler's table (:data:`TABLE_PLACES`).

    Returns a weight for every name in ``capacities`` and ``drained``. Raises RefusedError where that is
    impossible, and where the capacities differ and the scheduler does not look at weights.
    """
    if isinstance(error, bool) or not isinstance(error, int | float) or not 0 <= error < 1:
        raise RefusedError(
            f"error: {error!r} is no error bound", "use a number from 0 to below 1, such as 0.05 for 5 %"
        )
    follows = scheduler_uses_weights(scheduler)
    exact = {name: _capacity(name, value) for name, value in capacities.items()}
    serving = {name: value for name, value in exact.items() if name not in drained}
    found = dict.fromkeys([*capacities, *drained], 0)
    if not serving:
        return found
    if not follows and len(set(serving.values())) > 1:
        raise RefusedError(
            f"the capacities differ, and {scheduler} does not split by weight",
            "use a scheduler that does (wlc, wrr), or give weights",
        )
    places = TABLE_PLACES.get(scheduler, LARGEST_WEIGHT * len(serving))
    if len(serving) > places:
        raise RefusedError(
            f"{len(serving)} servers do not fit into the table of {scheduler}, which has {places} places",
            "use wlc or wrr, or fewer servers",
        )
    sizes = Counter(serving.values())
    weights = smallest_weights(sizes, _exactly(error), places, LARGEST_WEIGHT)
    if weights is None:
        raise _impossible(sizes, error, scheduler, places)
    return found | {name: weights[value] for name, value in serving.items()}


def _exactly(number: float) -> Fraction:
    """The number as it is written in decimals: 0.1 is a tenth, which its binary form is not."""
    return Fraction(str(number))


def _capacity(name: str, value: float) -> Fraction:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not isfinite(value) or value <= 0:
        raise RefusedError(f"{name}: {value!r} is no capacity", "give a number above 0, or drain the server")
    return _exactly(value)


def _impossible(sizes: Mapping[Fraction, int], error: float, scheduler: str, places: int) -> RefusedError:
    """Why there are no such weights, and the smallest whole percentage at which there are."""

    def possible(percent: int) -> bool:
        return smallest_weights(sizes, Fraction(percent, 100), places, LARGEST_WEIGHT) is not None

    # The bounds of a smaller error lie within those of a greater one: what it allows stays allowed.
    percents = range(1, 100)
    enough = bisect_left(percents, True, key=possible)
    limit = (
        f"that fit into the {places} places of {scheduler}"
        if scheduler in TABLE_PLACES
        else f"up to {LARGEST_WEIGHT}"
    )
    ways = ["give weights"]
    if scheduler in TABLE_PLACES:
        ways.insert(0, "use wlc or wrr")
    if enough < len(percents):
        ways.insert(0, f"allow an error of {percents[enough] / 100:g}")
    return RefusedError(
        f"no weights {limit} keep every share within {100 * error:g} % of what the capacities say",
        ", or ".join(ways),
    )


def pool_weights(
    servers: Mapping[str, Mapping[str, object]], *, error: float = 0.05, scheduler: str = "wlc"
) -> dict[str, int]:
    """The weights of a pool whose servers say a ``weight``, a ``capacity`` or their ``cpus`` each.

    A server with ``drained: true`` gets 0 and need not say anything. Of the others all must say the same:
    weights are kept (:func:`given_weights`), else capacities, else CPUs are weighed
    (:func:`computed_weights`). Raises RefusedError as these do, and where the servers say different things.
    """
    if not isinstance(servers, Mapping):
        raise RefusedError(f"{servers!r} is nothing by server", "write {web1: {capacity: 8}}")
    drained: list[str] = []
    for name, server in servers.items():
        if not isinstance(server, Mapping):
            raise RefusedError(
                f"{name}: {server!r} says nothing of the server", f"write {{capacity: {server}}}"
            )
        if unknown := sorted(map(str, server.keys() - {*_BASES, "drained"})):
            raise RefusedError(f"{name}: unknown key {unknown[0]!r}", f"use {_ONE_OF}, or drained")
        if not isinstance(server.get("drained", False), bool):
            raise RefusedError(f"{name}: drained is {server['drained']!r}", "write true or false")
        if server.get("drained"):
            drained.append(name)
    serving = {name: server for name, server in servers.items() if name not in drained}
    # Units do not mix: a weight of 3 beside a capacity of 8 has no meaning.
    said = {name: [basis for basis in _BASES if basis in server] for name, server in serving.items()}
    basis = next((one for one in _BASES if any(one in has for has in said.values())), _BASES[0])
    for name, has in said.items():
        if basis not in has:
            lacks = f"it says {has[0]}, and others {basis}" if has else "it says no weight and no capacity"
            raise RefusedError(f"{name}: {lacks}", f"say the same of all that are not drained: {_ONE_OF}")
    values: dict[str, Any] = {name: server[basis] for name, server in serving.items()}
    if basis == "weight":
        found = given_weights(values, scheduler=scheduler, drained=drained)
    else:
        found = computed_weights(values, error=error, scheduler=scheduler, drained=drained)
    return {name: found[name] for name in servers}
