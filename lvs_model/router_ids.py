"""Virtual router ids: unique where they must be, and the same in every run (RFC 5798, 5.2.3)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from zlib import crc32

from lvs_model.refused import RefusedError


def router_ids(wanted: Mapping[str, tuple[Hashable, int | None]]) -> dict[str, int]:
    """A virtual router id (1 to 255) for every VRRP instance, unique in its scope.

    ``wanted`` gives for each instance (or cluster) its scope, whatever that is: a layer-2 segment, or a
    segment and an address family; and a given id or None. Given ids are kept (:func:`given_twice` finds two
    equal ones of a scope). Every other instance has a first choice, which follows from its name alone. It
    gets that, whatever other instances come or go, unless the id is a given one in its scope, or an instance
    of the scope whose name comes before its own has the same first choice (1 in 255 for two names). Who so
    loses its first choice takes the next id that is neither given, nor anybody's first choice, nor taken by
    another one that lost and comes before it; only these may move when others come or go.

    Raises RefusedError when a scope has more than 255 instances.
    """
    taken: dict[Hashable, set[int]] = {}
    result: dict[str, int] = {}
    for instance, (scope, given) in wanted.items():
        if given is not None:
            taken.setdefault(scope, set()).add(given)
            result[instance] = given
    losers = []
    for instance in sorted(set(wanted) - set(result)):
        used = taken.setdefault(wanted[instance][0], set())
        first = _first_choice(instance)
        if first in used:
            losers.append(instance)
        else:
            used.add(first)
            result[instance] = first
    for instance in losers:
        scope = wanted[instance][0]
        used, first = taken[scope], _first_choice(instance)
        free = next((i for n in range(255) if (i := (first - 1 + n) % 255 + 1) not in used), None)
        if free is None:
            # Of a segment and a family people need the segment: the instance's name tells the family.
            segment = scope[0] if isinstance(scope, tuple) else scope
            raise RefusedError(
                f"segment {segment} has no free virtual router id for cluster {instance}",
                "spread the clusters over more segments",
            )
        used.add(free)
        result[instance] = free
    return {instance: result[instance] for instance in wanted}


def _first_choice(instance: str) -> int:
    return crc32(instance.encode()) % 255 + 1


def given_twice(wanted: Mapping[str, tuple[Hashable, int | None]]) -> list[tuple[str, str]]:
    """Each instance whose given id another one of its scope was given before it: (that one, it)."""
    owners: dict[tuple[Hashable, int], str] = {}
    return [
        (owner, instance)
        for instance, (scope, given) in wanted.items()
        if given is not None and (owner := owners.setdefault((scope, given), instance)) != instance
    ]


def instance_router_ids(instances: Mapping[str, Mapping[str, object]]) -> dict[str, int]:
    """Router ids from plain data: by instance its ``segment``, ``family`` and given ``router_id``.

    ``family`` is ipv4 (default) or ipv6: each has router ids of its own (RFC 5798, 5.2.3).

    Raises RefusedError as :func:`router_ids` does, and where an instance says something else or two of a
    family on a segment have the same given id.
    """
    if not isinstance(instances, Mapping):
        raise RefusedError(
            f"{instances!r} is nothing by instance", "write {cluster/instance: {segment: name}}"
        )
    wanted: dict[str, tuple[Hashable, int | None]] = {}
    for name, instance in instances.items():
        if not isinstance(instance, Mapping) or not isinstance(segment := instance.get("segment"), str):
            raise RefusedError(f"{name}: it lacks the segment's name", "write {segment: name}")
        if unknown := sorted(map(str, instance.keys() - {"segment", "family", "router_id"})):
            raise RefusedError(f"{name}: unknown key {unknown[0]!r}", "use segment, family and router_id")
        family, given = instance.get("family", "ipv4"), instance.get("router_id")
        if family not in ("ipv4", "ipv6"):
            raise RefusedError(f"{name}: there is no family {family!r}", "use ipv4 or ipv6")
        if given is None:
            wanted[name] = (segment, family), None
        elif isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= 255:
            wanted[name] = (segment, family), given
        else:
            raise RefusedError(f"{name}: {given!r} is no router id", "use a whole number from 1 to 255")
    for owner, name in given_twice(wanted):
        segment, given = instances[name]["segment"], instances[name]["router_id"]
        raise RefusedError(
            f"{name}: router id {given} is taken by {owner} on segment {segment}", "give another, or none"
        )
    return router_ids(wanted)
