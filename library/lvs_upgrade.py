#!/usr/bin/python
"""Ansible module: upgrade all packages of a node, also those that the toolkit holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvs_upgrade
short_description: Upgrade a node's packages, and those that the toolkit holds
description:
  - Reads the package lists anew and says which packages could be upgraded (apt-get(8), upgrade); with O(look)
    set to false it upgrades them, and fails where one stays as it was. New dependencies come, such as
    a new kernel; nothing is removed. Changed configuration files stay as they are.
  - Packages that the toolkit holds (its record is C(/var/lib/lvs-toolkit/held)) are released for it, and held
    again in any case. Others' holds stay.
options:
  look:
    description: Only say what could be upgraded.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another one's lock of apt.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
    description: As with O(look).
author: The LVS cluster toolkit
"""

EXAMPLES = r"""
- name: Find out whether there is anything to do
  lvs_upgrade:
    look: true
  register: __found

- name: Upgrade
  lvs_upgrade:
"""

RETURN = r"""
upgradable:
  description: Names of the packages that could be upgraded, or were, sorted.
  returned: success
  type: list
  elements: str
  sample: [keepalived, libssl3t64]
held:
  description: Of the packages those that the toolkit holds.
  returned: success
  type: list
  elements: str
"""

import os
import re
import time
from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule

RECORD = "/var/lib/lvs-toolkit/held"
_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {
    "LC_ALL": "C",
    "PATH": _PATHS,
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
}
# dpkg(1): what an administrator has changed stays, and a new default comes where nobody has.
_KEEP = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
_INST = re.compile(r"^Inst (\S+) \[", re.MULTILINE)

#: Runs a command that must succeed; its output. Raises Failure.
Run = Callable[[list[str]], str]
_BETWEEN_S = 2


class Failure(Exception):  # noqa: N818 -- a line for the operator
    """A command that has failed, and what it has said."""


def held_by_us(run: Run, record: str = RECORD) -> list[str]:
    """Return the installed packages that are on the toolkit's record, sorted.

    Whether they are held or not: a run that was killed in its middle has left them so.
    """
    if not os.path.exists(record):
        return []
    with open(record, encoding="utf-8") as file:
        ours = set(file.read().split())
    lines = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n"]).splitlines()
    return sorted(ours & {line.split()[0] for line in lines if line.endswith(" installed")})


def command(held: list[str], options: list[str]) -> list[str]:
    """Return what upgrades everything, and what simulates it: one and the same, or they would not agree.

    New dependencies may come, without which there would be no new kernel (apt-get(8), --with-new-pkgs);
    nothing is removed. A package that is held is upgraded where it is named.
    """
    return ["apt-get", *options, "--with-new-pkgs", "upgrade", *held]


def upgradable(run: Run, held: list[str]) -> list[str]:
    """Return the packages that an upgrade would change."""
    return sorted(set(_INST.findall(run(command(held, ["-s"])))))


def mark(run: Run, verb: str, held: list[str], tries: int, sleep: Callable[[float], None]) -> None:
    """Hold or unhold packages.

    apt-mark waits for nobody who is busy with dpkg's database, as apt-get does. Raises Failure.
    """
    for left in reversed(range(max(1, tries) if held else 0)):
        try:
            run(["apt-mark", verb, *held])
            return
        except Failure:
            if not left:
                raise
            sleep(_BETWEEN_S)


def upgrade(
    run: Run, held: list[str], lock_timeout: int, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Upgrade everything, and return what could be upgraded still.

    What is held is held again whatever happens. Others' locks are waited for, ``lock_timeout`` seconds each
    time. Raises Failure.
    """
    tries = lock_timeout // _BETWEEN_S
    mark(run, "unhold", held, tries, sleep)
    try:
        run(command(held, ["-y", "-q", *_waiting(lock_timeout), *_KEEP]))
    finally:
        mark(run, "hold", held, tries, sleep)
    return upgradable(run, held)


def _waiting(lock_timeout: int) -> list[str]:
    return ["-o", f"DPkg::Lock::Timeout={lock_timeout}"]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "look": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )

    def run(argv: list[str]) -> str:
        code, out, err = module.run_command(argv, environ_update=_ENVIRONMENT)
        if code:
            raise Failure(f"{' '.join(argv[:3])}: exit code {code}: {(err or out).strip()[-1000:]}")
        return str(out)

    try:
        run(["apt-get", "-q", *_waiting(module.params["lock_timeout"]), "update"])
        held = held_by_us(run)
        found = upgradable(run, held)
        look = module.params["look"] or module.check_mode
        left = upgrade(run, held, module.params["lock_timeout"]) if found and not look else []
    except Failure as failure:
        module.fail_json(msg=str(failure))
    if left:
        # The next run would find them again, and move the VIPs for nothing.
        module.fail_json(
            msg=f"the upgrade has left {', '.join(left)} as it was: apt-get upgrade there says why",
            changed=True,
        )
    module.exit_json(changed=bool(found) and not module.params["look"], upgradable=found, held=held)


if __name__ == "__main__":
    main()
