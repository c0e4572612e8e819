"""The filter lvs_update: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_update
short_description: Decide on the rounds of an update of a cluster
version_added: 0.2.0
description:
  - Without observations it reads the command line, and says which hosts it concerns. With them it says which
    hosts are updated together and in which order, or everything that forbids it.
positional: options, before, observations, needed
options:
  _input:
    description: The plan, from P(lvs_plan#filter).
    type: dict
    required: true
  options:
    description: >-
      The operator's C(what), C(cluster), C(batch), C(resume), C(wait), C(sync_wait), C(reboot_timeout) and
      C(accept), as text or empty.
    type: dict
    required: true
  before:
    description: What an interrupted update has left, as JSON text; empty without one.
    type: str
    default: ""
  observations:
    description: As for P(lvs_compare#filter), of the cluster's directors.
    type: dict
  needed:
    description: The hosts that have something to do.
    type: list
    elements: str
    default: []
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Show the rounds
  ansible.builtin.debug:
    msg: "{{ (__plan | lvs_update({'what': 'reboot'}, '', __observations, ['web1', 'lb1'])).summary }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems), a list of texts. Where it is empty also C(what), C(cluster), C(directors) and C(hosts), and
      with observations C(rounds), C(back), C(locks), C(left), C(keep), C(reason) and C(summary).
  type: dict
"""


def lvs_update(
    plan: Mapping[str, Any],
    options: Mapping[str, Any],
    before: str = "",
    observations: Mapping[str, Any] | None = None,
    needed: list[str] | None = None,
) -> dict[str, Any]:
    """Decide; raises AnsibleFilterError where an observation cannot be read."""
    from lvs_model.observation import from_result
    from lvs_model.problems import ModelError
    from lvs_model.update import asked, update

    plain = json.loads(json.dumps([plan, options, observations, needed or []]))
    accept = plain[1].get("accept") or []
    plain[1]["accept"] = accept.replace(",", " ").split() if isinstance(accept, str) else accept
    try:
        left = json.loads(before) if before else None
    except ValueError as error:
        raise AnsibleFilterError(
            f"what an interrupted update has left is damaged ({error}): forget it with -e resume=false"
        ) from error
    try:
        if plain[2] is None:
            return {"problems": [], **asked(plain[0], plain[1], left)}
        seen = {host: from_result(result) for host, result in plain[2].items()}
        return {"problems": [], **update(plain[0], plain[1], seen, plain[3], left)}
    except ModelError as error:
        return {"problems": [str(problem) for problem in error.problems]}
    except ValueError as error:
        raise AnsibleFilterError(f"an observation cannot be read: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_update": lvs_update}
