"""What came of the steps: counting what passed, and the table with the closing line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from lab.live import Outcome
from tools.steps import Step

REASON = re.compile(r"(FAILED|ERROR) \S+::|(fatal|\[ERROR\]): ")
"""Lines that name what failed: of pytest's short summary, and of Ansible's output."""
TAIL_LINES = 60
"""Lines of a failed step's log that are shown."""
REASONS, REASON_WIDTH = 8, 300
"""How many lines of a failed step's reasons are shown last of all, and how many characters of each."""

__all__ = ["Result", "clock", "judge", "summary", "verdict"]


@dataclass(frozen=True)
class Result:
    """What came of a step: how many of its checks passed, failed, were skipped; and what there is to say.

    Of a failed one also the last lines of its log, and where that is.
    """

    step: Step
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    tail: tuple[str, ...] = ()
    log: str = ""
    phases: tuple[tuple[str, float], ...] = ()
    """The step's own steps, each with its seconds."""


def judge(step: Step, outcome: Outcome) -> Result:
    """Count what passed and failed: by the results file where there is one, else the step as a whole."""
    over = step.budget_s is not None and outcome.seconds > step.budget_s
    note = f"over its budget of {clock(step.budget_s or 0)}" if over else ""
    if outcome.timed_out:
        return Result(step, outcome.seconds, failed=1, note=f"ended: not done after {clock(step.limit_s)}")
    if step.junit is not None:
        try:
            passed, failed, skipped = count_junit(step.junit)
        except (OSError, ElementTree.ParseError):
            return Result(step, outcome.seconds, failed=1, note=f"exit code {outcome.returncode}, no results")
        if outcome.returncode and not failed:
            failed, note = 1, f"exit code {outcome.returncode} with no failed test"
        return Result(step, outcome.seconds, passed, failed, skipped, note)
    if outcome.returncode:
        return Result(step, outcome.seconds, failed=1, note=f"exit code {outcome.returncode}")
    return Result(step, outcome.seconds, passed=1, note=note)


def count_junit(path: Path) -> tuple[int, int, int]:
    """Return (passed, failed, skipped) of a JUnit file as pytest writes it; an error counts as a failure."""
    passed = failed = skipped = 0
    # Written by our own pytest a moment ago: not an untrusted document.
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):  # noqa: S314
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - left_out
        failed += bad
        skipped += left_out
    return passed, failed, skipped


def summary(results: Sequence[Result], not_run: Sequence[Step] = (), late: Sequence[Step] = ()) -> str:
    """Return what failed steps said last, the table of what ran, what failed in it, and the closing line.

    ``not_run`` did not begin since something else ended the run, ``late`` since there was no time for them.
    """
    rows = [(r.step.kind, r.step.name, clock(r.seconds), verdict(r), _remarks(r)) for r in results]
    rows += [(step.kind, step.name, "-", "not run", "") for step in not_run]
    rows += [(step.kind, step.name, "-", "not run", "no time was left for it") for step in late]
    closing = f"{_total(results, 'passed')} passed, {_total(results, 'failed')} failed"
    if skipped := _total(results, "skipped"):
        closing += f", {skipped} skipped"
    if late:
        closing += f", {len(late)} not run for lack of time"
    ends = [line for result in results for line in _end_of(result)]
    reasons = [f"{result.step.name}: {line}" for result in results for line in _reasons(result)]
    failures = ["", "What failed", *reasons] if reasons else []
    # Whoever keeps only a few last lines still has the names of the tests.
    return "\n".join([*ends, "", "What ran", *_table(rows), *failures, "", closing])


def _remarks(result: Result) -> str:
    where = ", ".join(f"{name} {clock(seconds)}" for name, seconds in result.phases if seconds >= 1)
    return "; ".join(text for text in (result.note, where) if text)


def _reasons(result: Result) -> list[str]:
    found = [line[:REASON_WIDTH] for line in result.tail if REASON.match(line)]
    return found[-REASONS:]


def _end_of(result: Result) -> list[str]:
    if not result.tail:
        return []
    lines = [f"   | {line}" for line in result.tail[-TAIL_LINES:]]
    return ["", f"The end of {result.step.name}, whose whole output is in {result.log}", *lines]


def _total(results: Iterable[Result], what: str) -> int:
    return sum(int(getattr(result, what)) for result in results)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def verdict(result: Result) -> str:
    """Say in a few words what came of a step; counts only where there are several checks."""
    if result.passed + result.failed + result.skipped == 1:
        return "passed" if result.passed else "failed" if result.failed else "skipped"
    text = f"{result.passed} passed, {result.failed} failed"
    return f"{text}, {result.skipped} skipped" if result.skipped else text


def clock(seconds: float) -> str:
    """Return a span as minutes and seconds: 75.9 is 1:15."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
