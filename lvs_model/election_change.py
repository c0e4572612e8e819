"""VRRP's own protocol changes on a running cluster: what stops, what changes alone, and in which order.

A director with another router id, version, authentication, interface, transport or (with version 2)
interval of adverts hears nothing of one that still has the former: reloaded one by one, both would own the
VIPs. So the new configuration is laid down and validated on all directors first, while the former one runs
on. Then all but one stop, in order, so that this one owns every VIP; it changes alone, and the others start
again, with the new configuration.
Nobody answers for the VIPs from its reload until it has elected itself, about three adverts; the table,
and the connections in it, stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.differences import Difference
from lvs_model.fitness import election_changes
from lvs_model.observation import Observation
from lvs_model.problems import Problem

_STOP_S = 300.0
# lvs_facts looks for it (module_utils/lvs_keepalived.py). What the files say is not in effect while it is
# there, which after an interruption nothing else tells.
_FORMER = "/run/lvs-toolkit.former-election"


def election_differences(plan: dict[str, Any], seen: dict[str, Observation]) -> dict[str, list[Difference]]:
    """By director its running elections that are not the planned ones, as kind election."""
    found = {}
    for host, one in seen.items():
        planned = plan["hosts"][host]
        if planned["role"] != "director":
            continue
        changes = list(election_changes(plan["clusters"][planned["cluster"]], planned, one))
        if changes:
            found[host] = [
                Difference("election", f"the running election of {', '.join(change.vips)} has {change.text}")
                for change in changes
            ]
    return found


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

    ``leave`` stops the engine where it runs and this is not the one that stays ``alone``; ``begin`` lets the
    engine read its configuration, or starts it. ``back`` is for a beginning that fails: the first one
    takes up the former files again (``restores``), any other stops, since the first one has changed.
    """
    names, unit, first = set(planned["engine_actions"]), planned["engine_unit"], seen.host == alone
    own: list[dict[str, Any]] = [
        {"name": one["name"], "argv": one["argv"], "force": True, "guard": one["guard"]}
        for one in planned["actions"]
        if one["name"] in names
    ]
    stop = {"name": f"Stop {unit} until {alone} has changed", "argv": ["systemctl", "stop", unit]}
    stops: list[dict[str, Any]] = [stop | {"force": True, "timeout": _STOP_S}]
    mark = {"name": "Note that the former election runs on", "argv": ["touch", _FORMER], "force": True}
    clear = {"name": "Note that no former election runs", "argv": ["rm", "-f", _FORMER], "force": True}
    own, stops = [*own, clear], [*stops, clear]
    former = "the former configuration is in effect here again, and the others stay stopped"
    return work | {
        "actions": [mark, *(one for one in work["actions"] if one["name"] not in names)],
        "health": [one for one in work["health"] if one["name"] not in planned["engine_health"]],
        "begins_later": True,
        "leave": stops if not first and seen.runs(unit) else [],
        "begin": own,
        "back": own if first else stops,
        "restores": first,
        "again": former if first else f"it stays stopped, and {alone} serves",
    }
