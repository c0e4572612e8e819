"""What the scenario's tests share: its steps, what hosts hold and shall hold, and what nodes were before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab import Lab
from lab.demo import INTERVAL_S
from lab.fingerprint import Fingerprint, load
from lab.home import PROJECT
from lab.playbook import PlaybookRun
from lab.traffic import Traffic

HOSTS = ("lb1", "lb2", "web1", "web2")
_TOOL = "/usr/local/lib/lvs-toolkit/lvs-network"

_printed: list[str] = []


@pytest.fixture(scope="session")
def hosts() -> tuple[str, ...]:
    """The cluster's hosts."""
    return HOSTS


@pytest.fixture(scope="session")
def tolerated() -> int:
    """Requests, one after the other, in the second and a half that a disturbance may last here."""
    return int(1.5 / INTERVAL_S)


@pytest.fixture(scope="session")
def step() -> Callable[[str], list[str]]:
    """Arguments of ansible-playbook for the inventory that goes over the scenario's own."""
    return lambda name: ["-i", str(Path(__file__).resolve().parents[1] / "steps" / name)]


@pytest.fixture(scope="session")
def before() -> dict[str, Fingerprint]:
    """What each node was before the toolkit came."""
    return load(PROJECT / "build" / "lifecycle" / "before.json")


@pytest.fixture
def planned_items(playbook: Callable[..., PlaybookRun], tmp_path: Path) -> Callable[..., dict[str, set[str]]]:
    """What lvs-network shall hold on each host: from the files that the plan writes."""

    def read(*arguments: str) -> dict[str, set[str]]:
        assert (
            playbook("playbooks/plan.yml", "-e", f"lvs_plan_dir={tmp_path}/plan", *arguments).returncode == 0
        )
        found = {}
        for host in HOSTS:
            file = tmp_path / "plan" / host / "etc/lvs-toolkit/network.conf"
            lines = file.read_text().splitlines() if file.exists() else []
            found[host] = {line for line in lines if line and not line.startswith(("#", "interface "))}
        return found

    return read


@pytest.fixture(scope="session")
def held(lab: Lab) -> Callable[[], dict[str, set[str]]]:
    """What lvs-network holds on each host; nothing where it is not installed."""

    def ask() -> dict[str, set[str]]:
        command = f"[ ! -x {_TOOL} ] || {_TOOL} held"
        return {host: set(lab.run(host, command, check=True).stdout.splitlines()) for host in HOSTS}

    return ask


@pytest.fixture(scope="session")
def lost() -> Callable[[Traffic], int]:
    """How many requests have failed so far."""
    return lambda client: sum(not row["ok"] for row in client.rows())


@pytest.fixture(scope="session")
def tell() -> Callable[[str], None]:
    """Keep a line for the end of the run."""
    return _printed.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lines that tests have kept."""
    if _printed:
        terminalreporter.section("what a restart cost")
        for line in _printed:
            terminalreporter.write_line(line)
