"""Measure what forwarding costs the director, mode beside mode, in the lab: `python -m bench datapath`.

    make bench-datapath [BENCH="--rounds 5"]

Brings the lab up with bench/lab: nodes of any other inventory in it are gone afterwards. So it is no part of
`make bench`.

A figure is requests per director CPU second of one way, divided by those of another: nat_to_routing 0.8 says
that a CPU second of the director bears 0.8 times as many requests by NAT as by plain routing. Ways: DR, TUN,
NAT, plain routing, HAProxy in TCP mode; one real server, one request after the other, each a TCP connection
with 128 bytes there and 1 KiB back. With many at once HAProxy would take several for each wake-up, and come
out better. Where the lab's processor cannot run it (an emulated one without cmpxchg16b), its ratios are null.

All nodes share one kernel, where a softirq is counted for whatever it interrupts: a director's CPU time
cannot be told from the others'. So it is measured as a difference of what the whole machine does:

    cost(way) = CPU seconds for N requests by this way - CPU seconds for as many straight to the real server

each less what the machine does in the same time with no requests. The cost has the way's additional
crossings of veth and bridge, both in and out, which stand for the director's network card; and whatever the
way costs both ends more, such as taking off the tunnel's header on the real server: TUN looks dearer than it
is for the director alone. Where IPVS serves, its hooks see routed packets too (netfilter's FORWARD), and
that is in routing's cost. Emulation distorts all of it, and a busy machine under it counts as busy here:
these are no figures for a real server, nothing depends on them, and only ratios are told. Each round has all
ways, one after the other, and the next round begins with another one; each ratio is made within a round, and
the spread is that of the rounds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.datapath_nodes import CLIENT, DIRECT, DIRECTOR, INVENTORY, SERVER, WAYS, ask, prove, set_up
from bench.figures import machine, middle, spread
from bench.processes import ROOT, FailedError
from lab.errors import LabError
from lab.lab import Lab

MODES = tuple(way for way in WAYS if way != DIRECT)
BASES = ("routing", "haproxy")


@dataclass(frozen=True)
class Window:
    """What the whole machine did for a while: CPU seconds of all processors, seconds of the clock."""

    busy: float
    seconds: float


@dataclass(frozen=True)
class Round:
    """A while without requests, and each way's while with the same number of them."""

    idle: Window
    ways: Mapping[str, Window]

    def work(self, way: str) -> float:
        """Return the CPU seconds that the way's requests took, without what the machine does anyway."""
        window = self.ways[way]
        return window.busy - self.idle.busy / self.idle.seconds * window.seconds

    def cost(self, mode: str) -> float:
        """Return the CPU seconds that the mode takes beyond the direct way; noise can make it negative."""
        return self.work(mode) - self.work(DIRECT)

    def ratio(self, mode: str, base: str) -> float | None:
        """Return the requests per CPU second of `mode`, divided by those of `base`.

        The number of requests is the same, so it is the costs' inverse ratio. None where noise has eaten one
        of the costs, or one of the ways is not there.
        """
        if not {mode, base} <= self.ways.keys():
            return None
        cost, of_base = self.cost(mode), self.cost(base)
        return of_base / cost if cost > 0 and of_base > 0 else None


def read_round(answer: Mapping[str, Any]) -> Round:
    """Make a round of what on_nodes/asking.py printed."""
    return Round(Window(**answer["idle"]), {way: Window(**one) for way, one in answer["ways"].items()})


def order(number: int, ways: Sequence[str]) -> list[str]:
    """Return the ways in the order of a round: each round begins one further, so none is always the first."""
    begin = number % len(ways)
    return [*ways[begin:], *ways[:begin]]


def figures(rounds: Sequence[Round]) -> dict[str, Any]:
    """Return every ratio's median, their spread, and how many rounds are in it; None where none is.

    `to_direct` tells how far to trust them: a mode's cost as a share of the direct way's CPU seconds, from
    which it had to be told.
    """
    medians: dict[str, float | None] = {}
    spreads: dict[str, list[float]] = {}
    counted: dict[str, int] = {}
    for base in BASES:
        for mode in MODES:
            if mode == base:
                continue
            name = f"{mode}_to_{base}"
            ratios = [ratio for one in rounds if (ratio := one.ratio(mode, base)) is not None]
            medians[name] = middle(ratios) if ratios else None
            spreads[name] = spread(ratios) if ratios else []
            counted[name] = len(ratios)
    shares = {
        mode: [one.cost(mode) / one.work(DIRECT) for one in rounds]
        for mode in MODES
        if all(mode in one.ways for one in rounds)
    }
    return {
        **medians,
        "spread": spreads,
        "rounds_counted": counted,
        "to_direct": {mode: middle(values) for mode, values in shares.items()},
        "to_direct_spread": {mode: spread(values) for mode, values in shares.items()},
    }


def measure(lab: Lab, rounds: int, requests: int) -> list[Round]:
    """Bring the lab up, make the ways, and measure them; LabError or FailedError where one does not serve."""
    lab.up()
    _say("making five ways to the real server, and HAProxy's package is installed")
    ways = set_up(lab.runner(SERVER), lab.runner(DIRECTOR))
    if missing := sorted(WAYS.keys() - set(ways)):
        _say(f"not measured, since the emulated processor cannot run it: {', '.join(missing)}")
    measured = []
    for number in range(rounds):
        measured.append(read_round(ask(lab.runner(CLIENT), order(number, ways), requests)))
        if measured[-1].work(DIRECT) <= 0:
            raise FailedError("the direct way took no CPU time at all: ask for more with --requests")
        _say(f"round {number + 1} of {rounds}")
    prove(lab.runner(DIRECTOR), rounds * requests)
    return measured


def main(arguments: Sequence[str]) -> int:
    """Measure, print and write the ratios; 1 where the lab or a way does not serve, 2 for wrong options."""
    options = _options(arguments)
    lab = Lab(INVENTORY)
    try:
        measured = measure(lab, options.rounds, options.requests)
        accelerator = lab.host.describe().get("accelerator")
    except (LabError, FailedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    data_path = {
        "what": "requests per director CPU second of one way, divided by those of another; "
        f"{options.requests} requests a round, one after the other; informational: a shared or "
        "emulated kernel distorts",
        "accelerator": accelerator,
        "rounds": options.rounds,
        **figures(measured),
    }
    text = json.dumps({"machine": machine(), "data_path": data_path}, indent=2)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text + "\n")
    print(text)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench datapath",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=12, help="rounds of all ways (default: 12)")
    parser.add_argument(
        "--requests", type=int, default=300, help="requests of a way in a round (default: 300)"
    )
    default = ROOT / "build" / "bench-datapath.json"
    parser.add_argument("--output", type=Path, default=default, help="the JSON file")
    options = parser.parse_args(arguments)
    for name in ("rounds", "requests"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: at least one is needed")
    return options


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
