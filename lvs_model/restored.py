"""Whether a director is well with a configuration of former times, of which no plan is at hand.

Its engine itself tells what that configuration asks for: keepalived's dump has its services, its real
servers with their weights and what its checks have found. The kernel's table must equal that. ldirectord
tells no such thing: it must run where the VIPs are and nowhere else, and leave no service without a real
server. What was wrong before in the same way counts against nobody: going back may be a part of mending it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.checks_view import without_table
from lvs_model.differences import host_differences
from lvs_model.ipvs_table import VirtualService
from lvs_model.keepalived_view import Held
from lvs_model.observation import Observation


def restored_work(
    planned: dict[str, Any], host: str, raw: dict[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    """What is not well on a director since it went back, in the form of compare.host_work.

    ``before`` is the observation ahead of that. Of the plan counts only which engine the host has. Nothing
    here is for the toolkit to mend: ``actions`` is empty.
    """
    if "schema" not in raw:
        return {
            "changes": [f"it could not be observed: {raw.get('failed', 'it is unreachable')}"],
            "actions": [],
        }
    seen, former = Observation(host, raw), Observation(host, before)
    known = set(_faults(planned, former)) if "schema" in before else set()
    changes = [
        *_pending(planned, seen),
        *(text for text in _faults(planned, seen) if text not in known),
        *_elections(former, seen),
    ]
    return {"changes": changes, "actions": []}


def _every(planned: dict[str, Any]) -> bool:
    """Whether each director has the table and asks for itself, as with keepalived."""
    return bool(planned.get("table_on", "every") == "every")


def _pending(planned: dict[str, Any], seen: Observation) -> Iterator[str]:
    """What is waited for, whatever was before."""
    if not seen.runs(planned["engine_unit"]):
        yield f"{planned['engine_unit']} does not run"
        return
    if not _every(planned):
        return
    if seen.checkers is None and (seen.raw.get("keepalived") or {}).get("checker"):
        yield "keepalived has not told what its checks found"
    if seen.balanced and seen.raw["ipvs"].get("table") is None:
        yield "the kernel's IPVS table could not be read"
    for (key, server), state in (seen.checkers or {}).items():
        if not state["checked"]:
            yield f"{key}: real server {server}: its checks have not had a result yet"


def _faults(planned: dict[str, Any], seen: Observation) -> Iterator[str]:
    if not _every(planned):
        yield from _of_ldirectord(planned, seen)
        return
    for key in sorted(seen.table.keys() - seen.balanced.keys()):
        yield f"{key} is in the kernel's table, and keepalived has no such service"
    for key, held in seen.balanced.items():
        if key not in seen.table:
            yield f"{key} is missing in the kernel's table"
        elif not held.quorum:
            # Whatever else is in the table then: a fallback, or what is left.
            yield f"{key}: its checks leave fewer real servers than its quorum"
        else:
            yield from _servers(key, held, seen.table[key], seen)


def _servers(key: str, held: Held, found: VirtualService, seen: Observation) -> Iterator[str]:
    for server in sorted(found.servers.keys() - held.weights.keys()):
        yield f"{key}: real server {server} is in the kernel's table, and keepalived does not have it"
    for server, weight in held.weights.items():
        state, there = (seen.checkers or {})[key, server], found.servers.get(server)
        if not state["checked"]:
            continue
        if not state["alive"]:
            # With weight 0 where the service inhibits it.
            if there is not None and there.weight > 0:
                yield f"{key}: real server {server} is dead by its checks, and still in the table"
        elif there is None:
            yield f"{key}: real server {server} is missing in the kernel's table"
        elif there.weight != weight:
            yield f"{key}: real server {server} has weight {there.weight}, and {weight} by keepalived"


def _of_ldirectord(planned: dict[str, Any], seen: Observation) -> Iterator[str]:
    idle = without_table(planned, seen)
    for one in host_differences(planned, seen):
        if one.kind.startswith("ldirectord ") or (idle and one.kind == "table"):
            yield one.text
    if idle:
        return
    if not seen.table:
        yield "the kernel's table is empty beside the VIPs"
    for key, service in seen.table.items():
        if not any(server.weight for server in service.servers.values()):
            yield f"{key}: no real server is left in the table"


def _elections(former: Observation, seen: Observation) -> Iterator[str]:
    """What happened to its elections: one that stood by must not have taken what the owner has."""
    for label, state in seen.vrrp_states.items():
        was = former.vrrp_states.get(label)
        if state == "FAULT" and was != state:
            yield f"its VRRP instance {label} is in fault, and takes no VIP"
        elif (was, state) == ("BACKUP", "MASTER"):
            yield f"it stood by, and has taken the VIPs of {label} since"
