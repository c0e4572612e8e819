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
