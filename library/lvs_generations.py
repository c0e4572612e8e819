#!/usr/bin/python
"""Ansible module: what a host keeps of its former configurations."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvs_generations
short_description: List the generations of its configuration that a host keeps
description:
  - What M(config_set) has applied here and still keeps. Changes nothing; shows no content.
options:
  state_dir:
    description: Where the toolkit keeps its state.
    type: str
    default: /var/lib/lvs-toolkit
attributes:
  check_mode:
    support: full
    description: It only reads.
author: The LVS toolkit's authors
"""

EXAMPLES = r"""
- name: List what the host keeps
  lvs_generations:
"""

RETURN = r"""
generations:
  description:
    - The generations that took effect, oldest first; the last one holds now. C(generation) is its name,
      C(started) its
      time in UTC, C(stamp) what it was applied with, C(changed) the paths that it changed, C(paths) its
      files, and C(election) a digest of what directors must agree on, null without VRRP.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvs_transaction.history import listing
from ansible.module_utils.lvs_transaction.model import Layout, TransactionError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"state_dir": {"type": "str", "default": "/var/lib/lvs-toolkit"}},
        supports_check_mode=True,
    )
    try:
        found = listing(Layout("/", module.params["state_dir"]))
    except TransactionError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, generations=found)


if __name__ == "__main__":
    main()
