"""The content of a secret file is in its place and in the state directory, and nowhere else."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest

from module_utils.lvs_transaction.model import TransactionError

from .host import STATE, Host

_KEYS = "/etc/ha.d/authkeys"
_OLD, _NEW = "0ldsecretkey", "newsecretk3y"


@pytest.fixture
def files(host: Host) -> list[dict[str, Any]]:
    host.write(_KEYS, f"1 sha1 {_OLD}\n", 0o600)
    return [{"path": _KEYS, "content": f"1 sha1 {_NEW}\n", "mode": "0600", "secret": True}]


def _assert_silent(value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    assert _OLD not in text
    assert _NEW not in text


@pytest.mark.parametrize("check", [False, True])
def test_not_in_the_result_and_not_in_the_diff(host: Host, files: list[dict[str, Any]], check: bool) -> None:
    result = host.apply(check=check, files=[*files, {"path": "/etc/x", "content": "1\n", "secret": True}])
    _assert_silent(result.as_dict())
    assert [entry["after"] for entry in result.diff] == [
        "[secret: content not shown] (new)\n",
        "[secret: content not shown]\n",
    ]


@pytest.mark.parametrize("phase", ["validate", "actions", "health"])
def test_not_in_a_failure(host: Host, files: list[dict[str, Any]], phase: str) -> None:
    show = f"cat $0{_KEYS} {{stage}}{_KEYS} 2>/dev/null; exit 1"
    command = host.sh("tells all", show)
    command |= {"validate": {"paths": [_KEYS]}, "actions": {"on": [_KEYS]}, "health": {}}[phase]
    given: dict[str, Any] = {"files": files, phase: [command]}
    with pytest.raises(TransactionError) as caught:
        host.apply(**given)
    _assert_silent(str(caught.value))
    _assert_silent(caught.value.details)
    assert "[secret]" in str(caught.value)


def test_not_in_a_recovery(host: Host, files: list[dict[str, Any]]) -> None:
    host.apply(files=files)
    script = f"cat $0{_KEYS}; test ! -e $1"
    host.apply(
        files=[{**files[0], "content": f"1 sha1 {_OLD}\n"}], actions=[host.sh("a", script, on=[_KEYS])]
    )
    journal = host.path(f"{STATE}/generations/000002/journal.committed.json")
    journal.rename(journal.with_name("journal.open.json"))
    host.log.touch()
    (settled,) = host.recover()
    assert settled.problems == ["action 'a': exit code 1:\n1 [secret] [secret]"]
    assert _NEW in host.path(_KEYS).read_text()


def test_only_root_can_look_into_the_state_directory(host: Host, files: list[dict[str, Any]]) -> None:
    host.apply(files=files)
    holders = [path for path in host.root.rglob("*") if path.is_file() and _OLD.encode() in path.read_bytes()]
    assert holders == [host.path(f"{STATE}/generations/000001/old{_KEYS}")]
    assert stat.S_IMODE(host.path(STATE).stat().st_mode) == 0o700
    _assert_silent(host.path(f"{STATE}/generations/000001/journal.committed.json").read_text())
