"""How clusters are, from one observation of their hosts: for people (status_text.py) and for scripts (JSON).

Nothing is judged anew here: what verify calls failed (verdict.py) is an alarm or a difference, and what only
a status can see comes from status_alarms.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from lvs_model.checks_view import down_servers
from lvs_model.differences import host_differences
from lvs_model.observation import Observation
from lvs_model.overrides import Demotion, Drain, Lock, as_overridden, moment
from lvs_model.status_alarms import alarms
from lvs_model.status_services import services
from lvs_model.verdict import judge

SCHEMA = 1
# What of a director's packages moves VIPs or fills tables.
_DAEMONS = ("keepalived", "ldirectord", "heartbeat", "pacemaker", "corosync", "ipvsadm")


def status(plan: dict[str, Any], observations: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How every cluster of the plan is, in plain data.

    ``observations`` as for compare.compare, made with lvs_facts' ``status`` where counters and times are
    wanted; a host that is not among them was not asked (``--limit``).

    A cluster is ``healthy`` where there is no alarm and no host differs from the plan. A dead real server
    is a warning as long as its pools have their minimum, and so is one that cannot be reached.
    Raises ValueError where an observation cannot be read.
    """
    seen = {host: Observation(host, raw) for host, raw in observations.items() if "schema" in raw}
    found = _Found(plan, observations, seen)
    clusters = {name: _cluster(found, name) for name in plan["clusters"]}
    retired = {
        host: found.host(host) for host, planned in plan["hosts"].items() if planned["cluster"] is None
    }
    left = any(one["differences"] for one in retired.values())
    healthy = not left and all(cluster["healthy"] for cluster in clusters.values())
    return {"schema": SCHEMA, "healthy": healthy, "clusters": clusters, "retired": retired}


class _Found:
    """What all parts of a status ask: the plan as operators' overrides make it, and what was seen."""

    def __init__(
        self, plan: dict[str, Any], observations: dict[str, dict[str, Any]], seen: dict[str, Observation]
    ) -> None:
        self.given = plan
        self.plan = as_overridden(plan, {host: one.overrides for host, one in seen.items()})
        self.observations = observations
        self.seen = seen
        self.failed: dict[str, list[str]] = {name: [] for name in plan["clusters"]}
        for finding in judge(plan, observations, {}):
            if finding["status"] == "failed":
                self.failed[finding["cluster"]].append(finding["text"])

    def directors(self, name: str) -> dict[str, Observation]:
        """The directors of a cluster that were seen."""
        return {
            host: self.seen[host] for host in self.given["clusters"][name]["directors"] if host in self.seen
        }

    def unseen(self, host: str) -> str | None:
        """Why nothing is known of a host; None where it was seen."""
        if host in self.seen:
            return None
        if host not in self.observations:
            return "not asked"
        return self.observations[host].get("failed") or "unreachable"

    def differences(self, host: str) -> list[str]:
        """In what a host differs from the plan; without what it keeps on purpose for a director unseen."""
        if host not in self.seen:
            return []
        planned = self.plan["hosts"][host]
        texts = [one.text for one in host_differences(planned, self.seen[host])]
        failed = self.failed.get(planned["cluster"])
        return [text for text in texts if failed is None or f"{host}: {text}" in failed]

    def host(self, host: str) -> dict[str, Any]:
        """What is told of any host: whether it was ``seen``, ``why`` not, its last change, what differs."""
        found: dict[str, Any] = {"seen": host in self.seen, "why": self.unseen(host)}
        if host in self.seen:
            one = self.seen[host]
            found |= {
                "os": " ".join(one.os),
                "kernel": one.raw.get("kernel"),
                "uptime_s": one.raw.get("uptime_s"),
                "generation": _last_change(one),
            }
        return found | {"differences": self.differences(host)}


def _last_change(seen: Observation) -> dict[str, Any] | None:
    """The newest change that holds on a host; None where there is none, or it was not asked for."""
    kept: list[dict[str, Any]] = (seen.raw.get("status") or {}).get("generations") or []
    return next((one for one in reversed(kept) if one["state"] == "committed"), None)


def _cluster(found: _Found, name: str) -> dict[str, Any]:
    cluster, directors = found.plan["clusters"][name], found.directors(name)
    mine = {host: planned for host, planned in found.plan["hosts"].items() if planned["cluster"] == name}
    hosts = {host: found.host(host) for host in mine}
    told = {f"{host}: {text}" for host, one in hosts.items() for text in one["differences"]}
    warned: list[str] = []
    alarmed = [text for text in found.failed[name] if text not in told]
    for host in mine:
        if (why := found.unseen(host)) is None or why == "not asked":
            continue
        # One that is there and cannot be read is something else than one that is off.
        grave = host in cluster["directors"] or why != "unreachable"
        (alarmed if grave else warned).append(
            f"{host} is unreachable" if why == "unreachable" else f"{host}: {why}"
        )
    for grave, text in alarms(found.plan, name, directors, found.seen):
        (alarmed if grave else warned).append(text)
    warned += _warnings(found, name, hosts)
    return {
        "healthy": not alarmed and not told,
        "alarms": list(dict.fromkeys(alarmed)),
        "warnings": list(dict.fromkeys(warned)),
        "notes": list(_notes(directors)),
        "drained": [_timed(drain) for drain in _drains(directors)],
        "locks": [_timed(lock) for lock in _locks(directors)],
        "vips": [_vip(one, vip, directors) for one in cluster["instances"] for vip in one["vips"]],
        "directors": {host: hosts[host] | _director(found, name, host) for host in cluster["directors"]},
        "services": services(found.given, found.plan, name, directors),
        "real_servers": {host: one for host, one in hosts.items() if "real_server" in mine[host]["roles"]},
    }


def _warnings(found: _Found, name: str, hosts: dict[str, Any]) -> Iterator[str]:
    """What an operator should know, and what does no harm yet."""
    unasked = [host for host, one in hosts.items() if one["why"] == "not asked"]
    if unasked:
        yield f"not asked: {', '.join(unasked)}"
    directors = found.directors(name)
    missing = [host for host in found.given["clusters"][name]["directors"] if host not in directors]
    for vip in found.given["clusters"][name]["vips"] if missing else []:
        if not any(one.owns(vip) for one in directors.values()):
            yield f"who owns VIP {vip} is not known without {' and '.join(missing)}"
    for host, one in directors.items():
        for key, servers in down_servers(found.plan["hosts"][host], one).items():
            for server in sorted(servers):
                yield f"{host}: its checks find real server {server} of {key} dead"
        for drain in one.overrides.drains:
            if drain.until is not None and drain.until < (one.clock or 0):
                yield f"{host}: {drain}; it should have ended at {moment(drain.until)}"
    for host in hosts:
        if host in found.seen:
            for problem in found.seen[host].raw.get("problems") or []:
                yield f"{host}: {problem}"


def _drains(directors: dict[str, Observation]) -> list[Drain]:
    """What is drained, as the directors know it; each that they know differently."""
    return list(dict.fromkeys(drain for one in directors.values() for drain in one.overrides.drains))


def _locks(directors: dict[str, Observation]) -> list[Lock]:
    return list(dict.fromkeys(lock for one in directors.values() for lock in one.overrides.locks))


def _timed(record: Drain | Demotion | Lock) -> dict[str, Any]:
    """A record in plain data, its times as texts."""
    times = {
        name: moment(value)
        for name in ("since", "until")
        if (value := getattr(record, name, None)) is not None
    }
    return asdict(record) | times


def _notes(directors: dict[str, Observation]) -> Iterator[str]:
    """What operators have set aside, who is changing the cluster, and whose daemons are not alike."""
    for drain in _drains(directors):
        until = "until it is restored" if drain.until is None else f"until {moment(drain.until)}"
        yield f"{drain}, since {moment(drain.since)}, {until}"
    for host, one in directors.items():
        if (demotion := one.overrides.demotion) is not None:
            who = f"{host} is demoted by {demotion.operator}"
            yield f"{who}: {demotion.reason}, since {moment(demotion.since)}"
    for lock in _locks(directors):
        who = f"{lock.operator} on {lock.controller}, process {lock.pid}"
        yield f"locked by {who}: {lock.reason}, since {moment(lock.since)} (run {lock.run})"
    for package in _DAEMONS:
        versions = {
            host: version for host, one in directors.items() if (version := one.raw["packages"].get(package))
        }
        if len(set(versions.values())) > 1:
            yield f"{package} is not alike: " + ", ".join(
                f"{version} on {host}" for host, version in versions.items()
            )


def _vip(instance: dict[str, Any], vip: str, directors: dict[str, Observation]) -> dict[str, Any]:
    """A VIP, its ``owners`` (one, where all is well), and since when it is there.

    ``sure`` tells whether all were seen who could own it.
    """
    owners = [host for host, one in directors.items() if one.owns(vip)]
    age = directors[owners[0]].ages.get(vip) if len(owners) == 1 else None
    return {
        "vip": vip,
        "instance": instance["name"],
        "router_id": instance["router_id"],
        "owners": owners,
        "sure": all(host in directors for host in instance["priorities"]),
        "since": None if age is None else moment((directors[owners[0]].clock or 0) - age),
        "owned_s": age,
    }


def _director(found: _Found, name: str, host: str) -> dict[str, Any]:
    """What is told of a director beside what is told of any host."""
    cluster, seen = found.plan["clusters"][name], found.seen.get(host)
    if seen is None:
        return {"role": None, "vips": [], "vrrp": {}, "sync": [], "packages": {}, "demoted": None}
    own = [vip for vip in cluster["vips"] if seen.owns(vip)]
    demotion = seen.overrides.demotion
    return {
        "role": "owner" if own else "standby",
        "vips": own,
        "vrrp": seen.vrrp_states,
        "sync": sorted(seen.sync_daemons),
        "packages": {key: value for key in _DAEMONS if (value := seen.raw["packages"].get(key))},
        "demoted": None if demotion is None else _timed(demotion),
    }
