"""What a director's checks have found, whichever engine runs them."""

from __future__ import annotations

from typing import Any

from lvs_model.ldirectord_view import ambiguous, last_events, name_of
from lvs_model.observation import Observation

View = dict[tuple[str, str], dict[str, bool]]
"""By (service key, address:port): whether it is ``alive``, and whether all has been ``checked`` once."""


def checks_view(planned: dict[str, Any], seen: Observation) -> View | None:
    """The engine's view of its real servers; None where it does not run or did not tell."""
    if planned.get("table_on", "every") == "every":
        return seen.checkers
    return _of_ldirectord(planned, seen)


def _of_ldirectord(planned: dict[str, Any], seen: Observation) -> View | None:
    """From its log; of what that does not tell, the kernel's table is believed.

    What a new owner was filled with (components/ldirectord/table.py) stays there until a check takes it out,
    and all else ldirectord takes into the table after a good check only.
    """
    told = seen.raw.get("ldirectord") or {}
    if told.get("pid") is None or seen.raw["ipvs"].get("table") is None or without_table(planned, seen):
        return None
    events, shared = last_events(told.get("log") or ""), ambiguous(planned["ipvs"])
    view: View = {}
    for key, service in planned["ipvs"].items():
        found = seen.table[key].servers if key in seen.table else {}
        name = name_of(key)
        for server, entry in service["servers"].items():
            alive = None if name in shared else events.get((name, server))
            if alive is None:
                there = found.get(server)
                alive = there is not None and (there.weight > 0 or entry["weight"] == 0)
            view[key, server] = {"alive": alive, "checked": True}
    return view


def down_servers(planned: dict[str, Any], seen: Observation) -> dict[str, set[str]]:
    """Real servers (address:port) by service key that a director's checks have found dead.

    What ldirectord has taken out because it is drained there (maintenancedir) is not among them.
    """
    view = (checks_view(planned, seen) if "ipvs" in planned else None) or {}
    drained = set((seen.raw.get("ldirectord") or {}).get("maintenance") or [])
    return {
        key: {
            server
            for server in service["servers"]
            if (state := view.get((key, server))) and state["checked"] and not state["alive"]
            if server.rpartition(":")[0] not in drained
        }
        for key, service in planned.get("ipvs", {}).items()
    }


def lacking(planned: dict[str, Any], seen: Observation) -> dict[str, int]:
    """Services that serve with fewer real servers than their minimum, by key with the living ones."""
    view = (checks_view(planned, seen) if "ipvs" in planned else None) or {}
    living = {
        key: sum(
            view[key, server]["alive"]
            for server, one in service["servers"].items()
            if one["weight"] > 0 and (key, server) in view
        )
        for key, service in planned.get("ipvs", {}).items()
        if any(own == key for own, _ in view)
    }
    return {key: left for key, left in living.items() if left < planned["ipvs"][key]["min_servers"]}


def without_table(planned: dict[str, Any], seen: Observation) -> bool:
    """Whether a director has no table now because it does not own the VIPs."""
    return planned.get("table_on") == "owner" and not any(map(seen.owns, planned["vips"]))
