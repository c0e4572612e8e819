"""Files, users and unfinished changes, as lvs_facts reads them on a root file system of the test's own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import pytest

from module_utils import lvs_host

from .node import Node


def test_files(node: Node) -> None:
    file = node.file("etc/keepalived/keepalived.conf", "global_defs {}\n")
    file.chmod(0o4640)
    (node.root / "etc/link").symlink_to("keepalived/keepalived.conf")
    (node.root / "etc/dangling").symlink_to("nowhere")
    there = ["/etc/keepalived/keepalived.conf", "/etc/link", "/etc/keepalived"]
    found = lvs_host.files(node.host, [*there, "/etc/dangling", "/etc/link/below"])
    expected: dict[str, Any] = {
        "sha256": hashlib.sha256(b"global_defs {}\n").hexdigest(),
        "marked": False,
        "mode": "4640",
        "owner": file.owner(),
        "group": file.group(),
        "size": 15,
    }
    assert found["/etc/keepalived/keepalived.conf"] == expected
    assert found["/etc/link"] == expected
    assert found["/etc/keepalived"] is not None
    assert found["/etc/keepalived"]["sha256"] is None
    assert (found["/etc/dangling"], found["/etc/link/below"]) == (None, None)
    assert node.host.problems == []


MARKER = "Managed by the LVS cluster toolkit \u2014 é"


@pytest.mark.parametrize(
    ("text", "marker", "marked"),
    [
        (f"# {MARKER}: changes are lost\n", MARKER, True),
        (f"! first\n\n# {MARKER}\n", MARKER, True),
        ("# somebody else's\n", MARKER, False),
        ("", MARKER, False),
        # Nothing asked for is nothing found, though every text contains the empty one.
        ("text\n", "", False),
        ("text\n", None, False),
    ],
)
def test_files_with_the_marker(node: Node, text: str, marker: str | None, marked: bool) -> None:
    node.file("etc/x", text)
    found = lvs_host.files(node.host, ["/etc/x"], marker)["/etc/x"]
    assert found is not None
    assert found["marked"] is marked


def test_a_directory_has_no_marker(node: Node) -> None:
    node.file("etc/x", "")
    found = lvs_host.files(node.host, ["/etc"], MARKER)["/etc"]
    assert found is not None
    assert (found["sha256"], found["marked"]) == (None, False)


def test_users_are_numbers_and_none_where_there_is_none() -> None:
    assert lvs_host.users(["root", "no-such-user"]) == {"root": 0, "no-such-user": None}


GENERATIONS = "var/lib/lvs-toolkit/generations"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([], []),
        (["0001/journal.json", "0001/journal.done.json"], []),
        (["0001/journal.json", "0002/journal.open.json"], ["0002"]),
        (["0003/journal.confirmed.json", "0002/journal.open.json"], ["0002", "0003"]),
        (["0001/journal.open.json", "0001/journal.confirmed.json"], ["0001"]),
        (["journal.open.json"], []),  # no generation's
        (["0001/journal.open.json.tmp", "0002/journal.open", "0003/new/journal.open.json"], []),
    ],
)
def test_generations_that_are_not_settled(node: Node, files: list[str], found: list[str]) -> None:
    for file in files:
        node.file(f"{GENERATIONS}/{file}", "{}")
    assert lvs_host.unfinished(node.host) == found
    assert node.host.problems == []


def test_generations_that_cannot_be_read_are_a_problem(node: Node) -> None:
    node.file(GENERATIONS, "no folder")
    assert lvs_host.unfinished(node.host) == []
    assert node.host.problems == [f"{node.root / GENERATIONS}: Not a directory"]


def generation(node: Node, number: int, state: str, present: list[str], absent: Sequence[str] = ()) -> None:
    files = [{"path": path, "state": "present"} for path in present]
    files += [{"path": path, "state": "absent"} for path in absent]
    node.file(f"{GENERATIONS}/{number:06d}/journal.{state}.json", json.dumps({"schema": 1, "files": files}))


def test_managed_files_are_those_of_the_generations_that_hold(node: Node) -> None:
    for path in ("etc/a", "etc/b", "etc/c", "etc/d", "etc/foreign"):
        node.file(path, "")
    generation(node, 1, "committed", ["/etc/d", "/etc/b", "/etc/c", "/etc/gone"])
    generation(node, 2, "confirmed", ["/etc/a"], ["/etc/c"])
    generation(node, 3, "rolled-back", ["/etc/c", "/etc/foreign"])
    generation(node, 4, "open", ["/etc/foreign"])

    # Generation 2 does not name b and d: nobody has removed them.
    assert lvs_host.managed(node.host) == ["/etc/a", "/etc/b", "/etc/d"]
    assert node.host.problems == []


def test_generations_are_read_by_number(node: Node) -> None:
    """A number with more digits is the newer one; a file that went and came back is there."""
    node.file("etc/a", "")
    generation(node, 999999, "committed", [], ["/etc/a"])
    generation(node, 1000000, "committed", ["/etc/a"])
    assert lvs_host.managed(node.host) == ["/etc/a"]


def test_a_dangling_link_of_ours_is_still_there(node: Node) -> None:
    (node.root / "etc").mkdir()
    (node.root / "etc/a").symlink_to("nowhere")
    generation(node, 1, "committed", ["/etc/a"])
    assert lvs_host.managed(node.host) == ["/etc/a"]


def test_without_a_state_directory_nothing_is_managed(node: Node) -> None:
    assert lvs_host.managed(node.host) == []
    assert node.host.problems == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": [{}]}', '{"files": null}'])
def test_a_damaged_journal_is_a_problem_and_the_others_are_read(node: Node, text: str) -> None:
    node.file("etc/a", "")
    generation(node, 1, "committed", ["/etc/a"])
    node.file(f"{GENERATIONS}/000002/journal.committed.json", text)

    assert lvs_host.managed(node.host) == ["/etc/a"]
    (problem,) = node.host.problems
    assert problem.startswith("/var/lib/lvs-toolkit/generations/000002/journal.committed.json: is no journal")


def test_owner_without_a_name_is_its_number(node: Node) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a file away needs root")
    os.chown(node.file("etc/x", ""), 54321, 54322)
    found = lvs_host.files(node.host, ["/etc/x"])["/etc/x"]
    assert found is not None
    assert (found["owner"], found["group"]) == ("54321", "54322")
