"""ansible-playbook whose controller waits for nothing: pauses and delays between tries take a moment.

Playbooks on pretended hosts wait for checks and elections that are none. Everything else is as ever; modules
are processes of their own and wait as they do. Run as ``python tests/unit/hasty.py`` with the arguments of
ansible-playbook, in the project's tree.
"""

from __future__ import annotations

import time

from ansible.cli.playbook import main

MOMENT_S = 0.02
_sleep = time.sleep


def hasty_sleep(seconds: float) -> None:
    """Ansible's own polls are shorter than a moment, and stay what they are."""
    _sleep(min(seconds, MOMENT_S))


if __name__ == "__main__":
    time.sleep = hasty_sleep
    main()
