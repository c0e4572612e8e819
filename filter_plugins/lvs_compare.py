"""The filter lvs_compare: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_compare
short_description: Compare the plan with what was observed on all hosts
version_added: 0.1.0
description:
  - Decides for all hosts at once what a deployment has to do, and in which order.
  - Where something forbids to act (an unreachable director, a kernel without IPVS, a pool below its
    minimum) it returns all these problems and nothing to do.
positional: observations
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  observations:
    description:
      - By host, what a task with M(lvs_facts) registered, failed and unreachable ones included.
    type: dict
    required: true
  accept_unreachable:
    description: Unreachable directors without which to go on.
    type: list
    elements: str
    default: []
  switchover:
    description: Whether owners of VIPs give them to another director before a change of themselves.
    type: str
    choices: [when_needed, required, never]
    default: when_needed
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Fail where a director is not as planned
  ansible.builtin.assert:
    that: "(__plan | lvs_compare({'lb1': __seen.observation})).hosts == {}"
"""

RETURN = r"""
_value:
  description:
    - C(problems), a list of texts. Where it is empty also the following.
    - C(hosts) gives by host that differs its C(changes) as text and what mends them; C(expand),
      C(retire), C(expand_later), C(directors), C(leave), C(begin) and C(contract) are the hosts of each
      step in order; C(owners) are those of the directors that have given their VIPs away by C(moves) when
      their turn comes, C(moving) all directors that this concerns, in C(moving_batches); C(again) are the
      hosts to observe once more afterwards, after C(settle_s) seconds; C(unreachable), C(skipped) (of these
      the ones that were not accepted) and C(summary) are for the operator. C(classes) are the kinds of
      change by host, C(digest) names what would be done, C(locks) are the clusters to lock by director, and
      C(run) is the name of this run.
  type: dict
"""


def lvs_compare(
    plan: Mapping[str, Any],
    observations: Mapping[str, Any],
    accept_unreachable: list[str] | str | None = None,
    switchover: str = "when_needed",
) -> dict[str, Any]:
    """Compare, or say everything that forbids to act.

    Raises AnsibleFilterError where an observation cannot be read.
    """
    from lvs_ansible.run_identity import this_run
    from lvs_model.compare import compare
    from lvs_model.observation import from_result
    from lvs_model.problems import ModelError

    accepted = accept_unreachable or []
    if isinstance(accepted, str):
        accepted = accepted.replace(",", " ").split()
    try:
        plain = json.loads(json.dumps([plan, observations]))
        seen = {host: from_result(result) for host, result in plain[1].items()}
        work = compare(plain[0], seen, accepted, str(switchover))
    except ModelError as error:
        return {"problems": [str(problem) for problem in error.problems]}
    except ValueError as error:
        raise AnsibleFilterError(f"an observation cannot be read: {error}") from error
    return {"problems": [], "run": this_run().run, **work}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_compare": lvs_compare}
