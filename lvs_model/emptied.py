"""Services that a deployment would leave with drained real servers only: those that serve now go."""

from __future__ import annotations

from typing import Any

from lvs_model.observation import Observation
from lvs_model.problems import Problem


def emptied(plan: dict[str, Any], seen: dict[str, Observation]) -> list[Problem]:
    """What forbids to act; ``plan`` is as overrides make it (overrides.as_overridden).

    A drain alone is asked about when it is made (drain.py), and so is not held against a deployment.
    """
    problems: dict[str, Problem] = {}
    for host, one in seen.items():
        planned = plan["hosts"][host]
        if "ipvs" not in planned or one.raw["ipvs"].get("table") is None:
            continue
        for key, entry in planned["ipvs"].items():
            servers, has = entry["servers"], one.table.get(key)
            drained = {
                address: server["host"]
                for address, server in servers.items()
                if one.overrides.drain(server["host"], entry["service"])
            }
            if has is None or not drained or any(server["weight"] > 0 for server in servers.values()):
                continue
            fallback = (entry["fallback"] or {}).get("server")
            serving = [
                address
                for address, server in sorted(has.servers.items())
                if server.weight > 0 and address not in drained and address != fallback
            ]
            place = f"{planned['cluster']}/{entry['service']}"
            if serving:
                what = (
                    f"this would take {', '.join(serving)} away from {key} on {host}, which serve now, and "
                    f"leave nobody but {', '.join(drained.values())}, drained"
                )
                remedy = f"restore one first: playbooks/restore.yml -e host={next(iter(drained.values()))}"
                problems.setdefault(place, Problem(place, what, remedy))
    return list(problems.values())
