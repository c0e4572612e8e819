"""The filter lvs_plan: see DOCUMENTATION."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: lvs_plan
short_description: Compile an inventory into the plan of its LVS clusters
version_added: 0.1.0
description:
  - Validates every cluster document (C(lvs_cluster)) and every host's C(lvs_*) variables, and compiles
    them into what each host must look like, down to the final bytes of its files.
  - Contacts no host. Problems do not raise an error; they are returned, all at once, each with its path
    and what to do, and then there is no plan.
positional: groups, teardown, words
options:
  _input:
    description: The magic variable C(hostvars).
    type: dict
    required: true
  groups:
    description: The magic variable C(groups).
    type: dict
    required: true
  teardown:
    description:
      - Names of clusters of which nothing is to be left, with commas or blanks between them. Only their hosts
        are in the plan then, and they hold nothing in it.
      - False plans what the inventory says.
    type: raw
    default: false
  words:
    description:
      - Variables that a verb reads from the command line. One that the inventory gives to a host is a
        problem, since it would decide without having been asked; unless the command line gives it, too.
    type: list
    elements: str
    default: []
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Show the VIPs of a cluster
  ansible.builtin.debug:
    msg: "{{ (hostvars | lvs_plan(groups)).clusters.edge.vips }}"
  run_once: true
"""

RETURN = r"""
_value:
  description:
    - C(problems), a list of texts. Where it is empty also the plan, with C(clusters), C(hosts) and C(probes)
      by name, C(warnings), a list of texts, and C(summary), the clusters in a few lines of text.
  type: dict
"""


def lvs_plan(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, list[str]],
    teardown: str | Literal[False] = False,
    words: list[str] | None = None,
) -> dict[str, Any]:
    """Compile the plan, or say every problem of document and inventory; raises nothing."""
    from lvs_ansible.hostvars import planned

    names = None if teardown is False else str(teardown).replace(",", " ").split()
    return planned(hostvars, groups, names, [str(word) for word in words or ()])


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"lvs_plan": lvs_plan}
