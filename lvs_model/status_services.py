"""Services in a status: the kernel's entries with their real servers, states, weights and counters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lvs_model.checks_view import View, checks_view, without_table
from lvs_model.ipvs_counters import Place, Traffic, as_data, parse_counters
from lvs_model.ipvs_table import Server
from lvs_model.observation import Observation


def services(
    given: dict[str, Any], overridden: dict[str, Any], name: str, directors: dict[str, Observation]
) -> list[dict[str, Any]]:
    """A cluster's services in plain data.

    ``given`` is the plan, ``overridden`` the plan with what operators have set aside
    (overrides.as_overridden); ``directors`` are those that were seen. An entry's numbers are those of the
    ``director`` that owns its VIP; without one they are null. Raises ValueError for counters that are not
    ipvsadm's.
    """
    counters = {
        host: parse_counters((one.raw.get("status") or {}).get("counters") or {})
        for host, one in directors.items()
    }
    cluster = given["clusters"][name]
    # All directors of a cluster have the same table.
    (table, *_) = [given["hosts"][host].get("ipvs", {}) for host in cluster["directors"]]
    found = []
    for service in cluster["services"]:
        entries = []
        for key, entry in table.items():
            if entry["service"] != service["name"]:
                continue
            vips = [vip for vip in service["vips"] if _concerns(key, vip)]
            owner = next((host for host, one in directors.items() if any(map(one.owns, vips))), None)
            if owner is None:
                servers, traffic = list(_planned(entry)), {}
            else:
                traffic = counters[owner]
                wanted = overridden["hosts"][owner]
                servers = list(_seen(key, entry, wanted, directors[owner], traffic))
            entries.append(
                {"key": key, "scheduler": entry["scheduler"], "director": owner}
                | as_data(traffic.get((key, None)))
                # The kernel counts them of real servers only.
                | {name: _sum(one[name] for one in servers) for name in ("active", "inactive")}
                | {"servers": servers}
            )
        found.append(
            {
                "name": service["name"],
                "vips": service["vips"],
                "forwarding": service["forwarding"],
                "min_servers": service["min_servers"],
                "entries": entries,
            }
        )
    return found


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum of what is known; None where nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _concerns(key: str, vip: str) -> bool:
    """Whether an entry is of a VIP: its own address, or its mark's family."""
    if key.startswith("FWM"):
        return key.endswith(" IPv6") == (":" in vip)
    return key.split(" ", 1)[1].rsplit(":", 1)[0].strip("[]") == vip


def _planned(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The real servers of an entry that no director serves, as far as was seen."""
    for place, planned in entry["servers"].items():
        yield _server(place, planned, None, "unknown", None)


def _server(
    place: str,
    planned: dict[str, Any] | None,
    there: Server | None,
    state: str,
    traffic: Traffic | None,
) -> dict[str, Any]:
    """A real server; ``weight`` is the kernel's, null where it is not in the table."""
    return {
        "name": planned["host"] if planned else None,
        "address": place,
        "state": state,
        "weight": there.weight if there else None,
        "planned_weight": planned["weight"] if planned else None,
    } | as_data(traffic)


def _seen(
    key: str,
    entry: dict[str, Any],
    wanted: dict[str, Any],
    seen: Observation,
    traffic: dict[Place, Traffic],
) -> Iterator[dict[str, Any]]:
    """The planned real servers; behind them a fallback that stands in, and what is there unplanned."""
    table = seen.table[key].servers if key in seen.table else {}
    view = (None if without_table(wanted, seen) else checks_view(wanted, seen)) or {}
    for place, planned in entry["servers"].items():
        drained = wanted["ipvs"][key]["servers"][place]["weight"] == 0
        state = _state(view, key, place, drained=drained)
        yield _server(place, planned, table.get(place), state, traffic.get((key, place)))
    fallback = (entry["fallback"] or {}).get("server")
    for place, there in table.items():
        if place not in entry["servers"]:
            state = "fallback" if place == fallback else "not planned"
            yield _server(place, None, there, state, traffic.get((key, place)))


def _state(view: View, key: str, place: str, *, drained: bool) -> str:
    """In a word: up, drained, down, pending (no result yet) or unknown (the engine did not tell)."""
    told = view.get((key, place))
    if told is None:
        return "unknown"
    if not told["checked"]:
        return "pending"
    if not told["alive"]:
        return "down"
    return "drained" if drained else "up"
