"""The filter lvs_verdict: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_verdict
short_description: Judge what observations and clients' requests prove of a plan
version_added: 0.1.0
description:
  - Says for every promise of the plan whether it is proven, failed or unproven; one owner a VIP, each
    director's kernel table, who answers ARP, every real server reached, the split between them.
positional: observations, probes
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  observations:
    description: As for P(lvs_compare#filter).
    type: dict
    required: true
  probes:
    description: By probe host, what M(lvs_probe) returned, empty for one that gave no answer.
    type: dict
    required: true
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Show what failed
  ansible.builtin.debug:
    msg: "{{ __plan | lvs_verdict(__observations, __probes) | selectattr('status', 'eq', 'failed') }}"
"""

RETURN = r"""
_value:
  description:
    - Findings, each with C(cluster), C(status) (proven, failed, unproven) and C(text); C(line) is all
      of it as one text.
  type: list
  elements: dict
"""


def lvs_verdict(
    plan: Mapping[str, Any], observations: Mapping[str, Any], probes: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Judge; raises AnsibleFilterError where an observation cannot be read."""
    from lvs_model.observation import from_result
    from lvs_model.verdict import judge

    plain = json.loads(json.dumps([plan, observations, probes]))
    seen = {host: from_result(result) for host, result in plain[1].items()}
    try:
        return judge(plain[0], seen, plain[2])
    except ValueError as error:
        raise AnsibleFilterError(f"an observation cannot be read: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_verdict": lvs_verdict}
