"""Plan against observations, for all hosts at once: what to do, in which order, and what forbids it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.differences import Difference, down_servers, host_differences
from lvs_model.observation import Observation
from lvs_model.problems import ModelError, Problem
from lvs_model.report import work_lines

# Systems on which the roles are proven: os-release id and version.
SUPPORTED = {("debian", "12"), ("debian", "13")}


def compare(
    plan: dict[str, Any],
    observations: dict[str, dict[str, Any]],
    accept_unreachable: list[str] | None = None,
) -> dict[str, Any]:
    """Decide what a deployment has to do.

    ``observations`` gives for every host that was asked what lvs_facts returned, empty where it gave no
    answer; hosts of the plan that were not asked (``--limit``) are left alone.
    ``accept_unreachable`` names unreachable directors without which the operator wants to go on.

    Returns plain data: ``hosts`` (what to do, by host that differs), ``expand``, ``directors`` and
    ``contract`` (hosts of each step, in order), ``again`` (hosts to be observed once more afterwards),
    ``unreachable``, ``summary`` (text for the operator). Raises ModelError when something forbids to act.
    """
    accepted = set(accept_unreachable or [])
    seen = {host: Observation(host, raw) for host, raw in observations.items() if raw}
    unreachable = sorted(host for host, raw in observations.items() if not raw)
    differences = {host: host_differences(plan["hosts"][host], one) for host, one in seen.items()}
    problems = [
        *_unreachable(plan, unreachable, accepted),
        *(problem for host in seen for problem in _fitness(plan["hosts"][host], seen[host])),
        *(problem for host in seen for problem in _unasked(plan, host, differences[host], observations)),
    ]
    if problems:
        raise ModelError(problems)
    hosts = {host: _work(plan["hosts"][host], found) for host, found in differences.items() if found}
    return {
        "hosts": hosts,
        "expand": [host for host in hosts if _is(plan, host, "real_server") and hosts[host]["act"]],
        "directors": _director_order(plan, hosts, seen),
        # Only when no director that was not seen may still forward to a real server.
        "contract": [
            host
            for host in hosts
            if hosts[host]["contract"]
            and all(one in seen for one in plan["clusters"][plan["hosts"][host]["cluster"]]["directors"])
        ],
        "again": _again(plan, hosts, seen),
        "unreachable": unreachable,
        "summary": work_lines(hosts, len(seen), list(_notes(plan, seen, unreachable))),
    }


def _is(plan: dict[str, Any], host: str, role: str) -> bool:
    return bool(plan["hosts"][host]["role"] == role)


def _work(planned: dict[str, Any], differences: list[Difference]) -> dict[str, Any]:
    """What a host's differences ask for: packages by component, actions to force, text for people."""
    kinds = {difference.kind for difference in differences}
    install: dict[str, list[str]] = {}
    for difference in differences:
        if difference.kind == "package":
            install.setdefault(difference.detail, []).append(difference.text.split()[1])
    actions = [
        {key: action[key] for key in ("name", "argv", "on")}
        | {"force": "contract" not in action["heals"] and bool(kinds & set(action["heals"]))}
        for action in planned["actions"]
    ]
    fixes = [
        {
            "name": f"Mend the IPVS table: {difference.text}",
            "argv": ["ipvsadm", *difference.fix],
            "force": True,
        }
        for difference in differences
        if difference.kind == "table"
    ]
    contract = [
        {"name": action["name"], "argv": action["argv"], "force": True}
        for action in planned["actions"]
        if "contract" in action["heals"] and "contract" in kinds
    ]
    changed = {difference.detail for difference in differences if difference.kind == "file"}
    if not changed & set(planned.get("table_files", [])):
        # Otherwise the reload changes the table, and the gate mends what it leaves (roles/host).
        actions += fixes
    return {
        "changes": [difference.text for difference in differences],
        "install": install,
        "actions": actions,
        "act": bool(kinds - {"contract", "pending"}),
        "contract": contract,
    }


def _director_order(plan: dict[str, Any], hosts: dict[str, Any], seen: dict[str, Observation]) -> list[str]:
    """Directors to change: standby ones first, owners of a VIP last.

    Where nobody owns a VIP yet, in order of preference, so that the preferred one becomes the owner.
    """
    order: list[str] = []
    for cluster in plan["clusters"].values():
        changed = [host for host in cluster["directors"] if host in hosts and hosts[host]["act"]]
        order += sorted(changed, key=lambda host: any(map(seen[host].owns, cluster["vips"])))
    return order


def _again(plan: dict[str, Any], hosts: dict[str, Any], seen: dict[str, Observation]) -> list[str]:
    """Hosts to observe once more after the change: the changed ones, and their clusters' directors.

    What a director saw in ARP before its real servers changed proves nothing about them now.
    """
    clusters = {plan["hosts"][host]["cluster"] for host in hosts}
    return [
        host
        for host in seen
        if host in hosts
        or (plan["hosts"][host]["cluster"] in clusters and plan["hosts"][host]["role"] == "director")
    ]


def _unreachable(plan: dict[str, Any], unreachable: list[str], accepted: set[str]) -> Iterator[Problem]:
    for host in unreachable:
        if _is(plan, host, "director") and host not in accepted:
            yield Problem(
                f"host {host}",
                "this director is unreachable, and nothing has been changed",
                f"mend it, or accept its absence by name: -e lvs_accept_unreachable={host}",
            )
    for name, cluster in plan["clusters"].items():
        if cluster["directors"] and all(host in unreachable for host in cluster["directors"]):
            yield Problem(f"cluster {name}", "no director is reachable", "mend one of them first")
        for service in cluster["services"]:
            pool = [server["name"] for server in service["real_servers"] if server["weight"] > 0]
            left = [host for host in pool if host not in unreachable]
            if len(left) < service["min_servers"]:
                yield Problem(
                    f"cluster {name}: service {service['name']}",
                    f"{len(left)} of {len(pool)} real servers with a weight are reachable, fewer than "
                    f"min_servers {service['min_servers']}",
                    "mend them, or lower min_servers",
                )


def _unasked(
    plan: dict[str, Any],
    host: str,
    differences: list[Difference],
    observations: dict[str, dict[str, Any]],
) -> Iterator[Problem]:
    """A director whose services change, while --limit left out real servers that they may go to."""
    planned = plan["hosts"][host]
    changed = {difference.detail for difference in differences if difference.kind == "file"}
    if not changed & set(planned.get("table_files", [])):
        return
    pool = {
        server["name"]
        for service in plan["clusters"][planned["cluster"]]["services"]
        for server in service["real_servers"]
    }
    left_out = sorted(pool - set(observations))
    if left_out:
        yield Problem(
            f"host {host}",
            f"its services would change, and these real servers were not looked at: {', '.join(left_out)}",
            "leave out --limit, or let it name the real servers too",
        )


def _fitness(planned: dict[str, Any], seen: Observation) -> Iterator[Problem]:
    """What makes a host unfit for its role, whatever would be installed on it."""
    path = f"host {seen.host}"
    if seen.os not in SUPPORTED:
        known = ", ".join(f"{system} {version}" for system, version in sorted(SUPPORTED))
        yield Problem(path, f"{' '.join(seen.os)} is not supported", f"use one of: {known}")
    missing = [name for name in planned["modules"] if seen.module(name) == "missing"]
    if missing:
        yield Problem(
            path,
            f"its kernel {seen.raw.get('kernel')} lacks {', '.join(missing)}",
            "boot a kernel with IPVS and these schedulers (Debian: linux-image-amd64 or -cloud-amd64), "
            "or take another scheduler",
        )
    for interface in planned["interfaces"]:
        if interface not in seen.interfaces:
            yield Problem(
                path,
                f"it has no interface {interface} (it has {', '.join(sorted(seen.interfaces))})",
                "mend the network's interface in lvs_cluster, or this host's lvs_interfaces",
            )
    for address, interface in planned["addresses"].items():
        found = seen.addresses.get(address)
        if found is None:
            yield Problem(
                f"{path}: lvs_addresses",
                f"{address} is on none of its interfaces",
                "mend lvs_addresses, or configure the address on the host",
            )
        elif interface not in (None, found):
            yield Problem(
                f"{path}: lvs_addresses",
                f"{address} is on {found}, not on {interface}",
                "mend the network's interface in lvs_cluster, or this host's lvs_interfaces",
            )


def _notes(plan: dict[str, Any], seen: dict[str, Observation], unreachable: list[str]) -> Iterator[str]:
    for host in unreachable:
        yield f"{host} is unreachable and was skipped"
    for host, observation in seen.items():
        planned = plan["hosts"][host]
        if planned["role"] == "director":
            yield f"{host}: {_kernel(observation)}"
        for problem in observation.raw.get("problems") or []:
            yield f"{host}: {problem}"
        for key, servers in down_servers(planned, observation).items():
            for server in sorted(servers):
                yield f"{host}: its checks find real server {server} of {key} dead"
        bits = observation.raw["ipvs"].get("conn_tab_bits")
        if bits and "table_bits" in planned and int(bits) != planned["table_bits"]:
            yield (
                f"{host}: the connection table has 2^{bits} buckets until ip_vs is loaded anew "
                f"(planned: 2^{planned['table_bits']})"
            )


def _kernel(seen: Observation) -> str:
    """What a director's kernel has of IPVS, in one line."""
    kernel = f"{' '.join(seen.os)}, kernel {seen.raw.get('kernel')}"
    version = (seen.raw["ipvs"].get("proc") or "").removeprefix("IP Virtual Server ")
    schedulers = [name.removeprefix("ip_vs_") for name in seen.raw["modules"] if name != "ip_vs"]
    return f"{kernel}, IPVS {version or 'not loaded yet'}; schedulers {', '.join(schedulers)}"
