"""The whole plan as one command: read an inventory, validate, compile, render, write every file.

    .venv/bin/python -m bench.whole INVENTORY.json FOLDER

FOLDER gets what playbooks/plan.yml writes. Not for operators: they have that, which does the same with
Ansible's inventories.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.estate import inputs
from lvs_model.export import write_plan
from lvs_model.plan import compile_plan


def main(source: Path, folder: Path) -> None:
    """Plan the inventory of a file into a folder."""
    write_plan(compile_plan(*inputs(json.loads(source.read_text()))), folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
