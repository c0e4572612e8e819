"""A transaction that is killed on a node: here the node is a directory of this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab import interrupt as interrupting
from lab.errors import CommandError
from lab.interrupt import CONFIRMED, UNCONFIRMED, Point, before, interrupt, request
from lab.runner import Result
from module_utils.lvs_transaction.model import Layout
from module_utils.lvs_transaction.recovery import recover

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the files belong to root")

OLD = {"/etc/a.conf": "old a\n", "/etc/b.conf": "old b\n"}
NEW = {"/etc/a.conf": "new a\n", "/etc/b.conf": "new b\n"}


class _Here:
    """A node that is this machine's shell."""

    def runner(self, node: str) -> _Here:
        return self

    def shell(self, command: str, *, stdin: bytes = b"", timeout: float = 60.0) -> Result:
        done = subprocess.run(["bash", "-c", command], input=stdin, capture_output=True, check=False)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode(), 0.0)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(interrupting, "_FOLDER", str(tmp_path / "program"))
    for path, content in OLD.items():
        (tmp_path / "root" / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / path[1:]).write_text(content)
    return tmp_path / "root"


def _contents(root: Path) -> dict[str, str]:
    return {path: (root / path[1:]).read_text() for path in OLD}


@pytest.mark.parametrize(
    ("point", "found", "daemon", "settled"),
    [
        (before("/etc/b.conf"), OLD | {"/etc/a.conf": "new a\n"}, "", OLD),
        (UNCONFIRMED, NEW, "new a\n", OLD),
        (CONFIRMED, NEW, "new a\n", NEW),
    ],
)
def test_it_dies_there_and_is_settled_as_the_point_says(
    root: Path, point: Point, found: dict[str, str], daemon: str, settled: dict[str, str]
) -> None:
    reads = ["sh", "-c", f"cp {root}/etc/a.conf {root}/daemon"]
    interrupt(_Here(), "lb2", request(NEW, reads, root=str(root)), point)
    assert _contents(root) == found
    assert ((root / "daemon").read_text() if daemon else "") == daemon
    assert len(recover(Layout(str(root)), run_actions=False)) == 1
    assert _contents(root) == settled


def test_a_transaction_that_was_not_killed_is_an_error(root: Path) -> None:
    with pytest.raises(CommandError, match=r"to be killed at Point\(.*nowhere.*on lb2"):
        interrupt(_Here(), "lb2", request(NEW, root=str(root)), before("/nowhere"))
    assert _contents(root) == NEW
