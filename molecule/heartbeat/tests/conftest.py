"""What the scenario's tests share: other options, who answers, and the loss of the active director."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Lab
from lab.clients import http_names
from lab.demo import INTERVAL_S
from lab.directors import Directors
from lab.errors import LabError
from lab.figures import lost_at_most
from lab.promise import Promise
from lab.traffic import Traffic, recovered

INVENTORY = Path(__file__).resolve().parents[1] / "inventory"
# What heartbeat's theory does not have: its shell programs and ldirectord, on an emulated CPU. Counts gate
# whether a takeover works; the times are printed.
RESOURCES_S = 20.0
STEADY = 20

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def otherwise(tmp_path: Path) -> Callable[..., list[str]]:
    """Arguments of ansible-playbook for the document after a change, and for hosts with other variables."""

    def arguments(change: Change = lambda _: None, **hosts: dict[str, Any]) -> list[str]:
        document = deepcopy(yaml.safe_load((INVENTORY / "group_vars" / "edge.yml").read_text()))
        change(document["lvs_cluster"])
        place = tmp_path / "otherwise"
        (place / "group_vars").mkdir(parents=True)
        (place / "group_vars" / "edge.yml").write_text(yaml.safe_dump(document))
        (place / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts or {"client1": {}}}}))
        return ["-i", str(place)]

    return arguments


@pytest.fixture(scope="session")
def serve(lab: Lab, promise: Promise) -> Callable[..., Callable[[], bool]]:
    """Whether exactly these real servers answer, each its part."""

    def asked(*names: str, rounds: int = 1) -> Callable[[], bool]:
        def answer() -> bool:
            count = rounds * len(names)
            try:
                found = http_names(lab, promise.client, promise.vip, 80, count)
            except LabError:  # a request of them failed
                return False
            return found == dict.fromkeys(names, rounds)

        return answer

    return asked


@pytest.fixture(scope="session")
def switch_loss() -> Callable[[float], int]:
    """How many requests a switch may lose that takes so many seconds in theory."""
    return lambda theory_s: lost_at_most(theory_s + RESOURCES_S, INTERVAL_S)


@pytest.fixture
def loss(
    lab: Lab,
    directors: Directors,
    promise: Promise,
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    switch_loss: Callable[[float], int],
) -> Callable[[], AbstractContextManager[str]]:
    """Take the power from the active director, under requests; it is back when the block ends.

    At the block's beginning the other one owns the VIP, and has answered steadily.
    """

    @contextmanager
    def lose() -> Iterator[str]:
        lost = directors.active()
        best, worst = promise.takeover_s(lost)
        client = traffic()
        lab.faults.power_off(lost)
        try:
            back = client.wait(lambda rows: recovered(rows, STEADY), timeout_s=120)
            ledger = client.stop()
            report(f"power loss of {lost}, the active director", ledger, (best, worst))
            assert back, "an outage came, and answers came steadily again"
            assert len(directors.owners(without=lost)) == 1, "exactly the other director owns the VIP"
            allowed = switch_loss(worst)
            # It was a real server too: its part is lost until the checks have seen it.
            allowed += ceil(promise.shares[lost] * lost_at_most(promise.detection_s, INTERVAL_S)) + 1
            assert ledger.summary["failed"] <= allowed
            yield lost
        finally:
            lab.faults.power_on(lost)

    return lose
