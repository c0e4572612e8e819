"""Measure a deployment against the same service in plain tasks, in the lab: `python -m bench deploy`.

    make bench-deploy [BENCH="--rounds 3"]

Brings the lab up with bench/deploy_lab: nodes of any other inventory in it are gone afterwards. So it is no
part of `make bench`.

Both ways express one service (two directors, two real servers, direct routing) on the same nodes: the
toolkit by site.yml, the other by bench/plain, which is what a usual role does: facts, packages, a template,
modules and sysctls one by one, a service. Both have the project's ansible.cfg, so the same forks,
pipelining and shared connections. The toolkit does more in its time: it proves what it has done, gates, and
keeps what was there before; plain tasks neither look at the kernel's table nor at the election.

A round has both ways, one after the other, and the next round begins with the other one. Each begins on
nodes from clean root file systems: its first run is the first deployment, with the packages' installation
from the node's own disk, and the following ones find nothing to do. After the first one requests are
answered by every real server, or there are no figures. A ratio is made within a round, of medians; below 1
the toolkit took less time. Emulation stretches whatever runs on the nodes and not what runs on the
controller.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from bench.figures import machine, middle, spread
from bench.processes import ROOT, FailedError
from lab.clients import Nodes, http_names
from lab.errors import LabError
from lab.lab import Lab
from lab.playbook import PlaybookRun, run_playbook

INVENTORY = ROOT / "bench" / "deploy_lab"
WAYS: Mapping[str, str] = {"toolkit": "site.yml", "plain_tasks": "bench/plain/site.yml"}
"""By name the playbook."""
CLIENT, VIP, PORT = "client1", "192.0.2.10", 80
SERVERS = frozenset({"web1", "web2"})
_WEIGHTS = 3  # 2 and 1: so many requests make a round of the scheduler
_SERVED_S = 60.0


class Play(Protocol):
    """lab.playbook.run_playbook, or what a test has in its place."""

    def __call__(self, *arguments: str, on_line: Callable[[str], None]) -> PlaybookRun:
        """Run a playbook."""


@dataclass(frozen=True)
class Block:
    """One way in one round: its first deployment, and the runs after it."""

    first: PlaybookRun
    converged: Sequence[PlaybookRun]

    @property
    def converged_s(self) -> float:
        """The median of the converged runs, in seconds of the clock."""
        return median(run.seconds for run in self.converged)


Round = Mapping[str, Block]
"""Each way's block, by its name."""


def order(number: int) -> list[str]:
    """Return the ways in the order of a round: another one begins each."""
    ways = list(WAYS)
    return ways if number % 2 == 0 else ways[::-1]


def figures(rounds: Sequence[Round]) -> dict[str, Any]:
    """Return the ratios of the toolkit's wall time to plain tasks', with what they are made of."""
    return {
        "first": _compared(rounds, lambda block: block.first.seconds, lambda block: [block.first]),
        "converged": _compared(rounds, lambda block: block.converged_s, lambda block: block.converged),
    }


def _compared(
    rounds: Sequence[Round],
    seconds: Callable[[Block], float],
    runs: Callable[[Block], Sequence[PlaybookRun]],
) -> dict[str, Any]:
    ratios = [seconds(one["toolkit"]) / seconds(one["plain_tasks"]) for one in rounds]
    return {
        "wall_ratio_to_plain_tasks": middle(ratios),
        "spread": spread(ratios),
        "seconds": {way: middle([seconds(one[way]) for one in rounds]) for way in WAYS},
        "remote_executions_per_host": {
            way: max(
                max(run.remote_executions.values(), default=0) for one in rounds for run in runs(one[way])
            )
            for way in WAYS
        },
    }


def measure(lab: Lab, rounds: int, converged: int, *, play: Play) -> list[Round]:
    """Deploy each way in each round; LabError or FailedError where one fails or does not serve."""
    measured: list[Round] = []
    for number in range(rounds):
        blocks = {}
        for way in order(number):
            lab.up(fresh=True)
            blocks[way] = block(lab, way, converged, play)
            _say(
                f"round {number + 1} of {rounds}, {way}: first {blocks[way].first.seconds:.1f} s, "
                f"converged {blocks[way].converged_s:.1f} s"
            )
        measured.append(blocks)
    return measured


def block(nodes: Nodes, way: str, converged: int, play: Play) -> Block:
    """Deploy one way to fresh nodes, see that it serves, and deploy it again and again."""
    first = _run(way, play)
    served(nodes, way)
    again = [_run(way, play) for _ in range(converged)]
    for run in again:
        # One that changes something has not converged, and would be another measurement.
        if changed := {host: one.tasks_changed for host, one in run.recap.items() if one.changed}:
            raise FailedError(f"{way}: a run after the first one still changed something: {changed}")
    return Block(first, again)


def served(nodes: Nodes, way: str, limit_s: float = _SERVED_S) -> None:
    """Wait until every real server answers through the VIP; FailedError if they do not in time."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            if set(http_names(nodes, CLIENT, VIP, PORT, 2 * _WEIGHTS)) == SERVERS:
                return
            why = "not every real server answers"
        except LabError as error:
            why = str(error)
        if time.monotonic() >= deadline:
            raise FailedError(f"{way} does not serve within {limit_s:.0f} s: {why}")
        time.sleep(1)


def _run(way: str, play: Play) -> PlaybookRun:
    lines: list[str] = []
    run = play(WAYS[way], "-i", str(INVENTORY), on_line=lines.append)
    if run.returncode:
        raise FailedError(f"{way}: {WAYS[way]} ended with {run.returncode}:\n" + "\n".join(lines[-40:]))
    return run


def main(arguments: Sequence[str]) -> int:
    """Measure, print and write the ratios; 1 where the lab or a way does not serve, 2 for wrong options."""
    options = _options(arguments)
    lab = Lab(INVENTORY)
    try:
        measured = measure(lab, options.rounds, options.converged, play=run_playbook)
        accelerator = lab.host.describe().get("accelerator")
    except (LabError, FailedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    found = {
        "machine": machine(),
        "what": "wall time of site.yml divided by that of the same service in plain tasks (bench/plain), on "
        "the same lab nodes; first: on fresh nodes, packages included; converged: nothing to do",
        "accelerator": accelerator,
        "rounds": options.rounds,
        "converged_runs": options.converged,
        **figures(measured),
    }
    text = json.dumps(found, indent=2)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text + "\n")
    print(text)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench deploy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=2, help="rounds of both ways (default: 2)")
    parser.add_argument(
        "--converged", type=int, default=3, help="runs of a way after its first one (default: 3)"
    )
    default: Path = ROOT / "build" / "bench-deploy.json"
    parser.add_argument("--output", type=Path, default=default, help="the JSON file")
    options = parser.parse_args(arguments)
    for name in ("rounds", "converged"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: at least one is needed")
    return options


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
