"""Write what lvs_facts would answer on every host of an inventory that is exactly as planned.

.venv/bin/python -m bench.converged INVENTORY.json FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.estate import inputs
from lvs_model.plan import compile_plan
from tests.unit.model.builders import Site


def main(source: Path, folder: Path) -> None:
    """Write a file for each host, in the form of the module's result."""
    plan = json.loads(json.dumps(compile_plan(*inputs(json.loads(source.read_text())))))
    for host, observation in Site(plan).seen.items():
        (folder / f"{host}.json").write_text(json.dumps({"changed": False, "observation": observation}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
