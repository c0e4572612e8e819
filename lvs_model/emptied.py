"""Services that a deployment would leave with drained or dead real servers only: those that serve now go."""

from __future__ import annotations

from typing import Any

from lvs_model.checks_view import down_servers
from lvs_model.observation import Observation
from lvs_model.problems import Problem


def emptied(plan: dict[str, Any], seen: dict[str, Observation]) -> list[Problem]:
    """What forbids to act; ``plan`` is as overrides make it (overrides.as_overridden).

    A drain alone is asked about when it is made (drain.py), and so is not held against a deployment. Nor is a
    fallback that goes while all are drained: keepalived says which entries are real servers. ldirectord does
    not, and has its fallback as the only entry with a weight, so that a single one is not counted there.
    """
    problems: dict[str, Problem] = {}
    for host, one in seen.items():
        planned = plan["hosts"][host]
        if "ipvs" not in planned or not one.overrides.drains:
            continue
        dead = down_servers(planned, one)
        for key, entry in planned["ipvs"].items():
            servers, has = entry["servers"], one.table.get(key)
            drained = {
                address: server["host"]
                for address, server in servers.items()
                if one.overrides.drain(server["host"], entry["service"])
            }
            stay = {address for address, server in servers.items() if server["weight"] > 0}
            if has is None or not drained or stay - dead[key]:
                continue
            serving = [
                address
                for address, server in sorted(has.servers.items())
                if server.weight > 0
                and address not in servers
                and (one.checkers is None or (key, address) in one.checkers)
            ]
            place = f"{planned['cluster']}/{entry['service']}"
            if len(serving) > (one.checkers is None):
                what = (
                    f"this would take {', '.join(serving)} away from {key} on {host}, which serve now, and "
                    "leave only real servers that are drained or dead"
                )
                remedy = f"restore one first: playbooks/restore.yml -e host={next(iter(drained.values()))}"
                problems.setdefault(place, Problem(place, what, remedy))
    return list(problems.values())
