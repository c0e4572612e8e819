"""The filter lvs_host_work: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_host_work
short_description: Compare one host with its part of the plan
version_added: 0.1.0
description:
  - What P(lvs_compare#filter) says of all hosts, for one host that has just been changed.
positional: host, result, before, restored
options:
  _input:
    description: The host's part of the plan from P(lvs_plan#filter), C(hosts[host]).
    type: dict
    required: true
  host:
    description: The host's name.
    type: str
    required: true
  result:
    description: What a task with M(lvs_facts) registered on the host.
    type: dict
    required: true
  before:
    description:
      - What such a task registered before the change. Services that had fewer living real servers than their
        minimum already, and have no fewer now, are no difference.
    type: dict
    default: {}
  restored:
    description:
      - The host has gone back to a configuration of former times. Of the plan counts only which engine it
        has. What that engine holds is compared with the kernel, and what differed in the same way before is
        no difference.
    type: bool
    default: false
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Fail unless the host is as planned
  ansible.builtin.assert:
    that: (__plan.hosts[inventory_hostname] | lvs_host_work(inventory_hostname, __seen)).changes == []
"""

RETURN = r"""
_value:
  description: C(changes), what differs as text, empty where nothing does; C(actions), what mends it.
  type: dict
"""


def lvs_host_work(
    planned: Mapping[str, Any],
    host: str,
    result: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
    restored: bool = False,
) -> dict[str, Any]:
    """Compare one host; raises AnsibleFilterError where its observation cannot be read."""
    from lvs_model.compare import host_work
    from lvs_model.observation import from_result
    from lvs_model.restored import restored_work

    plain = json.loads(json.dumps([planned, result, before or {}]))
    judge = restored_work if restored else host_work
    try:
        return judge(plain[0], str(host), from_result(plain[1]), from_result(plain[2]))
    except ValueError as error:
        raise AnsibleFilterError(f"an observation cannot be read: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_host_work": lvs_host_work}
