"""Ask whether the lab's guest is up, and take it down, through the lab's own command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

__all__ = ["guest_is_up", "take_guest_down"]


def guest_is_up(root: Path) -> bool:
    """Whether the lab is up now, so that whoever has it up keeps it. One that cannot say so is not up."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", "status", "--json"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return bool(json.loads(done.stdout)["host"]["state"] == "up")
    except (ValueError, KeyError, TypeError):
        return False


def take_guest_down(root: Path) -> None:
    """Take nodes and guest away; a failure is printed by the lab itself and changes no test's result."""
    subprocess.run([sys.executable, "-m", "lab", "down"], cwd=root, check=False)
