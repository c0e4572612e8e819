"""The filter lvs_batch_lost: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_batch_lost
short_description: Say which real servers of a batch do not serve any more
version_added: 0.1.0
description:
  - Looks at what directors' checks find after a batch of real servers was changed.
positional: work, batch, results
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  work:
    description: What is to be done, from P(lvs_compare#filter).
    type: dict
    required: true
  batch:
    description: The hosts of the batch.
    type: list
    elements: str
    required: true
  results:
    description: By director, what a task with M(lvs_facts) registered.
    type: dict
    required: true
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Fail if servers were lost
  ansible.builtin.assert:
    that: "(__plan | lvs_batch_lost(__work, ansible_play_batch, {'lb1': __checks})) == []"
"""

RETURN = r"""
_value:
  description: Lines of text, none where all of them serve.
  type: list
  elements: str
"""


def lvs_batch_lost(
    plan: Mapping[str, Any], work: Mapping[str, Any], batch: list[str], results: Mapping[str, Any]
) -> list[str]:
    """Say which real servers do not serve any more."""
    from lvs_model.batches import lost
    from lvs_model.observation import from_result

    plans, todo, hosts, told = json.loads(json.dumps([plan, work, batch, results]))
    return lost(plans, todo, hosts, {host: from_result(result) for host, result in told.items()})


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_batch_lost": lvs_batch_lost}
