#!/usr/bin/python
"""Ansible module: put a director behind others in keepalived's elections, or where it belongs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvs_demotion
short_description: Let a director give its VIPs away, and stay behind the new owner
description:
  - Writes numbers into the files that keepalived tracks (roles/keepalived). Each is added to the director's
    priority in an election. No daemon is stopped, and the IPVS table goes on forwarding.
  - An owner leaves the elections first, waits until its VIPs are gone and the peer has announced itself, and
    comes back with the number that it shall have. If they do not go, all is put back and the module fails.
  - What is to last is recorded in C(/var/lib/lvs-toolkit/overrides/demoted.json), before it takes effect.
options:
  places:
    description: By tracked file the number that it shall hold in the end, from -253 to 0.
    type: dict
    required: true
  covers:
    description: By tracked file the names of the instances that it moves, for the record.
    type: dict
    default: {}
  give_up:
    description: Addresses that the director must have given away before; it does not wait for others.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: A VIP, or the anchor of an election.
        type: str
        required: true
      interface:
        description: The interface on which an owner has it.
        type: str
        required: true
  lasting:
    description: Whether the numbers are recorded, so that they hold over restarts and reboots.
    type: bool
    default: true
  linger_s:
    description: Seconds that a peer needs to announce itself once the VIPs are gone.
    type: float
    default: 1.0
  patience_s:
    description: Seconds within which the VIPs must be gone.
    type: float
    default: 10.0
  reason:
    description: Why; recorded.
    type: str
    default: ""
  operator:
    description: Who; recorded.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Says whether anything would change, and changes nothing.
author: The LVS cluster toolkit
"""

EXAMPLES = r"""
- name: Give the VIPs to the peer, and stay behind it
  lvs_demotion:
    places: {/run/lvs-toolkit.demoted.VI_edge: -55}
    covers: {/run/lvs-toolkit.demoted.VI_edge: [edge]}
    give_up:
      - {address: 192.0.2.10, interface: eth0}
    linger_s: 0.91
    reason: new kernel
    operator: ana

- name: Take part in the election as before
  lvs_demotion:
    places: {/run/lvs-toolkit.demoted.VI_edge: 0}
"""

RETURN = r"""
gone_s:
  description: Seconds until the director had no VIP of them any more; null where it had none.
  returned: success
  type: float
  sample: 0.11
record:
  description: What is recorded now; null where nothing is.
  returned: success
  type: dict
"""

import json
import signal
import sys

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvs_demotion import DemotionError, Director, Request, demote

_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> None:
    """Run the module."""
    # A terminal that goes with the controller must not leave a director outside its elections; whoever ends
    # this process on purpose has it put everything back.
    signal.signal(signal.SIGHUP, lambda _signal, _frame: None)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(1))
    address = {
        "address": {"type": "str", "required": True},
        "interface": {"type": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "places": {"type": "dict", "required": True},
            "covers": {"type": "dict", "default": {}},
            "give_up": {"type": "list", "elements": "dict", "default": [], "options": address},
            "lasting": {"type": "bool", "default": True},
            "linger_s": {"type": "float", "default": 1.0},
            "patience_s": {"type": "float", "default": 10.0},
            "reason": {"type": "str", "default": ""},
            "operator": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )

    def addresses() -> set[tuple[str, str]]:
        _, out, _ = module.run_command(
            ["ip", "-j", "address"], check_rc=True, environ_update={"LC_ALL": "C", "PATH": _PATHS}
        )
        return {
            (entry["local"], link["ifname"])
            for link in json.loads(out)
            for entry in link.get("addr_info", [])
            if "local" in entry
        }

    wanted = dict(module.params)
    try:
        wanted["places"] = {file: int(value) for file, value in wanted["places"].items()}
    except (TypeError, ValueError) as error:
        module.fail_json(msg=f"places: {error}: give a whole number for each file")
    if bad := [file for file, value in wanted["places"].items() if not -253 <= value <= 0]:
        module.fail_json(msg=f"places: {bad[0]}: {wanted['places'][bad[0]]} is not from -253 to 0")
    wanted["give_up"] = [(one["address"], one["interface"]) for one in wanted["give_up"]]
    try:
        outcome = demote(Director(addresses), Request(**wanted), check_mode=module.check_mode)
    except DemotionError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=outcome.changed, gone_s=outcome.gone_s, record=outcome.record)


if __name__ == "__main__":
    main()
