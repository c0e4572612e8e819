"""What `make test` runs, how it judges it, and the closing line that CI reads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.live import Outcome
from tools import run_tests
from tools.report import Result, clock, judge, summary
from tools.steps import MYPY_PATHS, PLAYS, SHELL_SCRIPTS, Step, find_scenarios, plan_steps

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree with three scenarios, their shared base, and a folder that is none."""
    for name in ("tunnel", "default", "shared", "adverse"):
        (tmp_path / "molecule" / name).mkdir(parents=True)
        (tmp_path / "molecule" / name / "molecule.yml").touch()
    (tmp_path / "molecule" / "notes").mkdir()
    return tmp_path


def test_scenarios_are_found_and_the_default_one_comes_first(tree: Path) -> None:
    assert find_scenarios(tree) == ["default", "adverse", "tunnel"]


@pytest.mark.parametrize(
    ("kinds", "scenarios", "names"),
    [
        (
            [],
            [],
            [
                "ruff",
                "ruff-format",
                "mypy",
                "shellcheck",
                "yamllint",
                "ansible-lint",
                "unit",
                "plays",
                "default",
                "adverse",
                "tunnel",
            ],
        ),
        (["unit"], [], ["unit", "plays"]),
        (["scenarios"], [], ["default", "adverse", "tunnel"]),
        ([], ["tunnel"], ["tunnel"]),
        (["unit"], ["tunnel"], ["unit", "plays", "tunnel"]),
    ],
)
def test_what_is_asked_for_is_planned(
    tree: Path, kinds: list[str], scenarios: list[str], names: list[str]
) -> None:
    assert [step.name for step in plan_steps(tree, kinds=kinds, scenarios=scenarios)] == names


@pytest.mark.parametrize("pattern", [*MYPY_PATHS, *SHELL_SCRIPTS, *PLAYS])
def test_what_the_tools_are_given_is_there(pattern: str) -> None:
    assert any(ROOT.glob(pattern))


@pytest.mark.parametrize(
    ("kinds", "scenarios", "error"),
    [
        (["units"], [], "unknown kind 'units'; there are lint, unit, scenarios"),
        ([], ["nat"], "no scenario 'nat' under molecule/; there are: default, adverse, tunnel"),
    ],
)
def test_what_does_not_exist_is_refused(
    tree: Path, kinds: list[str], scenarios: list[str], error: str
) -> None:
    with pytest.raises(ValueError) as caught:
        plan_steps(tree, kinds=kinds, scenarios=scenarios)
    assert str(caught.value) == error


STEP = Step("default", "scenarios", ("true",), limit_s=1800, budget_s=600)


@pytest.mark.parametrize(
    ("outcome", "passed", "failed", "note"),
    [
        (Outcome(0, 590), 1, 0, ""),
        (Outcome(0, 601), 1, 0, "over its budget of 10:00"),
        (Outcome(2, 30), 0, 1, "exit code 2"),
        (Outcome(-15, 1800, timed_out=True), 0, 1, "ended: not done after 30:00"),
    ],
)
def test_a_scenario_counts_as_one(outcome: Outcome, passed: int, failed: int, note: str) -> None:
    result = judge(STEP, outcome)
    assert (result.passed, result.failed, result.note) == (passed, failed, note)


JUNIT = '<testsuites><testsuite tests="9" failures="2" errors="1" skipped="1"/></testsuites>'
GOOD = '<testsuites><testsuite tests="9" failures="0" errors="0" skipped="1"/></testsuites>'


@pytest.mark.parametrize(
    ("junit", "code", "counts", "note"),
    [
        (JUNIT, 1, (5, 3, 1), ""),
        (GOOD, 0, (8, 0, 1), ""),
        (GOOD, 2, (8, 1, 1), "exit code 2 with no failed test"),
        ("", 139, (0, 1, 0), "exit code 139, no results"),
    ],
)
def test_unit_tests_count_one_by_one(
    junit: str, code: int, counts: tuple[int, int, int], note: str, tmp_path: Path
) -> None:
    (tmp_path / "unit.xml").write_text(junit)
    step = Step("unit", "unit", ("pytest",), limit_s=600, budget_s=120, junit=tmp_path / "unit.xml")
    result = judge(step, Outcome(code, 5))
    assert (result.passed, result.failed, result.skipped) == counts
    assert result.note == note


@pytest.mark.parametrize(
    ("results", "line"),
    [
        ([Result(STEP, 3, passed=1)], "1 passed, 0 failed"),
        ([Result(STEP, 3, passed=8, skipped=2), Result(STEP, 3, failed=1)], "8 passed, 1 failed, 2 skipped"),
        ([], "0 passed, 0 failed"),
    ],
)
def test_the_closing_line_stands_alone(results: list[Result], line: str) -> None:
    assert summary(results).splitlines()[-1] == line


def test_the_table_has_what_ran_and_what_did_not() -> None:
    table = summary([Result(STEP, 75.9, failed=1, note="exit code 2")], not_run=[STEP]).splitlines()
    assert table[2:4] == [
        "scenarios  default  1:15  failed   exit code 2",
        "scenarios  default  -     not run",
    ]


def test_what_failed_is_named_last_of_all() -> None:
    said = ("E   assert 1", "FAILED tests/test_a.py::test_b - assert 1 == 2", *["then much else"] * 90)
    end = summary([Result(STEP, 9, failed=1, tail=said)]).splitlines()
    assert end[-4:-2] == ["What failed", "default: FAILED tests/test_a.py::test_b - assert 1 == 2"]
    assert sum("much else" in line for line in end) == 60


def test_the_table_says_where_a_scenarios_time_went(tmp_path: Path) -> None:
    script = """import time
print("INFO     [default > create] Executing"); print("INFO     [default > create] Executed: Successful")
print("INFO     [default > verify] Executing", flush=True); time.sleep(1.1); print("1 passed")"""
    step = Step("default", "scenarios", (sys.executable, "-u", "-c", script), limit_s=20, budget_s=600)
    result = run_tests.run_step(step, tmp_path, say=lambda _line: None)
    assert summary([result]).splitlines()[2] == "scenarios  default  0:01  passed  verify 0:01"


def test_a_clock_has_minutes_and_seconds() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 60, 3601)] == ["0:00", "0:59", "1:00", "60:01"]


# --- main, with steps that take no time and a lab that is only asked -------------------------------------


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let main run three steps of which the first fails; returns what was done to the lab's guest."""
    done: list[str] = []
    steps = [
        Step("bad", "lint", (sys.executable, "-c", "print('why'); raise SystemExit(3)"), limit_s=20),
        Step("good", "scenarios", (sys.executable, "-c", "print('fine')"), limit_s=20),
        Step("absent", "lint", (str(tmp_path / "no-such-tool"),), limit_s=20),
    ]
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    monkeypatch.setattr(run_tests, "plan_steps", lambda _root, **_wanted: steps)
    monkeypatch.setattr(run_tests, "guest_is_up", lambda _root: False)
    monkeypatch.setattr(run_tests, "take_guest_down", lambda _root: done.append("down"))
    monkeypatch.delenv("KEEP_LAB", raising=False)
    return done


def test_a_failure_does_not_stop_the_rest(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_tests.main([]) == 1
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "1 passed, 2 failed"
    assert "   | why" in printed
    assert "no-such-tool" in printed
    assert (tmp_path / "build/logs/bad.log").read_text() == "why\n"
    assert runs == ["down"]


def test_unless_asked_to(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tests.main(["--fail-fast"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"
    assert runs == ["down"]


def test_a_scenario_that_would_end_too_late_does_not_begin_and_that_is_said(
    runs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = (sys.executable, "-c", "print('fine')")
    steps = [
        Step("good", "lint", fine, limit_s=20, budget_s=900),
        Step("long", "scenarios", fine, limit_s=20, budget_s=601),
        Step("short", "scenarios", fine, limit_s=20, budget_s=60),
    ]
    monkeypatch.setattr(run_tests, "plan_steps", lambda _root, **_wanted: steps)
    assert run_tests.main(["--minutes", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 0 failed, 1 not run for lack of time"
    assert "scenarios  long   -     not run  no time was left for it" in lines
    assert runs == ["down"]


def test_one_that_goes_on_for_too_long_ends_in_time(
    runs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = (sys.executable, "-c", "import time; time.sleep(60)")
    steps = [Step("endless", "scenarios", argv, limit_s=60, budget_s=0.1)]
    monkeypatch.setattr(run_tests, "plan_steps", lambda _root, **_wanted: steps)
    assert run_tests.main(["--minutes", "0.03"]) == 1
    assert "ended: not done after 0:01" in capsys.readouterr().out
    assert runs == ["down"]


def test_without_the_default_scenario_nothing_was_proven(
    runs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [Step("default", "scenarios", ("true",), limit_s=20, budget_s=601)]
    monkeypatch.setattr(run_tests, "plan_steps", lambda _root, **_wanted: steps)
    assert run_tests.main(["--minutes", "10"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 0 failed, 1 not run for lack of time"
    assert runs == ["down"]


@pytest.mark.parametrize(("keep", "up", "down"), [("1", False, False), ("0", False, True), ("", True, False)])
def test_a_guest_that_was_up_or_is_kept_stays(
    keep: str, up: bool, down: bool, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEP_LAB", keep)
    monkeypatch.setattr(run_tests, "guest_is_up", lambda _root: up)
    run_tests.main([])
    assert (runs == ["down"]) is down
