"""An update of a whole cluster, in rounds: real servers in batches, then directors, and who serves meanwhile.

A round is over when its hosts are as planned again. What a run has finished is written down on the
controller, so that a run that was interrupted goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import gmtime, strftime, time
from typing import Any

from lvs_model.batches import Pool, pools
from lvs_model.checks_view import down_servers
from lvs_model.differences import host_differences
from lvs_model.observation import Observation
from lvs_model.overrides import Drain, as_overridden, with_drains
from lvs_model.problems import ModelError, Problem
from lvs_model.switchover_places import movers
from lvs_model.words import seconds

WHAT = {"packages": "upgrades all packages", "reboot": "boots every host anew"}
DAY_S = 86400
"""Seconds after which an interrupted update goes on only when it is told so."""


def asked(
    plan: dict[str, Any],
    options: dict[str, Any],
    before: dict[str, Any] | None = None,
    *,
    now: float | None = None,
) -> dict[str, Any]:
    """What an update's command line means: the ``cluster``, its ``directors`` and its ``hosts``; and times.

    ``options``: ``what``, ``cluster`` (may be empty where there is one only), ``batch``, ``resume`` and the
    durations ``wait``, ``sync_wait`` and ``reboot_timeout``, as text; the latter are told in seconds
    (``wait_s`` and so on). ``before`` is what an interrupted run has
    left, of a cluster of that name; None where there is none or it is not to count. ``now`` is Unix time, by
    default this moment's. Raises ModelError where something is named that is not there.
    """
    problems = []
    what, known = str(options.get("what") or ""), ", ".join(plan["clusters"])
    if what not in WHAT:
        problems.append(Problem("what", f"{what or 'nothing'} is no update", f"-e what={' or '.join(WHAT)}"))
    name = str(options.get("cluster") or "")
    if not name and len(plan["clusters"]) == 1:
        (name,) = plan["clusters"]
    if name not in plan["clusters"]:
        said = f"there is no cluster {name!r}" if name else "which cluster shall be updated is not said"
        problems.append(Problem("cluster", said, f"one at a time: -e cluster=NAME, of {known}"))
    batch = str(options.get("batch") or "1")
    if not batch.isdigit() or not int(batch):
        problems.append(Problem("batch", f"{batch} is no number of real servers", "give 1 or more"))
    times = {
        f"{word}_s": seconds(options, word, default, problems)
        for word, default in (("wait", 60), ("sync_wait", 300), ("reboot_timeout", 600))
    }
    resume = str(options.get("resume") or "").lower()
    if resume not in {"", "true", "false"}:
        problems.append(Problem("resume", f"{resume} is neither true nor false", "give one, or leave it out"))
    if before is not None and not problems:
        problems += _not_to_go_on(plan, name, what, before, resume=resume, now=time() if now is None else now)
    if problems:
        raise ModelError(problems)
    hosts = [host for host, planned in plan["hosts"].items() if planned["cluster"] == name]
    return {
        "what": what,
        "cluster": name,
        "directors": list(plan["clusters"][name]["directors"]),
        "hosts": hosts,
        **times,
    }


def _not_to_go_on(
    plan: dict[str, Any], name: str, what: str, before: dict[str, Any], *, resume: str, now: float
) -> Iterator[Problem]:
    """Why an interrupted update is not one that this command line may go on with."""
    forget = "forget it: -e resume=false"
    begun = f"an update of {name} that began {_utc(before)}"
    if before.get("of") != _identity(plan, name):
        yield Problem(
            "resume",
            f"{begun} was interrupted, of another cluster of this name: its directors were "
            f"{', '.join(before.get('of') or ['unknown'])}",
            f"finish it with its own inventory; or {forget}",
        )
    elif before.get("what") != what:
        yield Problem(
            "what",
            f"{begun} (what={before.get('what')}) was interrupted, and is not over",
            f"finish it: -e what={before.get('what')}; or {forget}",
        )
    elif now - float(before.get("begun") or 0) > DAY_S and resume != "true":
        yield Problem(
            "resume",
            f"{begun} was interrupted, and is not over",
            f"go on with what it has left: -e resume=true; or {forget}",
        )


def _identity(plan: dict[str, Any], name: str) -> list[str]:
    """What tells a cluster from another one of its name, in another inventory: where its directors are."""
    directors = plan["clusters"][name]["directors"]
    return [" ".join([host, *sorted(plan["hosts"][host]["addresses"])]) for host in directors]


def _utc(before: dict[str, Any]) -> str:
    return strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(float(before.get("begun") or 0)))


def update(
    plan: dict[str, Any],
    options: dict[str, Any],
    observations: dict[str, dict[str, Any]],
    needed: list[str],
    before: dict[str, Any] | None = None,
    *,
    now: float | None = None,
) -> dict[str, Any]:
    """Decide on the rounds of an update.

    ``observations`` as for compare.compare, of the cluster's hosts; ``needed`` are those that have something
    to do; who did not answer is left out. ``before`` and ``now`` as for :func:`asked`.

    Returns what :func:`asked` does, and ``rounds`` (each with ``hosts``, those of them to ``drain`` before,
    and ``to``, the director that must have the VIPs meanwhile, or null), ``back`` (switchovers at the end:
    ``to``, ``instance``), ``locks`` (by director the cluster whose lock is taken there), ``left`` (what an
    interrupted run must know), ``keep`` (whether that is still needed when all rounds are through),
    ``reason`` and ``summary``. Raises ModelError with everything that forbids it.
    """
    now = time() if now is None else now
    meant = asked(plan, options, before, now=now)
    cluster = plan["clusters"][meant["cluster"]]
    seen = {host: Observation(host, raw) for host, raw in observations.items() if "schema" in raw}
    accepted = options.get("accept") or []
    problems = [
        Problem(f"host {host}", "this director was not seen", f"mend it, or -e lvs_accept_unreachable={host}")
        for host in meant["directors"]
        if host not in seen and host not in accepted
    ]
    done = list((before or {}).get("done") or [])
    # The same whatever is updated: what one update has left drained, the next one gives back.
    reason = f"update of {meant['cluster']}"
    left = {drain.host for one in seen.values() for drain in one.overrides.drains if drain.reason == reason}
    # What an interrupted one has left drained has its round, too, even with nothing left to upgrade there.
    todo = [
        host
        for host in meant["hosts"]
        if host in seen and host not in done and (host in needed or host in left)
    ]
    problems += [problem for host in todo for problem in _unlike_the_plan(plan["hosts"][host], seen[host])]
    problems += _partly_drained(cluster, seen, reason, todo)
    if problems:
        raise ModelError(problems)
    serving = _drained_for(cluster, seen, reason)
    living = _living(plan, seen, reason)
    # Those that are drained already come back first.
    servers = [host for host in todo if host not in meant["directors"]]
    servers.sort(key=lambda host: host not in left)
    rounds: list[dict[str, Any]] = [
        {"hosts": batch, "drain": [host for host in batch if host in serving], "to": None}
        for batch in _batches(cluster, living, servers, int(options.get("batch") or 1))
    ]
    for host in (one for one in _director_order(cluster, seen) if one in todo):
        owns = _owns(cluster, seen[host])
        # The most preferred of the others: an owner has its turn when they are through.
        to = next((one for one in cluster["directors"] if one in seen and one != host), None)
        if owns and to is None:
            what = f"it is the only director of cluster {meant['cluster']} that was seen, and owns the VIPs"
            raise ModelError([Problem(f"host {host}", what, "mend another one first")])
        rounds.append(
            {"hosts": [host], "drain": [host] if host in serving else [], "to": to if owns else None}
        )
    if problems := [problem for one in rounds for problem in _too_few(living, one["drain"])]:
        raise ModelError(problems)
    back = (before or {}).get("back")
    back = _back(cluster, seen) if back is None else back
    away = [host for host in meant["hosts"] if host not in seen]
    return {
        **meant,
        "rounds": rounds,
        "back": back,
        "locks": {host: meant["cluster"] for host in meant["directors"] if host in seen},
        "reason": reason,
        "left": {
            "what": meant["what"],
            "of": _identity(plan, meant["cluster"]),
            "begun": (before or {}).get("begun") or now,
            "done": done,
            "back": back,
        },
        # Packages tell by themselves who lacks some; who has booted is only known from here.
        "keep": bool(away) and meant["what"] == "reboot",
        "summary": list(_summary(meant, rounds, before, away)),
    }


def _unlike_the_plan(planned: dict[str, Any], seen: Observation) -> Iterator[Problem]:
    """Whatever is not as planned before would be found after the update, and stop it half-way."""
    if "ipvs" in planned:
        planned = planned | {"ipvs": with_drains(planned["ipvs"], seen.overrides.drains)}
    # What an interrupted update has left un-held is held again by the next one.
    found = [one.text for one in host_differences(planned, seen) if one.kind != "hold"]
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        what = f"it is not as planned: {found[0]}{more}"
        yield Problem(f"host {seen.host}", what, "deploy first (site.yml)")


def _owns(cluster: dict[str, Any], seen: Observation) -> bool:
    return any(map(seen.owns, [*cluster["anchors"], *cluster["vips"]]))


def _director_order(cluster: dict[str, Any], seen: dict[str, Observation]) -> list[str]:
    """Standbys first, the least preferred of them before the others."""
    last_first = [host for host in reversed(cluster["directors"]) if host in seen]
    return sorted(last_first, key=lambda host: _owns(cluster, seen[host]))


def _back(cluster: dict[str, Any], seen: dict[str, Observation]) -> list[dict[str, str]]:
    """Who had the VIPs, where a switchover leaves something behind (failback)."""
    if not cluster["failback"]:
        return []
    return [
        {"to": host, "instance": mover.names[0]}
        for mover in movers(cluster)
        for host in seen
        if any(map(seen[host].owns, mover.addresses))
    ]


def _drained_for(cluster: dict[str, Any], seen: dict[str, Observation], reason: str) -> set[str]:
    """Real servers that get connections, but for those that somebody else has drained."""
    return {host for host in _services(cluster) if not _others(cluster, seen, reason, host)}


def _services(cluster: dict[str, Any]) -> dict[str, set[str]]:
    """By real server the services from which it gets connections."""
    found: dict[str, set[str]] = {}
    for service in cluster["services"]:
        for server in service["real_servers"]:
            if server["weight"] > 0:
                found.setdefault(server["name"], set()).add(service["name"])
    return found


def _others(cluster: dict[str, Any], seen: dict[str, Observation], reason: str, host: str) -> list[Drain]:
    """What other people's records, not those of this update, say of a real server."""
    drains = (drain for one in cluster["directors"] if one in seen for drain in seen[one].overrides.drains)
    return [drain for drain in drains if drain.host == host and drain.reason != reason]


def _partly_drained(
    cluster: dict[str, Any], seen: dict[str, Observation], reason: str, todo: list[str]
) -> Iterator[Problem]:
    """One whose drain leaves it connections still serves; one record cannot hold a second drain's reason."""
    serving = _services(cluster)
    directors = [host for host in cluster["directors"] if host in seen]
    for host in (one for one in todo if one in serving):
        drains = _others(cluster, seen, reason, host)
        whole = [one for one in drains if not one.weight and all(map(one.covers, serving[host]))]
        # One record for each director: where one lacks it, that director forwards as before.
        if drains and len(whole) < len(directors):
            partly = next((one for one in drains if one not in whole), drains[0])
            yield Problem(
                f"host {host}",
                f"it still gets connections, although {partly}",
                f"drain it whole (drain.yml -e host={host}), or give it back (restore.yml -e host={host})",
            )


def _living(plan: dict[str, Any], seen: dict[str, Observation], reason: str) -> list[Pool]:
    """What serves: without the dead, and without those that somebody else has drained.

    What this update has left drained serves again when its round is over, which comes first.
    """
    others = {
        host: replace(
            one.overrides, drains=tuple(drain for drain in one.overrides.drains if drain.reason != reason)
        )
        for host, one in seen.items()
    }
    return pools(as_overridden(plan, others), seen)


def _too_few(living: list[Pool], drain: list[str]) -> Iterator[Problem]:
    """Pools that cannot do without a round's real servers: the drain would be refused in the middle."""
    for pool in living:
        if pool.spares(drain):
            continue
        left = [host for host in pool.weights if host not in drain]
        yield Problem(
            f"host {', '.join(drain)}",
            f"service {pool.service} would be left with {', '.join(left) or 'no real server'}, less than its "
            f"min_servers of {pool.least} or its quorum of {pool.quorum}",
            "mend or add a real server, or lower what it needs (then site.yml); or take it away from clients "
            f"yourself, and the update leaves it so: playbooks/drain.yml -e host={drain[0]} -e force=true",
        )


def _batches(cluster: dict[str, Any], living: list[Pool], servers: list[str], most: int) -> list[list[str]]:
    """Real servers that may be away together: every pool keeps its minimum, and one server at least.

    Both as it is planned and as it lives: a drain that is refused in the middle of a batch would leave those
    before it drained.
    """
    batches: list[list[str]] = []
    for host in servers:
        wider = [*batches[-1], host] if batches else []
        if 1 < len(wider) <= most and _keeps(cluster, wider) and all(one.spares(wider) for one in living):
            batches[-1].append(host)
        else:
            batches.append([host])
    return batches


def _keeps(cluster: dict[str, Any], away: list[str]) -> bool:
    for service in cluster["services"]:
        pool = [server["name"] for server in service["real_servers"] if server["weight"] > 0]
        left = [host for host in pool if host not in away]
        if pool != left and len(left) < max(1, service["min_servers"]):
            return False
    return True


def _summary(
    meant: dict[str, Any], rounds: list[dict[str, Any]], before: dict[str, Any] | None, away: list[str]
) -> Iterator[str]:
    for host in away:
        yield f"note: {host} was not seen and is left out: run this again when it is back"
    if before:
        done = ", ".join(before.get("done") or []) or "nothing"
        yield f"an interrupted update, begun {_utc(before)}, goes on; done already: {done}"
    yield f"the update of {meant['cluster']} {WHAT[meant['what']]}, in {len(rounds)} rounds"
    for number, one in enumerate(rounds, 1):
        drained = f", drained: {', '.join(one['drain'])}" if one["drain"] else ""
        moved = f", after a switchover to {one['to']}" if one["to"] else ""
        yield f"  {number}. {', '.join(one['hosts'])}{drained}{moved}"


def dead(plan: dict[str, Any], director: str, raw: dict[str, Any], hosts: list[str]) -> list[str]:
    """What a director's checks find dead of these real servers, one text each; or why that is not known."""
    if "schema" not in raw:
        return [f"{director} could not be observed: {raw.get('failed', 'it is unreachable')}"]
    planned = plan["hosts"][director]
    names = {
        address: server["name"]
        for service in plan["clusters"][planned["cluster"]]["services"]
        for server in service["real_servers"]
        for address in server["addresses"].values()
    }
    return [
        f"{director}: its checks find real server {server} of {key} dead"
        for key, servers in down_servers(planned, Observation(director, raw)).items()
        for server in sorted(servers)
        if names.get(server.rsplit(":", 1)[0].strip("[]")) in hosts
    ]
