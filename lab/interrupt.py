"""Kill a transaction of config_set on a node at a chosen point, as a power cut would.

    wanted = request({"/etc/a.conf": "new", "/etc/b.conf": "new"}, ["systemctl", "reload", "keepalived"])
    interrupt(lab, "lb2", wanted, before("/etc/b.conf"))
    lab.faults.power_off("lb2")

The transaction's package travels to the node with a small program (files_client/interrupt.py), as the module
does. The whole kill matrix is a unit test (tests/unit/config_set/test_kill.py); the lab shows a few points of
it on a real file system, with a real daemon and a real boot.
"""

from __future__ import annotations

import io
import json
import shlex
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lab.clients import Nodes
from lab.errors import CommandError
from lab.home import PROJECT

__all__ = ["CONFIRMED", "UNCONFIRMED", "Point", "before", "interrupt", "request"]

SCRIPT = PROJECT / "lab" / "files_client" / "interrupt.py"
PACKAGE = PROJECT / "module_utils" / "lvs_transaction"
_FOLDER = "/run/lvs-lab-interrupt"
_KILLED = 137  # 128 + 9: so a shell tells of SIGKILL


class Point(NamedTuple):
    """Where it is killed: right before this operation of durable.py, on a path that ends so."""

    operation: str
    path: str


UNCONFIRMED = Point("rename", "journal.confirmed.json")
"""All files are new and the daemon has read them; that all is well is not noted yet."""
CONFIRMED = Point("rename", "journal.committed.json")
"""That all is well is noted; the end is not."""


def before(path: str) -> Point:
    """Return the point right before this file becomes the new one."""
    return Point("rename", path)


def request(
    files: Mapping[str, str], reload: Sequence[str] = (), *, mode: str = "0644", root: str = "/"
) -> dict[str, Any]:
    """Return config_set's parameters: these files (path → content), and a command that makes them effective.

    root: a directory that stands before every path, as in config_set.
    """
    file = {"mode": mode, "owner": "root", "group": "root", "secret": False, "state": "present"}
    action = {
        "name": "make it effective",
        "argv": list(reload),
        "ok": [0],
        "timeout": 60.0,
        "on": list(files),
        "force": False,
        "guard": [],
        "retract": [],
    }
    return {
        "files": [{**file, "path": path, "content": content} for path, content in files.items()],
        "prepare": [],
        "validate": [],
        "actions": [action] if reload else [],
        "health": [],
        "generation": {"operator": "the lab", "reason": "a power cut"},
        "keep": 5,
        "guard_s": 90,
        "confirm": False,
        "installed": [],
        "restore": None,
        "state_dir": "/var/lib/lvs-toolkit",
        "root": root,
    }


def interrupt(nodes: Nodes, node: str, wanted: Mapping[str, Any], point: Point) -> None:
    """Run a transaction on a node, and have it killed at a point; CommandError if it was not killed there."""
    said = nodes.runner(node).shell(_command(wanted, point), stdin=_archive(), timeout=120)
    if said.code != _KILLED:
        raise CommandError(f"a transaction to be killed at {point} on {node}", said.code, said.stderr)


def _command(wanted: Mapping[str, Any], point: Point) -> str:
    options = json.dumps({"request": dict(wanted), **point._asdict()})
    run = shlex.join(["/usr/bin/python3", f"{_FOLDER}/interrupt.py", f"{_FOLDER}/package.zip", options])
    # Not the last command: the shell would become it, and nobody would tell of the signal.
    return f"mkdir -p {_FOLDER} && tar -xf - -C {_FOLDER} && {run}; exit $?"


def _archive() -> bytes:
    """Return the program and the package, as the command unpacks them."""
    packed, whole = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(PACKAGE.glob("*.py")):
            archive.writestr(f"lvs_transaction/{path.name}", path.read_bytes())
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content in (("interrupt.py", SCRIPT.read_bytes()), ("package.zip", packed.getvalue())):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return whole.getvalue()
