"""Import paths: the project is run from its tree, and modules import their halves from ansible."""

from __future__ import annotations

import sys
from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))
if str(ROOT / "module_utils") not in list(ansible.module_utils.__path__):
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
