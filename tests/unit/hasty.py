"""ansible-playbook whose controller waits for nothing: pauses and delays between tries take a moment.

Playbooks on pretended hosts wait for checks and elections that are none. Everything else is as ever; modules
are processes of their own and wait as they do. Run as ``python tests/unit/hasty.py`` with the arguments of
ansible-playbook, in the project's tree.
"""

from __future__ import annotations

import pkgutil
import sys
import time
from importlib import import_module
from pathlib import Path

from ansible.cli.playbook import main

MOMENT_S = 0.02
_sleep = time.sleep


def hasty_sleep(seconds: float) -> None:
    """Ansible's own polls are shorter than a moment, and stay what they are."""
    _sleep(min(seconds, MOMENT_S))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    # Each task's worker is a fork, and would import all of it again.
    for module in pkgutil.walk_packages(import_module("lvs_model").__path__, "lvs_model."):
        import_module(module.name)
    vars(time)["sleep"] = hasty_sleep
    main()
