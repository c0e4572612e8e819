"""A connection to hosts that do not exist: each answers a module as a test says, and counts it."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = r"""
name: simulated
short_description: Answer modules as a test says
version_added: 0.1.0
description:
  - In the folder of the environment variable C(LVS_SIMULATED) there is one for each host, with a list of
    results for each module, C(MODULE.json); the n-th execution gets the n-th of them, later ones the last.
    A host without a folder is unreachable.
  - Every execution is a line C(MODULE ARGUMENTS) of C(executions) in the host's folder.
author: The LVS cluster toolkit's maintainers
extends_documentation_fragment: [connection_pipelining]
"""

_MODULE = re.compile(rb"^\s*ansible_module=(?P<name>.+),$", re.MULTILINE)
_PARAMS = re.compile(rb"^\s*params=(?P<text>.+),$", re.MULTILINE)


class Connection(ConnectionBase):  # type: ignore[misc]
    """One simulated host; modules come through standard input, and nothing else does."""

    transport = "simulated"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._folder = Path(os.environ["LVS_SIMULATED"]) / str(self._play_context.remote_addr)
        if not self._folder.is_dir():
            raise AnsibleConnectionFailure(f"no route to {self._folder.name}")
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Answer as if the module had run; see ConnectionBase."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        self._connect()
        module, arguments = _asked(in_data or b"")
        log = self._folder / "executions"
        before = log.read_text().splitlines() if log.exists() else []
        with log.open("a") as stream:
            stream.write(f"{module} {json.dumps(arguments)}\n")
        answers: list[dict[str, Any]] = json.loads((self._folder / f"{module}.json").read_text())
        count = sum(1 for line in before if line.split(" ", 1)[0] == module)
        result = answers[min(count, len(answers) - 1)]
        return int(bool(result.get("failed"))), json.dumps(result).encode(), b""

    def put_file(self, in_path: str, out_path: str) -> None:
        """Refused: a verb transfers nothing."""
        raise AnsibleConnectionFailure(f"{in_path}: simulated hosts take no files")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Refused, likewise."""
        raise AnsibleConnectionFailure(f"{in_path}: simulated hosts have no files")

    def close(self) -> None:
        """Nothing is open."""
        self._connected = False


def _asked(sent: bytes) -> tuple[str, dict[str, Any]]:
    """The module that Ansible has wrapped, and its arguments."""
    name, params = _MODULE.search(sent), _PARAMS.search(sent)
    if name is None or params is None:
        raise AnsibleConnectionFailure("something else than a module was to be executed")
    text = ast.literal_eval(params["text"].decode())
    given = json.loads(text)
    arguments = given.get("ANSIBLE_MODULE_ARGS", given)
    # A module of ansible-core is called by the name of its collection.
    plain = str(ast.literal_eval(name["name"].decode())).rsplit(".", 1)[-1]
    return plain, {key: value for key, value in arguments.items() if not key.startswith("_ansible")}
