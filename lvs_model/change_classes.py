"""What a deployment changes, in classes: each is carried out in its own way, and says what it costs.

Files are compared by their digests, which say nothing of what is in them. So what a new configuration of the
engine means is told from what runs: the kernel's table, the engine's view of its real servers, and the
running elections. What none of these shows (a check's path, a timer) is told as that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from lvs_model.checks_view import checks_view, without_table
from lvs_model.differences import Difference, planned_table
from lvs_model.engine_change import former
from lvs_model.fitness import election_changes
from lvs_model.ipvs_table import VirtualService
from lvs_model.observation import Observation

CLASSES: dict[str, str] = {
    "weights": "weights and real servers: a reload, which no connection notices",
    "services": "services and checks: a reload, which no connection notices",
    "vips": "the set of VIPs: a reload, standby first; each VIP keeps its one owner",
    "manager": "heartbeat's or pacemaker's own configuration: taken up in place, standby first",
    "election": "VRRP's own protocol: the standbys stop, the owner changes alone, the standbys start again",
    "engine": "another engine: all is laid down while the old one serves, then the owner changes first",
    "director": "packages, kernel settings and units of directors: one director at a time, standby first",
    "real_server": "real servers themselves: in batches, before directors forward to what is new",
    "drift": "what somebody or something has changed on hosts: it is put back",
    "removal": "what is not needed any more: taken away at the end, when no director forwards to it",
}
"""By class, in the order of the summary, what it is and how it is carried out."""

# Of kinds of difference (differences.py) those that come with a change of the plan, never by themselves.
_CHANGES = {"file", "package", "user"}
_REMOVALS = {"contract", "stale"}
# Right by themselves soon, or not the host's own.
_SILENT = {"pending", "health"}
# Lists of VIPs and real servers for the tools beside an engine: with its configuration they say nothing new.
_FOLLOWING = (
    "/servers.conf",
    "/keepalived-release",
    "/keepalived-leave",
    "/keepalived-demoted",
    "/ldirectord-table",
    "/ldirectord-check",
)
# Texts of a class that the summary shows; the rest is counted.
_SHOWN = 20


@dataclass(frozen=True)
class Change:
    """One difference in words, with its class (a key of ``CLASSES``)."""

    kind: str
    text: str


def classify(plan: dict[str, Any], differences: list[Difference], seen: Observation) -> list[Change]:
    """The classes of what differs on a host, each text once, in the order of ``CLASSES``."""
    planned = plan["hosts"][seen.host]
    if planned["role"] == "director":
        found = list(_of_director(plan["clusters"][planned["cluster"]], planned, differences, seen))
    else:
        found = list(_of_server(differences))
    order = list(CLASSES)
    return sorted(dict.fromkeys(found), key=lambda one: order.index(one.kind))


def _of_server(differences: list[Difference]) -> Iterator[Change]:
    """A real server, or a host that shall hold nothing any more."""
    moved = any(one.kind in _CHANGES for one in differences)
    for one in differences:
        if one.kind in _REMOVALS:
            yield Change("removal", one.text)
        elif one.kind not in _SILENT:
            yield Change("real_server" if moved else "drift", one.text)


def _of_director(
    cluster: dict[str, Any], planned: dict[str, Any], differences: list[Difference], seen: Observation
) -> Iterator[Change]:
    moved = any(one.kind in _CHANGES for one in differences)
    configured = set(planned.get("table_files", []))
    anew = any(one.detail in configured for one in differences)
    managed = set(planned.get("manager_files", []) if seen.runs(planned["engine_unit"]) else [])
    for kind in former(planned, seen):
        yield Change("engine", f"{kind.unit} ends, and {planned['engine_unit']} begins")
    for one in differences:
        if one.kind == "file" and one.detail in configured:
            yield from _of_configuration(cluster, planned, seen, one.text)
        elif one.kind == "election":
            yield Change("election", one.text)
        elif one.kind in _REMOVALS:
            yield Change("removal", one.text)
        elif one.kind == "table":
            # With a new configuration the reload changes the table, and this is what it will add or remove.
            if not anew:
                yield Change("drift", one.text)
        elif anew and one.kind == "file" and one.detail.endswith(_FOLLOWING):
            continue
        elif one.kind == "file" and one.detail in managed:
            yield Change("manager", one.text)
        elif one.kind not in _SILENT:
            yield Change("director" if moved else "drift", one.text)


def _of_configuration(
    cluster: dict[str, Any], planned: dict[str, Any], seen: Observation, text: str
) -> Iterator[Change]:
    """What a new configuration of the engine means beside what runs."""
    if not seen.runs(planned["engine_unit"]):
        yield Change("director", f"{text}, and {planned['engine_unit']} does not run here yet")
        return
    found = [*_vips(cluster, planned, seen), *_services(planned, seen)]
    if any(election_changes(cluster, planned, seen)):
        yield from found  # the election itself is told as a difference of its own
        return
    yield from found or [Change("services", f"{text}: its checks, timers or other settings")]


def _vips(cluster: dict[str, Any], planned: dict[str, Any], seen: Observation) -> Iterator[Change]:
    """VIPs that come and go; known only where the engine tells what it elects."""
    if not seen.elections or any(one.router_id is None for one in seen.elections):
        return
    running = {address for one in seen.elections for address in one.addresses}
    # The anchor is none (docs/decisions/0007); one that differs comes with another router id.
    wanted = {vip for one in cluster["instances"] for vip in one["vips"] if vip in planned["vips"]}
    anchors = ("169.254.255.", "fe80::200:5eff:fe00:2")
    for vip in sorted(wanted - running):
        yield Change("vips", f"VIP {vip} is new")
    for vip in sorted(running - wanted):
        if not vip.startswith(anchors):
            yield Change("vips", f"VIP {vip} goes")


def _services(planned: dict[str, Any], seen: Observation) -> Iterator[Change]:
    """Services, real servers and weights against the kernel's table and the engine's own view."""
    if without_table(planned, seen) or seen.raw["ipvs"].get("table") is None:
        return
    wanted = planned_table(planned)
    view = checks_view(planned, seen) or {}
    running = set(seen.table) | {key for key, _ in view}
    for key in sorted(running - wanted.keys()):
        yield Change("services", f"{key} goes")
    for key, service in wanted.items():
        if key not in running:
            yield Change("services", f"{key} is new")
        else:
            entry, has = planned["ipvs"][key], seen.table.get(key)
            if has is not None and (has.scheduler, has.extra) != (service.scheduler, service.extra):
                yield Change("services", f"{key}: {_words(has)} becomes {_words(service)}")
            known = {server for own, server in view if own == key}
            yield from _servers(key, entry, service, has or VirtualService(""), known)


def _words(service: VirtualService) -> str:
    return " ".join([service.scheduler, *service.extra])


def _servers(
    key: str, entry: dict[str, Any], service: VirtualService, has: VirtualService, known: set[str]
) -> Iterator[Change]:
    """Real servers of a service that stays; ``known`` has also those that its checks have taken out."""
    known = known or set(has.servers)
    fallback = (entry["fallback"] or {}).get("server")
    for server in sorted(known - service.servers.keys() - {fallback}):
        yield Change("weights", f"{key}: real server {server} goes")
    for server, one in service.servers.items():
        found = has.servers.get(server)
        if server not in known:
            yield Change("weights", f"{key}: real server {server} is new, with weight {one.weight}")
        elif found is None or entry["servers"][server]["dynamic"]:
            continue
        elif (found.method, found.extra) != (one.method, one.extra):
            text = f"{key}: real server {server} is reached by {one.method}, not by {found.method} any more"
            options = f"{key}: real server {server} has other options"
            yield Change("services", text if found.method != one.method else options)
        elif found.weight != one.weight and not (entry["inhibit"] and found.weight == 0):
            yield Change(
                "weights", f"{key}: real server {server}: weight {found.weight} becomes {one.weight}"
            )


def summary_lines(changes: dict[str, list[Change]]) -> list[str]:
    """The classes of all hosts for people: each class with its hosts, and each text once."""
    lines = []
    for kind, what in CLASSES.items():
        hosts = [host for host, found in changes.items() if any(one.kind == kind for one in found)]
        if not hosts:
            continue
        lines.append(f"change of {what}")
        by_text: dict[str, list[str]] = {}
        for host in hosts:
            for one in changes[host]:
                if one.kind == kind:
                    by_text.setdefault(one.text, []).append(host)
        lines += [f"  {', '.join(own)}: {text}" for text, own in list(by_text.items())[:_SHOWN]]
        if len(by_text) > _SHOWN:
            lines.append(f"  and {len(by_text) - _SHOWN} more")
    return lines


def order_lines(work: dict[str, Any]) -> list[str]:
    """The steps of a deployment with their hosts, in order; nothing where there is nothing to do."""
    steps = {
        "real servers": work["expand"],
        "retire": work["retire"],
        "then real servers": work["expand_later"],
        "directors": work["directors"],
        "leave the old engine": work["leave"],
        "begin with the new one": work["begin"],
        "take away": work["contract"],
    }
    told = [f"{name} {', '.join(_few(hosts))}" for name, hosts in steps.items() if hosts]
    return [f"order: {'; '.join(told)}"] if told else []


def _few(hosts: Iterable[str]) -> list[str]:
    names = list(hosts)
    return names if len(names) <= _SHOWN else [*names[:_SHOWN], f"and {len(names) - _SHOWN} more"]


def digest(plan: dict[str, Any], work: dict[str, Any]) -> str:
    """A short name of what a deployment would do: what differs, what is laid down instead, in which order.

    The same only while the hosts and the plan are the same: what was reviewed is what is applied.
    """
    hosts = {
        host: [one["changes"], [[file["path"], file["content"]] for file in plan["hosts"][host]["files"]]]
        for host, one in work["hosts"].items()
    }
    steps = [work[step] for step in ("expand", "retire", "expand_later", "directors", "leave", "begin")]
    steps.append(work["moves"])
    text = json.dumps([hosts, steps, work["contract"]], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:12]
