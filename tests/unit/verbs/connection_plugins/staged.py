"""A connection to hosts that a test has put on a stage: modules are answered, and remembered, and never run.

Everything of a playbook's run is real but the hosts.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = r"""
name: staged
short_description: Answer modules with what a test has prepared
version_added: 0.2.0
description:
  - The environment variable C(LVS_STAGE) names a folder. There C(HOST.json) is what M(lvs_facts) sees on a
    host, and C(HOST.MODULE.json) the answer of another module, C(HOST.MODULE.N.json) that of its Nth call;
    without one it is only changed.
  - A folder C(then.HOST.MODULE) is copied over the stage when that module has been called, and is used up; or
    C(then.HOST.MODULE.N) at the Nth call. A host without C(HOST.json) is unreachable. C(calls) gets a line
    for each call, with the module's arguments.
author: The LVS cluster toolkit's maintainers
extends_documentation_fragment: [connection_pipelining]
"""


class Connection(ConnectionBase):  # type: ignore[misc]
    """One pretended host; modules come through standard input."""

    transport = "staged"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Answer as if the module had run; see ConnectionBase."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        host, stage = str(self._play_context.remote_addr), Path(os.environ["LVS_STAGE"])
        if not (stage / f"{host}.json").exists():
            raise AnsibleConnectionFailure(f"{host} is not on the stage")
        text = (in_data or b"").decode()
        # A module of ansible-core is called by the name of its collection.
        names = re.findall(r"^ansible_module='(?:[\w.]+\.)?(\w+)'", text, re.MULTILINE)
        if not names:
            # No module: a command of Ansible's own.
            return 0, b"", b""
        (params,) = re.findall(r"""^params=(['"].*['"]),$""", text, re.MULTILINE)
        given = json.loads(ast.literal_eval(params))["ANSIBLE_MODULE_ARGS"]
        arguments = {key: value for key, value in given.items() if not key.startswith("_ansible_")}
        call = {"host": host, "module": names[0], "check": given["_ansible_check_mode"], "args": arguments}
        with (stage / "calls").open("a") as file:
            file.write(json.dumps(call) + "\n")
        calls = [json.loads(line) for line in (stage / "calls").read_text().splitlines()]
        number = sum(1 for one in calls if (one["host"], one["module"]) == (host, names[0]))
        answer = self._answer(stage, host, names[0], number)
        numbered = stage / f"then.{host}.{names[0]}.{number}"
        then = numbered if numbered.is_dir() else stage / f"then.{host}.{names[0]}"
        if then.is_dir() and not call["check"]:
            shutil.copytree(then, stage, dirs_exist_ok=True)
            then.rename(stage / f"done.{host}.{names[0]}.{len(list(stage.glob('done.*')))}")
        return 0, json.dumps(answer).encode(), b""

    @staticmethod
    def _answer(stage: Path, host: str, module: str, number: int) -> dict[str, object]:
        if module == "lvs_facts":
            observation = json.loads((stage / f"{host}.json").read_text())
            return {"changed": False, "observation": observation, "problems": []}
        numbered = stage / f"{host}.{module}.{number}.json"
        file = numbered if numbered.exists() else stage / f"{host}.{module}.json"
        answer: dict[str, object] = json.loads(file.read_text()) if file.exists() else {"changed": True}
        return answer

    def put_file(self, in_path: str, out_path: str) -> None:
        """Nothing is there to put it."""

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Nothing is there to fetch."""

    def close(self) -> None:
        """Nothing is open."""
        self._connected = False
