"""The filter lvs_rollback: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_rollback
short_description: Decide which hosts go back to which kept generation, and how
version_added: 0.1.0
description:
  - Checks what an operator has asked for, lists what hosts keep, and says who goes back to what, and when.
  - Where something forbids it, it returns all these problems and nothing to do.
positional: results
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  results:
    description: By host, what a task with M(lvs_generations) registered; without it only C(asked) is told.
    type: dict
  host:
    description: The one host that shall go back.
    type: str
    default: ""
  cluster:
    description: The cluster whose hosts shall go back.
    type: str
    default: ""
  generation:
    description: A generation's number, for one host; C(previous); or the name of a run. Empty lists only.
    type: str
    default: ""
  accept_unreachable:
    description: Unreachable hosts without which to go on.
    type: list
    elements: str
    default: []
  observations:
    description: By director that is meant, what a task with M(lvs_facts) registered.
    type: dict
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Decide
  ansible.builtin.set_fact:
    __work: "{{ __plan | lvs_rollback(__kept, cluster='edge', generation='previous') }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems), a list of texts; C(asked), the hosts that are meant; C(run), the name of this run.
      With results and without problems also C(targets) (generation by host), and what
      P(lvs_compare#filter) returns for the plays and roles of a deployment, which take hosts back.
  type: dict
"""


def lvs_rollback(
    plan: Mapping[str, Any],
    results: Mapping[str, Any] | None = None,
    host: str = "",
    cluster: str = "",
    generation: object = "",
    accept_unreachable: list[str] | str | None = None,
    observations: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Decide, or say everything that forbids it."""
    from lvs_ansible.run_identity import this_run
    from lvs_model.observation import from_result
    from lvs_model.problems import ModelError
    from lvs_model.rollback import asked_hosts, rollback

    accepted = accept_unreachable or []
    if isinstance(accepted, str):
        accepted = accepted.replace(",", " ").split()
    plain, told, looks = json.loads(json.dumps([plan, results or {}, observations or {}]))
    seen = {name: from_result(look) for name, look in looks.items()}
    found: dict[str, Any] = {"problems": [], "asked": [], "run": this_run().run}
    try:
        found["asked"] = asked_hosts(plain, str(host), str(cluster))
        if results is not None:
            failed = {name: one["msg"] for name, one in told.items() if one.get("failed") and one.get("msg")}
            if failed:
                return found | {"problems": [f"host {name}: {why}" for name, why in failed.items()]}
            found |= rollback(plain, told, str(generation), accepted, seen)
    except ModelError as error:
        return found | {"problems": [str(problem) for problem in error.problems]}
    return found


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_rollback": lvs_rollback}
