"""Documentation of the action lvs_show_status, which runs on the controller only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvs_show_status
short_description: Say how the clusters are
version_added: 0.1.0
description:
  - Compares the plan that the role C(cluster) has compiled with observations of its hosts, and says who owns
    which VIP, what the services do, and what is wrong.
  - Contacts no host and changes none. Give it C(run_once).
options:
  observations:
    description: By host, what a task with M(lvs_facts) registered, failed and unreachable ones included.
    type: dict
    required: true
  format:
    description:
      - V(json) prints the status as one line of JSON, the only line of a run that begins with a brace.
      - V(text) prints nothing; RV(lines) is to be shown.
    type: str
    choices: [text, json]
    default: text
  output:
    description: File to write the JSON to as well; a relative path starts where the playbook was called.
    type: path
    default: ""
attributes:
  check_mode:
    description: Does the same in check mode, since no host is changed.
    support: full
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Say how the clusters are
  lvs_show_status:
    observations: "{{ __lvs_observations }}"
  register: __status
  run_once: true
"""

RETURN = r"""
healthy:
  description: Whether there is no alarm, and no host differs from the plan.
  type: bool
  returned: success
lines:
  description: The status as lines of text, in aligned columns.
  type: list
  elements: str
  returned: success
faults:
  description: Why it is not healthy, one line each.
  type: list
  elements: str
  returned: success
"""
