"""What the scenario's tests share: its steps, what hosts hold and shall hold, and what they were before."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from lab import Lab
from lab.demo import INTERVAL_S
from lab.directors import Directors
from lab.fingerprint import Fingerprint, difference, load, take
from lab.home import PROJECT
from lab.playbook import PlaybookRun
from lab.traffic import Traffic

STEPS = Path(__file__).resolve().parents[1] / "steps"
_TOOL = "/usr/local/lib/lvs-toolkit/lvs-network"


class Life:
    """The scenario's cluster: `hosts`, its lab, directors and playbooks."""

    hosts = ("lb1", "lb2", "web1", "web2")
    tolerated = int(1.5 / INTERVAL_S)
    """Requests, one after the other, in the second and a half that a disturbance may last here."""

    def __init__(self, lab: Lab, directors: Directors, playbook: Callable[..., PlaybookRun]) -> None:
        self.lab, self.directors, self.playbook = lab, directors, playbook
        self.before: dict[str, Fingerprint] = load(PROJECT / "build" / "lifecycle" / "before.json")

    def step(self, name: str) -> list[str]:
        """Arguments of ansible-playbook for the inventory that goes over the scenario's own."""
        return ["-i", str(STEPS / name)]

    def held(self) -> dict[str, set[str]]:
        """What lvs-network holds, by host; nothing where it is not installed."""
        command = f"[ ! -x {_TOOL} ] || {_TOOL} held"
        return {name: set(self.lab.run(name, command, check=True).stdout.splitlines()) for name in self.hosts}

    def planned(self, place: Path, *arguments: str) -> dict[str, set[str]]:
        """What lvs-network shall hold, by host: from the files that the plan writes below `place`."""
        run = self.playbook("playbooks/plan.yml", "-e", f"lvs_plan_dir={place}/plan", *arguments)
        assert run.returncode == 0
        files = {name: place / "plan" / name / "etc/lvs-toolkit/network.conf" for name in self.hosts}
        lines = {name: file.read_text().splitlines() if file.exists() else [] for name, file in files.items()}
        return {
            name: {line for line in some if line and not line.startswith(("#", "interface "))}
            for name, some in lines.items()
        }

    def with_address(self, address: str) -> set[str]:
        """Hosts that have an address on any interface."""
        argv = ["ip", "-oneline", "address", "show", "to", address]
        return {name for name in self.hosts if self.lab.run(name, argv).stdout.strip()}

    def changed_since_before(
        self, hosts: Collection[str] = hosts, sections: Collection[str] | None = None
    ) -> dict[str, list[str]]:
        """By host that is not as it was before the toolkit came, in what."""
        found = take(self.lab, hosts)
        changed = {name: difference(self.before[name], found[name], sections) for name in hosts}
        return {name: lines for name, lines in changed.items() if lines}

    def lost(self, client: Traffic) -> int:
        """How many requests have failed so far."""
        return sum(not row["ok"] for row in client.rows())


@pytest.fixture(scope="session")
def life(lab: Lab, directors: Directors, playbook: Callable[..., PlaybookRun]) -> Life:
    """The scenario's cluster."""
    return Life(lab, directors, playbook)


_told: list[str] = []


@pytest.fixture(scope="session")
def tell() -> Callable[[str], None]:
    """Keep a line for the end of the run."""
    return _told.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lines that tests have kept."""
    if _told:
        terminalreporter.section("what a restart cost")
        for line in _told:
            terminalreporter.write_line(line)
