"""The packet filter flushed by hand is seen and mended; then everything is as planned."""

from __future__ import annotations

from collections.abc import Callable

from lab import Lab
from lab.directors import Directors
from lab.playbook import PlaybookRun
from lab.promise import Promise


def rules(lab: Lab, director: str) -> int:
    """How many rules of our table's chain `raw` the kernel has."""
    listed = lab.run(director, ["nft", "list", "chain", "inet", "lvs_toolkit", "raw"], check=True).stdout
    return sum(line.endswith((" drop", " accept", " notrack")) for line in listed.splitlines())


def test_a_flushed_table_is_reported_and_loaded_again(
    lab: Lab, directors: Directors, promise: Promise, playbook: Callable[..., PlaybookRun]
) -> None:
    active = directors.active()
    (standby,) = set(promise.directors) - {active}
    before = rules(lab, standby)
    lab.run(standby, ["nft", "flush", "table", "inet", "lvs_toolkit"], check=True)
    assert (before > 0, rules(lab, standby)) == (True, 0), "it had rules, and has none"

    told = playbook("site.yml", "--check")
    assert told.returncode == 0, "check mode ends well"
    assert _changed(told) == {standby}, "check mode tells where something is to do"
    assert rules(lab, standby) == 0, "and does not do it"

    mended = playbook("site.yml")
    assert mended.returncode == 0, "the table is loaded again"
    assert _changed(mended) == {standby}, "and nobody else is touched"
    assert rules(lab, standby) == before, "it has all its rules"
    assert directors.active() == active, "that was no failover"


def _changed(run: PlaybookRun) -> set[str]:
    return {name for name, host in run.recap.items() if host.changed}


def test_another_run_changes_nothing(idle_run: Callable[[], None]) -> None:
    """One director was without power: what it holds now it has set up at boot."""
    idle_run()


def test_verify_proves_the_cluster(proven: Callable[[], None]) -> None:
    proven()
