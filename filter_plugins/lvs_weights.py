"""The filter lvs_weights: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_weights
short_description: IPVS weights of a pool of real servers
version_added: 0.1.0
description:
  - Given weights are kept as they are. Capacities, or numbers of CPUs, become the smallest integers that
    split new connections as the capacities say, within a stated error.
  - Weights are never above 65535, and their sum never above the table of the scheduler (sh 256, mh 4093).
    Where that is impossible, the filter fails and says what to do.
options:
  _input:
    description:
      - By real server, one of C(weight) (a whole number), C(capacity) (a number above 0 in any unit, the
        same for all) or C(cpus), the same one of all servers of the pool; where a server says several, the
        first in this order counts that every server says.
      - A server with C(drained=true) gets the weight 0 and need not say anything.
    type: dict
    required: true
  scheduler:
    description: The service's scheduler. One that does not split by weight takes no unequal capacities.
    type: str
    default: wlc
  error:
    description:
      - For capacities and CPUs, by what part of its exact share a server's share may differ; 0.05 is 5 %.
      - A server's exact share is its capacity over the sum of all capacities, its share is its weight over
        the sum of all weights.
    type: float
    default: 0.05
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Two servers of eight cores and one of four
  ansible.builtin.debug:
    msg: "{{ {'web1': {'cpus': 8}, 'web2': {'cpus': 8}, 'web3': {'cpus': 4}} | lvs_weights }}"
  # web1: 2, web2: 2, web3: 1

- name: Requests per second that were measured, one server drained, source hashing
  ansible.builtin.debug:
    msg: "{{ servers | lvs_weights(scheduler='sh', error=0.1) }}"
  vars:
    servers:
      web1: {capacity: 9500}
      web2: {capacity: 4700}
      web3: {capacity: 4700, drained: true}
  # web1: 2, web2: 1, web3: 0
"""

RETURN = r"""
_value:
  description: By real server its IPVS weight, in the order of the input.
  type: dict
"""


def lvs_weights(
    servers: Mapping[str, Mapping[str, Any]], scheduler: str = "wlc", error: float = 0.05
) -> dict[str, int]:
    """Weigh a pool; raises AnsibleFilterError where no weights are sound."""
    from lvs_model.refused import RefusedError
    from lvs_model.weights import pool_weights

    try:
        plain = json.loads(json.dumps([servers, scheduler, error]))
        return pool_weights(plain[0], scheduler=plain[1], error=plain[2])
    except RefusedError as problem:
        raise AnsibleFilterError(f"lvs_weights: {problem}: {problem.remedy}") from problem
    except (TypeError, AnsibleError) as problem:
        raise AnsibleFilterError(
            f"lvs_weights: the input is no plain data ({problem}): use numbers, texts, lists and mappings"
        ) from problem


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_weights": lvs_weights}
