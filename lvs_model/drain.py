"""Draining real servers and restoring them: whether it may be done, and what to do.

What was asked (drain_asked.py) is held against what the directors say, before anything is changed; then
lvs-override (roles/overrides) does it on every director.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from time import time
from typing import Any

from lvs_model.checks_view import checks_view, down_servers
from lvs_model.components.overrides import CONFIGURATION, TOOL
from lvs_model.drain_asked import Asked, concerned, directors_of, pools
from lvs_model.observation import Observation
from lvs_model.overrides import Drain, as_overridden, merged, moment
from lvs_model.problems import ModelError, Problem

# Looks at a director while connections end: so many at most, and not more often than each so many seconds.
_LOOKS, _LEAST_S = 12, 5
# Seconds by which a director's clock may differ from the controller's where a drain ends by itself.
_CLOCKS_APART_S = 60
NO_REASON = "no reason given"


@dataclass(frozen=True)
class _Site:
    """The plan, what was seen of the directors, and what was asked; ``clusters`` as concerned gives them."""

    plan: dict[str, Any]
    seen: dict[str, Observation]
    asked: Asked
    clusters: dict[str, list[str]]

    def known(self, cluster: str) -> Drain | None:
        """What the directors of a cluster have recorded of the real server; the first one that has."""
        for host in self.plan["clusters"][cluster]["directors"]:
            if host in self.seen:
                for drain in self.seen[host].overrides.drains:
                    if drain.host == self.asked.host:
                        return drain
        return None

    def owners(self, cluster: str) -> list[str]:
        """The directors that were seen and own a VIP."""
        one = self.plan["clusters"][cluster]
        return [
            host
            for host in one["directors"]
            if host in self.seen and any(map(self.seen[host].owns, one["vips"]))
        ]


def work(
    verb: str,
    plan: dict[str, Any],
    observations: dict[str, dict[str, Any]],
    asked: Asked,
    *,
    operator: str,
    accepted: Collection[str] = (),
    now: int | None = None,
) -> dict[str, Any]:
    """Decide what has to be done; ``verb`` is drain or restore.

    ``observations`` gives for every director that was asked what observation.from_result made of it;
    ``accepted`` names directors that may be away; ``now`` is Unix time, by default this moment's.

    Returns plain data: ``first`` (a director of each cluster to tell before the others: of two runs at once
    one is refused there), ``steps`` (each with the ``percent`` of the weight that is reached, and by director
    the ``arguments`` of lvs-override) and the seconds between them ``every_s``; ``owners`` (by director that
    owns VIPs the arguments with which to look for connections), ``wait_s`` and ``look_s`` (seconds to wait
    at most, and for each look); ``changes`` (whether there is anything to do) and ``summary`` (for people).
    Raises ModelError when something forbids it.
    """
    site = _site(plan, observations, asked)
    if problems := [*_away(site, observations, accepted), *_untold(site, accepted), *_not_ready(site)]:
        raise ModelError(problems)
    common = {
        "first": [_seen_directors(site, name)[0] for name in site.clusters if _seen_directors(site, name)],
        "every_s": asked.every_s,
        "wait_s": asked.wait_s,
        "look_s": max(_LEAST_S, -(-asked.wait_s // _LOOKS)),
    }
    moment = int(time()) if now is None else now
    found = _restore(site) if verb == "restore" else _drain(site, operator, moment)
    return common | found | {"summary": [*found["summary"], *_locked(site)]}


def _drain(site: _Site, operator: str, now: int) -> dict[str, Any]:
    plan, asked = site.plan, site.asked
    risks = [problem for name in site.clusters for problem in _too_few(site, name)]
    if risks and not asked.force:
        raise ModelError(risks)
    arguments: dict[str, list[str]] = {}
    owners: dict[str, list[str]] = {}
    lines: list[str] = [f"forced although {problem.what}" for problem in risks]
    clocks: list[Problem] = []
    for cluster, services in site.clusters.items():
        old = site.known(cluster)
        if old is not None and _somebody_elses(asked, old):
            if old.weight or not all(map(old.covers, services)):
                what = f"it still gets connections, although {old}"
                raise ModelError([Problem(f"host {asked.host}", what, "restore it, or drain it whole")])
            lines.append(f"{cluster}: {old}; that stays so")
        else:
            new = _wanted(asked, services, old, pools(plan)[asked.host][cluster], operator, now)
            lines.append(f"{cluster}: {new}" + _until(new, now))
            mine = {host: _drain_arguments(new) for host in _seen_directors(site, cluster)}
            clocks += _other_clocks(site, mine, new, now)
            arguments |= mine
        named = [word for name in services for word in ("--service", name)]
        owners |= {host: ["wait", asked.host, *named] for host in site.owners(cluster)}
        if not site.owners(cluster):
            lines.append(f"{cluster}: no director that was seen owns a VIP: nothing to wait for")
    if clocks:
        raise ModelError(clocks)
    changes = any(not _same(site.seen[host], asked.host, words) for host, words in arguments.items())
    return {
        "steps": [
            {
                "percent": 0,
                "arguments": {host: words + _looking(asked) for host, words in arguments.items()},
            }
        ],
        "owners": owners,
        "changes": changes,
        "summary": lines if changes else [f"{asked.host} is drained as asked already", *lines],
    }


def _other_clocks(site: _Site, told: dict[str, list[str]], drain: Drain, now: int) -> Iterator[Problem]:
    """Directors whose own clock would end a drain at another time than is meant: the record says when.

    All directors have the same record, so none of them can count from its own clock.
    """
    for host, words in told.items():
        own = site.seen[host].clock
        if drain.until is None or own is None or _same(site.seen[host], drain.host, words):
            continue
        if abs(own - now) > _CLOCKS_APART_S:
            what = (
                f"its clock says {moment(own)} and the controller's {moment(now)}: the drain would not end "
                "there when it is meant to"
            )
            remedy = "set the clocks (timedatectl), or leave out expires and restore it when it is time"
            yield Problem(f"host {host}", what, remedy)


def _restore(site: _Site) -> dict[str, Any]:
    """One of ``steps`` for each rise of the weight; what was interrupted goes on from what was reached."""
    plan, asked = site.plan, site.asked
    found: dict[int, dict[str, list[str]]] = {
        100 * number // asked.steps: {} for number in range(1, asked.steps + 1)
    }
    lines: list[str] = []
    for cluster, services in site.clusters.items():
        old = site.known(cluster)
        if old is None or not any(old.covers(name) for name in services):
            lines.append(f"{cluster}: {asked.host} is not drained")
            continue
        if _somebody_elses(asked, old):
            lines.append(f"{cluster}: {old}; that stays so")
            continue
        every = pools(plan)[asked.host][cluster]
        slowly = f" in {asked.steps} steps" if asked.steps > 1 else ""
        lines.append(f"{cluster}: {old}; it gets its weight back{slowly}")
        left = tuple(name for name in every if old.covers(name) and name not in services)
        for percent, arguments in found.items():
            words = _restore_arguments(asked, old, left, percent)
            if words is not None:
                arguments |= {
                    host: words for host in plan["clusters"][cluster]["directors"] if host in site.seen
                }
    steps = [{"percent": percent, "arguments": one} for percent, one in found.items() if one]
    return {"steps": steps, "owners": {}, "changes": bool(steps), "summary": lines}


def _restore_arguments(asked: Asked, old: Drain, left: tuple[str, ...], percent: int) -> list[str] | None:
    """What lvs-override is told at a step; None where it is there already."""
    if percent == 100:
        whole = ["restore", asked.host, *_only_own(asked)]
        return _drain_arguments(replace(old, services=left)) if left else whole
    # In steps only as a whole: one record has one weight.
    return _drain_arguments(replace(old, weight=percent)) if percent > old.weight and not left else None


def _somebody_elses(asked: Asked, old: Drain) -> bool:
    return asked.only_own and old.reason != asked.reason


def _only_own(asked: Asked) -> list[str]:
    """What has lvs-override look again, when nobody else changes records."""
    return [f"--only-reason={asked.reason or NO_REASON}"] if asked.only_own else []


def _seen_directors(site: _Site, cluster: str) -> list[str]:
    return [host for host in site.plan["clusters"][cluster]["directors"] if host in site.seen]


def _looking(asked: Asked) -> list[str]:
    """How lvs-override looks again at a drain, since others may have drained meanwhile."""
    return _only_own(asked) + (["--force"] if asked.force else [])


def _site(plan: dict[str, Any], observations: dict[str, dict[str, Any]], asked: Asked) -> _Site:
    clusters = concerned(plan, asked)
    wanted = set(directors_of(plan, clusters))
    seen = {
        host: Observation(host, raw)
        for host, raw in observations.items()
        if "schema" in raw and host in wanted
    }
    return _Site(plan, seen, asked, clusters)


def _locked(site: _Site) -> list[str]:
    """Whose run changes the cluster just now: no reason to wait, since each director's record is one file.

    A drain may be urgent, and a deployment holds the tables against the records that are there then.
    """
    runs = {
        lock for one in site.seen.values() for lock in one.overrides.locks if lock.cluster in site.clusters
    }
    return [
        f"note: {lock.operator} changes {lock.cluster} just now (run {lock.run}: {lock.reason}); both go on"
        for lock in sorted(runs, key=lambda lock: lock.run)
    ]


def _away(
    site: _Site, observations: dict[str, dict[str, Any]], accepted: Collection[str]
) -> Iterator[Problem]:
    for host in directors_of(site.plan, site.clusters):
        if host in site.seen or host in accepted:
            continue
        why = (observations.get(host) or {}).get("failed", "it is unreachable, or left out by --limit")
        yield Problem(
            f"host {host}",
            f"this director was not seen ({why}), and would forward to {site.asked.host} as before",
            f"bring it back, or go on without it by -e lvs_accept_unreachable={host}, and repeat this later",
        )


def _untold(site: _Site, accepted: Collection[str]) -> Iterator[Problem]:
    """Clusters of which every director is away by the operator's leave: then nobody would be told at all."""
    for name in site.clusters:
        directors = site.plan["clusters"][name]["directors"]
        if set(directors) <= set(accepted) and not _seen_directors(site, name):
            yield Problem(
                f"cluster {name}",
                f"none of {', '.join(directors)} was seen: nobody would know of it",
                "bring one of them back",
            )


def _not_ready(site: _Site) -> Iterator[Problem]:
    for host, one in site.seen.items():
        missing = [path for path in (TOOL, CONFIGURATION) if one.raw["files"].get(path) is None]
        if missing:
            yield Problem(
                f"host {host}",
                f"it lacks {' and '.join(missing)}",
                "deploy it first: ansible-playbook site.yml",
            )


def _too_few(site: _Site, cluster: str) -> Iterator[Problem]:
    """Services that would be left with too few healthy real servers."""
    plan = site.plan
    now = as_overridden(plan, {host: one.overrides for host, one in site.seen.items()})
    dead, unknown = _checked(site, cluster)
    given = {one["name"]: one for one in plan["clusters"][cluster]["services"]}
    for service in now["clusters"][cluster]["services"]:
        if service["name"] not in site.clusters[cluster]:
            continue
        healthy = {
            one["name"]: one["weight"]
            for one in service["real_servers"]
            if one["weight"] > 0 and (service["name"], one["name"]) not in dead
        }
        if site.asked.host not in healthy:
            continue
        others = {name: weight for name, weight in healthy.items() if name != site.asked.host}
        left = {name: weight for name, weight in others.items() if (service["name"], name) not in unknown}
        waiting = f" (no check has found {', '.join(others)} alive yet)" if others else ""
        place = f"{cluster}/{service['name']}"
        remedy = "restore or mend another one first, or force it: -e force=true"
        least = given[service["name"]]["min_servers"]
        quorum = _quorum(plan, cluster, service["name"])
        if not left:
            yield Problem(place, f"{site.asked.host} is its last healthy real server{waiting}", remedy)
        elif len(left) < least:
            yield Problem(
                place, f"only {', '.join(left)} would be left, fewer than its min_servers of {least}", remedy
            )
        elif sum(left.values()) < quorum:
            rest = f"{', '.join(left)} would be left with weight {sum(left.values())}"
            what = f"{rest}, less than its quorum of {quorum}"
            yield Problem(place, what, remedy)


def _quorum(plan: dict[str, Any], cluster: str, service: str) -> int:
    tables = (plan["hosts"][host].get("ipvs", {}) for host in plan["clusters"][cluster]["directors"])
    return max(
        (one["quorum"] for table in tables for one in table.values() if one["service"] == service), default=1
    )


def _checked(site: _Site, cluster: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """(service, real server) that checks find dead, and those of which no check has said that they live.

    The checks of an owner, or of all directors where nobody owns.
    """
    dead: set[tuple[str, str]] = set()
    unknown: set[tuple[str, str]] = set()
    directors = [one for one in site.plan["clusters"][cluster]["directors"] if one in site.seen]
    for host in site.owners(cluster) or directors:
        planned = site.plan["hosts"][host]
        view, down = checks_view(planned, site.seen[host]) or {}, down_servers(planned, site.seen[host])
        for key, entry in planned["ipvs"].items():
            for place, server in entry["servers"].items():
                one = entry["service"], server["host"]
                if place in down[key]:
                    dead.add(one)
                elif not view.get((key, place), {}).get("alive"):
                    unknown.add(one)
    return dead, unknown


def _wanted(
    asked: Asked, services: list[str], old: Drain | None, every: list[str], operator: str, now: int
) -> Drain:
    """The record that shall be there; the one that is there where it says all of it."""
    new = Drain(
        host=asked.host,
        services=None if set(services) == set(every) else tuple(sorted(services)),
        reason=asked.reason or (old.reason if old else NO_REASON),
        operator=operator,
        since=now,
        until=now + asked.expires_s if asked.expires_s else (old.until if old else None),
    )
    if old is None:
        return new
    new = merged([old], new)
    if new.services is not None and set(new.services) >= set(every):
        new = replace(new, services=None)
    return old if replace(new, operator=old.operator, since=old.since) == old else new


def _drain_arguments(drain: Drain) -> list[str]:
    # In one word: a reason may begin with a dash.
    words = ["drain", drain.host, f"--reason={drain.reason}", "--operator", drain.operator]
    words += ["--since", str(int(drain.since)), "--weight", str(drain.weight)]
    words += ["--until", str(int(drain.until))] if drain.until is not None else []
    return words + [word for name in drain.services or () for word in ("--service", name)]


def _same(seen: Observation, host: str, words: list[str]) -> bool:
    """Whether a director has the record of these arguments."""
    return any(_drain_arguments(one) == words for one in seen.overrides.drains if one.host == host)


def _until(drain: Drain, now: int) -> str:
    if drain.until is None:
        return ", until it is restored"
    minutes = max(0, round((drain.until - now) / 60))
    return f", for {minutes} minutes" if minutes < 120 else f", for {minutes // 60} hours"
