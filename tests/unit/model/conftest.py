"""How property tests search: the same examples in every run, or, when asked, many random ones.

    HYPOTHESIS_PROFILE=search .venv/bin/python -m pytest tests/unit/model

A counter-example found so becomes a case of its own in a table.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Machines that run tests are busy: neither a slow example nor a slow generator is a mistake.
_COMMON = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("same", derandomize=True, **_COMMON)  # type: ignore[arg-type]
settings.register_profile("search", max_examples=3000, print_blob=True, **_COMMON)  # type: ignore[arg-type]
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
