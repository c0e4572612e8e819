"""Everything goes: afterwards each host is what it was before the toolkit came."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import Lab
from lab.fingerprint import Fingerprint, difference, take
from lab.playbook import PlaybookRun

Teardown = Callable[..., PlaybookRun]


@pytest.fixture
def teardown(playbook: Callable[..., PlaybookRun], step: Callable[[str], list[str]]) -> Teardown:
    """Run teardown.yml on the inventory as the last change has left it."""

    def run(*options: str) -> PlaybookRun:
        return playbook("playbooks/teardown.yml", "-e", "lvs_teardown=edge", *step("handover"), *options)

    return run


def test_check_mode_tells_and_changes_nothing(lab: Lab, teardown: Teardown, hosts: tuple[str, ...]) -> None:
    before = take(lab, hosts)

    run = teardown("--check")

    assert run.returncode == 0
    assert {host for host in hosts if run.recap[host].changed} == set(hosts), "lb1 still has its packages"
    after = take(lab, hosts)
    assert {host: difference(before[host], after[host]) for host in hosts} == {host: [] for host in hosts}


def test_the_hosts_are_as_before(
    lab: Lab, teardown: Teardown, before: dict[str, Fingerprint], hosts: tuple[str, ...]
) -> None:
    """What is excused stands, with its reasons, in lab/fingerprint.py."""
    run = teardown()

    assert run.returncode == 0
    after = take(lab, hosts)
    assert {host: difference(before[host], after[host]) for host in hosts} == {host: [] for host in hosts}


def test_a_second_teardown_finds_nothing_to_do(teardown: Teardown) -> None:
    run = teardown()

    assert (run.returncode, run.changed) == (0, 0)
