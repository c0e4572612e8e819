"""The rollout of a deployment over a cluster: who must hold its lock, and where it stands when it stops."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

STEPS = ("expand", "retire", "expand_later", "directors", "leave", "begin", "contract")
"""The steps of a deployment (compare.py), in order."""


def locks(plan: dict[str, Any], work: dict[str, Any], seen: Collection[str]) -> dict[str, str]:
    """By director the cluster whose lock a deployment needs there; empty where nothing is to be done.

    The directors are those of each cluster that changes and that were ``seen``, in order of preference, which
    is the same for every run. A host of no cluster, such as one that retires, may have to do with any.
    """
    hosts = [host for step in STEPS for host in work[step]]
    own = {plan["hosts"][host]["cluster"] for host in hosts}
    return {
        director: name
        for name, cluster in plan["clusters"].items()
        if own & {name, None}
        for director in cluster["directors"]
        if director in seen
    }


def standing(
    work: dict[str, Any], told: dict[str, dict[str, Any]], moved: Collection[dict[str, Any]] = ()
) -> list[str]:
    """Which host has which version where a rollout has stopped, and what to do next.

    ``told`` gives by host what config_set returned: ``applied`` for its new version, and ``undone`` where the
    host went back from it; both are missing where the rollout has not come to it. ``moved`` are switchovers
    (``moves`` of owner_turns) after which the VIPs are not back yet. The work of a rollback (rollback.py) has
    its own ``next``.
    """
    words = ("the former version", "well") if "next" in work else ("the new version", "as planned")
    hosts = list(dict.fromkeys(host for step in STEPS for host in work[step]))
    lines = [f"{host}: {_version(told.get(host) or {}, *words)}" for host in hosts]
    return [
        "The rollout has stopped, and the error above says why. Hosts not named here were right before.",
        *lines,
        *(away_line(one) for one in moved),
        work.get("next")
        or "Next: correct the cause and run site.yml again, which goes on with what is left; or take back "
        "those that have the new version: playbooks/rollback.yml -e cluster=NAME -e generation=previous",
    ]


def away_line(move: dict[str, Any]) -> str:
    """Where VIPs are that a deployment has moved, and how they come back."""
    host, back = move["host"], f"-e to={move['host']} -e instance={move['instance']}"
    return (
        f"{', '.join(move['vips'])}: now with {move['to']}, before with {host}; back when {host} is as "
        f"planned: playbooks/switchover.yml {back}"
    )


def _version(told: dict[str, Any], version: str, right: str) -> str:
    """What a host has, in words: the first that holds."""
    applied, undone = told.get("applied") or {}, told.get("undone") or {}
    lost = undone.get("unreachable") or applied.get("unreachable")
    states = {
        f"it has {version}, is not {right}, and could not go back: {undone.get('msg')}": undone.get("failed"),
        "it cannot be reached; what it has is not known": lost,
        f"it did not become {right}, and went back to generation {applied.get('previous')}": undone.get(
            "files"
        ),
        f"it could not take {version}, and has what it had before": applied.get("rolled_back"),
        f"it refused {version} before anything was touched": applied.get("failed"),
        f"it has {version}, generation {applied.get('generation')}": applied.get("files"),
        "its files were right; what else differed was mended": applied,
    }
    return next((text for text, holds in states.items() if holds), "not begun, as it was before")
