"""Draining and restoring real servers: what was asked, checked before any host is contacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lvs_model.problems import ModelError, Problem
from lvs_model.words import seconds, yes

_MOST_STEPS = 20


@dataclass(frozen=True)
class Asked:
    """What an operator has asked for: a real server, some of its services (none named: all).

    ``expires_s`` and ``wait_s`` are seconds; ``steps`` of a restoration, ``every_s`` seconds apart.
    ``only_own`` leaves records alone that have another reason: somebody else's.
    """

    host: str
    services: tuple[str, ...] = ()
    reason: str | None = None
    expires_s: int | None = None
    wait_s: int = 60
    force: bool = False
    steps: int = 1
    every_s: int = 10
    only_own: bool = False


def read_asked(options: Mapping[str, Any]) -> Asked:
    """The operator's words by name, as text.

    ``host``, ``service``, ``reason``, ``expires``, ``wait``, ``force``, ``steps``, ``every``, ``only_own``;
    what is missing or empty has its default. Raises ModelError with all that is wrong.
    """
    given = {name: value for name, value in options.items() if value not in (None, "", [])}
    problems: list[Problem] = []

    host = str(given.get("host", "")).strip()
    if not host:
        problems.append(Problem("host", "which real server is not said", "name it: -e host=NAME"))
    services = given.get("service", [])
    names = services if isinstance(services, list) else str(services).replace(",", " ").split()
    steps = str(given.get("steps", 1)).strip()
    if not (steps.isdigit() and 1 <= int(steps) <= _MOST_STEPS):
        what = f"{steps!r} is no number of steps"
        problems.append(Problem("steps", what, f"give one from 1 to {_MOST_STEPS}"))
        steps = "1"
    asked = Asked(
        host=host,
        services=tuple(sorted({str(name) for name in names})),
        reason=str(given["reason"]).strip() if "reason" in given else None,
        expires_s=seconds(given, "expires", 0, problems, least=1, example="90m") or None,
        wait_s=seconds(given, "wait", 60, problems),
        force=yes(given, "force", problems),
        steps=int(steps),
        every_s=seconds(given, "every", 10, problems),
        only_own=yes(given, "only_own", problems),
    )
    if problems:
        raise ModelError(problems)
    return asked


def pools(plan: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """By real server and cluster the names of its services."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, cluster in plan["clusters"].items():
        for service in cluster["services"]:
            for server in service["real_servers"]:
                found.setdefault(server["name"], {}).setdefault(name, []).append(service["name"])
    return found


def concerned(plan: dict[str, Any], asked: Asked) -> dict[str, list[str]]:
    """By cluster the services that are meant. Raises ModelError where the plan has no such thing."""
    known = pools(plan)
    if asked.host not in known:
        all_names = ", ".join(sorted(known)) or "none"
        what = f"{asked.host!r} is no real server of any pool (or its lvs_state is disabled)"
        raise ModelError([Problem("host", what, f"name one of {all_names}")])
    mine = known[asked.host]
    unknown = [name for name in asked.services if not any(name in names for names in mine.values())]
    if unknown:
        has = ", ".join(sorted({name for names in mine.values() for name in names}))
        what = f"{asked.host} is no real server of {', '.join(map(repr, unknown))}"
        raise ModelError([Problem("service", what, f"name some of {has}, or none for all of them")])
    wanted = {
        cluster: [name for name in names if not asked.services or name in asked.services]
        for cluster, names in mine.items()
    }
    found = {cluster: names for cluster, names in wanted.items() if names}
    _refuse_parts(plan, asked, mine, found)
    return found


def _refuse_parts(
    plan: dict[str, Any], asked: Asked, mine: dict[str, list[str]], found: dict[str, list[str]]
) -> None:
    """What ldirectord's maintenance folder cannot express (ldirectord(8), maintenancedir)."""
    problems = []
    for cluster, names in found.items():
        directors = plan["clusters"][cluster]["directors"]
        if not any(plan["hosts"][one]["observe"]["ldirectord"] for one in directors):
            continue
        if set(names) != set(mine[cluster]):
            every = ", ".join(mine[cluster])
            what = f"ldirectord drains real servers in all their services, and {asked.host} is in {every}"
            problems.append(Problem("service", what, "leave it out, or use lvs_services in the inventory"))
        if asked.steps > 1:
            what = f"ldirectord, the engine of cluster {cluster}, knows no weights in between"
            problems.append(Problem("steps", what, "leave it out"))
    if problems:
        raise ModelError(problems)


def directors_of(plan: dict[str, Any], clusters: Iterable[str]) -> list[str]:
    """The directors of clusters, in their order."""
    return [host for name in clusters for host in plan["clusters"][name]["directors"]]
