"""The filter ipvs_diff: see DOCUMENTATION."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DOCUMENTATION = r"""
name: ipvs_diff
short_description: Compare the kernel's IPVS table with the planned one
version_added: 0.1.0
description:
  - Says which virtual services and real servers are missing from a kernel's table, which are extra in it
    and which are different, and with which arguments ipvsadm mends each, in this order.
  - The order of options, defaults that are spelt out and the way to write an address make no difference.
    Thresholds are compared only where the kernel's text has some, because C(ipvsadm -S) prints none.
  - A real server that a health check took out is missing for this filter; what is to be in the table is
    for the caller to say.
positional: planned
options:
  _input:
    description: What C(ipvsadm -Sn) printed (with C(-n), numbers).
    type: str
    required: true
  planned:
    description:
      - The table as it is to be, as a text of the same form, or as services by key. A key is C(TCP), C(UDP)
        or C(SCTP) and C(address:port) (C([address]:port) for IPv6), or C(FWM) and a firewall mark (and
        C(IPv6)).
      - A service has a C(scheduler), C(servers) by C(address:port), each with a C(weight) and a C(method)
        (C(dr), C(tun), C(nat)), and both may have C(extra), a list of further words as ipvsadm prints them.
        In the plan of P(lvs_plan#filter) this is C(hosts[name].ipvs).
    type: raw
    required: true
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: See what the kernel has
  ansible.builtin.command: ipvsadm -Sn
  register: kernel
  changed_when: false

- name: Say what differs from the plan
  ansible.builtin.debug:
    msg: "{{ kernel.stdout | ipvs_diff(planned) | map(attribute='text') }}"
  vars:
    planned:
      TCP 192.0.2.10:80:
        scheduler: wrr
        extra: [-p, "300"]
        servers:
          192.0.2.21:80: {weight: 3, method: dr}
          192.0.2.22:80: {weight: 1, method: dr}
"""

RETURN = r"""
_value:
  description:
    - Differences, empty where there are none. Each has a C(kind) (C(missing), C(extra), C(different)), the
      key of its C(service), its real C(server) (null where it is the service itself), a C(text) for people
      and C(fix), the arguments of ipvsadm that mend it.
  type: list
  elements: dict
"""


def ipvs_diff(table: str, planned: str | Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare two tables; raises AnsibleFilterError where one of them is none."""
    from lvs_model.ipvs_table import diff, parse_table, read_table
    from lvs_model.refused import RefusedError

    try:
        plain = json.loads(json.dumps([table, planned]))
        if not isinstance(plain[0], str):
            raise RefusedError("the kernel's table is no text", "give what `ipvsadm -Sn` printed")
        found = parse_table(plain[0])
    except RefusedError as problem:
        raise AnsibleFilterError(f"ipvs_diff: {problem}: {problem.remedy}") from problem
    except (TypeError, AnsibleError) as problem:
        raise AnsibleFilterError(
            f"ipvs_diff: the input is no plain data ({problem}): use numbers, texts, lists and mappings"
        ) from problem
    try:
        wanted = read_table(plain[1])
    except RefusedError as problem:
        raise AnsibleFilterError(f"ipvs_diff: planned: {problem}: {problem.remedy}") from problem
    return [
        {
            "kind": one.kind,
            "service": one.key,
            "server": one.server,
            "text": one.text,
            "fix": list(one.fix),
        }
        for one in diff(wanted, found)
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"ipvs_diff": ipvs_diff}
