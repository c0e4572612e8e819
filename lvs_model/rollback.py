"""Back to a kept generation: what hosts keep, which of it is asked for, and what has to be done for it.

A generation is a number on one host. Over a cluster the name of a run says which: each host goes back
to what it had when that run had ended. ``previous`` is what was there before the last run that changed
anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.batches import batch_work
from lvs_model.engines import KINDS
from lvs_model.observation import Observation
from lvs_model.overrides import as_overridden
from lvs_model.owner_turns import turn_work
from lvs_model.problems import ModelError, Problem
from lvs_model.refused import RefusedError
from lvs_model.rollout import STEPS

PREVIOUS = "previous"
_AGAIN = "list them without -e generation=…"
_LOCAL_TOOL = "/usr/local/lib/lvs-toolkit/lvs-network"


def asked_hosts(plan: dict[str, Any], host: str, cluster: str) -> list[str]:
    """The hosts that shall go back; raises ModelError where the arguments do not say that."""
    if bool(host) == bool(cluster):
        raise ModelError([Problem("rollback", "it wants one host or one cluster", _names(plan))])
    if host:
        if host not in plan["hosts"]:
            raise ModelError([Problem("rollback", f"there is no planned host {host}", _names(plan))])
        return [host]
    if cluster not in plan["clusters"]:
        raise ModelError([Problem("rollback", f"there is no cluster {cluster}", _names(plan))])
    return [name for name, planned in plan["hosts"].items() if planned["cluster"] == cluster]


def _names(plan: dict[str, Any]) -> str:
    hosts, clusters = (", ".join(plan[key]) for key in ("hosts", "clusters"))
    return f"give -e host= one of {hosts}, or -e cluster= one of {clusters}"


def rollback(
    plan: dict[str, Any],
    seen: dict[str, dict[str, Any]],
    generation: str,
    accepted: list[str],
    observations: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Decide who goes back to what, and in which order.

    ``seen`` gives by host what lvs_generations returned, empty where it is unreachable; ``generation`` is a
    number (of one host), ``previous`` or the name of a run, empty to list only; ``accepted`` names
    unreachable hosts without which to go on; ``observations`` are those of the directors among the hosts,
    as for compare.compare. Returns what compare.compare does, as far as a deployment goes by it, and
    ``targets`` (generation by host). Raises ModelError.
    """
    away = [host for host, told in seen.items() if "generations" not in told]
    kept = {host: told["generations"] for host, told in seen.items() if host not in away}
    lines = [line for host, own in kept.items() for line in _listed(host, own)]
    lines += [f"{host}: unreachable" for host in away]
    if not generation:
        return {"summary": lines, "targets": {}} | _work(plan, {}, {}, {}, away)
    directors = {
        host: (observations or {}).get(host, {}) for host in kept if plan["hosts"][host]["role"] == "director"
    }
    problems = [
        Problem(
            f"host {host}",
            "it is unreachable, and would stay with another version than the others",
            f"mend it, or go on without it: -e lvs_accept_unreachable={host}",
        )
        for host in away
        if host not in accepted
    ]
    problems += [
        Problem(
            f"host {host}",
            f"it could not be observed ({raw.get('failed', 'it is unreachable')})",
            "mend that first",
        )
        for host, raw in directors.items()
        if "schema" not in raw
    ]
    targets: dict[str, str] = {}
    try:
        targets = _targets(kept, generation)
    except RefusedError as error:
        problems.append(Problem("rollback", str(error), error.remedy))
    problems += [problem for host, name in targets.items() for problem in _unfit(host, name, kept[host])]
    if problems:
        raise ModelError(problems)
    observed = {host: Observation(host, raw) for host, raw in directors.items()}
    lines += [f"{host} goes back to generation {name}" for host, name in targets.items()]
    lines += [] if targets else ["Nothing to do: every host is there already."]
    return (
        {"summary": lines, "targets": targets}
        | _work(plan, kept, observed, targets, away)
        | {"verb": "rollback", "next": _next(plan, kept, generation, targets)}
    )


def _next(
    plan: dict[str, Any], kept: dict[str, list[dict[str, Any]]], generation: str, targets: dict[str, str]
) -> str:
    """What to do where it stops half-way: ``previous`` would mean another run by then."""
    name = generation
    if generation == PREVIOUS:
        last = _last_run(kept)
        older = [[one for one in own if _run(one) != last] for own in kept.values()]
        newest = max((own[-1] for own in older if own), key=lambda one: str(one["started"]), default=None)
        name = str(newest["stamp"].get("run") or "") if newest else ""
    clusters = dict.fromkeys(plan["hosts"][host]["cluster"] for host in targets)
    who = f"cluster={next(iter(clusters), '')}" if len(kept) > 1 else f"host={next(iter(targets), '')}"
    on = f" -e generation={name}" if name else ", which lists what there is to name"
    return (
        f"Next: correct the cause and go on: playbooks/rollback.yml -e {who}{on}; or take all of it forward "
        "again: site.yml, which deploys what the inventory says"
    )


def _work(
    plan: dict[str, Any],
    kept: dict[str, list[dict[str, Any]]],
    seen: dict[str, Observation],
    targets: dict[str, str],
    away: list[str],
) -> dict[str, Any]:
    """The steps of a deployment: servers in batches, directors standby first, at the end what to let go."""
    directors = _directors(plan, seen, targets)
    overridden = as_overridden(plan, {host: one.overrides for host, one in seen.items()})
    servers = [host for host in targets if host not in directors]
    touched = {plan["hosts"][host]["cluster"] for host in targets}
    return {
        **{step: [] for step in (*STEPS, "again")},
        **turn_work(plan, [], seen),  # owners go back while they own: nothing gives their VIPs away
        "hosts": {host: _host_work(plan["hosts"][host], name) for host, name in targets.items()},
        **batch_work(overridden, seen, servers),
        "directors": directors,
        "contract": [
            host
            for host, name in targets.items()
            if any(one["generation"] == name and _LOCAL_TOOL in one["paths"] for one in kept[host])
        ],
        "locks": {
            director: name
            for name, cluster in plan["clusters"].items()
            if name in touched
            for director in cluster["directors"]
            if director not in away
        },
    }


def _host_work(planned: dict[str, Any], name: str) -> dict[str, Any]:
    """What roles/host does on one host: the plan's actions, for the files that the generation changes."""
    contract = [
        {"name": text, "argv": [_LOCAL_TOOL, verb], "force": True}
        for text, verb in (
            ("Take back the network items that nobody needs", "contract"),
            # What a later version's item held may be what an earlier one's holds too.
            ("Set what is missing of the others", "apply"),
        )
    ]
    return {
        "restore": name,
        "reason": f"back to {name}",
        "install": {},
        "prepare": [],
        "actions": [
            {key: one[key] for key in ("name", "argv", "on", "guard", "retract")}
            for one in planned["actions"]
        ],
        "health": planned["health"],
        "begins_later": False,
        "files_at": "switch",
        "stop": contract,
        "remove": [],
    }


def _listed(host: str, own: list[dict[str, Any]]) -> Iterator[str]:
    if not own:
        yield f"{host}: nothing is kept"
    for one in own:
        stamp = one["stamp"]
        told = {key: stamp.get(key) or "?" for key in ("commit", "operator", "run")}
        now = " (now)" if one is own[-1] else ""
        why = f": {stamp['reason']}" if stamp.get("reason") else ""
        yield (
            f"{host}: generation {one['generation']}{now}, {one['started']}, commit {told['commit']}, "
            f"by {told['operator']}, run {told['run']}, {len(one['changed'])} files{why}"
        )


def _targets(kept: dict[str, list[dict[str, Any]]], generation: str) -> dict[str, str]:
    """The generation of each host that is not there already."""
    # The name of a run has more digits (run_identity.py), and they may be of decimals only.
    if generation.isdigit() and len(generation) <= 6:
        if len(kept) > 1:
            raise RefusedError(
                "a number is a generation of one host",
                f"give the name of a run, or -e generation={PREVIOUS}; {_AGAIN}",
            )
        name = f"{int(generation):06d}"
        for host, own in kept.items():
            if name not in [one["generation"] for one in own]:
                raise RefusedError(f"host {host} keeps no generation {name}", _AGAIN)
        wanted = dict.fromkeys(kept, name)
    elif generation == PREVIOUS:
        wanted = _before(kept, _last_run(kept))
    else:
        wanted = _after(kept, generation)
    return {
        host: name for host, name in wanted.items() if _digest(kept[host], name) != kept[host][-1]["digest"]
    }


def _digest(own: list[dict[str, Any]], name: str) -> str:
    """The digest of a host's generation: one that came back by a rollback is the same."""
    return next(str(one["digest"]) for one in own if one["generation"] == name)


def _last_run(kept: dict[str, list[dict[str, Any]]]) -> str:
    """The run that changed something last; of hosts' own clocks, which the listing shows."""
    newest = max((own[-1] for own in kept.values() if own), key=lambda one: one["started"], default=None)
    if newest is None:
        raise RefusedError("nothing is kept there", "deploy first: there is nothing to go back to")
    return _run(newest)


def _run(one: dict[str, Any]) -> str:
    """The run of a generation; one without a name stands for itself."""
    return str(one["stamp"].get("run") or f"the one of {one['started']}")


def _before(kept: dict[str, list[dict[str, Any]]], run: str) -> dict[str, str]:
    wanted = {}
    for host, own in kept.items():
        if not own or _run(own[-1]) != run:
            continue  # that run did not change it
        older = [one for one in own if _run(one) != run]
        if not older:
            raise RefusedError(
                f"host {host} keeps nothing from before the last run ({run})",
                "choose hosts one by one with -e host=, or correct the inventory and deploy",
            )
        wanted[host] = str(older[-1]["generation"])
    return wanted


def _after(kept: dict[str, list[dict[str, Any]]], run: str) -> dict[str, str]:
    ends = [one["started"] for own in kept.values() for one in own if _run(one) == run]
    if not ends:
        known = dict.fromkeys(_run(one) for own in kept.values() for one in own if one["stamp"].get("run"))
        raise RefusedError(
            f"no run {run} is kept there", f"runs that are: {', '.join(known) or 'none'}; {_AGAIN}"
        )
    wanted = {}
    for host, own in kept.items():
        mine = [one for one in own if _run(one) == run] or [one for one in own if one["started"] <= max(ends)]
        if own and not mine:
            raise RefusedError(
                f"host {host} keeps nothing of the time of run {run}",
                "choose hosts one by one with -e host=, or correct the inventory and deploy",
            )
        if mine:
            wanted[host] = str(mine[-1]["generation"])
    return wanted


def _unfit(host: str, name: str, own: list[dict[str, Any]]) -> Iterator[Problem]:
    """What cannot be changed host by host, as a rollback is."""
    now, target = own[-1], next(one for one in own if one["generation"] == name)
    remedy = "go back in the inventory instead and deploy: site.yml has the procedure for that"
    engines = [{kind.unit for kind in KINDS if kind.configuration in one["paths"]} for one in (now, target)]
    if engines[0] != engines[1]:
        had = ", ".join(sorted(engines[1])) or "no engine"
        yield Problem(f"host {host}", f"generation {name} has another engine: {had}", remedy)
    elif now["election"] != target["election"]:
        text = f"generation {name} has another VRRP protocol (router id, version, authentication, interface)"
        yield Problem(f"host {host}", text, remedy)


def _directors(plan: dict[str, Any], seen: dict[str, Observation], targets: dict[str, str]) -> list[str]:
    """The directors that go back, those that own VIPs behind the others."""
    order: list[str] = []
    for cluster in plan["clusters"].values():
        vips = [*cluster["anchors"], *cluster["vips"]]
        own = [host for host in cluster["directors"] if host in targets]
        order += sorted(own, key=lambda host: any(map(seen[host].owns, vips)))
    return order
