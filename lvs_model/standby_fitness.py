"""What forbids that a director takes the VIPs over in order: whatever its clients would notice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.checks_view import down_servers
from lvs_model.components.keepalived.sync import DRIFT as NO_SYNC
from lvs_model.differences import host_differences
from lvs_model.observation import Observation
from lvs_model.overrides import overrides, unequal, with_drains
from lvs_model.problems import Problem

# What a director can serve with: files of former times, packages not held; of sync below.
_HARMLESS = {"contract", "stale", "hold", NO_SYNC}
# What takes a director out of an election (module_utils/lvs_demotion.py).
OUT = -254
# Connections that are too young to have been told of, or that ended a moment ago.
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
    if plan["clusters"][name]["sync_daemons"] is None or plan["hosts"][to].get("table_on") == "owner":
        return
    here, there = connections(seen[to]), connections(seen[owner])
    for key, servers in there.items():
        count = sum(servers.values())
        # One real server's surplus, of connections whose end was not told, makes up for no other's.
        known = sum(min(here.get(key, {}).get(server, 0), number) for server, number in servers.items())
        if count - known > max(_FEW, count * _SHARE):
            yield Problem(
                f"host {to}",
                f"of {key} it knows {known} established connections, and the owner {owner} has {count}: the "
                "others would break",
                "wait: it hears of each after some packets; or accept the loss: -e force=true",
            )


def connections(seen: Observation) -> dict[str, dict[str, int]]:
    """By service key and real server the established connections; empty where they were not read.

    Read from `ipvsadm -ln`, whose lines of real servers end with weight, active and inactive connections
    (ipvsadm.c, print_largenum); never from the table of connections itself.
    """
    text = ((seen.raw.get("status") or {}).get("counters") or {}).get("connections") or ""
    found: dict[str, dict[str, int]] = {}
    key = None
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["->"] and key is not None:
            found[key][words[1]] = int(words[-2]) if words[-2].isdigit() else 0
        elif words[:1] and words[0] in {"TCP", "UDP", "SCTP", "FWM"}:
            key = " ".join(words[: 3 if words[2:3] == ["IPv6"] else 2])
            found[key] = {}
    return found
