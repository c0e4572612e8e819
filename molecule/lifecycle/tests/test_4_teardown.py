"""Everything goes: afterwards each host is what it was before the toolkit came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.fingerprint import difference, take
from lab.playbook import PlaybookRun

if TYPE_CHECKING:
    from molecule.lifecycle.tests.conftest import Life


def teardown(life: Life, *options: str) -> PlaybookRun:
    """Run teardown.yml on the inventory as the last change has left it: lb1 is retired already."""
    return life.playbook(
        "playbooks/teardown.yml", "-e", "lvs_teardown=edge", *life.step("handover"), *options
    )


def test_check_mode_tells_and_changes_nothing(life: Life) -> None:
    before = take(life.lab, life.hosts)

    run = teardown(life, "--check")

    assert run.returncode == 0
    assert {host for host in life.hosts if run.recap[host].changed} == set(life.hosts)
    after = take(life.lab, life.hosts)
    assert {name: difference(before[name], after[name]) for name in before} == {name: [] for name in before}


def test_the_hosts_are_as_before(life: Life) -> None:
    """What is excused stands, with its reasons, in lab/fingerprint.py."""
    assert teardown(life).returncode == 0
    left = life.changed_since_before()
    assert left == {}, left


def test_a_second_teardown_finds_nothing_to_do(life: Life) -> None:
    run = teardown(life)

    assert (run.returncode, run.changed) == (0, 0), {
        name: host.tasks_changed for name, host in run.recap.items()
    }
