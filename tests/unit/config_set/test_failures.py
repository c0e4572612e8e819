"""A run that fails: the host is as it was, and the message says what failed, where, and what to do."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_transaction import durable
from module_utils.lvs_transaction.model import TransactionError

from .host import NEW_FILES, Host

_CONF = "/etc/keepalived/keepalived.conf"
# What the running daemon has read, as the last line of the log tells.
_RELOAD = 'echo "reload $(cat "$0/etc/keepalived/keepalived.conf")" >>$1'


def _refused(host: Host, **given: Any) -> TransactionError:  # noqa: ANN401 - any argument
    with pytest.raises(TransactionError) as caught:
        host.apply(files=NEW_FILES, **given)
    return caught.value


@pytest.mark.parametrize("phase", ["prepare", "validate"])
def test_a_refusal_before_the_swap_touches_nothing_live(host: Host, phase: str) -> None:
    before = host.tree()
    command = host.sh("checker", "echo 'line 12: bad keyword' >&2; exit 5")
    if phase == "validate":
        command["paths"] = [_CONF]
    error = _refused(host, **{phase: [command]}, actions=[host.sh("r", _RELOAD, on=[_CONF])])
    assert str(error) == (
        f"{phase} 'checker' failed: exit code 5:\nline 12: bad keyword\nNothing live was touched"
    )
    assert error.details["failure"]["phase"] == phase
    assert error.details["failure"]["rc"] == 5
    assert (error.details["changed"], error.details["rolled_back"]) == (False, False)
    assert host.tree() == before
    assert (host.actions(), host.generations()) == ([], {})


def test_the_validators_message_names_the_live_path(host: Host) -> None:
    echo = {"name": "v", "argv": ["sh", "-c", "echo $0: 7; exit 1", "{stage}" + _CONF], "paths": [_CONF]}
    assert f"\n{_CONF}: 7\n" in str(_refused(host, validate=[echo]))


def test_accepted_exit_codes(host: Host) -> None:
    result = host.apply(files=NEW_FILES, validate=[host.sh("v", "exit 3", paths=[_CONF], ok=[0, 3])])
    assert result.changed


@pytest.mark.parametrize("program", ["/nonexistent/checker", "no-such-checker"])
def test_a_missing_program_is_an_error(host: Host, program: str) -> None:
    error = _refused(host, validate=[{"name": "v", "argv": [program, "-t"], "paths": [_CONF]}])
    assert f"validate 'v' failed: the program '{program}' is not installed" in str(error)


def test_a_failed_action_is_rolled_back_exactly(host: Host) -> None:
    before = host.tree()
    inode = host.path(_CONF).stat().st_ino
    error = _refused(
        host,
        actions=[
            host.sh("reload", _RELOAD, on=[_CONF]),
            host.sh("start", 'echo boom; grep -q old "$0/etc/keepalived/keepalived.conf"', on=[_CONF]),
        ],
        health=[host.sh("h", "echo healthy >>$1")],
    )
    assert str(error) == (
        "action 'start' failed: exit code 1:\nboom\n"
        "The host was rolled back to the files it had before this run"
    )
    assert (error.details["changed"], error.details["rolled_back"]) == (False, True)
    assert host.tree() == before
    assert host.path(_CONF).stat().st_ino == inode
    assert host.actions() == ["reload new keepalived", "reload old keepalived", "healthy"]
    assert host.generations() == {"000001": "rolled-back"}


def test_failed_health_is_retried_then_rolled_back(host: Host) -> None:
    before = host.tree()
    script = 'echo probe >>$1; grep -q old "$0/etc/keepalived/keepalived.conf"'
    error = _refused(host, health=[host.sh("answers", script, retries=2)])
    assert "health check 'answers' failed: exit code 1" in str(error)
    assert error.details["rolled_back"]
    assert host.tree() == before
    assert host.actions() == ["probe"] * 4  # three attempts with the new files, one with the old


def test_health_may_succeed_late(host: Host) -> None:
    script = 'echo probe >>$1; test "$(wc -l <$1)" -ge 3'
    assert host.apply(files=NEW_FILES, health=[host.sh("h", script, retries=5)]).changed
    assert host.actions() == ["probe"] * 3


def test_what_fails_with_the_old_files_too_is_told_and_blocks_no_later_run(host: Host) -> None:
    before = host.tree()
    error = _refused(host, actions=[host.sh("start", "echo no; exit 1", on=[_CONF])])
    assert "The files were rolled back to what they were before this run, but with them, too: " in str(error)
    assert error.details["rollback_problems"] == ["action 'start': exit code 1:\nno"]
    assert (error.details["changed"], error.details["rolled_back"]) == (True, True)
    assert host.tree() == before
    assert host.apply(files=NEW_FILES).recovered == []


def test_a_failed_forced_action_without_a_change_has_nothing_to_roll_back(host: Host) -> None:
    with pytest.raises(TransactionError, match="No file had changed: nothing to roll back") as caught:
        host.apply(actions=[host.sh("heal", "exit 1", force=True)])
    assert (caught.value.details["changed"], caught.value.details["rolled_back"]) == (True, False)


def test_a_rolled_back_generation_stays_until_the_next_one(host: Host) -> None:
    for _ in range(3):
        _refused(host, health=[host.sh("h", "exit 1")])
    host.apply(files=NEW_FILES)
    assert host.generations() == {"000003": "rolled-back", "000004": "committed"}


_NEEDS_SPACE = ("create", "written", "mkdir", "link", "write")


def _from_step(first: int, code: int, operations: tuple[str, ...] | None) -> Any:  # noqa: ANN401 - a hook
    """From the n-th operation on, every one of these kinds (None: all) fails; counts what it let fail."""
    seen = {"count": 0, "failed": 0}

    def step(operation: str, path: str) -> None:
        seen["count"] += 1
        if seen["count"] >= first and (operations is None or operation in operations):
            seen["failed"] += 1
            raise OSError(code, os.strerror(code), path)

    return step, seen


def test_a_full_disk_at_every_step_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback needs no space: renames, links and removals only."""
    failures = 0
    for number in range(1, 1000):
        host = Host(tmp_path / str(number))
        _prepare(host)
        before = host.tree()
        step, seen = _from_step(number, errno.ENOSPC, _NEEDS_SPACE)
        monkeypatch.setattr(durable, "step", step)
        try:
            host.apply(files=NEW_FILES)
        except TransactionError as exc:
            failures += 1
            assert "No space left on device" in str(exc), number
            assert "free some space there" in str(exc), number
            assert "othing" in str(exc), number  # touched: all that needs space comes before the swap
            assert exc.details["changed"] is False, number
            assert host.tree() == before, number
            assert "open" not in host.generations().values(), number
        if not seen["failed"]:
            break
        monkeypatch.setattr(durable, "step", lambda _operation, _path: None)
        assert host.apply(files=NEW_FILES).recovered == [], number
    assert failures > 15


def test_a_disk_that_turns_read_only_at_every_step_is_settled_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endings = set()
    for number in range(1, 1000):
        host = Host(tmp_path / str(number))
        _prepare(host)
        before = host.tree()
        step, seen = _from_step(number, errno.EROFS, None)
        monkeypatch.setattr(durable, "step", step)
        try:
            endings.add("warned" if host.apply(files=NEW_FILES).warnings else "done")
        except TransactionError as exc:
            failed = "THE ROLLBACK FAILED" in str(exc)
            endings.add("failed" if failed else "untouched")
            assert "Read-only file system" in str(exc), number
            assert "remount that file system read-write" in str(exc), number
            if failed:
                assert "By hand: " in str(exc), number
                assert exc.details["changed"] is True, number
            else:
                assert host.tree() == before, number
        monkeypatch.setattr(durable, "step", lambda _operation, _path: None)
        if not seen["failed"]:
            break
        host.recover()
        assert ".lvs-" not in " ".join(host.tree()), number
        host.apply(files=NEW_FILES)
        assert host.path(_CONF).read_text() == "new keepalived\n", number
    assert endings == {"untouched", "failed", "warned", "done"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 200 KiB under the host's root."""
    root = tmp_path / "root"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=232k", "tmpfs", str(root)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield root
    subprocess.run(["umount", "-l", str(root)], check=True)


def test_a_real_full_disk(small_disk: Path) -> None:
    host = Host(small_disk.parent)
    _prepare(host)
    before = host.tree()
    big = [*NEW_FILES, {"path": "/etc/big", "content": "x" * 120_000}]
    with pytest.raises(
        TransactionError, match=r"No space left on device \(.*/etc/\.big.*\); free some space there"
    ):
        host.apply(files=big)
    assert host.tree() == before
    assert host.apply(files=NEW_FILES).changed


def test_a_real_read_only_disk(small_disk: Path) -> None:
    host = Host(small_disk.parent)
    _prepare(host)
    before = host.tree(state=True)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(TransactionError, match=r"nothing was touched: Read-only file system .*read-write"):
        host.apply(files=NEW_FILES)
    assert host.tree(state=True) == before
    assert host.apply(files=NEW_FILES, check=True).changed


def _prepare(host: Host) -> None:
    host.write(_CONF, "old keepalived\n", 0o640)
    host.write("/etc/modules-load.d/lvs.conf", "old modules\n")
    host.write("/etc/lvs/obsolete.conf", "obsolete\n", 0o600)
