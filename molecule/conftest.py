"""What the verify steps of all scenarios share: the lab, its nodes by testinfra, runs of playbooks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from lab import Lab
from lab.demo import INTERVAL_S, TIMEOUT_S
from lab.directors import Directors
from lab.playbook import PlaybookRun, run_playbook
from lab.promise import Promise, read_promise
from lab.traffic import Ledger, Traffic

PROJECT = Path(__file__).resolve().parent.parent
SSH_CONFIG = PROJECT / "build" / "lab" / "ssh_config"

pytest_plugins = ["shared.checks", "shared.managed"]


@pytest.fixture(scope="session")
def inventories() -> list[Path]:
    """The scenario's inventories, later ones over earlier ones: as in its molecule.yml."""
    own = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory"
    # One without nodes of its own changes the lab's.
    return [own] if (own / "group_vars/all/lab.yml").exists() else [PROJECT / "inventories" / "lab", own]


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The lab, which the scenario's create step has brought up."""
    return Lab()


@pytest.fixture(scope="session")
def promise(inventories: list[Path]) -> Promise:
    """What the scenario's inventory promises."""
    return read_promise(*inventories)


@pytest.fixture(scope="session")
def directors(lab: Lab, promise: Promise) -> Directors:
    """The directors as they are."""
    return Directors(lab, promise)


@pytest.fixture(scope="session")
def node() -> Callable[[str], Host]:
    """A node by its name, as testinfra has it."""

    def get(name: str) -> Host:
        return testinfra.get_host(f"ssh://{name}", ssh_config=str(SSH_CONFIG), controlpersist=60)

    return get


@pytest.fixture(scope="session")
def playbook(inventories: list[Path]) -> Callable[..., PlaybookRun]:
    """Run a playbook on the scenario's inventories, with its remote executions counted."""

    def run(*arguments: str, **options: Any) -> PlaybookRun:  # noqa: ANN401 - those of run_playbook
        sources = [word for inventory in inventories for word in ("-i", str(inventory))]
        return run_playbook(*sources, *arguments, **options)

    return run


@pytest.fixture
def traffic(promise: Promise) -> Iterator[Callable[..., Traffic]]:
    """Start the open-loop client, of some patience in seconds; what a test does not stop ends with it."""
    started: list[Traffic] = []

    def start(timeout_s: float = TIMEOUT_S) -> Traffic:
        options = {**promise.request, "interval": INTERVAL_S, "timeout": timeout_s, "duration": 600}
        started.append(Traffic(promise.client, options))
        return started[-1]

    yield start
    for one in started:
        one.__exit__(None, None, None)


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Wait until a condition holds; fail with its name if it does not within the time."""

    def wait(what: str, condition: Callable[[], bool], *, timeout_s: float, every_s: float = 1.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
            time.sleep(every_s)

    return wait


_LEDGERS: list[str] = []


@pytest.fixture(scope="session")
def report() -> Callable[..., None]:
    """Keep a ledger's summary for the end of the run; times stand beside theory and are no gate."""

    def show(title: str, ledger: Ledger, theory_s: Sequence[float] = ()) -> None:
        seen = ledger.summary
        outage = f", outage {seen['gap']:.2f} s" if seen["failed"] else ""
        theory = f" (theory {' to '.join(f'{one:.2f}' for one in theory_s)} s)" if theory_s else ""
        lost = f"{seen['failed']} of {seen['total']} requests lost"
        _LEDGERS.append(f"{title}: {lost}{outage}{theory}; {dict(seen['by_server'])}")

    return show


@pytest.fixture(scope="session")
def note() -> Callable[[str], None]:
    """Keep a line for the end of the run, beside the ledgers."""
    return _LEDGERS.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the ledgers of the failovers say."""
    if _LEDGERS:
        terminalreporter.section("what clients saw")
        for line in _LEDGERS:
            terminalreporter.write_line(line)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Add the directors' journals to the report of a test that failed."""
    outcome = yield
    result = outcome.get_result()  # type: ignore[attr-defined]
    if call.when != "call" or not result.failed or "directors" not in getattr(item, "fixturenames", ()):
        return
    promised: Promise = item.funcargs["promise"] if "promise" in item.funcargs else read_promise()  # type: ignore[attr-defined]
    for name in promised.directors:
        units = [f"--unit={unit}" for unit in ("keepalived", "heartbeat", "corosync", "pacemaker")]
        argv = ["journalctl", "--no-pager", "--lines=60", "--output=short-precise", *units]
        try:
            journal = Lab().run(name, argv, timeout=30, check=False).stdout
        except Exception as error:  # a report must not fail for a node that is down
            journal = f"not to be had: {error}"
        result.sections.append((f"journal of what moves the VIPs on {name}", journal))
