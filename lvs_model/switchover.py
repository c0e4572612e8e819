"""An orderly switchover: the VIPs go to another director, no daemon stops, and no connection is lost.

The owner leaves the election at once (a tracked file in keepalived's configuration, components/keepalived/
demotion.py; with heartbeat and pacemaker these move their resources), so that it says goodbye and its table
goes on forwarding until the peer has announced itself. With failback it stays behind the new owner from then
on; without, nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lvs_model.differences import file_differences
from lvs_model.observation import Observation
from lvs_model.problems import ModelError, Problem
from lvs_model.standby_fitness import unfit
from lvs_model.switchover_places import Mover, movers
from lvs_model.switchover_steps import Site, steps_of
from lvs_model.words import seconds, yes


def asked(plan: dict[str, Any], to: str | None, instance: str | None = None) -> dict[str, Any]:
    """What a switchover's command line means: ``cluster``, its ``directors``, the ``instances`` that move.

    Raises ModelError where it names what is not there.
    """
    clusters = plan["clusters"]
    directors = [host for cluster in clusters.values() for host in cluster["directors"]]
    known = ", ".join(directors) or "none"
    if not to:
        raise ModelError(
            [Problem("to", "which director shall have the VIPs is not said", f"-e to=NAME, of {known}")]
        )
    name = next((name for name, cluster in clusters.items() if to in cluster["directors"]), None)
    if name is None:
        raise ModelError([Problem("to", f"{to} is no director", f"name one of them: {known}")])
    cluster = clusters[name]
    mine = [one["name"] for one in cluster["instances"] if to in one["priorities"]]
    if instance and instance not in [one["name"] for one in cluster["instances"]]:
        there = ", ".join(one["name"] for one in cluster["instances"])
        what = f"cluster {name} has no instance {instance}"
        raise ModelError([Problem("instance", what, f"name one of {there}, or leave it out")])
    if instance and instance not in mine:
        what = f"{to} takes no part in the instance {instance}"
        takes = next(one for one in cluster["instances"] if one["name"] == instance)["priorities"]
        raise ModelError([Problem("to", what, f"name one of {', '.join(takes)}")])
    if len(cluster["directors"]) < 2:
        what = f"{to} is the only director of cluster {name}"
        raise ModelError([Problem("to", what, "there is nobody to switch over from")])
    return {
        "cluster": name,
        "directors": list(cluster["directors"]),
        "instances": [instance] if instance else mine,
    }


def read_words(given: Mapping[str, Any]) -> dict[str, Any]:
    """How the command line wants it: ``force``, a boolean, and ``wait_s``, seconds. Raises ModelError."""
    problems: list[Problem] = []
    found = {"force": yes(given, "force", problems), "wait_s": seconds(given, "wait", 0, problems)}
    if problems:
        raise ModelError(problems)
    return found


def switchover(
    plan: dict[str, Any],
    observations: dict[str, dict[str, Any]],
    to: str | None,
    instance: str | None = None,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Decide what a switchover to the director ``to`` has to do.

    ``observations`` as for compare.compare, of the cluster's directors at least. ``options``: ``force``
    (bool) accepts connections that the target does not know and real servers that only its checks find dead,
    ``accept`` names unreachable directors without which to go on, ``reason`` and ``operator`` are recorded,
    ``changing`` names directors that a deployment changes afterwards: their configuration is a former one.

    Returns plain data: ``before``, ``leave``, ``after`` and ``undo`` (by host, the arguments of each of
    the steps, as switchover_steps has them), ``expected`` (by host, addresses that it shall ``own`` and
    ``lack`` afterwards), ``moves`` (``instances``, ``vips``, ``from`` and ``to``), ``changes`` (whether
    there is anything to do), ``settle_s`` (seconds until the new owner is known), ``summary`` (text). Raises
    ModelError with everything that forbids it.
    """
    options = options or {}
    meant = asked(plan, to, instance)
    assert to is not None  # noqa: S101 - asked() has refused it
    cluster = plan["clusters"][meant["cluster"]]
    seen = {host: Observation(host, raw) for host, raw in observations.items() if "schema" in raw}
    problems = list(_unseen(meant["directors"], observations, seen, options))
    if problems:
        raise ModelError(problems)
    moving = movers(cluster, meant["instances"])
    owners = {mover.name: _owners(mover, seen) for mover in moving}
    problems += _ownership(moving, owners)
    if not problems:
        leaving = [mover for mover in moving if owners[mover.name] != [to]]
        if leaving:
            from_ = {owners[mover.name][0] for mover in leaving}
            problems += unfit(plan, meant["cluster"], to, seen, from_, force=bool(options.get("force")))
            problems += _known_to_keepalived(plan, leaving, seen, set(options.get("changing") or []))
    if problems:
        raise ModelError(problems)
    site = Site(plan, meant["cluster"], to, seen, {name: one[0] for name, one in owners.items()})
    steps = steps_of(site, moving)
    stamp = {key: str(options.get(key) or "") for key in ("reason", "operator")}
    for host, one in steps.by_name["undo"].items():
        # Whose demotion it was, and why, is as it was, too.
        former = seen[host].overrides.demotion
        if former is not None:
            one.update(reason=former.reason, operator=former.operator)
    return {
        **meant,
        "to": to,
        **{name: {host: stamp | one for host, one in step.items()} for name, step in steps.by_name.items()},
        "moves": [
            {"instances": mover.names, "vips": mover.vips, "from": site.owners[mover.name], "to": to}
            for mover in moving
            if site.owners[mover.name] != to
        ],
        "expected": {host: _expected(moving, host, to) for host in meant["directors"] if host in seen},
        "changes": any(steps.by_name[name] for name in ("before", "leave", "after")),
        "settle_s": cluster["settle_s"],
        "summary": steps.lines,
    }


def _expected(moving: list[Mover], host: str, to: str) -> dict[str, list[str]]:
    """What a director shall own afterwards, and what not."""
    moved = [address for mover in moving for address in mover.addresses]
    return {"own": moved if host == to else [], "lack": [] if host == to else moved}


def arrived(expected: dict[str, Any], raw: dict[str, Any]) -> list[str]:
    """What one director still has, or lacks, after a switchover: empty when it is as ``expected`` says."""
    if "schema" not in raw:
        return [f"it could not be observed: {raw.get('failed', 'it is unreachable')}"]
    seen = Observation("", raw)
    lacks = [f"it does not own {address} yet" for address in expected["own"] if not seen.owns(address)]
    return lacks + [f"it still owns {address}" for address in expected["lack"] if seen.owns(address)]


def _unseen(
    directors: list[str],
    observations: dict[str, dict[str, Any]],
    seen: dict[str, Observation],
    options: dict[str, Any],
) -> Iterator[Problem]:
    accepted = options.get("accept") or []
    for host in directors:
        if host in seen or host in accepted:
            continue
        why = observations.get(host, {}).get("failed")
        if host not in observations:
            yield Problem(f"host {host}", "--limit leaves it out", "a switchover asks all directors")
        elif why:
            yield Problem(f"host {host}", f"it could not be observed ({why})", "mend that first")
        else:
            yield Problem(
                f"host {host}",
                "this director is unreachable: it might own the VIPs, or take them",
                f"mend it, or if it is off: -e lvs_accept_unreachable={host}",
            )


def _owners(mover: Mover, seen: dict[str, Observation]) -> list[str]:
    return [host for host, one in seen.items() if any(map(one.owns, mover.addresses))]


def _ownership(moving: list[Mover], owners: dict[str, list[str]]) -> Iterator[Problem]:
    """One owner each, or a switchover would hide what is wrong."""
    for mover in moving:
        found = owners[mover.name]
        if len(found) != 1:
            yield Problem(
                f"instance {mover.name}",
                f"its VIPs have {len(found)} owners ({', '.join(found) or 'none'}), not one",
                "see playbooks/status.yml, and mend that first",
            )


def _known_to_keepalived(
    plan: dict[str, Any], leaving: list[Mover], seen: dict[str, Observation], changing: set[str]
) -> Iterator[Problem]:
    """Whether the directors' keepalived looks at the tracked files, as the planned configuration makes it.

    Of those in ``changing`` only whether it names these files is asked.
    """
    for host in sorted({host for mover in leaving for host in mover.directors if mover.file}):
        planned = plan["hosts"][host]
        if host in seen and host in changing:
            for mover in leaving:
                if host in mover.directors and not seen[host].tracks(mover.file):
                    what = f"its keepalived.conf has no tracked file for {', '.join(mover.vips)} yet"
                    yield Problem(f"host {host}", what, "deploy it first: site.yml")
        elif host in seen:
            for one in file_differences(planned, seen[host]):
                if one.detail in planned["table_files"]:
                    yield Problem(f"host {host}", one.text, "deploy it first: site.yml")
