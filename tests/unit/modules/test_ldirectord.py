"""What lvs_facts reads of a running ldirectord."""

from __future__ import annotations

import pytest

from module_utils import lvs_ldirectord
from module_utils.lvs_ldirectord import TAIL, view

from .node import Node

PID = "run/ldirectord.ldirectord.cf.pid"
LOG = "var/log/ldirectord.log"


def test_a_node_without_it(node: Node) -> None:
    assert view(node.host.problems, node.host.root) == {
        "pid": None,
        "left": 0,
        "log": None,
        "maintenance": [],
    }
    assert node.host.problems == []


@pytest.mark.parametrize(
    ("pid", "command", "found"),
    [
        ("55\n", "/usr/bin/perl\0/usr/sbin/ldirectord\0ldirectord.cf\0start\0", 55),
        # It renames itself while it checks.
        ("55\n", "ldirectord tcp:192.0.2.10:80", 55),
        ("55\n", "/usr/bin/vim\0", None),  # died, and its number is another's now
        ("55\n", None, None),
        ("", "/usr/sbin/ldirectord", None),  # being written
    ],
)
def test_it_runs_when_its_process_does(node: Node, pid: str, command: str | None, found: int | None) -> None:
    node.file(PID, pid)
    if command is not None:
        node.file("proc/55/cmdline", command)

    assert view(node.host.problems, node.host.root)["pid"] == found


@pytest.mark.parametrize(("pid", "left"), [("55\n", 0), ("", 2), ("99\n", 2)])
def test_checkers_whose_parent_has_died_are_counted(node: Node, pid: str, left: int) -> None:
    node.file(PID, pid)
    node.file("proc/55/cmdline", "/usr/bin/perl\0/usr/sbin/ldirectord\0ldirectord.cf\0start\0")
    for number, server in ((60, "192.0.2.21:80"), (61, "192.0.2.22:80")):
        node.file(f"proc/{number}/cmdline", f"ldirectord tcp:192.0.2.10:80 checking {server}\0\0")
    node.file("proc/62/cmdline", "")

    assert view(node.host.problems, node.host.root)["left"] == left


def test_of_a_long_log_only_whole_lines_of_its_end_are_read(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.file(LOG, "first line\nsecond line\nthird line\n")
    assert view(node.host.problems, node.host.root)["log"] == "first line\nsecond line\nthird line\n"

    monkeypatch.setattr(lvs_ldirectord, "TAIL", 15)
    assert view(node.host.problems, node.host.root)["log"] == "third line\n"
    assert TAIL > 100_000


def test_drained_real_servers_are_told(node: Node) -> None:
    node.file("var/lib/lvs-toolkit/maintenance/192.0.2.21", "")
    node.file("var/lib/lvs-toolkit/maintenance/192.0.2.22:80", "")

    assert view(node.host.problems, node.host.root)["maintenance"] == ["192.0.2.21", "192.0.2.22:80"]
