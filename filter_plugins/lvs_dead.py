"""The filter lvs_dead: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_dead
short_description: Say which of some real servers a director's checks find dead
version_added: 0.2.0
description:
  - Empty where its checks find all of them alive in every service.
positional: director, result, hosts
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  director:
    description: The director's name.
    type: str
    required: true
  result:
    description: What a task with M(lvs_facts) registered on it.
    type: dict
    required: true
  hosts:
    description: The names of the real servers.
    type: list
    elements: str
    required: true
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Wait until web1 is alive again
  lvs_facts: {keepalived: true}
  register: __seen
  until: __plan | lvs_dead(inventory_hostname, __seen, ['web1']) == []
"""

RETURN = r"""
_value:
  description: A text for each service in which one is dead.
  type: list
  elements: str
"""


def lvs_dead(
    plan: Mapping[str, Any], director: str, result: Mapping[str, Any], hosts: list[str]
) -> list[str]:
    """Ask; raises AnsibleFilterError where the observation cannot be read."""
    from lvs_model.observation import from_result
    from lvs_model.update import dead

    plain = json.loads(json.dumps([plan, result, hosts]))
    try:
        return dead(plain[0], str(director), from_result(plain[1]), plain[2])
    except ValueError as error:
        raise AnsibleFilterError(f"an observation cannot be read: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_dead": lvs_dead}
