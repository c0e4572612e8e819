"""The filter lvs_drain_work: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_drain_work
short_description: Decide what a drain or a restoration has to do
version_added: 0.1.0
description:
  - Holds what was asked against what the directors say. Where something forbids it (the last healthy real
    server of a pool, a director that was not seen) it returns these problems and nothing to do.
positional: verb, words, observations, operator
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  verb:
    description: What to do.
    type: str
    choices: [drain, restore]
    required: true
  words:
    description: As for P(lvs_drain_asked#filter).
    type: dict
    required: true
  observations:
    description: By director, what a task with M(lvs_facts) registered, failed and unreachable ones included.
    type: dict
    required: true
  operator:
    description: Who asks for it.
    type: str
    required: true
  accept_unreachable:
    description: Unreachable directors without which to go on.
    type: list
    elements: str
    default: []
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Decide
  ansible.builtin.set_fact:
    __work: "{{ __plan | lvs_drain_work('drain', {'host': 'web1'}, {'lb1': __seen}, 'ana') }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems), a list of texts. Where it is empty also the following.
    - C(first), the directors to tell before the others; C(steps), each with its C(percent) of the weight and,
      by director, the C(arguments) of lvs-override; C(every_s), seconds between two of them; C(owners), by
      director that owns VIPs the arguments of C(lvs-override wait); C(wait_s) and C(look_s), seconds to wait
      at most, and for each look; C(changes), whether there is work; C(summary), texts for the operator.
  type: dict
"""


def lvs_drain_work(
    plan: Mapping[str, Any],
    verb: str,
    words: Mapping[str, Any],
    observations: Mapping[str, Any],
    operator: str,
    accept_unreachable: list[str] | str | None = None,
) -> dict[str, Any]:
    """Decide, or say everything that forbids it.

    Raises AnsibleFilterError where an observation cannot be read.
    """
    from lvs_model.drain import work
    from lvs_model.drain_asked import read_asked
    from lvs_model.observation import from_result
    from lvs_model.problems import ModelError

    accepted = accept_unreachable or []
    if isinstance(accepted, str):
        accepted = accepted.replace(",", " ").split()
    try:
        plain = json.loads(json.dumps([plan, words, observations]))
        seen = {host: from_result(result) for host, result in plain[2].items()}
        asked = read_asked(plain[1])
        found = work(verb, plain[0], seen, asked, operator=str(operator), accepted=set(accepted))
    except ModelError as error:
        return {"problems": [str(problem) for problem in error.problems]}
    except ValueError as error:
        raise AnsibleFilterError(f"an observation cannot be read: {error}") from error
    return {"problems": [], **found}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_drain_work": lvs_drain_work}
