"""The filter lvs_drain_asked: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_drain_asked
short_description: Check what an operator wants to drain or restore
version_added: 0.1.0
description:
  - Holds the words of the command line against the plan, before any host is contacted.
positional: words
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  words:
    description:
      - C(host), C(service), C(reason), C(expires), C(wait), C(force), C(steps), C(every) and
        C(only_own) as the operator
        gave them; what is missing or empty has its default.
    type: dict
    required: true
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Fail if there is no such real server
  ansible.builtin.assert:
    that: (__plan | lvs_drain_asked({'host': 'web1'})).problems == []
"""

RETURN = r"""
_value:
  description:
    - C(problems), a list of texts; C(directors), those of the clusters in which the real server is, empty
      where there are problems.
  type: dict
"""


def lvs_drain_asked(plan: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """Check the words; what is wrong with them is data."""
    from lvs_model.drain_asked import concerned, directors_of, read_asked
    from lvs_model.problems import ModelError

    plain = json.loads(json.dumps([plan, words]))
    try:
        clusters = concerned(plain[0], read_asked(plain[1]))
    except ModelError as error:
        return {"problems": [str(problem) for problem in error.problems], "directors": []}
    return {"problems": [], "directors": directors_of(plain[0], clusters)}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_drain_asked": lvs_drain_asked}
