"""The filter lvs_switchover: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_switchover
short_description: Decide how the VIPs go to another director in order
version_added: 0.2.0
description:
  - Without observations it reads the command line, and says whom a switchover concerns. With them it says
    what each director has to do, or everything that forbids it.
positional: to, instance, observations
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  to:
    description: The director that shall have the VIPs.
    type: str
    required: true
  instance:
    description: Only this instance's VIPs, and those of its sync group. Empty means all of that director.
    type: str
    default: ""
  observations:
    description: As for P(lvs_compare#filter), of the cluster's directors.
    type: dict
  force:
    description:
      - Accept connections that the target does not know, and servers that only its checks find dead. Without
        observations the word of the command line.
    type: bool
    default: false
  accept:
    description: Unreachable directors without which to go on.
    type: list
    elements: str
    default: []
  reason:
    description: Why; recorded on a director that stays demoted.
    type: str
    default: ""
  operator:
    description: Who; recorded likewise.
    type: str
    default: ""
  changing:
    description: Directors that a deployment changes afterwards, so that their configuration is a former one.
    type: list
    elements: str
    default: []
  wait:
    description: Without observations, the word of the command line that says how long to wait.
    type: str
    default: "0"
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Fail where lb2 must not take over now
  ansible.builtin.assert:
    that: (__plan | lvs_switchover('lb2', '', __observations)).problems == []
"""

RETURN = r"""
_value:
  description:
    - C(problems), a list of texts. Where it is empty also C(cluster), C(directors) and C(instances); without
      observations C(force), a boolean, and C(wait_s), seconds; with observations C(before), C(leave) and
      C(after) by host, C(expected) by host, C(moves), C(changes), C(settle_s) and C(summary).
  type: dict
"""


def lvs_switchover(  # noqa: PLR0913, PLR0917 - as the verb has them
    plan: Mapping[str, Any],
    to: str | None,
    instance: str | None = "",
    observations: Mapping[str, Any] | None = None,
    force: bool | str = False,
    accept: list[str] | str | None = None,
    reason: str = "",
    operator: str = "",
    changing: list[str] | None = None,
    wait: str | int = "0",
) -> dict[str, Any]:
    """Decide; raises AnsibleFilterError where an observation cannot be read."""
    from lvs_model.observation import from_result
    from lvs_model.problems import ModelError
    from lvs_model.switchover import asked, read_words, switchover

    accepted = accept or []
    if isinstance(accepted, str):
        accepted = accepted.replace(",", " ").split()
    options = {"force": force, "accept": accepted, "reason": reason, "operator": operator}
    options["changing"] = list(changing or [])
    plain = json.loads(json.dumps([plan, observations, to or None, instance or None]))
    try:
        if plain[1] is None:
            words = read_words({"force": force, "wait": wait})
            return {"problems": [], **asked(plain[0], plain[2], plain[3]), **words}
        seen = {host: from_result(result) for host, result in plain[1].items()}
        return {"problems": [], **switchover(plain[0], seen, plain[2], plain[3], options)}
    except ModelError as error:
        return {"problems": [str(problem) for problem in error.problems]}
    except ValueError as error:
        raise AnsibleFilterError(f"an observation cannot be read: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_switchover": lvs_switchover}
