"""What there is to run: linters, unit tests, scenarios, each with its command line, time limit and budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FIRST", "KINDS", "Step", "find_scenarios", "plan_steps"]

KINDS = ("lint", "unit", "scenarios")
BUDGET_MINUTES = {
    "colocated": 8,
    "default": 26,
    "heartbeat": 20,
    "lifecycle": 25,
    "modes": 12,
    "operations": 22,
    "pacemaker": 20,
    "tun": 8,
}
"""What a scenario costs on two cores without KVM; the others: 8 minutes. Overruns are reported."""
BUDGET_MINUTES_ELSE = 8
FIRST = ("default", "lifecycle")
"""What proves most; then come the others by what they cost: of those at the end a short run begins fewer."""
BY_NAME_ONLY = frozenset({"heartbeat", "operations", "pacemaker"})
"""Scenarios not yet seen to pass on the lab: no part of a whole run, `--scenario NAME` runs them."""
LIMIT_FACTOR = 2
"""A scenario is ended after this many times its budget: then it hangs."""
PLAYS = ("tests/unit/roles", "tests/unit/verbs")
"""Unit tests that play whole playbooks on pretended hosts: seconds each, with a budget of their own."""
MYPY_PATHS = (
    "lab",
    "tools",
    "bench",
    "lvs_model",
    "lvs_ansible",
    "tests",
    "molecule",
    "library",
    "filter_plugins",
    "action_plugins",
    "typings/ansible/module_utils",
)
SHELL_SCRIPTS = (
    "tools/bootstrap",
    ".ci/run",
    "lab/counted/*",
    "lab/files/*.sh",
    "lab/files/initramfs-hook",
    "tests/golden/**/usr/local/lib/lvs-toolkit/*",
)
"""Patterns. What the toolkit puts on hosts is checked as it is rendered, not as a template."""


@dataclass(frozen=True)
class Step:
    """One thing to run: name, kind, command line, time limit and budget in seconds (None: none is set)."""

    name: str
    kind: str
    argv: tuple[str, ...]
    limit_s: float
    budget_s: float | None = None
    junit: Path | None = None
    """Where the command leaves its results one by one, in JUnit's format."""


def plan_steps(root: Path, *, kinds: Sequence[str] = (), scenarios: Sequence[str] = ()) -> list[Step]:
    """List the steps for the wanted kinds (nothing named: all kinds), in order of what they cost.

    Raises ValueError with what to do for an unknown kind or scenario.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"unknown kind {unknown[0]!r}; there are {', '.join(KINDS)}")
    present = find_scenarios(root)
    if unknown := [name for name in scenarios if name not in present]:
        raise ValueError(
            f"no scenario {unknown[0]!r} under molecule/; there are: {', '.join(present) or 'none'}"
        )
    wanted = list(kinds) or ([] if scenarios else list(KINDS))
    whole = [name for name in present if name not in BY_NAME_ONLY]
    named = whole if "scenarios" in wanted else list(scenarios)
    steps = lint_steps(root) if "lint" in wanted else []
    if "unit" in wanted:
        steps += unit_steps(root)
    return steps + [scenario_step(root, name) for name in named]


def find_scenarios(root: Path) -> list[str]:
    """Return the names of the Molecule scenarios in their order; shared/ is their base, and none."""
    found = {path.parent.name for path in root.glob("molecule/*/molecule.yml")} - {"shared"}
    rest = sorted(found.difference(FIRST), key=lambda name: (_budget_minutes(name), name))
    return [*(name for name in FIRST if name in found), *rest]


def _budget_minutes(name: str) -> float:
    return BUDGET_MINUTES.get(name, BUDGET_MINUTES_ELSE)


def lint_steps(root: Path) -> list[Step]:
    """One linter a language; the production profile and its skips stand in .ansible-lint."""
    tools = root / ".venv" / "bin"
    found = {path for pattern in SHELL_SCRIPTS for path in root.glob(pattern)}
    # What is Python among them tests/unit/model checks as it is rendered.
    shell = sorted(str(path.relative_to(root)) for path in found if not _is_python(path))

    def step(name: str, *argv: str, limit_s: float = 300) -> Step:
        return Step(name, "lint", (str(tools / argv[0]), *argv[1:]), limit_s)

    return [
        step("ruff", "ruff", "check", "."),
        step("ruff-format", "ruff", "format", "--check", "."),
        step("mypy", "mypy", *MYPY_PATHS, limit_s=600),
        step("shellcheck", "shellcheck", *shell),
        step("yamllint", "yamllint", "--strict", "."),
        step("ansible-lint", "ansible-lint", "--offline", "--strict", limit_s=600),
    ]


def _is_python(path: Path) -> bool:
    with path.open("rb") as file:
        return b"python" in file.readline()


def unit_steps(root: Path) -> list[Step]:
    """Everything that needs no node, rendering included; playbooks on pretended hosts after the others."""
    plays = tuple(str(root / path) for path in PLAYS)
    return [
        _pytest(root, "unit", 300, 600, "tests/unit", *(f"--ignore={path}" for path in plays)),
        _pytest(root, "plays", 420, 1200, *plays),
    ]


def _pytest(root: Path, name: str, budget_s: float, limit_s: float, *arguments: str) -> Step:
    junit = root / "build" / "logs" / f"{name}.xml"
    python = str(root / ".venv" / "bin" / "python")
    # Two at once: half of the time is spent waiting. A file stays with one worker, and so do its fixtures; in
    # the order of the files, since by their number of tests the few long ones would come last.
    workers = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
    # A line for each test, so that log and screen say which one is at work.
    options = ("-o", "addopts=--strict-markers", "-v", *workers, f"--junitxml={junit}")
    argv = (python, "-m", "pytest", *arguments, *options)
    return Step(name, "unit", argv, limit_s=limit_s, budget_s=budget_s, junit=junit)


def scenario_step(root: Path, name: str) -> Step:
    """One Molecule scenario, from create to destroy."""
    budget_s = 60.0 * _budget_minutes(name)
    argv = (str(root / ".venv" / "bin" / "molecule"), "test", "-s", name)
    return Step(name, "scenarios", argv, limit_s=LIMIT_FACTOR * budget_s, budget_s=budget_s)
