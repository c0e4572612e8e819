"""The places of directors in an election after a switchover: what stands in keepalived's tracked files.

A number there is added to a director's priority (components/keepalived/demotion.py). Whoever is preferred to
the new owner gets a priority of its own below that one's, so that the next failure still has one heir.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lvs_model.problems import ModelError, Problem


@dataclass(frozen=True)
class Mover:
    """Instances that move as one: a sync group's, or a single one.

    ``file`` is keepalived's tracked file, None where something else moves the VIPs.
    """

    name: str
    instances: tuple[dict[str, Any], ...]
    file: str | None

    @property
    def directors(self) -> list[str]:
        """Who takes part, in the order of preference."""
        first: dict[str, int] = self.instances[0]["priorities"]
        return sorted(first, key=lambda host: -first[host])

    @property
    def addresses(self) -> list[str]:
        """What the owner has: anchors and VIPs."""
        return [
            address
            for one in self.instances
            for address in (one["anchor"], *one["vips"])
            if address is not None
        ]

    @property
    def vips(self) -> list[str]:
        """The VIPs alone."""
        return [vip for one in self.instances for vip in one["vips"]]

    @property
    def names(self) -> list[str]:
        """The names of the instances."""
        return [one["name"] for one in self.instances]


def movers(cluster: dict[str, Any], names: Iterable[str] | None = None) -> list[Mover]:
    """What moves as one in a cluster of the plan; only what holds one of the instances ``names``."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in cluster["instances"]:
        found.setdefault((one["demotion"] or {}).get("file") or one["name"], []).append(one)
    wanted = None if names is None else set(names)
    return [
        Mover((of[0]["demotion"] or {}).get("group") or of[0]["name"], tuple(of), _file(of[0]))
        for of in found.values()
        if wanted is None or wanted & {one["name"] for one in of}
    ]


def _file(instance: dict[str, Any]) -> str | None:
    return instance["demotion"]["file"] if instance["demotion"] else None


def wanted_places(mover: Mover, to: str) -> dict[str, int]:
    """By director what puts it behind the new owner ``to``: 0 for whoever is there by itself.

    Raises ModelError where the priorities leave no room below the new owner's.
    """
    places = dict.fromkeys(mover.directors, 0)
    first = mover.instances[0]
    own: dict[str, int] = first["priorities"]
    taken = {host: value for host, value in own.items() if value <= own[to]}
    for host in mover.directors:
        if own[host] <= own[to]:
            continue
        value = own[to] - first["demotion"]["gap"]
        while any(abs(value - other) < first["demotion"]["gap"] for other in taken.values()):
            value -= 1
        taken[host] = value
        places[host] = value - own[host]
    for one in mover.instances:
        _check_room(one, to, places)
    return places


def _check_room(instance: dict[str, Any], to: str, places: dict[str, int]) -> None:
    """Whether priorities with what is added to them are sound (by the rules of vrrp.priorities)."""
    after = {host: value + places[host] for host, value in instance["priorities"].items()}
    falling = sorted(after.values(), reverse=True)
    gap, floor = instance["demotion"]["gap"], instance["demotion"]["floor"]
    close = any(above - below < gap for above, below in pairwise(falling))
    if close or falling[-1] < floor or after[to] != falling[0]:
        raise ModelError(
            [
                Problem(
                    f"instance {instance['name']}",
                    f"the priorities leave no room below {to}'s {instance['priorities'][to]} for the "
                    "directors before it",
                    "give the directors priorities that are higher or further apart (lvs_priority), deploy, "
                    "and run this again",
                )
            ]
        )
