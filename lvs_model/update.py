"""An update of a whole cluster, in rounds: real servers in batches, then directors, and who serves meanwhile.

A round is over when its hosts are as planned again. What a run has finished is written down on the
controller, so that a run that was interrupted goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.batches import Pool, pools
from lvs_model.checks_view import down_servers
from lvs_model.differences import host_differences
from lvs_model.observation import Observation
from lvs_model.overrides import Drain, as_overridden, with_drains
from lvs_model.problems import ModelError, Problem
from lvs_model.switchover_places import movers

WHAT = {"packages": "upgrades all packages", "reboot": "boots every host anew"}


def asked(
    plan: dict[str, Any], options: dict[str, Any], before: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What an update's command line means: the ``cluster``, its ``directors`` and its ``hosts``.

    ``options``: ``what``, ``cluster`` (may be empty where there is one only) and ``batch``, as text.
    ``before`` is what an interrupted run has left, of that cluster; None where there is none or it is not to
    count. Raises ModelError where something is named that is not there.
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
    if before is not None and before.get("what") != what and not problems:
        problems.append(
            Problem(
                "what",
                f"an update of {name} (what={before.get('what')}) was interrupted, and is not over",
                f"finish it: -e what={before.get('what')}; or forget it: -e resume=false",
            )
        )
    if problems:
        raise ModelError(problems)
    hosts = [host for host, planned in plan["hosts"].items() if planned["cluster"] == name]
    return {
        "what": what,
        "cluster": name,
        "directors": list(plan["clusters"][name]["directors"]),
        "hosts": hosts,
    }


def update(
    plan: dict[str, Any],
    options: dict[str, Any],
    observations: dict[str, dict[str, Any]],
    needed: list[str],
    before: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Decide on the rounds of an update.

    ``observations`` as for compare.compare, of the cluster's hosts; ``needed`` are those that have something
    to do; who did not answer is left out. ``before`` as for :func:`asked`.

    Returns what :func:`asked` does, and ``rounds`` (each with ``hosts``, those of them to ``drain`` before,
    and ``to``, the director that must have the VIPs meanwhile, or null), ``back`` (switchovers at the end:
    ``to``, ``instance``), ``left`` (what an interrupted run must know), ``reason`` and ``summary``. Raises
    ModelError with everything that forbids it.
    """
    meant = asked(plan, options, before)
    cluster = plan["clusters"][meant["cluster"]]
    seen = {host: Observation(host, raw) for host, raw in observations.items() if "schema" in raw}
    accepted = options.get("accept") or []
    problems = [
        Problem(f"host {host}", "this director was not seen", f"mend it, or -e lvs_accept_unreachable={host}")
        for host in meant["directors"]
        if host not in seen and host not in accepted
    ]
    done = list((before or {}).get("done") or [])
    reason = f"update of {meant['cluster']} ({meant['what']})"
    todo = [host for host in meant["hosts"] if host in needed and host in seen and host not in done]
    problems += [problem for host in todo for problem in _unlike_the_plan(plan["hosts"][host], seen[host])]
    problems += _partly_drained(cluster, seen, reason, todo)
    if problems:
        raise ModelError(problems)
    serving = _drained_for(cluster, seen, reason)
    servers = [host for host in todo if host not in meant["directors"]]
    rounds: list[dict[str, Any]] = [
        {"hosts": batch, "drain": [host for host in batch if host in serving], "to": None}
        for batch in _batches(cluster, _living(plan, seen), servers, int(options.get("batch") or 1))
    ]
    order = _director_order(cluster, seen)
    for host in (one for one in order if one in todo):
        owns = _owns(cluster, seen[host])
        to = next((one for one in order if one != host), None)
        if owns and to is None:
            what = f"it is the only director of cluster {meant['cluster']} that was seen, and owns the VIPs"
            raise ModelError([Problem(f"host {host}", what, "mend another one first")])
        rounds.append(
            {"hosts": [host], "drain": [host] if host in serving else [], "to": to if owns else None}
        )
    back = (before or {}).get("back")
    back = _back(cluster, seen) if back is None else back
    return {
        **meant,
        "rounds": rounds,
        "back": back,
        "reason": reason,
        "left": {"what": meant["what"], "done": done, "back": back},
        "summary": list(_summary(meant, rounds, done, [host for host in meant["hosts"] if host not in seen])),
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


def _living(plan: dict[str, Any], seen: dict[str, Observation]) -> list[Pool]:
    """What serves now: without the dead and without those that are drained, as a drain would count, too."""
    return pools(as_overridden(plan, {host: one.overrides for host, one in seen.items()}), seen)


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
    meant: dict[str, Any], rounds: list[dict[str, Any]], done: list[str], away: list[str]
) -> Iterator[str]:
    for host in away:
        yield f"note: {host} was not seen and is left out: run this again when it is back"
    if done:
        yield f"an interrupted update goes on; done already: {', '.join(done)}"
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
