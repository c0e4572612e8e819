"""The filter lvs_standing: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_standing
short_description: Say which host has which version where a rollout has stopped
version_added: 0.1.0
description:
  - Turns what M(config_set) returned on each host into lines for the operator, with what to do next.
positional: applied, undone, moved
options:
  _input:
    description: What is to be done, from P(lvs_compare#filter).
    type: dict
    required: true
  applied:
    description: By host, what the task registered that applied its new version.
    type: dict
    required: true
  undone:
    description: By host, what the task registered that took it back.
    type: dict
    required: true
  moved:
    description: Switchovers of this run that were not taken back, as in C(moves) of P(lvs_compare#filter).
    type: list
    elements: dict
    default: []
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Say where it stands
  ansible.builtin.debug:
    msg: "{{ __work | lvs_standing({'lb1': __applied}, {}) }}"
"""

RETURN = r"""
_value:
  description: Lines of text.
  type: list
  elements: str
"""


def lvs_standing(
    work: Mapping[str, Any],
    applied: Mapping[str, Any],
    undone: Mapping[str, Any],
    moved: list[dict[str, Any]] | None = None,
) -> list[str]:
    """Say where it stands."""
    from lvs_model.rollout import standing

    plain, new, back, away = json.loads(json.dumps([work, applied, undone, list(moved or [])]))
    skipped = {host for host, one in back.items() if one.get("skipped")}
    told = {
        host: {"applied": new.get(host), "undone": None if host in skipped else back.get(host)}
        for host in {*new, *back}
    }
    return standing(plain, told, away)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_standing": lvs_standing}
