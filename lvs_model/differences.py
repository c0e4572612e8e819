"""One host's plan against its observation: every difference, with what heals it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from lvs_model import ipvs_table
from lvs_model.observation import Observation


@dataclass(frozen=True)
class Difference:
    """Something on a host that is not as planned.

    ``kind`` is what an Action of the plan heals (parts.Action.heals), or ``package`` (of the
    component ``detail``), ``user`` (named ``detail``), ``file`` (at the path ``detail``), ``transaction``
    (config_set settles it), ``table`` (mended by ``fix``, arguments of ipvsadm), ``pending`` (right by
    itself soon: a check has not had its first result) or ``health`` (not the host's own to mend).
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
        *_users(planned, seen),
        *_files(planned, seen),
        *_kernel(planned, seen),
        *_units(planned, seen),
        *_labelled(planned, seen),
        *_table(planned, seen),
        *_health(planned, seen),
    ]


def down_servers(planned: dict[str, Any], seen: Observation) -> dict[str, set[str]]:
    """Real servers (address:port) by service key that a director's checks have found dead."""
    view = seen.checkers or {}
    return {
        key: {
            server
            for server in service["servers"]
            if (state := view.get((key, server))) and state["checked"] and not state["alive"]
        }
        for key, service in planned.get("ipvs", {}).items()
    }


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


def _files(planned: dict[str, Any], seen: Observation) -> list[Difference]:
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
        if found is None or found.split() != value.split():
            differences.append(Difference("sysctls", f"sysctl {name} is {found}, not {value}"))
    return differences


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
    return differences


def _labelled(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    missing = [
        Difference("addresses", f"VIP {vip} is not on lo")
        for vip in planned["labelled"]
        if vip not in seen.on_lo
    ]
    extra = [
        Difference("contract", f"VIP {vip} is still on lo", vip)
        for vip in sorted(seen.labelled - set(planned["labelled"]))
    ]
    return missing + extra


def planned_table(planned: dict[str, Any]) -> ipvs_table.Table:
    """A director's planned IPVS table; empty for other hosts."""
    return {
        key: ipvs_table.VirtualService(
            service["scheduler"],
            {
                address: ipvs_table.Server(server["weight"], server["method"])
                for address, server in service["servers"].items()
            },
        )
        for key, service in planned.get("ipvs", {}).items()
    }


def _table(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Differences of the kernel's table that keepalived will not mend by itself.

    A real server that keepalived's checks found dead is missing rightly: that is no difference, and being
    there is one (keepalived removes nothing that it did not add). One whose checks have no result yet is
    pending, in the table or not.
    """
    running = any(map(seen.runs, planned["units"]))
    if "ipvs" not in planned or not running:
        return []
    view = seen.checkers
    if view is None:
        return [Difference("pending", "keepalived has not told what its checks found")]
    if seen.raw["ipvs"].get("table") is None:
        return [Difference("pending", "the kernel's IPVS table could not be read")]
    wanted = planned_table(planned)
    differences = []
    for key, service in wanted.items():
        for server in list(service.servers):
            state = view.get((key, server), {"alive": False, "checked": False})
            if not state["checked"]:
                text = f"{key}: real server {server}: its checks have not had a result yet"
                differences.append(Difference("pending", text))
                # As it is: whether it belongs there is not known yet.
                found = seen.table.get(key)
                if found is None or server not in found.servers:
                    del service.servers[server]
            elif not state["alive"]:
                del service.servers[server]
    for entry in ipvs_table.diff(wanted, seen.table):
        text = entry.text
        if entry.kind == "extra" and entry.server in planned["ipvs"].get(entry.key, {}).get("servers", {}):
            text = f"{entry.key}: real server {entry.server} is dead by its checks, and still in the table"
        differences.append(Difference("table", text, fix=entry.fix))
    return differences


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
