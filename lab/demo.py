"""`make demo`: a cluster from an inventory, a failover under load, and a second run that finds nothing to do.

What is promised comes from the inventory's plan, what came of it is measured from the client; the figures
go to build/demo.json, and the exit code is not 0 if any of them is not as promised.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from lab.directors import Directors, Nodes
from lab.errors import LabError
from lab.figures import Failover, Figures, Requests, SecondRun, not_as_promised
from lab.home import PROJECT
from lab.lab import Lab
from lab.live import interrupt_on_sigterm
from lab.playbook import PlaybookRun, run_playbook
from lab.promise import Promise, read_promise
from lab.screen import Screen
from lab.traffic import Ledger, Traffic, recovered

INTERVAL_S = 0.1
"""Between requests during the failover: ten a second, which the slow emulated CPUs serve with ease."""
TIMEOUT_S = 1.0
"""A request without an answer for so long is lost."""
STEADY = 10
"""So many good answers in a row, one second of them, and the outage is over."""
OUTAGE_LIMIT_S = 60.0
HEALTHY_LIMIT_S = 180.0


class Faults(Protocol):
    """What the demo asks of the lab's faults."""

    def power_off(self, node: str) -> None:
        """Cut the node off and kill it, at once."""

    def power_on(self, node: str) -> None:
        """Boot the node from the disk that it had."""


class Machines(Nodes, Protocol):
    """What the demo asks of the lab; lab.Lab has it."""

    @property
    def faults(self) -> Faults:
        """The power switch."""

    def up(self) -> None:
        """Bring guest and nodes up."""


class Demo:
    """The steps, each of which leaves what the next one needs.

    lab: the cluster's machines; promise: what the inventory promises; inventory: its folder; screen: where
    all is shown; play, traffic: how a playbook is run and requests are sent, replaceable for tests.
    """

    def __init__(
        self,
        lab: Machines,
        promise: Promise,
        inventory: Path,
        screen: Screen,
        *,
        play: Callable[..., PlaybookRun] = run_playbook,
        traffic: Callable[..., Traffic] = Traffic,
    ) -> None:
        self._lab, self._promise, self._inventory, self._screen = lab, promise, inventory, screen
        self._play, self._traffic = play, traffic
        self._directors = Directors(lab, promise)

    def run(self) -> Figures:
        """Do it all; the figures.

        Raises LabError where going on makes no sense: a lab that does not come up, a deployment that fails.
        """
        screen = self._screen
        screen.title("The lab: a kernel with IPVS, and a node for each host of the inventory")
        self._lab.up()
        screen.title("The cluster from its inventory: ansible-playbook site.yml")
        self._deploy()
        active = self._directors.active()
        screen.title(f"The kernel's IPVS table on {active}, which owns {self._promise.vip}")
        screen.raw(self._lab.run(active, ["ipvsadm", "-Ln"], check=True).stdout.rstrip())
        screen.title(f"{self._promise.requests} requests from {self._promise.client}")
        requests = self._split()
        screen.title(f"Power loss of {active}, while {self._promise.client} goes on sending")
        failover = self._failover(active)
        screen.title(f"{active} gets its power back")
        self._bring_back(active)
        screen.title("site.yml once more: nothing to do")
        return Figures(requests, failover, self._second_run())

    def _deploy(self) -> PlaybookRun:
        run = self._site()
        if run.returncode != 0:
            raise LabError(f"site.yml failed with exit code {run.returncode}", "Its output above says why.")
        self._screen.line(f"deployed in {run.seconds:.0f} s: {run.changed} changes")
        return run

    def _site(self) -> PlaybookRun:
        at = ""

        def show(text: str) -> None:
            nonlocal at
            if text.startswith(("TASK [", "PLAY [", "RUNNING HANDLER [")):
                at = text.rstrip("* ")
            self._screen.raw(text)

        colour = {"ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() and "NO_COLOR" not in os.environ else {}
        return self._play(
            "-i",
            str(self._inventory),
            "site.yml",
            env=colour,
            on_line=show,
            on_silence=lambda seconds: self._screen.line(
                f"... {seconds:.0f} s in {at or 'ansible-playbook'}"
            ),
        )

    def _split(self) -> Requests:
        promise, screen = self._promise, self._screen
        options = {**promise.request, "interval": 0, "timeout": 5, "count": promise.requests}
        with self._traffic(promise.client, options) as traffic:
            traffic.wait(
                lambda rows: len(rows) >= promise.requests,
                timeout_s=promise.requests * 5 + 30,
                on_tick=lambda rows: screen.line(f"{len(rows)} of {promise.requests} sent"),
            )
            summary = traffic.finish(timeout_s=60).summary
        screen.line(f"{summary['answered']} of {summary['total']} answered")
        for server, share in promise.shares.items():
            got = summary["by_server"].get(server, 0)
            screen.line(f"  {server:<12} {got:3}  promised {share * promise.requests:5.1f}  ({share:.0%})")
        for error, count in summary["errors"].items():
            screen.line(f"  {count} failed: {error}")
        return Requests(summary["total"], summary["failed"], dict(summary["by_server"]), dict(promise.shares))

    def _failover(self, active: str) -> Failover:
        promise, screen = self._promise, self._screen
        options = {
            **promise.request,
            "interval": INTERVAL_S,
            "timeout": TIMEOUT_S,
            "duration": 3 * OUTAGE_LIMIT_S,
        }
        with self._traffic(promise.client, options) as traffic:
            screen.line(f"a request every {INTERVAL_S * 1000:.0f} ms, lost after {TIMEOUT_S:g} s")
            traffic.wait(lambda rows: sum(row["ok"] for row in rows) >= 2 * STEADY, timeout_s=OUTAGE_LIMIT_S)
            screen.line(f"{active}: link down, killed")
            self._lab.faults.power_off(active)
            back = traffic.wait(
                lambda rows: recovered(rows, STEADY),
                timeout_s=OUTAGE_LIMIT_S,
                on_tick=lambda rows: screen.line(
                    f"{sum(row['ok'] for row in rows)} answered, {sum(not row['ok'] for row in rows)} lost"
                ),
            )
            ledger = traffic.stop()
        owners = self._directors.owners(without=active)  # a dead one answers late
        result = Failover(
            gap_s=ledger.summary["gap"],
            theory_s=promise.takeover_s(active),
            requests_failed=ledger.summary["failed"],
            interval_s=INTERVAL_S,
            owner_before=active,
            owner_after=owners[0] if len(owners) == 1 else None,
            recovered=back,
        )
        self._show_failover(result, ledger)
        return result

    def _show_failover(self, failover: Failover, ledger: Ledger) -> None:
        screen = self._screen
        best, worst = (seconds * 1000 for seconds in failover.theory_s)
        fewest, most = (seconds / failover.interval_s for seconds in failover.theory_s)
        screen.line(f"{failover.owner_after or 'nobody'} owns {self._promise.vip} now")
        screen.line(
            f"  outage         {failover.gap_s * 1000:5.0f} ms  in theory {best:.0f} to {worst:.0f} ms"
        )
        screen.line(f"  requests lost  {failover.requests_failed:5}     in theory {fewest:.0f} to {most:.0f}")
        screen.line(f"  requests sent  {ledger.summary['total']:5}")

    def _bring_back(self, director: str) -> None:
        self._lab.faults.power_on(director)
        deadline = time.monotonic() + HEALTHY_LIMIT_S
        while True:
            lacking = self._directors.lacking(director)
            if not lacking:
                self._screen.line(f"{director} is back, with its IPVS table as planned")
                return
            if time.monotonic() > deadline:
                raise LabError(
                    f"{director} is not right {HEALTHY_LIMIT_S:.0f} s after its power came back: {lacking}"
                )
            self._screen.line(f"{director}: {lacking}")
            time.sleep(2)

    def _second_run(self) -> SecondRun:
        run = self._site()
        if run.returncode != 0:
            raise LabError(
                f"the second site.yml failed with exit code {run.returncode}", "Its output says why."
            )
        self._screen.line(
            f"{run.changed} changes, in {run.seconds:.0f} s; remote executions, counted at the connection:"
        )
        for host, count in sorted(run.remote_executions.items()):
            self._screen.line(f"  {host:<12} {count}")
        return SecondRun(
            changed=run.changed,
            remote_executions=dict(run.remote_executions),
            tasks_changed={host: recap.tasks_changed for host, recap in run.recap.items()},
        )


LOOK_AROUND = """
The lab stays up. Look around:
  make lab-status                          its nodes, addresses, health
  make lab-ssh N={director:<18}        a shell on a node; try ipvsadm -Ln there
  .venv/bin/ansible-playbook site.yml      change {inventory} first; --check --diff predicts
  .venv/bin/python -m lab fault --help     break something
  make lab-down                            take it away"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.demo", description="A real cluster, and its failover."
    )
    parser.add_argument(
        "-i", "--inventory", type=Path, default=PROJECT / "inventories" / "lab", metavar="FOLDER"
    )
    options = parser.parse_args(arguments)
    interrupt_on_sigterm()
    output = PROJECT / "build" / "demo.json"
    output.unlink(missing_ok=True)  # figures of an earlier run must not pass for this one's
    screen = Screen()
    try:
        promise = read_promise(options.inventory)
        figures = Demo(Lab(options.inventory), promise, options.inventory, screen).run()
    except LabError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; make demo begins again, make lab-down ends it", file=sys.stderr)
        return 130
    output.parent.mkdir(exist_ok=True)
    output.write_text(figures.as_json(), encoding="utf-8")
    problems = not_as_promised(figures)
    screen.raw("")
    for problem in problems:
        screen.raw(f"NOT AS PROMISED: {problem}")
    screen.raw("All as promised." if not problems else f"{len(problems)} not as promised.")
    screen.raw(f"Figures: {output.relative_to(PROJECT)}")
    screen.raw(LOOK_AROUND.format(director=next(iter(promise.directors)), inventory=options.inventory))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
