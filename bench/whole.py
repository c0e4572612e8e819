"""The whole plan as one command: read an inventory, validate, compile, render, write every file.

    .venv/bin/python -m bench.whole INVENTORY.json FOLDER

FOLDER gets what `build/plan` has: <host>/<absolute path on the host>. Not for operators: they have
playbooks/plan.yml, which does the same through Ansible.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.estate import inputs
from lvs_model.plan import compile_plan


def main(source: Path, folder: Path) -> None:
    """Plan the inventory of a file into a folder."""
    plan = compile_plan(*inputs(json.loads(source.read_text())))
    for host, planned in plan["hosts"].items():
        for file in planned["files"]:
            place = folder / host / file["path"].lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file["content"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
