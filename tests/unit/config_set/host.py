"""A host made of a directory, and the arguments of config_set for it."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from module_utils.lvs_transaction import boot, durable
from module_utils.lvs_transaction.model import Layout, parse_request
from module_utils.lvs_transaction.plan import Result
from module_utils.lvs_transaction.recovery import Settled, recover
from module_utils.lvs_transaction.transaction import apply

OWNER = pwd.getpwuid(os.geteuid()).pw_name
GROUP = grp.getgrgid(os.getegid()).gr_name
STATE = "/var/lib/lvs-toolkit"
_FOR_BOOT = {boot.UNIT, f"{boot.UNIT}.lvs-new", boot.WANTED} | {
    str(parent) for path in (boot.UNIT, boot.WANTED) for parent in Path(path).parents if len(parent.parts) > 2
}
Tree = dict[str, tuple[str, ...]]

_DEFAULTS: dict[str, dict[str, Any]] = {
    "files": {
        "content": "",
        "mode": "0644",
        "owner": OWNER,
        "group": GROUP,
        "secret": False,
        "state": "present",
    },
    "prepare": {"ok": [0], "timeout": 60.0, "when": "changed"},
    "validate": {"ok": [0], "timeout": 60.0},
    "actions": {"ok": [0], "timeout": 60.0, "on": [], "force": False, "guard": [], "retract": []},
    "health": {"ok": [0], "timeout": 60.0, "retries": 0, "delay": 0.0},
}


@dataclass
class Host:
    """The directory of one test: ``root`` is the host's root, ``log`` is what its actions write."""

    base: Path

    @property
    def root(self) -> Path:
        """What stands for ``/``."""
        return self.base / "root"

    @property
    def log(self) -> Path:
        """Where actions write."""
        return self.base / "actions.log"

    @property
    def layout(self) -> Layout:
        """The transaction's own view of it."""
        return Layout(str(self.root), STATE)

    def path(self, path: str) -> Path:
        """The real place of a path."""
        return self.root / path.lstrip("/")

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Put a file there by hand."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        target.chmod(mode)

    def sh(self, name: str, script: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
        """A command of the set; ``$0`` in the script is the host's root, ``$1`` its log."""
        return {"name": name, "argv": ["sh", "-c", script, str(self.root), str(self.log)], **more}

    def params(self, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - any argument
        """The module's parameters as its argument_spec would fill them in."""
        params: dict[str, Any] = {"generation": {"operator": "ada", "commit": "c0ffee"}, "keep": 5}
        params |= {"guard_s": 90, "confirm": False, "installed": [], "restore": None}
        params |= {"state_dir": STATE, "root": str(self.root), **given}
        for kind, defaults in _DEFAULTS.items():
            params[kind] = [{**defaults, **item} for item in given.get(kind, [])]
        return params

    def apply(self, check: bool = False, **given: Any) -> Result:  # noqa: ANN401 - any argument
        """Run a transaction."""
        return apply(parse_request(self.params(**given), check))

    def recover(self) -> list[Settled]:
        """Settle what a killed run left."""
        return recover(self.layout)

    def actions(self) -> list[str]:
        """The lines that the actions wrote."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def tree(self, state: bool = False) -> Tree:
        """Every name under the root with its kind, mode and digest; the state directory only on request.

        Without what config_set itself puts there for the next boot.
        """
        seen: Tree = {}
        for path in sorted(self.root.rglob("*")):
            name = "/" + str(path.relative_to(self.root))
            if not state and ((name + "/").startswith("/var/") or name in _FOR_BOOT):
                continue
            status = path.lstat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "-"
            seen[name] = (oct(status.st_mode), f"{status.st_uid}:{status.st_gid}", digest)
        return seen

    def generations(self) -> dict[str, str]:
        """Name and state of each generation, as the names of the journals tell."""
        journals = sorted(self.path(STATE).glob("generations/*/journal.*.json"))
        return {path.parent.name: path.name.split(".")[1] for path in journals}


NEW_FILES: list[dict[str, Any]] = [
    {"path": "/etc/keepalived/keepalived.conf", "content": "new keepalived\n", "mode": "0640"},
    {"path": "/etc/modules-load.d/lvs.conf", "content": "old modules\n", "mode": "0600"},
    {"path": "/etc/new/deep/sysctl.conf", "content": "a = 1\n"},
    {"path": "/etc/lvs/obsolete.conf", "state": "absent"},
]
KINDS = {
    "/etc/keepalived/keepalived.conf": "changed",
    "/etc/modules-load.d/lvs.conf": "mode",
    "/etc/new/deep/sysctl.conf": "created",
    "/etc/lvs/obsolete.conf": "removed",
}


def at_step(number: int, act: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """A replacement of ``durable.step`` that acts at the n-th operation (from 1) and lets the others pass."""
    count = 0

    def step(operation: str, path: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            act(operation, path)

    return step


def in_child(work: Callable[[], object], step: Callable[[str, str], None]) -> int:
    """Run the work in a forked process with this ``durable.step``; its exit code (0: it ended by itself)."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            vars(durable)["step"] = step
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
