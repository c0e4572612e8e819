"""The steps of a switchover on each director, once nothing forbids it.

``before``: whoever must come behind the new owner is put there, and the new owner where it belongs.
``leave``: the owner gives the VIPs away. ``after``: what was only for the moment is taken back. Without
failback no backup takes VIPs from a living owner, so that nothing needs to stay. ``undo``: where the owner
did not give the VIPs away, what ``before`` has changed to last is as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lvs_model.components import heartbeat, pacemaker
from lvs_model.observation import Observation
from lvs_model.switchover_places import Mover, movers, wanted_places

# Seconds for which the owner may still have the VIPs after it was told to give them away.
PATIENCE_S = 10.0
# After the peer's skew time: its announcements, and the adverts' jitter.
_ANNOUNCED_S = 0.5


@dataclass(frozen=True)
class Site:
    """Where a switchover of the cluster ``name`` to the director ``to`` happens; ``owners`` by mover."""

    plan: dict[str, Any]
    name: str
    to: str
    seen: dict[str, Observation]
    owners: dict[str, str]

    @property
    def cluster(self) -> dict[str, Any]:
        """The cluster's part of the plan."""
        found: dict[str, Any] = self.plan["clusters"][self.name]
        return found

    @property
    def covers(self) -> dict[str, list[str]]:
        """By tracked file the instances that it moves."""
        return {mover.file: mover.names for mover in movers(self.cluster) if mover.file}


@dataclass
class Steps:
    """By step and host the arguments of lvs_demotion, or the command of another engine; text for people."""

    by_name: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"before": {}, "leave": {}, "after": {}, "undo": {}}
    )
    lines: list[str] = field(default_factory=list)

    def place(self, site: Site, step: str, host: str, file: str, value: int, *, lasting: bool = True) -> None:
        """Put a director behind the new owner by ``value``, or where it belongs (0)."""
        one = self._step(step, host)
        one["covers"] = site.covers
        one["places"][file] = value
        one["lasting"] = lasting

    def leave(self, site: Site, mover: Mover, owner: str) -> None:
        """Let the owner give a mover's VIPs away."""
        planned, one = site.plan["hosts"][owner], self._step("leave", owner)
        links = {
            instance["anchor"]: planned["elections"][instance["label"]] for instance in mover.instances
        } | planned["vips"]
        one["give_up"] += [{"address": own, "interface": links[own]} for own in mover.addresses]
        one["linger_s"] = max(one["linger_s"], _orderly_s(mover) + _ANNOUNCED_S)

    def run(self, step: str, host: str, *argv: str) -> None:
        """Let a director run a command of its engine."""
        self._step(step, host)["argv"] = list(argv)

    def _step(self, step: str, host: str) -> dict[str, Any]:
        empty: dict[str, Any] = {
            "covers": {},
            "places": {},
            "lasting": True,
            "give_up": [],
            "linger_s": 0.0,
            "patience_s": PATIENCE_S,
            "argv": [],
        }
        return self.by_name[step].setdefault(host, empty)


def _orderly_s(mover: Mover) -> float:
    return max((one["failover_s"]["orderly"] for one in mover.instances if one["failover_s"]), default=0.0)


def steps_of(site: Site, moving: list[Mover]) -> Steps:
    """All steps; raises ModelError where the priorities leave no room for a demotion."""
    steps = Steps()
    for mover in moving:
        owner = site.owners[mover.name]
        vips = ", ".join(mover.vips)
        if owner == site.to:
            steps.lines.append(f"{site.name}: {site.to} owns {vips}: nothing moves")
        else:
            seconds = f"{_orderly_s(mover):.2f} s"
            steps.lines.append(
                f"{site.name}: {vips} go from {owner} to {site.to}, {seconds} without an owner"
            )
        if mover.file is not None:
            _elect(site, mover, mover.file, owner, steps)
        elif site.plan["hosts"][site.to]["engine_unit"] == heartbeat.UNIT:
            _heartbeat(site, owner, steps)
        else:
            _pacemaker(site, mover, owner, steps)
    return steps


def _elect(site: Site, mover: Mover, file: str, owner: str, steps: Steps) -> None:
    """keepalived: by what is added to the priorities."""
    failback = site.cluster["failback"]
    wanted = dict.fromkeys(mover.directors, 0)
    if failback or len(mover.directors) > 2:
        wanted = wanted_places(mover, site.to)
    for host in mover.directors:
        if host not in site.seen:
            continue
        seen = site.seen[host]
        now, then = seen.recorded_places.get(file, 0), wanted[host] if failback else 0
        if host == owner != site.to:
            steps.leave(site, mover, host)
            steps.place(site, "leave", host, file, then)
        elif not failback and wanted[host] and owner != site.to:
            # It would take the VIPs first, being preferred.
            steps.place(site, "before", host, file, wanted[host], lasting=False)
            steps.place(site, "after", host, file, 0)
        elif now != then or seen.place(file) != then:
            steps.place(site, "before", host, file, then)
            if owner != site.to:
                steps.place(site, "undo", host, file, now)
        if seen.place(file) != now:
            steps.lines.append(
                f"{host} was left at {seen.place(file)} in the election of {mover.name}: mended"
            )
        if then and now != then:
            steps.lines.append(f"{host} stays behind {site.to} from now on, until a switchover to {host}")
        elif now and not then:
            steps.lines.append(f"{host} is demoted no longer")


def _heartbeat(site: Site, owner: str, steps: Steps) -> None:
    """heartbeat: its own command; it remembers nothing of it."""
    if owner == site.to:
        return
    steps.run("leave", owner, *heartbeat.STANDBY)
    if site.cluster["failback"] and site.to != next(iter(site.cluster["directors"])):
        steps.lines.append(f"{owner} takes them back when heartbeat starts there anew (failback: true)")


def _pacemaker(site: Site, mover: Mover, owner: str, steps: Steps) -> None:
    """pacemaker: a preference beyond all others, which stays where it would move the group back otherwise."""
    stays = bool(site.cluster["failback"]) and site.to != mover.directors[0]
    view = site.seen[site.to].pacemaker
    moved_to = view.moved_to if view is not None else None
    if owner != site.to or moved_to != (site.to if stays else None):
        steps.run("leave", site.to, *pacemaker.MOVE, site.to, "stay" if stays else "once")
    if stays and moved_to != site.to:
        steps.lines.append(f"the VIPs stay on {site.to} while it is there, until a switchover back")
