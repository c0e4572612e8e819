"""VRRP's own protocol changes on a running cluster: what stops, what changes alone, and in which order.

A director with another router id, version, authentication, interface, transport or (with version 2)
interval of adverts hears nothing of one that still has the former: reloaded one by one, both would own the
VIPs. So the daemon's own checker judges the new configuration on all directors first, and nothing of it is
laid down. Then all but one stop, at boot too, so that this one owns every VIP, and only then get their new
files. It changes alone, in one transaction that takes up the former files again where it fails, and the
others start. Whoever boots or dies in between, and wherever a run is interrupted: there is always one that
starts, with the election that is in effect, and none beside it (docs/decisions/0015).
Nobody answers for the VIPs from its reload until it has elected itself, about three adverts; the table,
and the connections in it, stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.components.keepalived import UNIT
from lvs_model.differences import Difference, file_differences
from lvs_model.fitness import election_changes
from lvs_model.observation import Observation
from lvs_model.problems import Problem

_STOP_S = 300.0


def election_differences(plan: dict[str, Any], seen: dict[str, Observation]) -> dict[str, list[Difference]]:
    """By director its elections that are not the planned ones: those that run, and one that was kept back."""
    found = {}
    for host, one in seen.items():
        planned = plan["hosts"][host]
        if planned["role"] != "director":
            continue
        changes = election_changes(plan["clusters"][planned["cluster"]], planned, one)
        texts = [f"the running election of {', '.join(change.vips)} has {change.text}" for change in changes]
        if _kept_back(planned, one):
            texts.append(f"{UNIT} is stopped here, at boot too, and its configuration is not the planned one")
        if texts:
            found[host] = [Difference("election", text) for text in texts]
    return found


def _kept_back(planned: dict[str, Any], seen: Observation) -> bool:
    """Whether a director was stopped for such a change, as an interrupted run leaves it, and has other files.

    They may have another election than its peers: nothing must start it before it has the planned ones for
    good, and a transaction that fails would.
    """
    unit = seen.unit(UNIT)
    if planned["engine_unit"] != UNIT or seen.runs(UNIT) or unit.get("UnitFileState") != "disabled":
        return False
    other = {one.detail for one in file_differences(planned, seen)} & set(planned["table_files"])
    return any((seen.raw["files"].get(path) or {}).get("marked") for path in other)


def election_problems(
    plan: dict[str, Any], seen: dict[str, Observation], changing: set[str], accepted: set[str]
) -> Iterator[Problem]:
    """What forbids to change the elections of clusters.

    Every director must have been seen: one that goes on with the former election would own the VIPs
    beside the others. And the election must be the toolkit's own: of another one its peers are not
    known.
    """
    for name in sorted(changing):
        directors = plan["clusters"][name]["directors"]
        missing = [host for host in directors if host not in seen and host not in accepted]
        if missing:
            yield Problem(
                f"cluster {name}",
                f"its VRRP protocol changes, and {', '.join(missing)} was not looked at: the former election "
                "would go on there and own the VIPs beside the others",
                "leave out --limit, or let it name all directors",
            )
        for host in directors:
            if host not in seen or not seen[host].runs(plan["hosts"][host]["engine_unit"]):
                continue
            files = plan["hosts"][host]["table_files"]
            if not set(files) <= set(seen[host].raw.get("managed") or []):
                yield Problem(
                    f"host {host}",
                    f"its VRRP protocol changes, and nothing tells that the toolkit has written {files[0]}: "
                    "which peers its election has is not known",
                    "stop keepalived on all directors of the cluster, then run again",
                )


def survivor(plan: dict[str, Any], name: str, seen: dict[str, Observation]) -> str:
    """The director that stays alone: an owner now, else the preferred one that runs."""
    cluster = plan["clusters"][name]
    there = [host for host in cluster["directors"] if host in seen]
    running = [host for host in there if seen[host].runs(plan["hosts"][host]["engine_unit"])]
    owners = [host for host in running if any(map(seen[host].owns, (*cluster["anchors"], *cluster["vips"])))]
    return str((owners or running or there)[0])


def later_election(
    planned: dict[str, Any], work: dict[str, Any], seen: Observation, alone: str
) -> dict[str, Any]:
    """A director's work where VRRP's protocol changes: as engine_change.later, with the same engine.

    ``files_at`` says when its files come. The one that stays ``alone`` has nothing else to do: its
    transaction is undone by itself where it fails. Any other one gets them when it has left (``leave``),
    where nothing can start with them; ``begin`` starts it, and ``back`` stops it again, since the first one
    has changed.
    """
    names, unit = set(planned["engine_actions"]), planned["engine_unit"]
    own = [one for one in planned["actions"] if one["name"] in names]
    later = work | {"begins_later": True}
    if seen.host == alone:
        return later | {
            "files_at": "begin",
            "actions": [one | ({"force": True} if one["name"] in names else {}) for one in work["actions"]],
            "leave": [],
            "begin": [],
            "back": [],
            "again": "the others stay stopped, at boot too",
        }
    stop = {
        "name": f"Stop {unit}, at boot too, until {alone} has changed",
        "argv": ["systemctl", "disable", "--now", unit],
        "force": True,
        "timeout": _STOP_S,
    }
    return later | {
        "files_at": "leave",
        "actions": [one for one in work["actions"] if one["name"] not in names],
        "health": [one for one in work["health"] if one["name"] not in planned["engine_health"]],
        "leave": [stop],
        "begin": [
            {"name": one["name"], "argv": one["argv"], "force": True, "guard": one["guard"]} for one in own
        ],
        "back": [stop],
        "again": f"it stays stopped, at boot too, and {alone} serves",
    }
