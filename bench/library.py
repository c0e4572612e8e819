"""Time compile_plan alone, in a process of its own: prints each run's seconds as JSON.

.venv/bin/python -m bench.library INVENTORY.json RUNS
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.estate import inputs
from lvs_model.plan import compile_plan


def seconds(source: Path, runs: int) -> list[float]:
    """The seconds of each run; the first one of a process, which also compiles templates, does not count."""
    found = []
    for _ in range(runs + 1):
        # Read anew: a cache that knows the last run's objects must not help.
        hostvars, groups = inputs(json.loads(source.read_text()))
        begin = time.perf_counter()
        compile_plan(hostvars, groups)
        found.append(time.perf_counter() - begin)
    return found[1:]


if __name__ == "__main__":
    print(json.dumps(seconds(Path(sys.argv[1]), int(sys.argv[2]))))
