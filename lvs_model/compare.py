"""Plan against observations, for all hosts at once: what to do, in which order, and what forbids it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.batches import batch_work
from lvs_model.change_classes import classify, digest, order_lines, summary_lines
from lvs_model.checks_view import down_servers, lacking
from lvs_model.differences import Difference, file_differences, host_differences
from lvs_model.election_change import (
    election_differences,
    election_problems,
    later_election,
    survivor,
)
from lvs_model.emptied import emptied
from lvs_model.engine_change import (
    begin_order,
    changing,
    ends,
    former,
    later,
    long_gaps,
    ours,
    runs,
    stops,
    unseen_directors,
)
from lvs_model.fitness import (
    away,
    failed,
    fitness,
    left_out,
    retiring,
    successors,
    unprepared,
    unseen_retired,
    unwatched,
)
from lvs_model.heartbeat_fitness import heartbeat_fitness
from lvs_model.observation import Observation
from lvs_model.overrides import as_overridden, with_drains
from lvs_model.owner_turns import owner_turns, required_problems, turn_lines, turn_work
from lvs_model.pacemaker_fitness import pacemaker_fitness
from lvs_model.problems import ModelError
from lvs_model.report import work_lines
from lvs_model.rollout import locks

# Kinds of difference that a host cannot mend by itself, or not in its first step.
_NOT_ACTED_ON = {"contract", "stale", "pending", "health"}
# Kinds that the last step mends, when nobody forwards to the host any more.
_CONTRACTED = {"contract", "stale"}


def compare(
    plan: dict[str, Any],
    observations: dict[str, dict[str, Any]],
    accept_unreachable: list[str] | None = None,
    switchover: str = "when_needed",
) -> dict[str, Any]:
    """Decide what a deployment has to do.

    ``observations`` gives for every host that was asked what observation.from_result made of it; hosts of
    the plan that were not asked (``--limit``) are left alone.
    ``accept_unreachable`` names unreachable directors without which the operator wants to go on.
    ``switchover`` says whether owners of VIPs give them away before a change of themselves
    (owner_turns.POLICIES).

    Returns plain data: ``hosts`` (what to do, by host that differs), ``expand``, ``retire``, ``directors``,
    ``leave``, ``begin`` and ``contract`` (hosts of each step, in order), what owner_turns.turn_work has of
    the directors that are changed behind the others, ``again`` (hosts to be observed
    once more afterwards), ``settle_s`` (seconds to wait before that), ``unreachable``, ``skipped`` (of these
    the ones that were not accepted), ``classes`` (what kinds of change, by host), ``locks`` (cluster by
    director), ``digest`` (names this very work), ``summary`` (text for the operator). Raises ModelError when
    something forbids to act.
    """
    accepted = set(accept_unreachable or [])
    failures = {host: raw["failed"] for host, raw in observations.items() if "failed" in raw}
    seen = {host: Observation(host, raw) for host, raw in observations.items() if "schema" in raw}
    plan = as_overridden(plan, {host: one.overrides for host, one in seen.items()})
    unreachable = sorted(host for host, raw in observations.items() if not raw)
    differences = {host: host_differences(plan["hosts"][host], one) for host, one in seen.items()}
    elections = election_differences(plan, seen)
    differences = {host: [*found, *elections.get(host, [])] for host, found in differences.items()}
    new_engine = changing(plan, seen)
    new_election = {plan["hosts"][host]["cluster"] for host in elections} - new_engine
    unready = {host: unprepared(plan, host, differences[host], seen) for host in seen}
    problems = [
        *away(plan, unreachable, accepted),
        *failed(failures),
        *(problem for host in seen for problem in fitness(plan, plan["hosts"][host], seen[host])),
        *heartbeat_fitness(plan, seen),
        *pacemaker_fitness(plan, seen),
        *successors(plan, seen),
        *unseen_directors(plan, seen, new_engine, accepted),
        *unseen_retired(plan, seen, _switching(plan, differences), accepted),
        *election_problems(plan, seen, new_election, accepted),
        *emptied(plan, seen),
        *(
            problem
            for host, servers in unready.items()
            for problem in left_out(host, [name for name in servers if name not in observations])
        ),
    ]
    hosts = {host: _work(plan["hosts"][host], found) for host, found in differences.items() if found}
    problems += unwatched(plan, _expanded(plan, hosts), observations)
    if problems:
        raise ModelError(problems)
    order = _director_order(plan, hosts, seen)
    waiting = [host for host in order if plan["hosts"][host]["cluster"] in new_engine]
    for host in waiting:
        own = plan["hosts"][host]
        hosts[host] = later(own, hosts[host], seen[host])
    owners = {host for host in waiting if _owns(plan, seen[host])}
    alone = {name: survivor(plan, name, seen) for name in new_election}
    changing_alone = [host for host in order if plan["hosts"][host]["cluster"] in new_election]
    for host in changing_alone:
        own = plan["hosts"][host]
        hosts[host] = later_election(own, hosts[host], seen[host], alone[own["cluster"]])
    retired = retiring(plan, seen)
    for host in retired:
        hosts[host]["leave"] = list(stops(former(plan["hosts"][host], seen[host])))
    classes = {host: classify(plan, differences[host], seen[host]) for host in hosts}
    kinds = {host: list(dict.fromkeys(one.kind for one in own)) for host, own in classes.items()}
    themselves = [
        host
        for host in order
        if "director" in kinds[host] and host not in waiting and host not in changing_alone
    ]
    turns = owner_turns(plan, themselves if switchover != "never" else [], seen, accepted)
    if switchover == "required" and (problems := required_problems(turns)):
        raise ModelError(problems)
    turning = turn_work(plan, turns, seen)
    order = sorted(order, key=lambda host: host in turning["owners"])
    found = {
        "hosts": hosts,
        # By host the classes of what differs (change_classes.CLASSES).
        "classes": kinds,
        # A former director still balances until it is retired: only then it becomes a real server.
        **batch_work(plan, seen, [host for host in _expanded(plan, hosts) if host not in retired]),
        "expand_later": [host for host in _expanded(plan, hosts) if host in retired],
        "retire": sorted(
            (host for host in hosts if host in retired), key=lambda host: _owns(plan, seen[host])
        ),
        "directors": order,
        **turning,
        # Those that change their engine leave the old one, standbys first, and then begin with the new one.
        "leave": [
            *(host for host in waiting if hosts[host]["leave"] and host not in owners),
            *(host for host in changing_alone if hosts[host]["leave"]),
        ],
        "begin": [
            *begin_order(plan, waiting, owners, seen),
            *sorted(changing_alone, key=lambda host: host != alone[plan["hosts"][host]["cluster"]]),
        ],
        # Only when no director that was not seen may still forward to a real server.
        "contract": [
            host
            for host in hosts
            if hosts[host]["contract"]
            and all(one in seen or one in _given_up(plan, host, accepted) for one in _forwarders(plan, host))
        ],
        "again": _again(plan, hosts, seen),
        "settle_s": max((_settle_s(plan, name, seen) for name in _clusters_of(plan, order)), default=0),
        "unreachable": unreachable,
        "skipped": [host for host in unreachable if host not in accepted],
    }
    found["locks"] = locks(plan, found, seen)
    told = [*summary_lines(classes), *order_lines(found), *turn_lines(turns)]
    notes = [*_notes(plan, seen, unreachable, unready), *long_gaps(plan, owners)]
    notes += _go_back(plan, order, seen)
    return found | {"digest": digest(plan, found), "summary": work_lines(hosts, len(seen), notes, told)}


def _switching(plan: dict[str, Any], differences: dict[str, list[Difference]]) -> list[str]:
    """Directors whose configuration would change."""
    return [
        host
        for host, found in differences.items()
        if _is(plan, host, "director") and any(one.kind == "file" for one in found)
    ]


def _expanded(plan: dict[str, Any], hosts: dict[str, Any]) -> list[str]:
    return [host for host in hosts if _is(plan, host, "real_server") and hosts[host]["act"]]


def _owns(plan: dict[str, Any], seen: Observation) -> bool:
    return any(map(seen.owns, _all_vips(plan)))


def _all_vips(plan: dict[str, Any]) -> list[str]:
    return [vip for cluster in plan["clusters"].values() for vip in (*cluster["anchors"], *cluster["vips"])]


def _forwarders(plan: dict[str, Any], host: str) -> list[str]:
    """The directors that may forward to a host; to a retired one those of every cluster."""
    if (told := plan["hosts"][host].get("forwarders")) is not None:
        return list(told)
    own = plan["hosts"][host]["cluster"]
    return [
        director
        for name, cluster in plan["clusters"].items()
        if own in (None, name)
        for director in cluster["directors"]
        if plan["hosts"][director]["role"] == "director"
    ]


def _given_up(plan: dict[str, Any], host: str, accepted: set[str]) -> set[str]:
    """Directors whose absence does not keep a host from letting go: in a teardown those accepted by name."""
    return accepted if "forwarders" in plan["hosts"][host] else set()


def _is(plan: dict[str, Any], host: str, role: str) -> bool:
    return bool(plan["hosts"][host]["role"] == role)


def host_work(
    planned: dict[str, Any], host: str, raw: dict[str, Any], before: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What one host needs, as ``hosts`` of compare; ``changes`` is empty where it is as planned.

    What only the last step takes away is no part of it. ``before`` is the observation ahead of a change:
    services that had too few living real servers then are not held against the change, and neither are
    packages that could not be held: without the change they are not held either.
    """
    if "schema" not in raw:
        why = raw.get("failed", "it is unreachable")
        return {"changes": [f"it could not be observed: {why}"], "actions": []}
    seen = Observation(host, raw)
    if "ipvs" in planned:
        planned = planned | {"ipvs": with_drains(planned["ipvs"], seen.overrides.drains)}
    differences = [one for one in host_differences(planned, seen) if one.kind not in _CONTRACTED]
    if before and "schema" in before:
        differences = [one for one in differences if one.kind != "hold"]
        if _no_fewer(planned, Observation(host, before), seen):
            differences = [one for one in differences if one.kind != "health"]
    return _work(planned, differences)


def _no_fewer(planned: dict[str, Any], before: Observation, seen: Observation) -> bool:
    """Whether each service that lacks real servers lacked them before, and has not lost another one since."""
    had = lacking(planned, before)
    return all(key in had and left >= had[key] for key, left in lacking(planned, seen).items())


def _work(planned: dict[str, Any], differences: list[Difference]) -> dict[str, Any]:
    """What a host's differences ask for: packages by component, actions to force, text for people."""
    kinds = {difference.kind for difference in differences}
    install: dict[str, list[str]] = {}
    for difference in differences:
        if difference.kind == "package":
            install.setdefault(difference.detail, []).append(difference.text.split()[1])
    actions = [
        {key: action[key] for key in ("name", "argv", "on", "guard", "retract")}
        | {"force": bool(kinds & set(action["heals"]))}
        for action in planned["actions"]
    ]
    fixes = [
        {
            "name": f"Mend the IPVS table: {difference.text}",
            "argv": ["ipvsadm", *difference.fix],
            "force": True,
            # A check may have done it meanwhile; the gate judges the outcome.
            "ok": list(range(256)),
        }
        for difference in differences
        if difference.kind == "table"
    ]
    changed = {difference.detail for difference in differences if difference.kind == "file"}
    if not changed & set(planned.get("table_files", [])):
        # Otherwise the reload changes the table, and the gate mends what it leaves (roles/host).
        actions += fixes
    stale = [difference.detail for difference in differences if difference.kind == "stale"]
    return {
        "changes": [difference.text for difference in differences],
        "install": install,
        "actions": actions,
        "health": planned["health"],
        "begins_later": False,
        "files_at": "switch",
        "prepare": [],
        "act": bool(kinds - _NOT_ACTED_ON),
        "contract": bool(kinds & _CONTRACTED),
        "stop": list(ends(stale, items="contract" in kinds, retired=planned["role"] == "retired")),
        "remove": [{"path": path, "state": "absent"} for path in stale],
    }


def _director_order(plan: dict[str, Any], hosts: dict[str, Any], seen: dict[str, Observation]) -> list[str]:
    """Directors to change, in order; among equals, and where none runs yet, the preferred one first."""
    order: list[str] = []
    for cluster in plan["clusters"].values():
        changed = [host for host in cluster["directors"] if host in hosts and hosts[host]["act"]]
        order += sorted(changed, key=lambda host: _turn(plan["hosts"][host], cluster, seen[host]))
    return order


def _turn(planned: dict[str, Any], cluster: dict[str, Any], seen: Observation) -> int:
    """A director's turn: running standby, owner, and last one that does not run.

    The owner must know a new director as its peer before that one starts and listens for adverts.
    """
    if not any(runs(kind, seen) for kind in ours(seen)) and not seen.runs(planned["engine_unit"]):
        return 2
    return int(any(map(seen.owns, [*cluster["anchors"], *cluster["vips"]])))


def _clusters_of(plan: dict[str, Any], hosts: list[str]) -> list[str]:
    return list(dict.fromkeys(plan["hosts"][host]["cluster"] for host in hosts))


def _settle_s(plan: dict[str, Any], name: str, seen: dict[str, Observation]) -> float:
    """Seconds that a cluster needs to have an owner again after a change of its directors.

    keepalived may elect anew at every reload. The others' managers keep what they have, unless one starts, or
    the preferred director is to have its role back: then a reload may give it to it.
    """
    cluster = plan["clusters"][name]
    elects = any(one["router_id"] is not None for one in cluster["instances"])
    starts = any(
        host in seen and not seen[host].runs(plan["hosts"][host]["engine_unit"])
        for host in cluster["directors"]
    )
    preferred = next(iter(cluster["directors"]))
    goes_back = cluster["failback"] and preferred in seen and not _owns(plan, seen[preferred])
    return float(cluster["settle_s"]) if elects or starts or goes_back else 0


def _go_back(plan: dict[str, Any], order: list[str], seen: dict[str, Observation]) -> Iterator[str]:
    """VIPs that another director is to have than the one that has them, once the directors have been told."""
    for name in _clusters_of(plan, order):
        cluster = plan["clusters"][name]
        for one in cluster["instances"] if cluster["failback"] else []:
            file = (one["demotion"] or {}).get("file")
            fit = {
                host: priority + (seen[host].place(file) if file else 0)
                for host, priority in one["priorities"].items()
                if host in seen and seen[host].runs(plan["hosts"][host]["engine_unit"])
            }
            owner = next((host for host in fit if any(map(seen[host].owns, one["vips"]))), None)
            preferred = max(fit, key=fit.__getitem__, default=None)
            if None not in (owner, preferred) and owner != preferred:
                yield (
                    f"{', '.join(one['vips'])} go from {owner} to {preferred}, which failback prefers, as "
                    "soon as that is in force, and without the conditions of a switchover: one before this, "
                    "with the document as it was, asks for them"
                )


def _again(plan: dict[str, Any], hosts: dict[str, Any], seen: dict[str, Observation]) -> list[str]:
    """Hosts to observe once more after the change: the changed ones, and their clusters' directors.

    What a director saw in ARP before its real servers changed proves nothing about them now.
    """
    clusters = {plan["hosts"][host]["cluster"] for host in hosts}
    if None in clusters:
        clusters |= set(plan["clusters"])
    return [
        host
        for host in seen
        if host in hosts
        or (plan["hosts"][host]["cluster"] in clusters and plan["hosts"][host]["role"] == "director")
    ]


def _notes(
    plan: dict[str, Any],
    seen: dict[str, Observation],
    unreachable: list[str],
    unready: dict[str, dict[str, list[str]]],
) -> Iterator[str]:
    for host in unreachable:
        yield f"{host} is unreachable and was skipped"
    unprepared_for: dict[str, set[str]] = {}
    for one in unready.values():
        for name, keys in one.items():
            unprepared_for.setdefault(name, set()).update(keys)
    for name, services in sorted(unprepared_for.items()):
        yield (
            f"{name} was not prepared for {', '.join(sorted(services))}, and gets requests as soon as its "
            "check passes: run this again before it is back, or set its lvs_state to disabled"
        )
    for host, observation in seen.items():
        planned = plan["hosts"][host]
        if planned["role"] == "director":
            yield f"{host}: {_kernel(observation)}"
        if demotion := observation.overrides.demotion:
            yield (
                f"{host} is demoted by {demotion.operator}: {demotion.reason}; to end that: "
                f"playbooks/switchover.yml -e to={host}"
            )
        for problem in observation.raw.get("problems") or []:
            yield f"{host}: {problem}"
        for key, servers in down_servers(planned, observation).items():
            for server in sorted(servers):
                risen = _risen(planned, observation, key, server)
                yield f"{host}: its checks find real server {server} of {key} dead{risen}"
        bits = observation.raw["ipvs"].get("conn_tab_bits")
        if bits and "table_bits" in planned and int(bits) != planned["table_bits"]:
            yield (
                f"{host}: the connection table has 2^{bits} buckets until ip_vs is loaded anew "
                f"(planned: 2^{planned['table_bits']})"
            )


def _risen(planned: dict[str, Any], seen: Observation, key: str, server: str) -> str:
    """What a new configuration may do to a dead real server (docs/decisions/0017): keepalived forgets it.

    Of a check that is another one than before there is no result, and a FILE_CHECK counts as having run.
    """
    entry = planned["ipvs"][key]["servers"][server]
    changed = {one.detail for one in file_differences(planned, seen)} & set(planned["table_files"])
    if planned["engine_unit"] != "keepalived.service" or not changed or entry["weight"] == 0:
        return ""
    return (
        ": if this run changes its checks, it gets requests until the new ones have failed, too; to prevent "
        f"that, drain it first: playbooks/drain.yml -e host={entry['host']}"
    )


def _kernel(seen: Observation) -> str:
    """What a director's kernel has of IPVS, in one line."""
    kernel = f"{' '.join(seen.os)}, kernel {seen.raw.get('kernel')}"
    version = (seen.raw["ipvs"].get("proc") or "").removeprefix("IP Virtual Server ")
    # FTP's helper has such a name too, and is none.
    schedulers = [
        name.removeprefix("ip_vs_")
        for name in seen.raw["modules"]
        if name.startswith("ip_vs_") and name != "ip_vs_ftp"
    ]
    return f"{kernel}, IPVS {version or 'not loaded yet'}; schedulers {', '.join(schedulers)}"
