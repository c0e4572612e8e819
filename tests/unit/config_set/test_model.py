"""Bad input: each is refused with its place and its remedy, all at once, before anything is read."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_transaction.model import Command, TransactionError, parse_request

from .host import Host

_BIN_TRUE = {"name": "c", "argv": ["true"]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"files": [{"path": "etc/x"}]}, "files[0].path: 'etc/x' is not an absolute path without"),
        (
            {"files": [{"path": "/etc/../x"}]},
            "files[0].path: '/etc/../x' is not an absolute path without '..'",
        ),
        ({"files": [{"path": "/etc/x/"}]}, "files[0].path: '/etc/x/' is not an absolute path"),
        ({"files": [{"path": "//etc/x"}]}, "files[0].path: '//etc/x' is not an absolute path"),
        ({"files": [{"path": "/etc/a\nb"}]}, "files[0].path: '/etc/a\\nb' has a control character"),
        ({"files": [{"path": "/"}]}, "files[0].path: '/' cannot be managed: it is the root"),
        (
            {"files": [{"path": "/var/lib/lvs-toolkit/lock"}]},
            "cannot be managed: it is the root or in the state",
        ),
        ({"files": [{"path": "/x", "mode": "420"}]}, "files[0].mode: '420' is not octal with a leading 0"),
        ({"files": [{"path": "/x", "mode": "0888"}]}, "files[0].mode: '0888' is not octal"),
        ({"files": [{"path": "/x"}, {"path": "/x"}]}, "files: '/x' is given twice"),
        ({"files": [{"path": "/x"}, {"path": "/x/y"}]}, "'/x' is a file of the set, and '/x/y' needs it as"),
        ({"validate": [{**_BIN_TRUE, "paths": ["/x"]}]}, "validate[0]: '/x' is no file of the set"),
        ({"actions": [{**_BIN_TRUE, "on": ["/x"]}]}, "actions[0]: '/x' is no file of the set"),
        ({"actions": [{"name": "", "argv": ["true"]}]}, "actions[0].name: empty"),
        ({"prepare": [{"name": "p", "argv": []}]}, "prepare[0].argv: empty"),
        ({"prepare": [{"name": "p", "argv": ["a\0"]}]}, "prepare[0].argv: has a NUL character"),
        ({"actions": [{**_BIN_TRUE, "retract": ["x"]}]}, "actions[0].retract: it belongs to a guard"),
        ({"actions": [{**_BIN_TRUE, "guard": [""]}]}, "actions[0].guard: its first word is empty"),
        ({"actions": [{**_BIN_TRUE, "guard": ["a\0"]}]}, "actions[0].guard: has a NUL character"),
        ({"guard_s": 0}, "guard_s: 0 s; give the controller 1 or more to come back"),
        ({"installed": ["keepalived; reboot"]}, "installed: 'keepalived; reboot' is no package's name"),
        (
            {"confirm": True, "actions": [_BIN_TRUE], "installed": ["a"]},
            "confirm: it stands alone; leave out actions, installed",
        ),
        ({"health": [{**_BIN_TRUE, "timeout": 0.0}]}, "health[0].timeout: 0 s; give more than 0"),
        ({"health": [{**_BIN_TRUE, "retries": -1}]}, "health[0]: retries and delay cannot be negative"),
        ({"keep": 0}, "keep: 0 generations cannot be kept; give 1 or more"),
        ({"state_dir": "var"}, "state_dir: 'var' is not an absolute path"),
        ({"root": "."}, "root: '.' is not an absolute path"),
    ],
)
def test_bad_arguments(host: Host, given: dict[str, Any], message: str) -> None:
    with pytest.raises(TransactionError) as caught:
        parse_request(host.params(**given), check=False)
    assert message in str(caught.value)


def test_all_problems_are_told_at_once(host: Host) -> None:
    with pytest.raises(TransactionError) as caught:
        parse_request(host.params(files=[{"path": "a"}, {"path": "/b", "mode": "x"}], keep=-1), check=False)
    assert [part.split(":")[0] for part in str(caught.value).split("; ") if ":" in part] == [
        "config_set cannot use its arguments",
        "files[0].path",
        "files[1].mode",
    ]


def test_a_command_survives_the_journal() -> None:
    command = Command(
        "c", ("a", "b"), ok=(0, 3), timeout=1.5, paths=("/x",), force=True, retries=2, delay=0.5
    )
    raw = command.as_dict()
    assert (
        Command.from_dict({key: list(v) if isinstance(v, tuple) else v for key, v in raw.items()}) == command
    )


def _symlink(path: Path) -> None:
    path.symlink_to("/dev/null")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "path", "message"),
    [
        (_symlink, "/etc/x", "/etc/x: is a symbolic link to /dev/null: remove the link"),
        (Path.mkdir, "/etc/x", "/etc/x: is a directory: move it away"),
        (_fifo, "/etc/x", "/etc/x: is neither a plain file nor absent"),
        (Path.touch, "/etc/x/y", "/etc/x/y: a directory above it is a file"),
    ],
)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_is_no_plain_file_is_refused(host: Host, make: Any, path: str, message: str, state: str) -> None:  # noqa: ANN401 - a callable
    make(host.path("/etc/x"))
    before = host.tree(state=True)
    other = {"path": "/etc/keepalived/keepalived.conf", "content": "new"}
    with pytest.raises(TransactionError, match="nothing was touched") as caught:
        host.apply(files=[other, {"path": path, "state": state}])
    assert message in str(caught.value)
    assert host.tree(state=True) == before


def test_one_file_by_two_names_is_refused(host: Host) -> None:
    host.path("/lib").symlink_to("etc")
    files = [{"path": "/etc/x", "content": "1"}, {"path": "/lib/x", "content": "2"}]
    with pytest.raises(TransactionError, match="/lib/x: is the same file as /etc/x, by a linked directory"):
        host.apply(files=files)


def test_a_damaged_journal_is_refused_with_what_to_do(host: Host) -> None:
    host.apply(files=[{"path": "/etc/x"}])
    journal = next(host.root.rglob("journal.committed.json"))
    journal.write_text("{")
    journal.rename(journal.with_name("journal.open.json"))
    with pytest.raises(TransactionError, match=r"journal\.open\.json cannot be read .* By hand: compare"):
        host.apply(files=[{"path": "/etc/x"}])


@pytest.mark.parametrize(
    "name", sorted(p.name for p in Path(__file__).parents[3].glob("module_utils/lvs_t*/*.py"))
)
def test_the_source_is_python_3_9(name: str) -> None:
    """Managed nodes have their distribution's Python."""
    source = (Path(__file__).parents[3] / "module_utils/lvs_transaction" / name).read_text()
    assert ast.parse(source, feature_version=(3, 9)).body
