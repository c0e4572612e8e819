"""ldirectord's log: what its checks have found, in the words of a real one (ldirectord/changes.log)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvs_model.ldirectord_view import ambiguous, last_events

# Written by 4.12.0 with two virtual services of two real servers each, the first one quiescent.
LOG = (Path(__file__).parent / "ldirectord" / "changes.log").read_text()
ONE, TWO = "192.0.2.10:8080", "192.0.2.11:8080"
FIRST, SECOND = "127.0.0.31:8080", "127.0.0.32:8080"
EVERYTHING = [(ONE, FIRST), (ONE, SECOND), (TWO, FIRST), (TWO, SECOND)]


def until(time: str) -> str:
    """What the log held at a time of that evening."""
    return "".join(line for line in LOG.splitlines(keepends=True) if line[12:20] <= time)


@pytest.mark.parametrize(
    ("time", "dead"),
    [
        ("23:54:20", None),  # started, and nothing checked yet
        ("23:54:22", set()),
        ("23:54:24", set()),  # one failure is forgiven
        ("23:54:27", {(ONE, FIRST), (TWO, FIRST)}),  # weight 0 in the one, deleted in the other
        ("23:54:30", set()),
        ("23:54:36", {(ONE, SECOND), (TWO, SECOND)}),
        ("23:54:41", set()),
        ("23:54:50", set()),  # reloaded
        ("23:54:53", {(ONE, FIRST), (TWO, FIRST)}),  # in maintenance
        ("23:54:58", set(EVERYTHING)),
    ],
)
def test_the_last_change_of_a_real_server_holds(time: str, dead: set[tuple[str, str]] | None) -> None:
    expected = {} if dead is None else {one: one not in dead for one in EVERYTHING}

    assert last_events(until(time)) == expected


def test_what_was_before_the_last_start_says_nothing() -> None:
    start = next(line for line in LOG.splitlines() if "Starting Linux Director" in line)

    assert last_events(f"{LOG}{start}\n") == {}


def test_another_daemon_with_its_own_configuration_is_not_ours() -> None:
    assert last_events(LOG.replace("|ldirectord.cf|", "|other.cf|")) == {}
    assert last_events(f"{until('23:54:41')}{LOG.replace('|ldirectord.cf|', '|other.cf|')}") == dict.fromkeys(
        EVERYTHING, True
    )


@pytest.mark.parametrize(
    ("line", "events"),
    [
        (
            "Readd Quiescent real server: [2001:db8::31]:80 (7) (Weight set to 0)",
            {("7", "[2001:db8::31]:80"): False},
        ),
        (
            "Deleted real server: 192.0.2.31:80 mapped from 192.0.2.31:8080 (192.0.2.10:80)",
            {("192.0.2.10:80", "192.0.2.31:80"): False},
        ),
        ("Added fallback server: 127.0.0.1:80 (192.0.2.10:80) (Weight set to 1)", {}),
        ("Purged real server (stop): 192.0.2.31:80 (192.0.2.10:80)", {}),
    ],
)
def test_other_forms_of_the_lines(line: str, events: dict[tuple[str, str], bool]) -> None:
    assert last_events(f"[Sun Nov 22 23:54:20 2026|ldirectord.cf|50] {line}\n") == events


def test_services_that_the_log_cannot_tell_apart() -> None:
    keys = ["TCP 192.0.2.10:53", "UDP 192.0.2.10:53", "TCP 192.0.2.10:80", "FWM 7", "FWM 7 IPv6"]

    assert ambiguous(keys) == {"192.0.2.10:53", "7"}
