"""The filter lvs_status_problems: see DOCUMENTATION."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_status_problems
short_description: Say what is wrong with what a status is asked for
version_added: 0.1.0
description:
  - Checks the options of C(playbooks/status.yml), on the controller, before any host is contacted.
positional: output
options:
  _input:
    description: The format, V(text) or V(json).
    type: str
    required: true
  output:
    description: File of the controller that the JSON goes to; empty means that it is only printed.
    type: str
    default: ""
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Fail if there is no such format
  ansible.builtin.assert:
    that: "'json' | lvs_status_problems == []"
"""

RETURN = r"""
_value:
  description: What is wrong, as texts; empty where nothing is.
  type: list
  elements: str
"""


def lvs_status_problems(form: str, output: str = "") -> list[str]:
    """Check; raises nothing."""
    from lvs_model.problems import ModelError
    from lvs_model.status_options import check_options

    try:
        check_options(str(form), str(output))
    except ModelError as error:
        return [str(problem) for problem in error.problems]
    return []


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_status_problems": lvs_status_problems}
