"""Check mode: everything is predicted and validated, nothing is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_transaction.model import TransactionError

from .host import KINDS, NEW_FILES, Host, at_step, in_child

_CONF = "/etc/keepalived/keepalived.conf"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files, to see what is left in it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return scratch


@pytest.mark.parametrize("known", [False, True], ids=["fresh host", "known host"])
def test_it_predicts_what_a_run_does_and_writes_nothing(host: Host, scratch: Path, known: bool) -> None:
    if known:
        host.apply(files=[{"path": "/etc/other", "content": "1\n"}])
    before = host.tree(state=True)
    given: dict[str, Any] = {
        "files": NEW_FILES,
        "validate": [host.sh("v", "exit 0", paths=[_CONF])],
        "actions": [host.sh("a", "echo a >>$1", on=[_CONF]), host.sh("heal", "echo heal >>$1", force=True)],
        "health": [host.sh("h", "echo h >>$1")],
    }
    predicted = host.apply(check=True, **given)
    assert host.tree(state=True) == before
    assert host.actions() == []
    assert list(scratch.iterdir()) == []
    assert predicted.generation == ("000001" if known else None)
    done = host.apply(**given)
    assert predicted.files == done.files == KINDS
    assert (predicted.changed, predicted.actions, predicted.healed) == (True, ["a", "heal"], ["heal"])
    assert (done.actions, done.healed, done.diff) == (predicted.actions, predicted.healed, predicted.diff)


def test_the_copy_is_validated_and_removed(host: Host, scratch: Path) -> None:
    before = host.tree(state=True)
    script = "cd {stage} && cat etc/keepalived/keepalived.conf etc/modules-load.d/lvs.conf; exit 5"
    with pytest.raises(TransactionError) as caught:
        host.apply(check=True, files=NEW_FILES, validate=[host.sh("v", script, paths=[_CONF])])
    assert str(caught.value) == "validate 'v' failed: exit code 5:\nnew keepalived\nold modules"
    assert caught.value.details["changed"] is False
    assert list(scratch.iterdir()) == []
    assert host.tree(state=True) == before


@pytest.mark.parametrize("argv", [["no-such-checker"], ["env", "no-such-checker"]], ids=["plain", "wrapped"])
def test_a_missing_validator_is_a_warning(host: Host, argv: list[str]) -> None:
    absent = {"name": "v", "argv": argv, "paths": [_CONF]}
    seen = host.sh("w", "echo w >>$1", paths=[_CONF])
    result = host.apply(check=True, files=NEW_FILES, validate=[absent, seen])
    (warning,) = result.warnings
    assert warning.startswith("validate 'v' was left out in check mode: ")
    assert host.actions() == ["w"]
    with pytest.raises(TransactionError, match="validate 'v' failed"):
        host.apply(files=NEW_FILES, validate=[absent])


def test_an_owner_that_comes_with_a_package_is_a_warning(host: Host) -> None:
    files = [{"path": "/etc/x", "owner": "no-such-user", "group": "no-such-group"}]
    result = host.apply(check=True, files=files)
    assert result.files == {"/etc/x": "created"}
    assert [warning.split(":")[1] for warning in result.warnings] == [
        " this host has no user 'no-such-user'",
        " this host has no group 'no-such-group'",
    ]
    with pytest.raises(TransactionError, match="no user 'no-such-user': create it first"):
        host.apply(files=files)


def test_only_prepare_commands_that_always_run_do(host: Host) -> None:
    prepare = [
        host.sh("changes", "echo changed >>$1"),
        host.sh("harmless", "echo always >>$1", when="always"),
    ]
    with pytest.raises(TransactionError, match="Check mode left out what changes the host: changes"):
        host.apply(
            check=True,
            files=NEW_FILES,
            prepare=prepare,
            validate=[host.sh("v", "exit 1", paths=[_CONF])],
        )
    assert host.actions() == ["always"]


def test_an_unfinished_journal_is_reported_and_left(host: Host) -> None:
    """Killed at the first rename over a live file."""

    def die(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith(_CONF):
            os._exit(1)

    assert in_child(lambda: host.apply(files=NEW_FILES), die) == 1
    before = host.tree(state=True)
    result = host.apply(check=True, files=NEW_FILES)
    assert host.tree(state=True) == before
    assert (result.changed, result.unfinished, result.recovered) == (True, ["000001"], [])
    assert "generation 000001 was interrupted" in result.warnings[0]
    assert host.apply(files=NEW_FILES).recovered[0]["outcome"] == "rolled back"


def test_a_kill_leaves_no_more_than_the_temporary_directory(host: Host, scratch: Path) -> None:
    before = host.tree(state=True)
    validate = [host.sh("v", "exit 0", paths=[_CONF])]
    code = in_child(
        lambda: host.apply(check=True, files=NEW_FILES, validate=validate),
        at_step(3, lambda _o, _p: os._exit(1)),
    )
    assert code == 1
    assert host.tree(state=True) == before
    assert [path.stat().st_mode & 0o7777 for path in scratch.iterdir()] == [0o700]
