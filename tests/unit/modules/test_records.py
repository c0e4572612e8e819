"""Overrides, locks and kept changes, as lvs_facts reads them on a root file system of the test's own."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from module_utils import lvs_records

from .node import Node

STATE = "var/lib/lvs-toolkit"
DRAINED = {"host": "web1", "services": None, "reason": "new disk", "operator": "ana", "since": 1795400000}


def test_overrides_are_read_with_the_name_of_their_file(node: Node) -> None:
    node.file(f"{STATE}/overrides/drained/web2.json", json.dumps(DRAINED | {"host": "web2"}))
    node.file(f"{STATE}/overrides/drained/web1.json", json.dumps(DRAINED))
    node.file(f"{STATE}/overrides/drained/.web3.json.tmp", "{")
    node.file(f"{STATE}/overrides/demoted.json", json.dumps({"reason": "failback later"}))
    assert lvs_records.overrides(node.host) == [
        DRAINED | {"file": "drained/web1.json"},
        DRAINED | {"host": "web2", "file": "drained/web2.json"},
        {"reason": "failback later", "file": "demoted.json"},
    ]
    assert node.host.problems == []


def test_locks_are_read_and_nothing_else_of_the_state(node: Node) -> None:
    node.file(f"{STATE}/cluster-lock-edge.json", json.dumps({"run": "4f1c", "pid": 812}))
    node.file(f"{STATE}/installed.json", "[]")
    assert lvs_records.locks(node.host) == [{"run": "4f1c", "pid": 812, "file": "cluster-lock-edge.json"}]


def test_a_node_that_the_toolkit_has_not_seen_has_none(node: Node) -> None:
    assert lvs_records.overrides(node.host) == lvs_records.locks(node.host) == []
    assert lvs_records.generations(node.host) == []
    assert node.host.problems == []


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_record_that_cannot_be_read_is_there_and_a_problem(node: Node, text: str) -> None:
    node.file(f"{STATE}/overrides/drained/web1.json", text)
    assert lvs_records.overrides(node.host) == [{"file": "drained/web1.json"}]
    (problem,) = node.host.problems
    assert problem.startswith("/var/lib/lvs-toolkit/overrides/drained/web1.json: cannot be read (")
    assert problem.endswith("): remove it, and give the order again")


def test_a_folder_that_is_not_readable_is_a_problem(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", refuse)
    assert lvs_records.locks(node.host) == []
    assert node.host.problems == ["/var/lib/lvs-toolkit: Permission denied"]


def journal(node: Node, generation: str, state: str, **more: Any) -> None:  # noqa: ANN401
    """Write a change's journal."""
    text = {"stamp": {}, "started": "2026-11-23T02:00:00Z", "changes": [], "files": []} | more
    node.file(f"{STATE}/generations/{generation}/journal.{state}.json", json.dumps(text))


def test_each_change_tells_when_from_what_and_by_whom(node: Node) -> None:
    stamp = {"commit": "v1-3-gabc", "operator": "ana", "reason": "", "run": "4f1c"}
    journal(node, "000009", "rolled-back")
    journal(node, "000010", "committed", stamp=stamp, changes=[{"path": "/etc/a"}, {"path": "/etc/b"}])
    node.file(f"{STATE}/generations/000011/journal.open.json.tmp", "")
    common = {"started": "2026-11-23T02:00:00Z", "reason": None}
    bare = {"commit": None, "operator": None, "run": None, "files": 0}
    assert lvs_records.generations(node.host) == [
        {"generation": "000009", "state": "rolled-back"} | bare | common,
        {
            "generation": "000010",
            "state": "committed",
            "commit": "v1-3-gabc",
            "operator": "ana",
            "run": "4f1c",
            "files": 2,
        }
        | common,
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"stamp": []}', '{"stamp": null, "started": "now"}'])
def test_a_damaged_journal_is_a_problem_and_the_others_are_read(node: Node, text: str) -> None:
    node.file(f"{STATE}/generations/000001/journal.committed.json", text)
    journal(node, "000002", "committed")
    assert [one["generation"] for one in lvs_records.generations(node.host)] == ["000002"]
    (problem,) = node.host.problems
    assert "000001/journal.committed.json: is no journal (" in problem


def test_what_the_elections_are_told_is_read_with_its_age(node: Node) -> None:
    out = node.file("run/lvs-toolkit.demoted.VI_edge", "-254\n")
    os.utime(out, (time.time() - 90, time.time() - 90))
    node.file("run/lvs-toolkit.demoted.VI_mail", "\n")
    node.file("run/lvs-toolkit.demoted.VI_web.new", "-1\n")
    node.file("run/lvs-toolkit.demotedVI_web", "-1\n")

    found = lvs_records.demotions(node.host)

    assert {file: one["number"] for file, one in found.items()} == {
        "/run/lvs-toolkit.demoted.VI_edge": -254,
        "/run/lvs-toolkit.demoted.VI_mail": 0,
    }
    assert 90 <= found["/run/lvs-toolkit.demoted.VI_edge"]["age_s"] < 100
    assert found["/run/lvs-toolkit.demoted.VI_mail"]["age_s"] < 10
