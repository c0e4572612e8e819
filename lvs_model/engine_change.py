"""From one engine to another on a running cluster: what ends, what begins, and in which order.

Two engines know nothing of each other, and each would own the VIPs. So everything of the new one is laid down
first, on all directors, while the old one serves. Then the standbys leave the old one, and the owner leaves
it and begins with the new one, and then the others do: the service is down for as long as the new engine
needs to find an owner where there is none. The table of nft waits too, because it marks packets for the old
engine's services. Pacemaker that serves only with a majority, or with all, begins on as many standbys as are
none yet, and is ready when the owner comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.components import heartbeat, network, overrides, pacemaker
from lvs_model.components.holds import FORGET
from lvs_model.engines import KINDS, Kind
from lvs_model.observation import Observation
from lvs_model.problems import Problem

_STOP_S = 300.0
_UNITS = "/etc/systemd/system/"


def ours(seen: Observation) -> list[Kind]:
    """The engines that the toolkit has configured on a host."""
    managed = seen.raw.get("managed") or []
    return [kind for kind in KINDS if kind.configuration in managed]


def runs(kind: Kind, seen: Observation) -> bool:
    """Whether anything of an engine runs on a host."""
    return any(seen.runs(unit) for unit in kind.units)


def former(planned: dict[str, Any], seen: Observation) -> list[Kind]:
    """The toolkit's engines that run on a host and that its plan does not have."""
    wanted = planned.get("engine_unit")
    return [kind for kind in ours(seen) if kind.unit != wanted and runs(kind, seen)]


def changing(plan: dict[str, Any], seen: dict[str, Observation]) -> set[str]:
    """Clusters on whose directors an engine still runs that they shall not have."""
    return {
        name
        for name, cluster in plan["clusters"].items()
        if any(
            former(plan["hosts"][host], seen[host])
            for host in cluster["directors"]
            if host in seen and plan["hosts"][host]["role"] == "director"
        )
    }


def unseen_directors(
    plan: dict[str, Any], seen: dict[str, Observation], clusters: set[str], accepted: set[str]
) -> Iterator[Problem]:
    """Directors that nobody looked at while their cluster changes its engine."""
    for name in sorted(clusters):
        missing = [one for one in plan["clusters"][name]["directors"] if one not in seen]
        if left := [one for one in missing if one not in accepted]:
            yield Problem(
                f"cluster {name}",
                f"its engine changes, and {', '.join(left)} was not looked at: the old engine would go on "
                "there and own the VIPs beside the new one",
                "leave out --limit, or let it name all directors",
            )


def stops(kinds: list[Kind]) -> Iterator[dict[str, Any]]:
    """Actions that end engines, and what they leave in the kernel; each may have ended already."""
    for kind in kinds:
        for unit in kind.units:
            yield _stop(unit)
        if kind.unit != KINDS[0].unit:
            # A standby of these keeps the daemon that listens; keepalived ends its own.
            for role in ("master", "backup"):
                yield _forced(
                    f"End the {role} sync daemon", "ipvsadm", "--stop-daemon", role, ok=list(range(256))
                )


def ends(stale: list[str], *, items: bool, retired: bool) -> Iterator[dict[str, Any]]:
    """What ends whatever stale files have started: their own units know how, so files go afterwards."""
    units = [unit for kind in KINDS if kind.configuration in stale for unit in kind.units]
    units += [
        path.removeprefix(_UNITS)
        for path in stale
        if path.startswith(_UNITS) and "/" not in path.removeprefix(_UNITS)
    ]
    for unit in units:
        yield _stop(unit)
    if overrides.TOOL in stale and any(kind.configuration in stale for kind in KINDS):
        yield _forced("Forget what was set aside and held on this former director", *FORGET)
    if network.TOOL in stale or (retired and items):
        yield _forced("Take back every network item", network.TOOL, "remove")
    elif items or units:
        yield _forced("Take back the network items that nobody needs", network.TOOL, "contract")
        # What an older version's unit held may be what ours holds too.
        yield _forced("Set what is missing of the others", network.TOOL, "apply")


def _forced(name: str, *argv: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as config_set has it
    return {"name": name, "argv": list(argv), "force": True} | more


def _stop(unit: str) -> dict[str, Any]:
    # heartbeat waits for its resources, and for a director that does not answer.
    name = f"Stop {unit}, and start it no more at boot"
    return _forced(name, "systemctl", "disable", "--now", unit, timeout=_STOP_S)


def later(planned: dict[str, Any], work: dict[str, Any], seen: Observation) -> dict[str, Any]:
    """A director's work where its engine begins only when the old one has ended everywhere.

    ``prepare`` comes before any of its files: Debian's packages have their units start at boot, and whoever
    boots before it is to begin would run both. ``leave`` ends the old engine, ``begin`` does that too where
    it still runs and begins with the new one, ``back`` does the contrary.
    """
    names, old = set(planned["engine_actions"]), former(planned, seen)
    own = [one for one in planned["actions"] if one["name"] in names]
    new = [kind for kind in KINDS if kind.unit == planned["engine_unit"]]
    return work | {
        "actions": [one for one in work["actions"] if one["name"] not in names],
        "health": [one for one in work["health"] if one["name"] not in planned["engine_health"]],
        "begins_later": True,
        "prepare": [
            {"name": f"Keep {unit} from starting at boot", "argv": ["systemctl", "disable", unit]}
            for kind in new
            if not runs(kind, seen)
            for unit in kind.units
        ],
        "leave": list(stops(old)),
        "begin": [*stops(old), *(_forced(one["name"], *one["argv"], guard=one["guard"]) for one in own)],
        "again": "the old engine serves again from here",
        "back": [
            *stops(new),
            *(_forced(f"Start {one} again", "systemctl", "enable", "--now", one) for one in _starts(old)),
        ],
    }


def begin_order(
    plan: dict[str, Any], waiting: list[str], owners: set[str], seen: dict[str, Observation]
) -> list[str]:
    """The directors in the order in which they begin with the new engine, ``owners`` of VIPs among them.

    The owner must not find another one beside itself, and none that begins before it may serve: as many
    standbys as the new engine leaves idle go before it, since nobody serves from its turn on.
    """
    order = []
    for name in dict.fromkeys(plan["hosts"][host]["cluster"] for host in waiting):
        directors = [host for host in plan["clusters"][name]["directors"] if host in seen]
        own = [host for host in waiting if plan["hosts"][host]["cluster"] == name]
        begun = [host for host in directors if seen[host].runs(plan["hosts"][host]["engine_unit"])]
        standbys = sorted((host for host in own if host not in owners), key=lambda host: host not in begun)
        before = max(0, plan["hosts"][own[0]]["begins_idle"] - len(set(begun) - set(own)))
        order += [*standbys[:before], *(host for host in own if host in owners), *standbys[before:]]
    return order


def long_gaps(plan: dict[str, Any], owners: set[str]) -> Iterator[str]:
    """What to tell of changes after which the new engine needs longer than for a failover.

    ``owners`` of VIPs are those that change their engine. heartbeat's preferred director takes the VIPs at
    once (lvs-heartbeat take), and VRRP has elected an owner soon; others wait for each other, or for nobody.
    """
    for host in sorted(owners):
        planned = plan["hosts"][host]
        cluster = plan["clusters"][planned["cluster"]]
        # By preference: the first has the largest.
        unit, directors = planned["engine_unit"], cluster["directors"]
        alone = len(directors) > 1 and unit == pacemaker.UNIT and not planned["begins_idle"]
        if alone or (unit == heartbeat.UNIT and host != max(directors, key=directors.__getitem__)):
            yield (
                f"cluster {planned['cluster']} changes its engine: nobody serves for up to "
                f"{cluster['settle_s']:g} s from when {host} leaves the old one"
            )


def _starts(kinds: list[Kind]) -> list[str]:
    return [unit for kind in kinds for unit in reversed(kind.units)]
