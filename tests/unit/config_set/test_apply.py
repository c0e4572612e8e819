"""A run that succeeds: what it changes, what it says, and that it leaves everything else alone."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from module_utils.lvs_transaction.model import TransactionError

from .host import KINDS, NEW_FILES, STATE, Host

_CONF = "/etc/keepalived/keepalived.conf"


def _file(host: Host) -> dict[str, Any]:
    """The host's own file, as it stands."""
    return {"path": _CONF, "content": "old keepalived\n", "mode": "0640"}


def test_nothing_to_do_writes_nothing(host: Host) -> None:
    before = host.tree(state=True)
    result = host.apply(
        files=[_file(host), {"path": "/etc/absent", "state": "absent"}],
        prepare=[host.sh("p", "echo p >>$1", when="always")],
        actions=[host.sh("a", "echo a >>$1", on=[_CONF])],
        health=[host.sh("h", "echo h >>$1")],
    )
    assert not result.changed
    assert (result.files, result.actions, result.generation, result.diff) == ({}, [], None, [])
    assert host.tree(state=True) == before
    assert host.actions() == []


def test_nothing_to_do_on_a_known_host_writes_nothing(host: Host) -> None:
    host.apply(files=NEW_FILES)
    before = host.tree(state=True)
    times = {path: path.stat().st_mtime_ns for path in host.root.rglob("*")}
    result = host.apply(files=NEW_FILES)
    assert not result.changed
    assert result.generation == "000001"
    assert host.tree(state=True) == before
    assert {path: path.stat().st_mtime_ns for path in host.root.rglob("*")} == times


def test_every_kind_of_change_in_one_transaction(host: Host) -> None:
    result = host.apply(
        files=NEW_FILES,
        actions=[
            host.sh("reload", 'echo "reload $(cat "$0/etc/keepalived/keepalived.conf")" >>$1', on=[_CONF]),
            host.sh("unconcerned", "echo unconcerned >>$1"),
            host.sh("forget", "echo forget >>$1", on=["/etc/lvs/obsolete.conf"]),
        ],
        health=[host.sh("h", "echo healthy >>$1")],
    )
    assert result.changed
    assert result.files == KINDS
    assert (result.actions, result.healed) == (["reload", "forget"], [])
    assert host.actions() == ["reload new keepalived", "forget", "healthy"]
    assert host.path(_CONF).read_text() == "new keepalived\n"
    assert host.path("/etc/modules-load.d/lvs.conf").stat().st_mode & 0o7777 == 0o600
    assert host.path("/etc/new/deep/sysctl.conf").read_text() == "a = 1\n"
    assert host.path("/etc/new").stat().st_mode & 0o7777 == 0o755
    assert not host.path("/etc/lvs/obsolete.conf").exists()
    leftovers = [name for name in host.tree() if ".lvs-" in name]
    assert leftovers == []


def test_a_generation_holds_the_whole_set_the_old_files_and_the_stamp(host: Host) -> None:
    result = host.apply(files=NEW_FILES, generation={"operator": "ada", "reason": "why", "run": None})
    assert result.generation == "000001"
    folder = host.path(f"{STATE}/generations/000001")
    journal = json.loads((folder / "journal.committed.json").read_text())
    assert journal["stamp"] == {"operator": "ada", "reason": "why"}
    assert [file["path"] for file in journal["files"]] == [file["path"] for file in NEW_FILES]
    assert (folder / "new/etc/modules-load.d/lvs.conf").read_text() == "old modules\n"
    assert (folder / "old/etc/lvs/obsolete.conf").read_text() == "obsolete\n"
    assert not (folder / "old/etc/new").exists()
    assert host.path(STATE).stat().st_mode & 0o7777 == 0o700


def test_only_the_last_generations_are_kept(host: Host) -> None:
    for number in range(5):
        host.apply(files=[{"path": _CONF, "content": f"{number}\n"}], keep=2)
    assert host.generations() == {"000004": "committed", "000005": "committed"}


def test_the_validator_sees_the_whole_set_and_runs_only_if_concerned(host: Host) -> None:
    stage = "cd {stage}/etc && cat keepalived/keepalived.conf modules-load.d/lvs.conf >>$1 && test ! -e lvs"
    host.apply(
        files=NEW_FILES,
        prepare=[host.sh("p", "echo prepared >>$1")],
        validate=[host.sh("v", stage.replace("$1", str(host.log)), paths=[_CONF])],
    )
    assert host.actions() == ["prepared", "new keepalived", "old modules"]
    host.apply(
        files=[NEW_FILES[0], {**NEW_FILES[2], "content": "b\n"}],
        validate=[host.sh("v", "exit 1", paths=[_CONF])],
    )
    assert host.path("/etc/new/deep/sysctl.conf").read_text() == "b\n"


@pytest.mark.parametrize(
    ("when", "ran"), [("changed", ["heal", "healthy"]), ("always", ["prepared", "heal", "healthy"])]
)
def test_a_forced_action_heals_without_a_change_of_files(host: Host, when: str, ran: list[str]) -> None:
    before = host.tree()
    result = host.apply(
        files=[_file(host)],
        prepare=[host.sh("p", "echo prepared >>$1", when=when)],
        actions=[host.sh("a", "echo no >>$1", on=[_CONF]), host.sh("heal", "echo heal >>$1", force=True)],
        health=[host.sh("h", "echo healthy >>$1")],
    )
    assert result.changed
    assert (result.files, result.actions, result.healed) == ({}, ["heal"], ["heal"])
    assert host.actions() == ran
    assert host.tree() == before
    assert host.generations() == {}
    assert "heal" in result.diff[0]["prepared"]


def test_an_edit_by_hand_is_a_difference_like_any_other(host: Host) -> None:
    host.apply(files=NEW_FILES)
    wanted = host.tree()
    host.write(_CONF, "edited\n", 0o600)
    assert host.apply(files=NEW_FILES).files == {_CONF: "changed"}
    assert host.tree() == wanted


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_owner_and_group_are_set_and_compared(host: Host) -> None:
    wanted = {**_file(host), "owner": "1", "group": "2", "mode": "4750"}
    with pytest.raises(TransactionError, match="'4750' is not octal with a leading 0"):
        host.apply(files=[wanted])
    result = host.apply(files=[{**wanted, "mode": "04750"}])
    assert result.files == {_CONF: "mode+owner+group"}
    status = host.path(_CONF).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1, 2, 0o4750)
    assert not host.apply(files=[{**wanted, "mode": "04750"}]).changed


def test_the_diff_has_contents_attributes_and_headers(host: Host) -> None:
    diff = {entry["after_header"].split()[0]: entry for entry in host.apply(files=NEW_FILES).diff}
    assert diff[_CONF]["before"] == "old keepalived\n"
    assert diff[_CONF]["after"] == "new keepalived\n"
    assert diff["/etc/modules-load.d/lvs.conf"]["before"].startswith("mode: 0644\n")
    assert diff["/etc/modules-load.d/lvs.conf"]["after"].startswith("mode: 0600\n")
    assert diff["/etc/new/deep/sysctl.conf"]["before_header"] == "/etc/new/deep/sysctl.conf (absent)"
    assert diff["/etc/lvs/obsolete.conf"]["after"] == ""
