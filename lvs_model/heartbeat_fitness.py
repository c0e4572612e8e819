"""What forbids to deploy a pair of heartbeat's: another way to hear each other, of which one is not told."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from lvs_model.components.heartbeat import CONFIGURATION, KEYS, UNIT
from lvs_model.observation import Observation
from lvs_model.problems import Problem


def heartbeat_fitness(plan: dict[str, Any], seen: dict[str, Observation]) -> Iterator[Problem]:
    """Changes of the key, the port or the lines while a director is away, by those that were seen.

    It comes back with the old ones, hears nobody, and takes the VIPs beside the other one. What of ha.cf has
    changed is not known from its digest, so that any change of it waits.
    """
    for name, cluster in plan["clusters"].items():
        missing = [host for host in cluster["directors"] if host not in seen]
        for host in cluster["directors"]:
            planned = plan["hosts"][host]
            if not missing or host not in seen or planned.get("engine_unit") != UNIT:
                continue
            if changed := [path for path in (KEYS, CONFIGURATION) if _differs(path, planned, seen[host])]:
                yield Problem(
                    f"cluster {name}",
                    f"{' and '.join(changed)} would change on {host}, and {', '.join(missing)} was not "
                    "looked at: with another key, port or line it would come back deaf, and own the VIPs "
                    f"beside {host}",
                    "deploy both together, or leave these options of heartbeat as they are until "
                    f"{missing[0]} is back",
                )


def _differs(path: str, planned: dict[str, Any], seen: Observation) -> bool:
    """Whether a file of ours is there with another content."""
    found = seen.raw["files"].get(path)
    if found is None or not found.get("marked"):
        return False
    (content,) = (file["content"] for file in planned["files"] if file["path"] == path)
    return bool(found["sha256"] != sha256(content.encode()).hexdigest())
