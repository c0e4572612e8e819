"""What the cluster's pacemaker has, as lvs-pacemaker tells it (roles/pacemaker).

Runs under the managed node's Python 3.9+, standard library only.
"""

from __future__ import annotations

import os
import subprocess

TOOL = "/usr/local/lib/lvs-toolkit/lvs-pacemaker"
#: Seconds that the tool may take: it asks pacemaker once, whose own patience is 20 s.
PATIENCE = 30


def held(problems: list[str], root: str = "/") -> str | None:
    """The JSON text of `lvs-pacemaker held`; None where the tool is not installed.

    ``problems`` gets a line where it could not tell. Changes nothing, needs root.
    """
    tool = os.path.join(root, TOOL.lstrip("/"))
    if not os.path.exists(tool):
        return None
    try:
        done = subprocess.run(
            [tool, "held"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        problems.append(f"lvs-pacemaker: {error}")
        return None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        problems.append(f"lvs-pacemaker: {lines[-1] if lines else f'exit code {done.returncode}'}")
        return None
    return done.stdout
