"""What the scenario's tests share: its steps, the client that is there all the while, what directors have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from lab import Lab
from lab.clients import http_names
from lab.directors import Directors
from lab.playbook import PlaybookRun
from lab.promise import Promise, read_promise
from lab.watch import Toll, Watch

STEPS = Path(__file__).resolve().parents[1] / "steps"
HELD = 8
"""Connections that are held from the beginning: all of them at web1, the only real server then."""


class Day:
    """The scenario's cluster in its steps: `more` has another weight, real server, VIP and service.

    `lab`, `promise` (of the inventory without a step) and `directors` are those of all scenarios.
    """

    def __init__(
        self, lab: Lab, inventories: list[Path], promise: Promise, playbook: Callable[..., PlaybookRun]
    ) -> None:
        self.lab, self.promise, self.directors = lab, promise, Directors(lab, promise)
        self._playbook, self._inventories = playbook, inventories
        self._steps: dict[str, Directors] = {}

    def run(self, book: str, *arguments: str, step: str = "more", **options: object) -> PlaybookRun:
        """Run a playbook on the inventory of a step."""
        return self._playbook(book, "-i", str(STEPS / step), *arguments, **options)

    def run_until(
        self, lines: Sequence[str], act: Callable[[int], object], *arguments: str, step: str = "more"
    ) -> PlaybookRun:
        """Run a playbook, and act once on its process group: when lines with these texts have come."""
        group: list[int] = []
        awaited = list(lines)

        def on_line(text: str) -> None:
            print(text)
            if awaited and awaited[0] in text:
                awaited.pop(0)
                if not awaited:
                    act(group[0])

        run = self.run(*arguments, step=step, on_line=on_line, on_start=group.append)
        assert not awaited, "the run has come so far"
        return run

    def lacking(self, step: str) -> dict[str, str]:
        """By director what its kernel's table lacks of a step's plan; empty texts where nothing."""
        if step not in self._steps:
            self._steps[step] = Directors(self.lab, read_promise(*self._inventories, STEPS / step))
        return {name: self._steps[step].lacking(name) for name in self.promise.directors}

    def weights(self, address: str) -> dict[str, set[int]]:
        """By director the weights that a real server has there in all services."""
        found = {}
        for name in self.promise.directors:
            lines = self.lab.run(name, ["ipvsadm", "-Sn"]).stdout.splitlines()
            words = [line.split() for line in lines if f" -r {address}:" in line]
            found[name] = {int(one[one.index("-w") + 1]) for one in words}
        return found

    def with_address(self, address: str) -> set[str]:
        """Hosts that have an address on any interface."""
        argv = ["ip", "-oneline", "address", "show", "to", address]
        hosts = (*self.promise.directors, "web1", "web2")
        return {name for name in hosts if self.lab.run(name, argv).stdout.strip()}

    def daemons(self) -> dict[str, str]:
        """Keepalived's process by director: another one where it was restarted."""
        argv = ["systemctl", "show", "--property=MainPID", "--value", "keepalived"]
        return {name: self.lab.run(name, argv).stdout.strip() for name in self.promise.directors}

    def answering(self) -> set[str]:
        """Real servers that answer requests to the VIP; by weight each fourth one is for web2."""
        # The watch's requests come in between: of a few none might be for web2.
        return set(http_names(self.lab, self.promise.client, self.promise.vip, 80, 24))


def said(run: PlaybookRun) -> str:
    """The end of a run's output in one line: Ansible folds what is long."""
    return " ".join(" ".join(run.tail).split())


@pytest.fixture(scope="session")
def day(lab: Lab, inventories: list[Path], promise: Promise, playbook: Callable[..., PlaybookRun]) -> Day:
    """The scenario's cluster."""
    return Day(lab, inventories, promise, playbook)


@pytest.fixture(scope="session")
def words() -> Callable[[PlaybookRun], str]:
    """The end of a run's output in one line."""
    return said


@pytest.fixture(scope="session")
def watch(promise: Promise) -> Iterator[Watch]:
    """The client: it sends requests and holds connections from the first operation to the last."""
    with Watch(promise.client, promise.request, {"address": promise.vip, "port": 7}) as one:
        one.hold(HELD)
        yield one


@pytest.fixture(scope="session")
def tolls(watch: Watch) -> Mapping[str, Toll]:
    """What each operation has cost the client, by its name; asked for once all are over."""
    return watch.stop()
