"""Measure the plan and the controller, print the figures and write them as JSON (`make bench`).

`python -m bench datapath` measures the data path instead, in the lab: bench/datapath.py; and
`python -m bench deploy` deployments against plain tasks: bench/deploy.py.
No threshold and no verdict here: timings on a busy machine say nothing, so look at the spread.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from bench.estate import Size, inventory
from bench.figures import exponent, growth, machine, middle, spread
from bench.processes import ROOT, Cost, FailedError, run

# A command that writes to the folder that it is given.
_Command = Callable[[Path], Sequence[str]]
_PYTHON = sys.executable
_PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; 2 where it makes no sense, 1 where a command failed."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["datapath"]:
        # Only here: the lab's libraries would count in the peak memory of what is measured (processes.Cost).
        from bench import datapath  # noqa: PLC0415

        return datapath.main(arguments[1:])
    if arguments[:1] == ["deploy"]:
        from bench import deploy  # noqa: PLC0415 - as above

        return deploy.main(arguments[1:])
    options = _options(arguments)
    try:
        # All of them before anything is measured: that takes minutes.
        size = Size(options.services, options.servers, options.hosts)
        deployed = [_deployed(hosts) for hosts in options.controller_hosts]
        with tempfile.TemporaryDirectory(prefix="lvs-bench-") as folder:
            bench = Bench(Path(folder), options.runs)
            figures = {
                "machine": machine(),
                "plan": bench.plan(size),
                "controller": bench.controller(deployed),
            }
    except ValueError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except FailedError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(figures, indent=2)
    options.output.write_text(text + "\n")
    print(text)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--services", type=int, default=1000, help="services of the plan (default: 1000)")
    parser.add_argument("--servers", type=int, default=10, help="real servers of each (default: 10)")
    parser.add_argument("--hosts", type=int, default=1000, help="hosts of the plan (default: 1000)")
    parser.add_argument(
        "--controller-hosts",
        type=int,
        nargs="*",
        default=[10, 100, 1000],
        metavar="N",
        help="numbers of simulated hosts to deploy to (default: 10 100 1000)",
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts (default: 3)")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json", help="the JSON file")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs: at least one run is needed")
    if options.services < 2:
        parser.error("--services: growth needs two at least")
    return options


class Bench:
    """The measurements; inventories and results lie in a folder that is gone afterwards."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        self.folders = 0

    def plan(self, size: Size) -> dict[str, Any]:
        """The whole plan as one command, the library alone, its growth, and the same through Ansible."""
        source = self._inventory(size)
        whole = self._repeat(
            f"plan of {size}", lambda new: [_PYTHON, "-m", "bench.whole", str(source), str(new)]
        )
        library = {step.services: self._library(step) for step in _steps(size)}
        playbook = self._repeat(f"playbooks/plan.yml, {size}", _plan_command(source))
        return {
            "what": f"{size}, all files written to a new folder; seconds: one Python command; "
            "library_seconds: compile_plan alone, exponent: its growth; playbook_seconds: playbooks/plan.yml",
            "seconds": middle([cost.seconds for cost in whole]),
            "library_seconds": middle(library[size.services]),
            "cpu_seconds": middle([cost.cpu_seconds for cost in whole]),
            "peak_mb": middle([cost.peak_mb for cost in whole]),
            "exponent": exponent({services: middle(times) for services, times in library.items()}),
            "library_seconds_by_services": {str(one): middle(times) for one, times in library.items()},
            "playbook_seconds": middle([cost.seconds for cost in playbook]),
            "playbook_cpu_seconds": middle([cost.cpu_seconds for cost in playbook]),
            "playbook_peak_mb": middle([cost.peak_mb for cost in playbook]),
            "runs": self.runs,
            "spread": {
                "seconds": spread([cost.seconds for cost in whole]),
                "library_seconds": spread(library[size.services]),
                "peak_mb": spread([cost.peak_mb for cost in whole]),
                "playbook_seconds": spread([cost.seconds for cost in playbook]),
            },
        }

    def controller(self, sizes: Sequence[Size]) -> dict[str, Any]:
        """CPU seconds of the controller's process tree, divided by the hosts, for each number of them."""
        plans, sites = {}, {}
        for size in sizes:
            plans[size.hosts], sites[size.hosts] = self._controller(size)
        return {
            "what": "site.yml on a cluster that is as planned, with as many services as its hosts make pools "
            "of 10; hosts are simulated behind the connection, so ssh's own CPU time is not in it; exponent: "
            "growth of the CPU seconds of all, 1 is linear",
            "cpu_seconds_per_host": {str(hosts): _each(costs, hosts) for hosts, costs in sites.items()},
            "plan_cpu_seconds_per_host": {str(hosts): _each(costs, hosts) for hosts, costs in plans.items()},
            "seconds": {
                str(hosts): middle([cost.seconds for cost in costs]) for hosts, costs in sites.items()
            },
            "peak_mb": {
                str(hosts): middle([cost.peak_mb for cost in costs]) for hosts, costs in sites.items()
            },
            "exponent": growth(
                {hosts: [cost.cpu_seconds for cost in costs] for hosts, costs in sites.items()}
            ),
            "runs": self.runs,
            "spread": {
                "cpu_seconds_per_host": {
                    str(hosts): spread([cost.cpu_seconds / hosts for cost in costs])
                    for hosts, costs in sites.items()
                }
            },
        }

    def _controller(self, size: Size) -> tuple[list[Cost], list[Cost]]:
        """The costs of plan.yml, and of site.yml where nothing is to be done."""
        source = self._inventory(size)
        answers = self.folder / f"answers-{size.hosts}"
        answers.mkdir()
        run([_PYTHON, "-m", "bench.converged", str(source), str(answers)])
        environment = {
            "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "bench" / "connection_plugins"),
            "ANSIBLE_PIPELINING": "true",  # ansible.cfg says so for ssh alone
            "ANSIBLE_TRANSPORT": "canned",
            "LVS_BENCH_ANSWERS": str(answers),
        }
        plan = self._repeat(f"playbooks/plan.yml, {size}", _plan_command(source))
        site = self._repeat(
            f"site.yml, {size}", lambda _: [_PLAYBOOK, "site.yml", "-i", str(source)], environment
        )
        for cost in site:
            # A run that had to change something, or found nobody, would be another measurement.
            if f"0 of {size.hosts} hosts differ from the plan" not in cost.output:
                raise FailedError(f"the simulated hosts are not as planned:\n{cost.output[-2000:]}")
        return plan, site

    def _library(self, size: Size) -> list[float]:
        _say(f"library, {size}")
        source = self._inventory(size)
        output = run([_PYTHON, "-m", "bench.library", str(source), str(self.runs)]).output
        return [float(seconds) for seconds in json.loads(output)]

    def _inventory(self, size: Size) -> Path:
        path = self.folder / f"{size.services}-{size.servers}-{size.hosts}.json"
        path.write_text(json.dumps(inventory(size)))
        return path

    def _repeat(
        self, what: str, command: _Command, environment: Mapping[str, str] | None = None
    ) -> list[Cost]:
        """Each run's costs; each gets a folder of its own to write to, which is not there yet."""
        costs = []
        for number in range(1, self.runs + 1):
            self.folders += 1
            costs.append(run(command(self.folder / f"new{self.folders}"), environment))
            _say(f"{what}, run {number} of {self.runs}: {costs[-1].seconds:.1f} s")
        return costs


def _deployed(hosts: int) -> Size:
    """An estate of so many hosts, each real server in one pool or in two."""
    servers = max(1, min(10, hosts - 2))
    return Size(max(1, ceil((hosts - 2) / servers)), servers, hosts)


def _plan_command(source: Path) -> _Command:
    return lambda new: [_PLAYBOOK, "playbooks/plan.yml", "-i", str(source), "-e", f"lvs_plan_dir={new}"]


def _each(costs: Sequence[Cost], hosts: int) -> float:
    return middle([cost.cpu_seconds / hosts for cost in costs])


def _steps(size: Size) -> list[Size]:
    """The size and smaller ones down to a hundredth of it, two for each power of ten."""
    services = sorted({max(1, round(size.services * 10 ** (-half / 2))) for half in range(5)})
    return [
        Size(one, size.servers, max(size.servers + 2, size.hosts * one // size.services)) for one in services
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
