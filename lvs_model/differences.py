"""One host's plan against its observation: every difference, with what heals it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from lvs_model import ipvs_table
from lvs_model.checks_view import View, checks_view, down_servers, without_table
from lvs_model.components.keepalived.sync import DRIFT as NO_SYNC
from lvs_model.components.nftables import RULES, comparable
from lvs_model.components.pacemaker import DRIFT
from lvs_model.observation import Observation
from lvs_model.overrides import DRAINED, FOLDER

# A switchover that is under way has other numbers than recorded; keepalived-demoted waits as long.
_UNDER_WAY_S = 60.0


@dataclass(frozen=True)
class Difference:
    """Something on a host that is not as planned.

    ``kind`` is what an Action of the plan heals (parts.Action.heals), or ``package`` (of the component
    ``detail``), ``user`` (named ``detail``), ``file`` (at the path ``detail``), ``transaction`` (config_set
    settles it), ``contract`` (the item ``detail`` of lvs-network is held and not planned), ``stale``
    (the file at the path ``detail`` is ours and not planned), ``table`` (mended by ``fix``, arguments of
    ipvsadm),
    ``pending`` (right by itself soon: a check has not had its first result) or ``health`` (not the host's
    own to mend).
    """

    kind: str
    text: str
    detail: str = ""
    fix: tuple[str, ...] = ()


def host_differences(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Everything in which a host differs from its plan, in the order in which it would be mended."""
    return [
        *_unfinished(seen),
        *_packages(planned, seen),
        *_holds(planned, seen),
        *_users(planned, seen),
        *file_differences(planned, seen),
        *_kernel(planned, seen),
        *_units(planned, seen),
        *_ldirectord(planned, seen),
        *_resources(planned, seen),
        *_demotions(planned, seen),
        *_sync(planned, seen),
        *_items(planned, seen),
        *_nftables(planned, seen),
        *_stale(planned, seen),
        *_table(planned, seen),
        *_health(planned, seen),
    ]


def _unfinished(seen: Observation) -> list[Difference]:
    return [
        Difference("transaction", f"the change {generation} was interrupted and is not settled yet")
        for generation in seen.raw.get("unfinished") or []
    ]


def _users(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    return [
        Difference("user", f"user {name} is missing", name)
        for name in planned["observe"]["users"]
        if (seen.raw.get("users") or {}).get(name) is None
    ]


def _packages(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    return [
        Difference("package", f"package {name} is not installed", component)
        for component, names in planned["packages"].items()
        for name in names
        if not seen.raw["packages"].get(name)
    ]


def _holds(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    return [
        Difference("hold", f"package {name} is not held: an upgrade would restart what it brings")
        for name in planned["holds"]
        if name not in (seen.raw.get("holds") or [])
    ]


def file_differences(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Files that are missing or not as planned, by their path."""
    differences = []
    for file in planned["files"]:
        found = seen.raw["files"].get(file["path"])
        if found is None:
            text = f"{file['path']} is missing"
        elif found["sha256"] != sha256(file["content"].encode()).hexdigest():
            text = f"{file['path']} has another content"
        elif (found["mode"], found["owner"], found["group"]) != (file["mode"], "root", "root"):
            text = (
                f"{file['path']} is {found['mode']} {found['owner']}:{found['group']}, "
                f"not {file['mode']} root:root"
            )
        else:
            continue
        differences.append(Difference("file", text, file["path"]))
    return differences


def _kernel(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    differences = [
        Difference("modules", f"kernel module {name} is not loaded")
        for name in planned["modules"]
        if seen.module(name) not in {"loaded", "builtin"}
    ]
    for name, value in planned["sysctls"].items():
        found = seen.raw["sysctls"].get(name)
        if found is None or not _same_value(name, found, value):
            differences.append(Difference("sysctls", f"sysctl {name} is {found}, not {value}"))
    return differences


def _same_value(name: str, found: str, value: str) -> bool:
    """Whether a sysctl has its value; IPVS itself turns 1 into 2 and back under attack (ipvs-sysctl.rst)."""
    if name.rsplit("/", 1)[-1] in {"drop_entry", "drop_packet", "secure_tcp"} and value in {"1", "2"}:
        return found in {"1", "2"}
    return found.split() == value.split()


def _units(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    differences = []
    for name in planned["units"]:
        unit = seen.unit(name)
        if unit.get("UnitFileState") != "enabled":
            differences.append(Difference(f"enabled {name}", f"{name} does not start at boot"))
        if not seen.runs(name):
            state = unit.get("ActiveState", "unknown")
            differences.append(Difference(f"active {name}", f"{name} is {state}, not active"))
        if unit.get("NeedDaemonReload") == "yes":
            differences.append(Difference("reload", f"systemd has not read {name} anew"))
    for name in planned["idle_units"]:
        if seen.unit(name).get("UnitFileState") == "enabled" or seen.runs(name):
            text = f"{name} starts by itself, and not where the cluster manager wants it"
            differences.append(Difference(f"idle {name}", text))
    return differences


def _ldirectord(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Whether it runs where the VIPs are, and only there: heartbeat does not watch it."""
    if not planned["observe"]["ldirectord"] or not seen.runs(planned["engine_unit"]):
        return []
    told = seen.raw.get("ldirectord") or {}
    runs = told.get("pid") is not None
    if without_table(planned, seen):
        # Its checkers outlive it when it is killed, and go on filling the table.
        who = "ldirectord runs" if runs else "checkers of a dead ldirectord run" if told.get("left") else None
        return [Difference("ldirectord extra", f"{who}, and no VIP is here")] if who else []
    return [] if runs else [Difference("ldirectord missing", "ldirectord does not run beside the VIPs")]


def _resources(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """What pacemaker's resources have not as planned; until all directors have its files, they stay so."""
    view = seen.pacemaker
    if not planned["observe"]["pacemaker"] or not seen.runs(planned["engine_unit"]):
        return []
    if view is None:
        return [Difference("pending", "lvs-pacemaker has not told what the cluster has")]
    found = [] if view.waits_for else view.differs
    return [Difference(DRIFT, f"resources: {line}") for line in found]


def _demotions(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Elections in which a director has another place than its record says, after a switchover that died."""
    found = seen.raw.get("demotions")
    # Each host tells of them; only a director has an election.
    if found is None or "engine_unit" not in planned or not seen.runs(planned["engine_unit"]):
        return []
    healed = {kind for action in planned["actions"] for kind in action["heals"]}
    records = seen.recorded_places
    differences = []
    for file in sorted({*records, *found}):
        place = records.get(file, 0)
        number, age_s = (found[file]["number"], found[file]["age_s"]) if file in found else (0, _UNDER_WAY_S)
        if number == place or age_s < _UNDER_WAY_S or f"demotion {file}" not in healed:
            continue
        text = f"{file} holds {number}, not {place} as recorded: a switchover was interrupted here"
        differences.append(Difference(f"demotion {file}", text))
    return differences


def _sync(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Connection sync of which nothing runs; which daemon belongs to which role is verify's to judge."""
    wanted = any(NO_SYNC in action["heals"] for action in planned["actions"])
    if not wanted or seen.sync_daemons or not seen.runs(planned["engine_unit"]):
        return []
    return [Difference(NO_SYNC, "no daemon of connection sync runs")]


def _items(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """What lvs-network holds, and what it should; modules and sysctls that miss are told above."""
    if seen.held_error is not None:
        # Not taken for nothing: fitness.py refuses it, unless new files mend it.
        return [Difference("network", f"what lvs-network holds is not known: {seen.held_error}")]
    missing = [
        Difference("network", f"{_item(item)} is missing")
        for item in planned["items"]
        if item not in seen.held and item.split()[0] not in {"module", "sysctl"}
    ]
    wanted = {_named(item) for item in planned["items"]}
    extra = [
        Difference("contract", f"{_item(item)} is not needed any more", item)
        for item in sorted(seen.held)
        if _named(item) not in wanted
    ]
    return missing + extra


def _named(item: str) -> str:
    """What an item is about: a sysctl with another value is the same sysctl."""
    words = item.split()
    return " ".join(words[:2]) if words[0] == "sysctl" else item


def _item(item: str) -> str:
    """An item of lvs-network in words."""
    kind, *words = item.split()
    match kind:
        case "address":
            return f"VIP {words[0]} on {words[1]}"
        case "local":
            return f"local delivery of VIP {words[0]}"
        case "up":
            return f"the link {words[0]}, up,"
        case "keep":
            return f"systemd-networkd's order to keep what is on {words[0]}"
        case "sysctl":
            return f"our value of sysctl {words[0]}"
    return f"network item '{item}'"


def _nftables(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    if not any(file["path"] == RULES for file in planned["files"]):
        return []
    found = seen.raw.get("nftables") or {}
    if found.get("ours") is None:
        return [Difference("nftables", "our table of nft is not loaded")]
    if comparable(found["ours"]) != comparable(found.get("loaded") or ""):
        return [Difference("nftables", "our table of nft was changed after it was loaded")]
    return []


def _stale(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Files of ours that the plan does not have any more, and records of real servers that have left.

    These drain nobody; lvs-override keeps them for a director that goes back, until the last step.
    """
    wanted = {file["path"] for file in planned["files"]}
    servers = {one["host"] for entry in planned.get("ipvs", {}).values() for one in entry["servers"].values()}
    return [
        *(
            Difference("stale", f"{path} is not needed any more", path)
            for path in sorted(set(seen.raw.get("managed") or []) - wanted)
        ),
        *(
            Difference(
                "stale",
                f"the record that {drain.host} is drained is not needed any more",
                f"{FOLDER}/{DRAINED}{drain.host}.json",
            )
            for drain in seen.overrides.drains
            # Without services there is no lvs-override either, and a host that holds nothing forgets it all.
            if servers and drain.host not in servers
        ),
    ]


def planned_table(planned: dict[str, Any]) -> ipvs_table.Table:
    """A director's planned IPVS table; empty for other hosts."""
    return {
        key: ipvs_table.VirtualService(
            service["scheduler"],
            {address: _planned_server(server) for address, server in service["servers"].items()},
            tuple(service.get("extra", ())),
        )
        for key, service in planned.get("ipvs", {}).items()
    }


def _planned_server(server: dict[str, Any]) -> ipvs_table.Server:
    return ipvs_table.Server(server["weight"], server["method"], tuple(server.get("extra", ())))


def _table(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Differences of the kernel's table that the engine will not mend by itself.

    What checks have found is no difference: a dead real server is missing, or has weight 0 where the service
    inhibits it, a dynamic weight is what it is, and below the quorum a fallback stands in. What is there
    although it should not is one (an engine removes nothing that it did not add). A real server whose
    checks have no result yet is pending, in the table or not. Where only the owner of the VIPs has a table,
    another director's is empty.
    """
    if "ipvs" not in planned or not seen.runs(planned["engine_unit"]):
        return []
    unreadable = seen.raw["ipvs"].get("table") is None
    if without_table(planned, seen):
        extra = [] if unreadable else ipvs_table.diff({}, seen.table)
        return [
            Difference("table", f"{one.key} is in the table of a director without VIPs", fix=one.fix)
            for one in extra
        ]
    view = checks_view(planned, seen)
    if view is None and not unreadable:
        engine = "keepalived" if planned["table_on"] == "every" else "ldirectord"
        return [Difference("pending", f"{engine} has not told what its checks found")]
    if view is None or unreadable:
        return [Difference("pending", "the kernel's IPVS table could not be read")]
    wanted = planned_table(planned)
    differences = []
    for key, service in wanted.items():
        entry = planned["ipvs"][key]
        found = seen.table[key].servers if key in seen.table else {}
        waiting = [server for server in service.servers if not _checked(view, key, server)]
        for server in waiting:
            text = f"{key}: real server {server}: its checks have not had a result yet"
            differences.append(Difference("pending", text))
        _as_checked(key, service, entry, found, view)
        _as_quorum(service, entry, found, waiting)
    for one in ipvs_table.diff(wanted, seen.table):
        text = one.text
        if one.kind == "extra" and one.server in planned["ipvs"].get(one.key, {}).get("servers", {}):
            text = f"{one.key}: real server {one.server} is dead by its checks, and still in the table"
        differences.append(Difference("table", text, fix=one.fix))
    return differences


_Servers = dict[str, ipvs_table.Server]


def _checked(view: View, key: str, server: str) -> bool:
    return view.get((key, server), {"checked": False})["checked"]


def _as_checked(
    key: str, service: ipvs_table.VirtualService, entry: dict[str, Any], found: _Servers, view: View
) -> None:
    """Make a planned service what it is after what its checks found."""
    for server, planned in list(service.servers.items()):
        state = view.get((key, server), {"alive": False, "checked": False})
        there = found.get(server)
        free = entry["servers"][server]["dynamic"] or (entry["inhibit"] and not state["checked"])
        if not state["checked"] and there is None:
            # As it is: whether it belongs there is not known yet.
            del service.servers[server]
        elif state["checked"] and not state["alive"]:
            # One that was never alive may not have been added at all.
            if entry["inhibit"] and there is not None:
                service.servers[server] = replace(planned, weight=0)
            else:
                del service.servers[server]
        elif free and there is not None:
            service.servers[server] = replace(planned, weight=there.weight)


def _as_quorum(
    service: ipvs_table.VirtualService, entry: dict[str, Any], found: _Servers, waiting: list[str]
) -> None:
    """Let the fallback stand in for all real servers below the quorum (keepalived.conf(5), sorry_server).

    Where the service inhibits, keepalived does not delete real servers: it keeps them with weight 0
    (keepalived/check/ipvswrapper.c, ipvs_cmd makes IP_VS_SO_SET_EDITDEST of a DELDEST), the living too.
    """
    fallback = entry["fallback"]
    if fallback is None:
        return
    stands_in = {fallback["server"]: _planned_server(fallback)}
    if entry["inhibit"]:
        kept = {name: one for name, one in entry["servers"].items() if name in found}
        stands_in |= {name: replace(_planned_server(one), weight=0) for name, one in kept.items()}
    living = sum(server.weight for server in service.servers.values())
    sure = not waiting and not any(one["dynamic"] for one in entry["servers"].values())
    if sure and living < entry["quorum"] - entry["hysteresis"]:
        service.servers = stands_in
    elif not (sure and living >= entry["quorum"] + entry["hysteresis"]) and fallback["server"] in found:
        # Between the two marks it is as it was before; and so it is while results are not all known.
        service.servers = stands_in


def _health(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Services that a director's checks leave with fewer real servers than their minimum."""
    down = down_servers(planned, seen)
    differences = []
    for key, service in planned.get("ipvs", {}).items():
        serving = {name for name, server in service["servers"].items() if server["weight"] > 0}
        left = serving - down[key]
        if len(left) < service["min_servers"]:
            text = (
                f"{key}: its checks leave {len(left)} of {len(serving)} real servers, fewer than min_servers"
            )
            differences.append(Difference("health", f"{text} {service['min_servers']}"))
    return differences
