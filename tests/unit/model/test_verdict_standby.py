"""Whether each director could take over, and whether connections would survive it."""

from __future__ import annotations

import pytest

from .builders import Case, Site
from .judged import findings, stands
from .pretended import daemons_text


def failed(site: Site) -> list[str]:
    return findings(site)["failed"]


@pytest.mark.parametrize("host", ["lb1", "lb2"])
def test_a_vrrp_process_that_does_not_answer_is_a_failure(host: str) -> None:
    site = Site()
    site.seen[host]["keepalived"]["json"] = None

    assert failed(site) == [f"{host}: keepalived's VRRP process does not answer; restart keepalived there"]


@pytest.mark.parametrize(
    ("host", "state", "text"),
    [
        ("lb2", "FAULT", "lb2 has no VIP, and its VRRP instance is FAULT"),
        ("lb2", "INIT", "lb2 has no VIP, and its VRRP instance is in an unknown state"),
        # Two masters, though only one has the VIP: the other one's was deleted by hand.
        ("lb2", "MASTER", "lb2 has no VIP, and its VRRP instance is MASTER"),
        # Left behind by a crash, or added by hand.
        ("lb1", "BACKUP", "lb1 has VIPs, and its VRRP instance is BACKUP"),
    ],
)
def test_a_vrrp_state_that_does_not_fit_the_vips_is_a_failure(host: str, state: str, text: str) -> None:
    site = Site()
    stands(site, host, state, daemons="MASTER" if host == "lb1" else "BACKUP")

    assert failed(site) == [text]


def test_a_director_without_keepalived_cannot_take_over() -> None:
    site = Site()
    site.seen["lb2"]["keepalived"] = {"main": None, "checker": None, "vrrp": None, "json": None, "data": None}

    assert "lb2 has no VIP, and its VRRP instance is in an unknown state" in failed(site)


@pytest.mark.parametrize(
    ("host", "daemons", "text"),
    [
        ("lb1", ["BACKUP"], "lb1: connection sync daemons: backup, not master"),
        ("lb2", ["MASTER"], "lb2: connection sync daemons: master, not backup"),
        ("lb1", [], "lb1: connection sync daemons: none, not master"),
        # Left behind by somebody: connections would be sent twice, or to nobody.
        ("lb2", ["MASTER", "BACKUP"], "lb2: connection sync daemons: backup, master, not backup"),
    ],
)
def test_the_wrong_sync_daemon_is_a_failure(host: str, daemons: list[str], text: str) -> None:
    site = Site()
    site.seen[host]["ipvs"]["daemons"] = daemons_text(*daemons)

    found = findings(site)

    # That none runs at all a deployment mends, and so it is told as what differs, too.
    differs = [] if daemons else [f"{host}: no daemon of connection sync runs"]
    assert found["failed"] == [text, *differs]
    assert not [one for one in found["proven"] if one.startswith(f"{host} runs")]


def test_the_owners_part_changes_hands_with_the_vip() -> None:
    site = Site()
    site.owner["edge"] = "lb2"
    site.look()

    found = findings(site)

    assert found["failed"] == []
    assert found["proven"][1:3] == ["lb1 runs the backup sync daemon", "lb2 runs the master sync daemon"]


@pytest.mark.parametrize(
    ("daemons", "found"),
    [([], []), (["MASTER"], ["lb1: connection sync daemons: master, not none"])],
)
def test_without_connection_sync_no_daemon_shall_run(daemons: list[str], found: list[str]) -> None:
    case = Case()
    del case.document["connection_sync"]
    site = Site(case.plan())
    site.seen["lb1"]["ipvs"]["daemons"] = daemons_text(*daemons)

    all_found = findings(site)

    assert all_found["failed"] == found
    assert not [one for one in all_found["proven"] if "sync daemon" in one]


def test_of_a_director_that_was_not_seen_nothing_is_said() -> None:
    site = Site()
    site.seen["lb2"] = {}

    assert not [one for ones in findings(site).values() for one in ones if one.startswith("lb2 runs")]
    assert failed(site) == []
