"""Real servers in batches: what changes on them at once never takes a pool below what it needs.

A change may break a real server, and its checks tell only some seconds later. So no batch has more of a
pool's servers than it can spare: what is left, as far as the directors' checks find it alive, keeps the
quorum (a sum of weights) and ``min_servers``. Real servers that get no requests now count nowhere; of those
of which that is not known it is assumed that they serve.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lvs_model.checks_view import checks_view
from lvs_model.observation import Observation

# What a host undoes by itself is confirmed when all hosts of a batch are through: not too many at a time.
MOST = 20


@dataclass
class Pool:
    """A service's real servers that serve now, by host with their weight, and what it needs of them."""

    quorum: int
    least: int
    weights: dict[str, int] = field(default_factory=dict)
    service: str = ""

    def spares(self, batch: list[str]) -> bool:
        """Whether it can do without these hosts; without any of its own it always can."""
        out = [self.weights[host] for host in batch if host in self.weights]
        left, total = len(self.weights) - len(out), sum(self.weights.values()) - sum(out)
        return not out or (left >= self.least and total >= self.quorum)


def pools(plan: dict[str, Any], seen: dict[str, Observation]) -> list[Pool]:
    """Every service's pool; who is dead by the checks of any of its directors does not serve.

    Where no director tells, all serve that the plan gives a weight, unless it is known that no engine runs:
    a director that was not looked at (``--limit``), or did not give its view, may well forward to them.
    """
    found = []
    for cluster in plan["clusters"].values():
        views = [
            view
            for host in cluster["directors"]
            if host in seen and "ipvs" in plan["hosts"][host]
            if (view := checks_view(plan["hosts"][host], seen[host]))
        ]
        idle = not views and all(_idle(plan["hosts"][host], seen.get(host)) for host in cluster["directors"])
        tables = [plan["hosts"][host].get("ipvs", {}) for host in cluster["directors"]]
        for key, service in tables[0].items() if tables else ():
            pool = Pool(service["quorum"], max(1, service["min_servers"]), service=service["service"])
            for server, entry in service["servers"].items():
                states = [view[key, server] for view in views if (key, server) in view]
                serves = all(one["alive"] for one in states) if views else not idle
                if entry["weight"] > 0 and serves and (states or not views):
                    pool.weights[entry["host"]] = entry["weight"]
            found.append(pool)
    return found


def _idle(planned: dict[str, Any], seen: Observation | None) -> bool:
    """Whether a director certainly forwards to nobody."""
    return seen is not None and "engine_unit" in planned and not seen.runs(planned["engine_unit"])


def batches(hosts: list[str], found: list[Pool]) -> list[list[str]]:
    """The hosts in batches, in their order as far as it goes.

    A host whose pool has nothing to spare is alone in its batch: one at a time is the least that there is.
    """
    left, made = list(hosts), []
    while left:
        batch: list[str] = []
        for host in left:
            if all(pool.spares([*batch, host]) for pool in found if host in pool.weights):
                batch.append(host)
            if len(batch) == MOST:
                break
        batch = batch or left[:1]
        left = [host for host in left if host not in batch]
        made.append(batch)
    return made


def batch_work(plan: dict[str, Any], seen: dict[str, Observation], hosts: list[str]) -> dict[str, Any]:
    """How to go about the real servers of a deployment: ``expand`` in order, the sizes of their ``batches``.

    ``serving`` are those of them that get requests now. If there is more than one batch, ``watchers`` are the
    directors to ask behind each whether it still serves, after ``batch_s`` seconds, in which every
    check has its say.
    """
    found = pools(plan, seen)
    made = batches(hosts, found)
    serving = [host for host in hosts if any(host in pool.weights for pool in found)]
    own = {plan["hosts"][host]["cluster"] for host in serving} if len(made) > 1 else set()
    watchers = {name: _watcher(plan, seen, name) for name in plan["clusters"] if name in own}
    return {
        "expand": [host for batch in made for host in batch],
        "batches": [len(batch) for batch in made],
        "serving": serving,
        "watchers": [host for host in watchers.values() if host is not None],
        "batch_s": max((plan["clusters"][name]["gate_s"] for name in watchers), default=0),
    }


def _watcher(plan: dict[str, Any], seen: dict[str, Observation], name: str) -> str | None:
    """A director of a cluster whose checks tell."""
    return next(
        (
            host
            for host in plan["clusters"][name]["directors"]
            if host in seen and checks_view(plan["hosts"][host], seen[host])
        ),
        None,
    )


def lost(
    plan: dict[str, Any], work: dict[str, Any], batch: list[str], raws: dict[str, dict[str, Any]]
) -> list[str]:
    """Real servers of a batch that served before it and do not now; ``raws`` are observations by director."""
    lines = []
    for director, raw in raws.items():
        if "schema" not in raw:
            lines.append(f"{director} could not be asked whether these still serve")
            continue
        planned = plan["hosts"][director]
        view = checks_view(planned, Observation(director, raw)) or {}
        for key, service in planned.get("ipvs", {}).items():
            for server, entry in service["servers"].items():
                state, host = view.get((key, server)), entry["host"]
                mine = host in batch and host in work["serving"]
                if mine and state and state["checked"] and not state["alive"]:
                    lines.append(f"{host}: the checks of {director} find it dead for {key} since its change")
    return sorted(lines)
