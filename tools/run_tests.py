"""Run this project's checks, each to its end and inside its time, and say at the end what came of them.

    tools/run_tests.py                      everything: lint, unit tests, the Molecule scenarios
    tools/run_tests.py lint unit            only these kinds
    tools/run_tests.py --scenario default   only this scenario
    tools/run_tests.py --minutes 84         everything that by its budget ends within so many minutes

Output goes to build/logs/NAME.log; on the screen stands one line every few seconds (into a file or a
pipe: every minute), or everything with --verbose. At the end stand the last lines of each step that failed
and what ran: whoever keeps only the end of this output still has the reason. The last line reads "N passed,
N failed" (and "N skipped", "N not run for lack of time" where there were any): each linter and each scenario
counts as one, unit tests are counted one by one. The exit code is 0 if nothing failed and, where scenarios
were left out for lack of time, the default one is not among them.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOLECULE_STEP = re.compile(r"INFO +\[\S+ > (\w+)\] Executing$")
SCREEN = 160
"""Characters of a line on the screen: a command line can have hundreds of words."""
sys.path.insert(0, str(ROOT))

from lab.live import Outcome, interrupt_on_sigterm, run_live  # noqa: E402  (the tree is not installed)
from tools.guest import guest_is_up, take_guest_down  # noqa: E402
from tools.report import Result, clock, judge, summary, verdict  # noqa: E402
from tools.steps import FIRST, KINDS, Step, plan_steps  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    interrupt_on_sigterm()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress, also into a file or a CI's pipe
    try:
        steps = plan_steps(ROOT, kinds=options.kinds, scenarios=options.scenario)
    except ValueError as problem:
        print(f"run_tests: {problem}", file=sys.stderr)
        return 2
    needs_lab = any(step.kind == "scenarios" for step in steps)
    keep_guest = os.environ.get("KEEP_LAB", "0") not in {"", "0"} or not needs_lab or guest_is_up(ROOT)
    results: list[Result] = []
    late: list[Step] = []
    end = time.monotonic() + 60 * options.minutes if options.minutes is not None else math.inf
    try:
        for step in steps:
            left = end - time.monotonic()
            if step.kind == "scenarios" and (step.budget_s or 0) > left:
                late.append(step)
                continue
            # One that goes over its budget ends in time all the same, so that the table is always told.
            bounded = replace(step, limit_s=min(step.limit_s, max(left, 1)))
            results.append(run_step(bounded, ROOT, verbose=options.verbose))
            if results[-1].failed and options.fail_fast:
                break
    except KeyboardInterrupt:
        print("\ninterrupted: the rest was not run", file=sys.stderr)
        results.append(Result(steps[len(results) + len(late)], 0.0, failed=1, note="interrupted"))
    finally:
        if not keep_guest:
            take_guest_down(ROOT)
    not_run = steps[len(results) + len(late) :]
    print(summary(results, not_run=not_run, late=late))
    # Without the first scenario nothing was deployed at all.
    nothing = any(step.name == FIRST[0] for step in late)
    return 1 if any(result.failed for result in results) or not_run or nothing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run_tests.py", description="Run this project's checks.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; default: all")
    parser.add_argument(
        "--scenario", action="append", default=[], metavar="NAME", help="run this scenario only"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="begin no scenario that by its budget would end later: who stops us then learns nothing at all",
    )
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first step that fails")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the whole output as it comes")
    return parser


def run_step(step: Step, root: Path, *, verbose: bool = False, say: Callable[[str], None] = print) -> Result:
    """Run one step with its log and progress; a failed one shows the end of its log."""
    log = root / "build" / "logs" / f"{step.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if step.junit is not None:
        step.junit.unlink(missing_ok=True)  # an old one would count for a run that crashed
    say(f"== {step.name} ({step.kind}): {_shown(step.argv, root)}"[:SCREEN])
    with log.open("w", encoding="utf-8", buffering=1) as copy:
        progress = _Progress(step.name, copy.write, say, verbose=verbose)
        try:
            outcome = run_live(
                step.argv,
                on_line=progress.line,
                on_silence=progress.silence,
                limit_s=step.limit_s,
                env=environment(root),
                cwd=root,
            )
        except OSError as problem:
            progress.line(f"cannot run {step.argv[0]}: {problem.strerror}; make venv installs it")
            outcome = Outcome(127, 0.0, tail=("not installed",))
    result = judge(step, outcome)
    result = replace(result, phases=tuple(progress.phases))
    if result.failed and not verbose:
        result = replace(result, tail=outcome.tail, log=str(log.relative_to(root)))
    say(f"== {step.name}: {verdict(result)} in {clock(result.seconds)}{result.note and f' ({result.note})'}")
    return result


class _Progress:
    """Keeps the log and shows that a step lives: now and then a line with where it is."""

    def __init__(
        self, name: str, write: Callable[[str], object], say: Callable[[str], None], *, verbose: bool
    ) -> None:
        self._name, self._write, self._say, self._verbose = name, write, say, verbose
        self._begin = self._shown = time.monotonic()
        self._at = "no output yet"
        self.phases: list[tuple[str, float]] = []
        """Molecule's steps, and the seconds that each took up to now."""

    def line(self, text: str) -> None:
        self._write(text + "\n")
        if match := MOLECULE_STEP.match(text):
            self.phases.append((match[1], 0.0))
            self._phase_begin = time.monotonic()
        if self.phases:
            self.phases[-1] = (self.phases[-1][0], time.monotonic() - self._phase_begin)
        if text.strip():
            self._at = text.strip().rstrip("*").rstrip()
        if self._verbose:
            self._say(text)
            return
        self._show_in_time()

    def silence(self, _seconds: float) -> None:
        self._show_in_time()

    def _show_in_time(self) -> None:
        if time.monotonic() - self._shown >= (3 if sys.stdout.isatty() else 60):
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        self._say(f"   {clock(self._shown - self._begin)} {self._name}: {self._at[:120]}")


def environment(root: Path) -> dict[str, str]:
    """Return what the commands see: this tree's tools first, unbuffered and uncoloured output."""
    return {
        **os.environ,
        "PATH": f"{root / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
        "PY_COLORS": "0",
        "ANSIBLE_FORCE_COLOR": "0",
        # pytest cuts the reason of a failure to the line's width.
        "COLUMNS": "200",
        # A place without byte code compiles this project anew in each worker of Ansible: a tenth of a play.
        "PYTHONDONTWRITEBYTECODE": "",
    }


def _shown(argv: Sequence[str], root: Path) -> str:
    return " ".join(argv).replace(f"{root}/", "")


if __name__ == "__main__":
    sys.exit(main())
