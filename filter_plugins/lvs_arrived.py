"""The filter lvs_arrived: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_arrived
short_description: Say what a director still has, or lacks, after a switchover
version_added: 0.2.0
description:
  - Empty where the director has the VIPs that it shall have, and none of those that it shall not.
positional: result
options:
  _input:
    description: The director's part of C(expected) from P(lvs_switchover#filter).
    type: dict
    required: true
  result:
    description: What a task with M(lvs_facts) registered on it.
    type: dict
    required: true
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Wait until the VIPs are there
  lvs_facts: {}
  register: __seen
  until: __work.expected[inventory_hostname] | lvs_arrived(__seen) == []
"""

RETURN = r"""
_value:
  description: A text for each VIP that is not where it shall be.
  type: list
  elements: str
"""


def lvs_arrived(expected: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """Compare; raises AnsibleFilterError where the observation cannot be read."""
    from lvs_model.observation import from_result
    from lvs_model.switchover import arrived

    plain = json.loads(json.dumps([expected, result]))
    try:
        return arrived(plain[0], from_result(plain[1]))
    except ValueError as error:
        raise AnsibleFilterError(f"an observation cannot be read: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_arrived": lvs_arrived}
