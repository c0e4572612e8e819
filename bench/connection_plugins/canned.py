"""A connection to hosts that do not exist: each answers any command with a file's content.

Everything of a run is real but the way to the hosts: ssh's own CPU time is not in the figures.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = r"""
name: canned
short_description: Answer every command with the content of a file
version_added: 0.1.0
description:
  - For the benchmark of the controller. A host's answer is the file C(HOST.json) in the folder that the
    environment variable C(LVS_BENCH_ANSWERS) names.
author: The LVS cluster toolkit's maintainers
extends_documentation_fragment: [connection_pipelining]
"""


class Connection(ConnectionBase):  # type: ignore[misc]
    """One simulated host; files are never transferred, modules come through standard input."""

    transport = "canned"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Answer as if the module had run; see ConnectionBase."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        host = str(self._play_context.remote_addr)
        return 0, (Path(os.environ["LVS_BENCH_ANSWERS"]) / f"{host}.json").read_bytes(), b""

    def put_file(self, in_path: str, out_path: str) -> None:
        """Refused: a converged run transfers nothing."""
        raise AnsibleConnectionFailure(f"{in_path}: simulated hosts take no files")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Refused, likewise."""
        raise AnsibleConnectionFailure(f"{in_path}: simulated hosts have no files")

    def close(self) -> None:
        """Nothing is open."""
        self._connected = False
