"""The filter vrrp_priorities: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: vrrp_priorities
short_description: VRRP priorities that let failures flip and never flap
version_added: 0.1.0
description:
  - Gives every director of a VRRP instance a priority from 1 to 254, falling in the order of preference,
    with skew times that lie further apart than the timers' jitter.
  - With weighted trackers (C(track_script), C(track_process), C(track_file), C(track_interface) of
    keepalived.conf(5)) it spaces them so that a director with a failed tracker never keeps the VIPs while
    a healthy one exists, and no sum of weights is cut off. Where no priorities do that, it fails and
    says why.
positional: given
options:
  _input:
    description: The directors' names in order of preference.
    type: list
    elements: str
    required: true
  given:
    description: Priorities to keep, by director.
    type: dict
    default: {}
  trackers:
    description:
      - The weights of what each director tracks, -253 to 253. A failed one of weight 0 takes its director out
        of the election, a failed negative one lowers its priority, a good positive one raises it.
    type: list
    elements: int
    default: []
  failback:
    description: Whether a better director takes the VIPs from a living one (no C(nopreempt)).
    type: bool
    default: true
  sync_group:
    description: Whether the instance is in a sync group, where keepalived drops weights.
    type: bool
    default: false
  advert_interval:
    description: Seconds between two adverts.
    type: float
    default: 1.0
  jitter:
    description: Seconds by which timers of these machines are late under load.
    type: float
    default: 0.004
  version:
    description: VRRP's version.
    type: int
    choices: [2, 3]
    default: 3
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Three directors
  ansible.builtin.debug:
    msg: "{{ ['lb1', 'lb2', 'lb3'] | vrrp_priorities }}"
  # lb1: 200, lb2: 150, lb3: 100

- name: Two directors with a process check of weight -60, adverts every quarter of a second
  ansible.builtin.debug:
    msg: "{{ ['lb1', 'lb2'] | vrrp_priorities(trackers=[-60], advert_interval=0.25) }}"
  # lb1: 200, lb2: 182
"""

RETURN = r"""
_value:
  description: By director its priority, in the order of the input.
  type: dict
"""


def vrrp_priorities(  # noqa: PLR0913 - each is an option of the filter
    directors: Sequence[str],
    given: Mapping[str, int] | None = None,
    *,
    trackers: Sequence[int] = (),
    failback: bool = True,
    sync_group: bool = False,
    advert_interval: float = 1.0,
    jitter: float = 0.004,
    version: int = 3,
) -> dict[str, int]:
    """Space the priorities; raises AnsibleFilterError where none are sound."""
    from lvs_model.refused import RefusedError
    from lvs_model.vrrp import priorities

    try:
        names, kept, weights, options = json.loads(
            json.dumps(
                [
                    directors,
                    given or {},
                    trackers,
                    {
                        "failback": failback,
                        "sync_group": sync_group,
                        "advert_interval": advert_interval,
                        "jitter_s": jitter,
                        "version": version,
                    },
                ]
            )
        )
        return priorities(names, kept, trackers=weights, **options)
    except RefusedError as problem:
        raise AnsibleFilterError(f"vrrp_priorities: {problem}: {problem.remedy}") from problem
    except (TypeError, AnsibleError) as problem:
        raise AnsibleFilterError(
            f"vrrp_priorities: the input is no plain data ({problem}): use numbers, texts, lists and mappings"
        ) from problem


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"vrrp_priorities": vrrp_priorities}
