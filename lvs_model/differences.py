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
    component ``detail``), ``file`` (at the path ``detail``), ``table`` (mended by ``fix``, arguments of
    ipvsadm) or ``pending`` (right by itself soon: a check has not had its first result).
    """

    kind: str
    text: str
    detail: str = ""
    fix: tuple[str, ...] = ()


def host_differences(planned: dict[str, Any], seen: Observation) -> list[Difference]:
    """Everything in which a host differs from its plan, in the order in which it would be mended."""
    return [
        *_packages(planned, seen),
        *_files(planned, seen),
        *_kernel(planned, seen),
        *_units(planned, seen),
        *_labelled(planned, seen),
        *_table(planned, seen),
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
        if unit.get("ActiveState") not in {"active", "reloading"}:
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

    A real server that keepalived's checks found dead is missing rightly: that is no difference. One
    whose checks have no result yet is pending.
    """
    if "ipvs" not in planned or seen.raw["ipvs"].get("table") is None:
        return []
    view = seen.checkers
    if view is None:
        running = any(seen.unit(name).get("ActiveState") == "active" for name in planned["units"])
        return [Difference("pending", "keepalived has not told what its checks found")] if running else []
    down = down_servers(planned, seen)
    differences = []
    for entry in ipvs_table.diff(planned_table(planned), seen.table):
        if entry.kind == "missing" and entry.server is not None:
            if entry.server in down[entry.key]:
                continue
            if not view.get((entry.key, entry.server), {}).get("alive"):
                text = f"{entry.text}: its checks have not had a result yet"
                differences.append(Difference("pending", text))
                continue
        differences.append(Difference("table", entry.text, fix=entry.fix))
    return differences
