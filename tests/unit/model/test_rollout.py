"""Who must hold a cluster's lock, by what a deployment has to do."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.rollout import standing

from .builders import Case, Site
from .compared import as_before, changed, holds, work


@pytest.mark.parametrize(
    ("differing", "locks"),
    [
        ([], {}),
        (["web1"], {"lb1": "edge", "lb2": "edge"}),
        (["two-lb2"], {"two-lb1": "two", "two-lb2": "two"}),
        (["web1", "two-web1"], {"lb1": "edge", "lb2": "edge", "two-lb1": "two", "two-lb2": "two"}),
    ],
)
def test_the_directors_of_clusters_that_change_are_locked(
    differing: list[str], locks: dict[str, str]
) -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    changed(site, *differing)

    found = work(site)["locks"]
    assert found == locks
    # Every run takes them in the same order.
    assert list(found) == list(locks)


def test_what_is_only_taken_away_needs_the_lock_too() -> None:
    site = Site()
    holds(site, "web3", "address 192.0.2.20 lo")

    assert work(site)["locks"] == {"lb1": "edge", "lb2": "edge"}


def test_what_a_host_has_only_to_wait_for_needs_no_lock() -> None:
    site = Site()
    site.seen["lb1"]["keepalived"]["data"] = None

    assert list(work(site)["hosts"]) == ["lb1"]
    assert work(site)["locks"] == {}


def test_a_director_that_was_not_seen_cannot_be_locked() -> None:
    site = Site()
    changed(site, "web1")
    site.seen["lb2"] = {}

    assert work(site, "lb2")["locks"] == {"lb1": "edge"}


def test_a_director_that_retires_may_have_to_do_with_every_cluster() -> None:
    site = as_before("lb1")

    assert set(work(site)["locks"]) == {"lb2", "lb3"}


# Where it stands when it has stopped.

NEW = {"files": {"/etc/x": "changed"}, "generation": "000012", "previous": "000011"}


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({}, "not begun, as it was before"),
        ({"applied": NEW}, "it has the new version, generation 000012"),
        ({"applied": {"files": {}}}, "its files were right; what else differed was mended"),
        (
            {"applied": NEW, "undone": {"generation": "000013", "files": {"/etc/x": "changed"}}},
            "it did not become as planned, and went back to generation 000011",
        ),
        # From one engine to another, and back: the files of both are there.
        ({"applied": NEW, "undone": {"files": {}}}, "it has the new version, generation 000012"),
        (
            {"applied": NEW, "undone": {"failed": True, "msg": "no space"}},
            "it has the new version, is not as planned, and could not go back: no space",
        ),
        (
            {"applied": {"failed": True, "rolled_back": True}},
            "it could not take the new version, and has what it had before",
        ),
        (
            {"applied": {"failed": True, "rolled_back": False}},
            "it refused the new version before anything was touched",
        ),
        ({"applied": {"unreachable": True}}, "it cannot be reached; what it has is not known"),
    ],
)
def test_it_is_said_which_host_has_which_version(told: dict[str, Any], line: str) -> None:
    site = Site()
    changed(site, "lb2", "web1")

    lines = standing(work(site), {"lb2": told})

    assert lines[1:3] == ["web1: not begun, as it was before", f"lb2: {line}"]
    assert "playbooks/rollback.yml" in lines[-1]
