"""What operators have set aside on the directors: drained real servers, demoted directors, locks.

It is state and no drift: it lives in files on the directors, survives deployments, reloads and reboots, and
comparisons take it into account. The verbs write it there (roles/overrides); lvs_facts reads it as
``overrides`` and ``locks``, lists of what stands in each file, with its name as ``file``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

STATE = "/var/lib/lvs-toolkit"
FOLDER = f"{STATE}/overrides"
DRAINED = "drained/"
DEMOTED = "demoted.json"
LOCK = "cluster-lock-"


def moment(seconds: float) -> str:
    """A time of a record as people and scripts read it: UTC, to the second (RFC 3339)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Drain:
    """A real server that shall get no new connections, or fewer.

    ``services`` are those that it covers, None stands for all; ``since`` and ``until`` are seconds of Unix
    time, ``until`` None for «until it is restored»; ``weight`` is what is left of each planned weight, in
    per cent: 0, or more during a restoration in steps.
    """

    host: str
    services: tuple[str, ...] | None
    reason: str
    operator: str
    since: float
    until: float | None
    weight: int = 0

    def covers(self, service: str) -> bool:
        """Whether it concerns a service."""
        return self.services is None or service in self.services

    def weight_of(self, planned: int) -> int:
        """What is left of a planned weight; at least 1 where not all of it is taken away.

        The rule is lvs-override's, too (roles/overrides).
        """
        return min(planned, max(1, planned * self.weight // 100)) if self.weight else 0

    def __str__(self) -> str:
        """In words, without times."""
        of = "" if self.services is None else f" ({', '.join(self.services)})"
        rest = f"at {self.weight} % of its weight" if self.weight else "drained"
        return f"{self.host}{of} is {rest} by {self.operator}: {self.reason}"


@dataclass(frozen=True)
class Demotion:
    """A director that shall not own VIPs, from ``since`` (Unix time); of ``instances``, None for all."""

    reason: str
    operator: str
    since: float
    instances: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Lock:
    """A run that changes a cluster: by whom, from which controller's process, since when (Unix time)."""

    cluster: str
    run: str
    operator: str
    controller: str
    pid: int
    since: float
    reason: str


@dataclass(frozen=True)
class Overrides:
    """All of it on one director; ``damaged`` says in lines what could not be understood."""

    drains: tuple[Drain, ...] = ()
    demotion: Demotion | None = None
    locks: tuple[Lock, ...] = ()
    damaged: tuple[str, ...] = ()

    def drain(self, host: str, service: str) -> Drain | None:
        """What a real server's share of a service is subject to, or None."""
        return next((one for one in self.drains if one.host == host and one.covers(service)), None)


def overrides(raw: Mapping[str, Any]) -> Overrides:
    """Read an observation; what is damaged there is told, and has no effect."""
    drains: list[Drain] = []
    demotion: Demotion | None = None
    locks: list[Lock] = []
    damaged: list[str] = []
    for record in [*(raw.get("overrides") or []), *(raw.get("locks") or [])]:
        name = str(record.get("file"))
        try:
            if name.startswith(DRAINED):
                drains.append(_drain(record))
            elif name == DEMOTED:
                demotion = Demotion(
                    **_common(record), since=float(record["since"]), instances=_names(record.get("instances"))
                )
            elif name.startswith(LOCK):
                locks.append(_lock(name, record))
        except (LookupError, TypeError, ValueError) as error:
            why = f"it lacks {error}" if isinstance(error, LookupError) else str(error)
            folder = STATE if name.startswith(LOCK) else FOLDER
            damaged.append(f"{folder}/{name} is not understood ({why}): remove it, or run its verb again")
    return Overrides(
        tuple(sorted(drains, key=lambda one: one.host)), demotion, tuple(locks), tuple(sorted(damaged))
    )


def _drain(record: Mapping[str, Any]) -> Drain:
    until, weight = record.get("until"), int(record.get("weight", 0))
    if not 0 <= weight <= 100:
        raise ValueError(f"weight {weight} is no percentage")
    return Drain(
        host=str(record["host"]),
        services=_names(record.get("services")),
        **_common(record),
        since=float(record["since"]),
        until=None if until is None else float(until),
        weight=weight,
    )


def _lock(name: str, record: Mapping[str, Any]) -> Lock:
    return Lock(
        cluster=name.removeprefix(LOCK).removesuffix(".json"),
        run=str(record["run"]),
        controller=str(record["controller"]),
        pid=int(record["pid"]),
        since=float(record["since"]),
        **_common(record),
    )


def _common(record: Mapping[str, Any]) -> dict[str, str]:
    return {"reason": str(record["reason"]), "operator": str(record["operator"])}


def _names(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{value!r} is no list of names")
    return tuple(sorted(value))


def with_drains(entries: dict[str, Any], drains: Collection[Drain]) -> dict[str, Any]:
    """A director's planned table (``ipvs`` of its plan) as its drains make it: other weights.

    Where a drain leaves fewer real servers than ``min_servers``, the operator has forced it: those that are
    left are the minimum then. The plan itself is not changed.
    """
    if not drains:
        return entries
    return {key: _with_drains(entry, drains) for key, entry in entries.items()}


def _with_drains(entry: dict[str, Any], drains: Collection[Drain]) -> dict[str, Any]:
    mine = {one.host: one for one in drains if one.covers(entry["service"])}
    servers = {
        place: server | {"weight": mine[server["host"]].weight_of(server["weight"])}
        if server["host"] in mine
        else server
        for place, server in entry["servers"].items()
    }
    left = sum(1 for server in servers.values() if server["weight"] > 0)
    return entry | {"servers": servers, "min_servers": min(entry["min_servers"], left)}


def merged(known: Collection[Drain], new: Drain) -> Drain:
    """A new drain together with what is known of the same host: it covers the services of both."""
    old = next((one for one in known if one.host == new.host), None)
    if old is None:
        return new
    if old.services is None or new.services is None:
        return replace(new, services=None)
    return replace(new, services=tuple(sorted({*old.services, *new.services})))


def as_overridden(plan: dict[str, Any], found: Mapping[str, Overrides]) -> dict[str, Any]:
    """The plan as the overrides on its directors, by host, make it; the given one is not changed.

    Each director's own table follows its own records, so that one that lacks a record is as its files say.
    The services of a cluster, which clients see, follow the records of all of its directors.
    """
    hosts, clusters = dict(plan["hosts"]), dict(plan["clusters"])
    for host, one in found.items():
        if one.drains and "ipvs" in hosts[host]:
            hosts[host] = hosts[host] | {"ipvs": with_drains(hosts[host]["ipvs"], one.drains)}
    for name, cluster in clusters.items():
        drains = {
            drain.host: drain
            for host in cluster["directors"]
            if host in found
            for drain in found[host].drains
        }
        if drains:
            services = [_drained_service(service, drains) for service in cluster["services"]]
            clusters[name] = cluster | {"services": services}
    return plan | {"hosts": hosts, "clusters": clusters}


def _drained_service(service: dict[str, Any], drains: Mapping[str, Drain]) -> dict[str, Any]:
    servers = [
        server | {"weight": drain.weight_of(server["weight"])}
        if (drain := drains.get(server["name"])) is not None and drain.covers(service["name"])
        else server
        for server in service["real_servers"]
    ]
    left = sum(1 for server in servers if server["weight"] > 0)
    return service | {"real_servers": servers, "min_servers": min(service["min_servers"], left)}


def unequal(plan: dict[str, Any], found: Mapping[str, Overrides]) -> list[tuple[str, Drain]]:
    """Drains that not all directors of a cluster have alike: (director, what it lacks)."""
    lacking: list[tuple[str, Drain]] = []
    for cluster in plan["clusters"].values():
        directors = [host for host in cluster["directors"] if host in found]
        every = {drain for host in directors for drain in found[host].drains}
        lacking += [
            (host, drain) for host in directors for drain in sorted(every - set(found[host].drains), key=str)
        ]
    return lacking
