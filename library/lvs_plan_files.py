"""Documentation of the action lvs_plan_files, which runs on the controller only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvs_plan_files
short_description: Write what each host would get as files on the controller
version_added: 0.1.0
description:
  - Compiles the plan of every cluster of the inventory, as the filter P(lvs_plan#filter) does, and writes the
    files of each host below O(directory), as C(HOST/ABSOLUTE/PATH/ON/THE/HOST).
  - The whole directory is replaced at once, and only if it is empty, missing or one that this action has
    written. The same inventory gives the same bytes.
  - A file that not everybody may read on its host is its owner's alone in O(directory).
  - Contacts no host and changes none, in check mode too. Give it C(run_once).
options:
  directory:
    description: Where to write; a relative path starts where the playbook was called.
    type: path
    required: true
attributes:
  check_mode:
    description: Writes the files in check mode too, since no host is changed.
    support: full
author: The LVS cluster toolkit's maintainers
"""

EXAMPLES = r"""
- name: Write what each host would get
  lvs_plan_files:
    directory: build/plan
  run_once: true
"""

RETURN = r"""
directory:
  description: Where the files are.
  type: path
  returned: success
files:
  description: Number of files.
  type: int
  returned: success
hosts:
  description: Number of hosts.
  type: int
  returned: success
table:
  description: The clusters as lines of text, in aligned columns.
  type: list
  elements: str
  returned: success
warnings_found:
  description: What would work and is hardly meant so, as texts.
  type: list
  elements: str
  returned: success
"""
