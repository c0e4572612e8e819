"""The filter vrrp_timing: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: vrrp_timing
short_description: How long VRRP takes to notice a failure and to take over
version_added: 0.1.0
description:
  - Says for every director how long it needs in theory to take over when it is the next in line, at best
    and at worst, from a master that crashed and from one that says it leaves.
  - RFC 5798 for version 3, whose skew follows the advert interval; RFC 3768 for version 2, whose skew is a
    part of a second and whose interval is whole seconds. Real times add the timers' jitter.
options:
  _input:
    description: By director its effective priority, 1 to 254, with all trackers counted.
    type: dict
    required: true
  advert_interval:
    description: Seconds between two adverts; version 3 0.01 to 40.95, version 2 whole seconds.
    type: float
    default: 1.0
  version:
    description: VRRP's version.
    type: int
    choices: [2, 3]
    default: 3
  down_timer_adverts:
    description: Adverts that a backup misses before it takes over, as in keepalived.conf(5).
    type: int
    default: 3
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: A pair with an advert each second
  ansible.builtin.debug:
    msg: "{{ {'lb1': 200, 'lb2': 150} | vrrp_timing }}"

- name: Fail if a crash can cost more than a second
  ansible.builtin.assert:
    that: (['lb1', 'lb2'] | vrrp_priorities | vrrp_timing(advert_interval=0.25)).lb2.crash_worst_s < 1
"""

RETURN = r"""
_value:
  description:
    - By director, in falling priority, its C(priority) and times in seconds. C(skew_s); C(master_down_s), the
      silence after which it holds the master for dead; C(crash_best_s) and C(crash_worst_s), from a crash
      to the takeover; C(orderly_s), the same where the master says that it leaves.
  type: dict
"""


def vrrp_timing(
    priorities: Mapping[str, int],
    advert_interval: float = 1.0,
    version: int = 3,
    down_timer_adverts: int = 3,
) -> dict[str, dict[str, float]]:
    """Compute the times; raises AnsibleFilterError for what VRRP has not."""
    from lvs_model.refused import RefusedError
    from lvs_model.timing import takeover_times

    options = {
        "advert_interval": advert_interval,
        "version": version,
        "down_timer_adverts": down_timer_adverts,
    }
    try:
        plain = json.loads(json.dumps([priorities, options]))
        return takeover_times(plain[0], **plain[1])
    except RefusedError as problem:
        raise AnsibleFilterError(f"vrrp_timing: {problem}: {problem.remedy}") from problem
    except (TypeError, AnsibleError) as problem:
        raise AnsibleFilterError(
            f"vrrp_timing: the input is no plain data ({problem}): use numbers, texts, lists and mappings"
        ) from problem


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"vrrp_timing": vrrp_timing}
