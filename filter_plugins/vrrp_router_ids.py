"""The filter vrrp_router_ids: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: vrrp_router_ids
short_description: Virtual router ids that do not clash, and stay
version_added: 0.1.0
description:
  - Gives every VRRP instance of an inventory a virtual router id from 1 to 255, unique among the instances of
    its address family on its layer-2 segment, over all clusters.
  - Given ids are kept, and two equal ones of a family on a segment are refused. Every other id follows from
    the instance's name, and stays when other instances come and go. Only where two names on a segment have
    the same first choice (1 in 255), or one is given to another, the later name takes a free id instead, and
    only such an id may change when others come or go.
options:
  _input:
    description:
      - By instance (any name that stays, such as C(cluster/instance)) its C(segment), its C(family) (C(ipv4)
        or C(ipv6), default C(ipv4)) and, where it is to be kept, its C(router_id).
    type: dict
    required: true
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Two clusters that share a segment, one of them with an id of its own choice
  ansible.builtin.debug:
    msg: "{{ instances | vrrp_router_ids }}"
  vars:
    instances:
      edge/main: {segment: dc1-v120, router_id: 51}
      edge/main6: {segment: dc1-v120, family: ipv6, router_id: 51}
      mail/main: {segment: dc1-v120}
  # edge/main: 51, edge/main6: 51, mail/main: 239
"""

RETURN = r"""
_value:
  description: By instance its virtual router id, in the order of the input.
  type: dict
"""


def vrrp_router_ids(instances: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Give ids; raises AnsibleFilterError where given ones clash or a segment is full."""
    from lvs_model.refused import RefusedError
    from lvs_model.router_ids import instance_router_ids

    try:
        return instance_router_ids(json.loads(json.dumps(instances)))
    except RefusedError as problem:
        raise AnsibleFilterError(f"vrrp_router_ids: {problem}: {problem.remedy}") from problem
    except (TypeError, AnsibleError) as problem:
        raise AnsibleFilterError(
            f"vrrp_router_ids: the input is no plain data ({problem}): use numbers, texts, lists and mappings"
        ) from problem


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"vrrp_router_ids": vrrp_router_ids}
