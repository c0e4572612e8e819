#!/usr/bin/python
"""Ansible module: the lock on a cluster, on one of its directors."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_lock
short_description: Take the lock on a cluster, or give it back, on one of its directors
description:
  - While a run has the lock, another one that wants to change the cluster is refused with its owner,
    controller, time and reason.
  - The action plugin of this name fills in who runs. It takes over the lock of a run of the same controller
    that does not live any more, and says so. A lock of another controller is broken by name only, O(broken).
  - A run takes the lock on all directors in the same order, so that of two exactly one gets it.
options:
  cluster:
    description: The cluster's name.
    type: str
    required: true
  state:
    description: Whether this run shall have it.
    type: str
    choices: [held, released]
    default: held
  reason:
    description: Why; others are told so.
    type: str
    default: ""
  broken:
    description: The name of a run whose lock does not count.
    type: str
  record:
    description: Who takes it. Filled in by the action plugin; what is given here is overwritten.
    type: dict
  state_dir:
    description: Where the toolkit keeps its state on the director. Only root can look into it.
    type: str
    default: /var/lib/lvs-toolkit
attributes:
  check_mode:
    support: full
    description: Neither takes nor gives back anything, and refuses nothing.
author: The LVS toolkit's authors
"""

EXAMPLES = r"""
- name: Take the lock
  cluster_lock:
    cluster: edge
    reason: add web4
    broken: "{{ lvs_break_lock | default(omit) }}"

- name: Give it back
  cluster_lock:
    cluster: edge
    state: released
"""

RETURN = r"""
changed:
  description: Whether the lock of another run was broken. What a run takes it also gives back.
  type: bool
  returned: always
holder:
  description: The record of the other run that has the lock; null if none has.
  type: dict
  returned: always
  sample: {run: 4f1c09ab, operator: ana, controller: ops1, pid: 812, since: 1795400000.0, reason: add web4}
broke:
  description: The record whose lock was broken; null if none was.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvs_cluster_lock import release, take


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
            "reason": {"type": "str", "default": ""},
            "broken": {"type": "str"},
            "record": {"type": "dict"},
            "state_dir": {"type": "str", "default": "/var/lib/lvs-toolkit"},
        },
        supports_check_mode=True,
    )
    given = module.params
    if not given["record"]:
        module.fail_json(msg="record: it is empty; the action plugin of cluster_lock fills it in")
    if module.check_mode:
        module.exit_json(changed=False, holder=None, broke=None)
    try:
        if given["state"] == "held":
            done = take(given["state_dir"], given["cluster"], given["record"], given["broken"])
        else:
            done = release(given["state_dir"], given["cluster"], given["record"]["run"])
    except OSError as error:
        module.fail_json(
            msg=f"the lock on cluster {given['cluster']} cannot be written: {error}. Nothing was touched. "
            f"Mend that (space, rights, a read-only file system) and run again"
        )
    module.exit_json(**done)


if __name__ == "__main__":
    main()
