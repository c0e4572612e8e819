"""Killed at any instant: after recovery the files are all old or all new, and the daemon has read them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .host import NEW_FILES, Host, Tree, at_step, in_child

_CONF = "/etc/keepalived/keepalived.conf"
_KILLED = 137
_LIMIT = 1000


def _die(operation: str, path: str) -> None:
    """Die before the operation; of a file that is not synced yet, half may be lost."""
    if operation == "written":
        os.truncate(path, Path(path).stat().st_size // 2)
    os._exit(_KILLED)


def _fresh(base: Path) -> Host:
    host = Host(base)
    host.write(_CONF, "old keepalived\n", 0o640)
    host.write("/etc/modules-load.d/lvs.conf", "old modules\n")
    host.write("/etc/lvs/obsolete.conf", "obsolete\n", 0o600)
    return host


def _apply(host: Host, reload: str = "") -> None:
    script = f'echo "reload $(cat "$0{_CONF}")" >>$1; {reload}'
    host.apply(files=NEW_FILES, actions=[host.sh("reload", script, on=[_CONF])], keep=1)


@pytest.fixture
def wanted(tmp_path: Path) -> tuple[Tree, Tree]:
    """The two trees that may be found: all old, all new."""
    host = _fresh(tmp_path / "wanted")
    old = host.tree()
    _apply(host)
    return old, host.tree()


def _assert_each_file_is_whole(host: Host, wanted: tuple[Tree, Tree], label: object) -> None:
    """Even before recovery no file is torn, missing or foreign: each for itself is old or new."""
    tree = host.tree()
    for file in NEW_FILES:
        assert tree.get(file["path"]) in {one.get(file["path"]) for one in wanted}, (label, file["path"])


def _assert_settled(host: Host, wanted: tuple[Tree, Tree], label: object) -> str:
    """All old or all new, nothing beside them, nothing unfinished, and the last reload saw these files."""
    tree = host.tree()
    assert tree in wanted, label
    assert not {"open", "confirmed"} & set(host.generations().values()), label
    assert host.recover() == [], label
    if host.actions():
        assert host.actions()[-1] == f"reload {host.path(_CONF).read_text().strip()}", label
    return "old" if tree == wanted[0] else "new"


def _kill_everywhere(base: Path, work: Callable[[Host], object], check: Callable[[Host, int], None]) -> int:
    """Kill the work at its first, second, ... operation, each on a host of its own; how many there were."""
    for number in range(1, _LIMIT):
        host = _fresh(base / str(number))
        code = in_child(lambda host=host: work(host), at_step(number, _die))  # type: ignore[misc]
        if code != _KILLED:
            assert code == 0, f"the work failed by itself at operation {number}"
            return number - 1
        check(host, number)
    raise AssertionError("the work never ended")


def test_killed_at_every_operation_of_a_run(tmp_path: Path, wanted: tuple[Tree, Tree]) -> None:
    endings: list[str] = []

    def check(host: Host, number: int) -> None:
        _assert_each_file_is_whole(host, wanted, number)
        settled = host.recover()
        state = _assert_settled(host, wanted, number)
        endings.append(f"{state}, {settled[0].outcome if settled else 'nothing to settle'}")
        _apply(host)
        assert _assert_settled(host, wanted, number) == "new", number
        assert host.actions()[-1] == "reload new keepalived", number
        assert list(host.generations().values()) == ["committed"] or "rolled-back" in (
            host.generations().values()
        ), number

    operations = _kill_everywhere(tmp_path, _apply, check)
    assert len(endings) == operations
    assert operations > 30
    # In this order, and each for some operations: staging, open, confirmed, committed.
    assert list(dict.fromkeys(endings)) == [
        "old, nothing to settle",
        "old, rolled back",
        "new, confirmed",
    ]


def test_killed_at_every_operation_of_a_second_run_with_pruning(
    tmp_path: Path, wanted: tuple[Tree, Tree]
) -> None:
    """Generations are pruned after the commit: killed there, no half generation may stay."""

    def twice(host: Host) -> None:
        _apply(host)
        host.write(_CONF, "old keepalived\n", 0o640)
        _apply(host)

    def check(host: Host, number: int) -> None:
        for journal in host.root.rglob("generations/0*/journal.committed.json"):
            wanting = [file["path"] for file in NEW_FILES if file.get("state") != "absent"]
            assert all((journal.parent / f"new{path}").is_file() for path in wanting), number
        host.recover()
        host.write(_CONF, "edited\n", 0o640)
        _apply(host)
        assert host.tree() == wanted[1], number
        folder = host.path("/var/lib/lvs-toolkit/generations")
        assert {path.name for path in folder.iterdir()} == set(host.generations()), number
        assert sorted(host.generations().values()) in (["committed"], ["committed", "rolled-back"]), number

    assert _kill_everywhere(tmp_path, twice, check) > 60


def test_killed_at_every_operation_of_a_rollback(tmp_path: Path, wanted: tuple[Tree, Tree]) -> None:
    endings: set[str] = set()

    def fails(host: Host) -> None:
        try:
            _apply(host, reload=f'grep -q old "$0{_CONF}"')
        except Exception as exc:
            if "rolled back" not in str(exc):
                raise

    def check(host: Host, number: int) -> None:
        _assert_each_file_is_whole(host, wanted, number)
        host.recover()
        endings.add(_assert_settled(host, wanted, number))

    plain = _kill_everywhere(tmp_path / "plain", _apply, lambda _host, _number: None)
    assert plain > 30
    assert _kill_everywhere(tmp_path / "failing", fails, check) > 30
    assert endings == {"old"}


@pytest.mark.parametrize("edited", [False, True], ids=["", "a file was edited meanwhile"])
def test_killed_at_every_operation_of_the_recovery(
    tmp_path: Path, wanted: tuple[Tree, Tree], edited: bool
) -> None:
    """Recovery may be interrupted itself, as often as it likes."""
    interrupted = 0
    points: list[int] = []
    _kill_everywhere(
        tmp_path / "first",
        _apply,
        lambda host, number: (
            points.append(number) if {"open", "confirmed"} & set(host.generations().values()) else None
        ),
    )
    for first in points[:: 3 if edited else 1]:
        for second in range(1, _LIMIT):
            host = _fresh(tmp_path / f"{first}.{second}")
            in_child(lambda host=host: _apply(host), at_step(first, _die))  # type: ignore[misc]
            if edited and "open" in host.generations().values():
                host.write(_CONF, "edited\n", 0o640)
            if in_child(host.recover, at_step(second, _die)) == 0:
                break
            interrupted += 1
            host.recover()
            _assert_settled(host, wanted, (first, second))
            found = [path.read_text() for path in host.root.rglob("found/**/keepalived.conf")]
            assert found == (["edited\n"] if edited and host.tree() == wanted[0] else []), (first, second)
    assert interrupted > 50


def test_a_lock_removed_by_hand_hides_no_unfinished_run(tmp_path: Path, wanted: tuple[Tree, Tree]) -> None:
    """Killed right before it is confirmed: the files are as wanted, yet nothing has proven them."""

    def die(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith("journal.confirmed.json"):
            os._exit(_KILLED)

    host = _fresh(tmp_path / "host")
    assert in_child(lambda: _apply(host), die) == _KILLED
    next(host.root.rglob("lvs-toolkit/lock")).unlink()
    assert host.apply(check=True, files=NEW_FILES).unfinished == ["000001"]
    assert [one["outcome"] for one in host.apply(files=NEW_FILES).recovered] == ["rolled back"]
    assert host.tree() == wanted[1]


def test_killed_by_a_signal_while_an_action_runs(tmp_path: Path, wanted: tuple[Tree, Tree]) -> None:
    host = _fresh(tmp_path / "host")
    assert in_child(lambda: _apply(host, reload="kill -9 $PPID"), lambda _operation, _path: None) == -9
    assert host.tree()[_CONF] == wanted[1][_CONF]
    # The next run that finds the journal would be killed by the journal's own action: take its teeth.
    journal = next(host.root.rglob("journal.open.json"))
    journal.write_text(journal.read_text().replace("kill -9 $PPID", "true"))
    (settled,) = host.recover()
    assert (settled.outcome, settled.actions, settled.problems) == ("rolled back", ["reload"], [])
    assert settled.stamp == {"operator": "ada", "commit": "c0ffee"}
    assert _assert_settled(host, wanted, "signal") == "old"
    assert host.actions() == ["reload new keepalived", "reload old keepalived"]
