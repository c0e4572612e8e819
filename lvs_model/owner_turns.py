"""Owners of VIPs that a deployment changes as standbys: who has their VIPs meanwhile, or why nobody can.

A change of the director itself (packages, kernel settings, units, the packet filter) may break what it
forwards. So its owner's turn comes when the others are changed: it gives its VIPs to one of them, is changed,
and takes them back (docs/decisions/0019).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.observation import Observation
from lvs_model.problems import Problem
from lvs_model.switchover_places import Mover, movers

POLICIES = ("when_needed", "required", "never")
"""What ``lvs_switchover`` may be; the first one is the default."""


def owner_turns(
    plan: dict[str, Any], owners: list[str], seen: dict[str, Observation], accepted: set[str]
) -> list[dict[str, Any]]:
    """The turns of directors that change themselves, ``owners`` in the order in which they would change.

    Those of them that own no VIP are left out. ``accepted`` names unreachable directors without which to go
    on. A turn has its ``host`` and ``cluster``, the ``vips`` that the host owns, and ``moves`` (each with the
    ``host``, ``vips``, the ``instance`` to name to a switchover, and ``to``, who has them meanwhile), or
    ``why`` there are none: then it is changed while it owns. Else it is changed behind all other directors.
    """
    late = [host for host in owners if _owned(plan, host, seen)]
    turns = []
    for host in list(late):
        name = plan["hosts"][host]["cluster"]
        owned = _owned(plan, host, seen)
        ready = {one for one in seen if one != host and one not in late}
        obstacles = [*_obstacles(plan, owned, host, seen, accepted), *_nobody(owned, host, ready)]
        why = next(iter(obstacles), None)
        if why:
            late.remove(host)
        moves = [] if why else [_move(mover, host, ready) for mover in owned]
        turns.append(
            {
                "host": host,
                "cluster": name,
                "vips": [vip for mover in owned for vip in mover.vips],
                "moves": moves,
                "why": why,
            }
        )
    return turns


def _owned(plan: dict[str, Any], host: str, seen: dict[str, Observation]) -> list[Mover]:
    cluster = plan["clusters"][plan["hosts"][host]["cluster"]]
    return [one for one in movers(cluster) if any(map(seen[host].owns, one.addresses))]


def _obstacles(
    plan: dict[str, Any], owned: list[Mover], host: str, seen: dict[str, Observation], accepted: set[str]
) -> Iterator[str]:
    """What keeps a deployment from moving the VIPs of ``host`` at all, in words."""
    directors = plan["clusters"][plan["hosts"][host]["cluster"]]["directors"]
    if len(directors) == 1:
        yield "it is the only director of its cluster"
    for one in directors:
        if one not in seen:
            if one not in accepted:
                yield f"this run leaves {one} out, and a switchover asks all directors"
            continue
        if not seen[one].runs(plan["hosts"][one]["engine_unit"]):
            # The owner's turn is before that of a new director, which it must know as its peer.
            yield f"{plan['hosts'][one]['engine_unit']} does not run on {one} yet"
        demotion = seen[one].overrides.demotion
        if demotion and any(mover.file in seen[one].recorded_places for mover in owned):
            yield f"{one} is demoted by {demotion.operator} ({demotion.reason}), and stays so"


def _nobody(owned: list[Mover], host: str, ready: set[str]) -> Iterator[str]:
    """VIPs that no director that is ready can have."""
    for mover in owned:
        others = [one for one in mover.directors if one != host]
        if not ready.intersection(others):
            yield f"of {', '.join(others)} none is there that is changed before it"


def _move(mover: Mover, host: str, ready: set[str]) -> dict[str, Any]:
    to = next(one for one in mover.directors if one in ready)
    return {"host": host, "to": to, "instance": mover.names[0], "vips": mover.vips}


def required_problems(turns: list[dict[str, Any]]) -> list[Problem]:
    """What forbids to act where a switchover is required, and it is known beforehand that there is none."""
    return [
        Problem(
            f"host {turn['host']}",
            f"its change needs a switchover (lvs_switchover is required), and {turn['why']}",
            "mend that, or have it changed while it owns VIPs: -e lvs_switchover=when_needed",
        )
        for turn in turns
        if turn["why"]
    ]


def turn_lines(turns: list[dict[str, Any]]) -> list[str]:
    """The turns for people."""
    lines = []
    for turn in turns:
        lines += [
            f"switchover: {one['host']} gives {', '.join(one['vips'])} to {one['to']} before its turn, and "
            "takes them back afterwards"
            for one in turn["moves"]
        ]
        if turn["why"]:
            lines.append(f"{turn['host']} is changed while it owns {', '.join(turn['vips'])}: {turn['why']}")
    return lines


def turn_work(
    plan: dict[str, Any], turns: list[dict[str, Any]], seen: dict[str, Observation]
) -> dict[str, Any]:
    """What the plays of a deployment need of the turns, as keys of compare's work.

    ``owners`` are changed when they have given their VIPs away, ``moves`` says to whom; ``moving`` are all
    directors of these clusters, and ``moving_batches`` their numbers, cluster by cluster.
    """
    moves = [one | {"cluster": turn["cluster"]} for turn in turns for one in turn["moves"]]
    clusters = list(dict.fromkeys(one["cluster"] for one in moves))
    batches = [[one for one in plan["clusters"][name]["directors"] if one in seen] for name in clusters]
    return {
        "owners": [turn["host"] for turn in turns if turn["moves"]],
        "moves": moves,
        "moving": [host for batch in batches for host in batch],
        "moving_batches": [len(batch) for batch in batches],
    }
