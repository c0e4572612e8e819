"""What forbids that a director takes the VIPs over in order: whatever its clients would notice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.checks_view import down_servers
from lvs_model.components.keepalived.sync import DRIFT as NO_SYNC
from lvs_model.differences import host_differences
from lvs_model.ipvs_counters import parse_counters
from lvs_model.observation import Observation
from lvs_model.overrides import overrides, unequal, with_drains
from lvs_model.problems import Problem

# What a director can serve with: files of former times, packages not held; of sync below.
_HARMLESS = {"contract", "stale", "hold", NO_SYNC}
# What takes a director out of an election (module_utils/lvs_demotion.py).
OUT = -254
# Connections that are too young to have been told of, or that ended a moment ago: those of the last seconds
# (lvs.md: older flows are known), and never many.
_YOUNG_S = 4
_FEW = 5
_SHARE = 0.01
_SHOWN = 3


def unfit(
    plan: dict[str, Any],
    name: str,
    to: str,
    seen: dict[str, Observation],
    owners: set[str],
    *,
    force: bool,
) -> Iterator[Problem]:
    """Why the director ``to`` of the cluster ``name`` must not get the VIPs of ``owners`` now.

    ``force``: the operator accepts connections that it does not know, and real servers that only its checks
    find dead.
    """
    planned, target, path = plan["hosts"][to], seen[to], f"host {to}"
    if not target.runs(planned["engine_unit"]):
        yield Problem(path, f"{planned['engine_unit']} does not run there", "deploy it first: site.yml")
        return
    yield from _states(plan["clusters"][name], to, target)
    found = host_differences(_as_drained(planned, target), target)
    wrong = [one.text for one in found if one.kind not in _HARMLESS]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        yield Problem(
            path,
            f"it is not as planned: {'; '.join(wrong[:_SHOWN])}{more}",
            "deploy first (site.yml), or wait until its checks have their results",
        )
    yield from _unequal_drains(plan, to, seen, owners)
    yield from _sync_daemons(plan["clusters"][name], to, target, owners, seen)
    if not force:
        for owner in sorted(owners - {to}):
            yield from _fewer_servers(plan, to, owner, seen)
            yield from _unknown_connections(plan, name, to, owner, seen)


def _as_drained(planned: dict[str, Any], seen: Observation) -> dict[str, Any]:
    if "ipvs" not in planned:
        return planned
    return planned | {"ipvs": with_drains(planned["ipvs"], overrides(seen.raw).drains)}


def _unequal_drains(
    plan: dict[str, Any], to: str, seen: dict[str, Observation], owners: set[str]
) -> Iterator[Problem]:
    """Drains that only the owner or only the target knows: real servers would get clients, or lose them."""
    for host, drain in unequal(plan, {one: seen[one].overrides for one in (to, *sorted(owners - {to}))}):
        yield Problem(
            f"host {host}",
            f"it does not know that {drain}",
            f"run drain.yml -e host={drain.host} again, or restore.yml: both tell all directors",
        )


def _states(cluster: dict[str, Any], to: str, target: Observation) -> Iterator[Problem]:
    """Whether its elections stand by, and pacemaker has it."""
    for one in cluster["instances"]:
        if one["router_id"] is None or to not in one["priorities"]:
            continue
        state = target.vrrp_states.get(one["label"])
        if one["demotion"] and target.place(one["demotion"]["file"]) <= OUT:
            yield Problem(
                f"host {to}",
                f"a switchover that was interrupted has left it outside the election {one['label']}",
                "site.yml puts it back, or a switchover to the owner; then run this again",
            )
        elif state not in {"BACKUP", "MASTER"}:
            yield Problem(
                f"host {to}",
                f"its VRRP instance {one['label']} is {state or 'in an unknown state'}, and takes no VIP",
                "see journalctl -u keepalived there: a tracker that fails, or its interface",
            )
    if target.pacemaker is not None:
        for fault in target.pacemaker.faults(list(cluster["directors"])):
            yield Problem(f"host {to}", fault, "mend that first")


def _sync_daemons(
    cluster: dict[str, Any], to: str, target: Observation, owners: set[str], seen: dict[str, Observation]
) -> Iterator[Problem]:
    """Whether connections are told and heard: without it each would break at the switchover."""
    if cluster["sync_daemons"] is None:
        return
    first = cluster["instances"][0]["vips"]
    both = cluster["sync_daemons"] == "both"
    for host in [to, *sorted(owners - {to})]:
        sends = any(map(seen[host].owns, first))
        wanted = {"master", "backup"} if both else {"master" if sends else "backup"}
        missing = sorted(wanted - seen[host].sync_daemons)
        if missing:
            yield Problem(
                f"host {host}",
                f"its connection sync daemon ({', '.join(missing)}) does not run",
                "keepalived's is started within half a minute, another engine is restarted on the standby; "
                "then wait until it knows the connections",
            )


def _fewer_servers(
    plan: dict[str, Any], to: str, owner: str, seen: dict[str, Observation]
) -> Iterator[Problem]:
    """Real servers that are alive for the owner's checks only."""
    if plan["hosts"][to].get("table_on") == "owner":
        return
    mine = down_servers(plan["hosts"][to], seen[to])
    others = down_servers(plan["hosts"][owner], seen[owner])
    only = sorted({server for key, servers in mine.items() for server in servers - others.get(key, set())})
    if only:
        yield Problem(
            f"host {to}",
            f"its checks find {', '.join(only)} dead, and those of the owner {owner} do not",
            "look at the way between them, or accept it: -e force=true",
        )


def _unknown_connections(
    plan: dict[str, Any], name: str, to: str, owner: str, seen: dict[str, Observation]
) -> Iterator[Problem]:
    """Established connections that the owner has and the target was not told of.

    A director that has just come back gets no table of old connections: it hears of one when it is new, or
    after some of its packets (ip_vs_sync.c, ip_vs_sync_conn_needed).
    """
    if seen[owner].raw.get("status") is None:
        return  # not asked yet: a deployment's first look; the switchover's own asks
    there, a_second = connections(seen[owner]), _new_a_second(seen[owner])
    if there is None:
        yield Problem(
            f"host {owner}",
            "it does not tell how many connections it has (ipvsadm -ln)",
            "mend that, or accept that they break: -e force=true",
        )
        return
    if plan["clusters"][name]["sync_daemons"] is None:
        for key, servers in there.items():
            if count := sum(servers.values()):
                yield Problem(
                    f"cluster {name}",
                    f"it has no connection_sync, and the owner {owner} has {count} established connections "
                    f"of {key}: they would break",
                    "have connection_sync in the cluster document, or accept the loss: -e force=true",
                )
        return
    if plan["hosts"][to].get("table_on") == "owner":
        return
    here = connections(seen[to]) or {}
    for key, servers in there.items():
        count = sum(servers.values())
        # One real server's surplus, of connections whose end was not told, makes up for no other's.
        known = sum(min(here.get(key, {}).get(server, 0), number) for server, number in servers.items())
        young = min(_FEW, _YOUNG_S * a_second.get(key, 0))
        if count - known > max(young, count * _SHARE):
            yield Problem(
                f"host {to}",
                f"of {key} it knows {known} established connections, and the owner {owner} has {count}: the "
                "others would break",
                "wait: it hears of each after some packets; or accept the loss: -e force=true",
            )


def connections(seen: Observation) -> dict[str, dict[str, int]] | None:
    """By service key and real server the established connections; None where the kernel's were not read.

    Of a listing of IPVS's entries, never of the table of connections itself.
    """
    listings = _listings(seen)
    if listings.get("connections") is None:
        return None
    found: dict[str, dict[str, int]] = {}
    for (key, server), traffic in parse_counters(listings).items():
        own = found.setdefault(key, {})
        if server is not None:
            own[server] = traffic.active or 0
    return found


def _new_a_second(seen: Observation) -> dict[str, int]:
    """By service key how many connections began in each of the last seconds, as the kernel estimates it."""
    return {
        key: traffic.rates.connections
        for (key, server), traffic in parse_counters(_listings(seen)).items()
        if server is None and traffic.rates is not None
    }


def _listings(seen: Observation) -> dict[str, str | None]:
    return (seen.raw.get("status") or {}).get("counters") or {}
