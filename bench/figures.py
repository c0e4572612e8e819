"""Figures of repeated runs: the median counts, the spread says how quiet the machine was."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from math import log
from pathlib import Path
from statistics import linear_regression, median


def middle(values: Sequence[float]) -> float:
    """The median, in three significant digits or to the millisecond."""
    return significant(median(values))


def spread(values: Sequence[float]) -> list[float]:
    """The smallest and the largest value."""
    return [significant(min(values)), significant(max(values))]


def significant(value: float) -> float:
    """A value in four significant digits."""
    return float(f"{value:.4g}")


def exponent(seconds: Mapping[int, float]) -> float:
    """The growth of time with size: the least-squares slope of log seconds over log size; 1 is linear.

    Raises statistics.StatisticsError with fewer than two sizes.
    """
    slope, _ = linear_regression([log(size) for size in seconds], [log(time) for time in seconds.values()])
    return significant(slope)


def growth(costs: Mapping[int, Sequence[float]]) -> float | None:
    """The exponent of the medians of costs by size; None where fewer than two sizes tell nothing of it."""
    return exponent({size: median(values) for size, values in costs.items()}) if len(costs) > 1 else None


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    information = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in information.splitlines() if "model name" in line]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": models[0] if models else platform.machine(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "load_before": os.getloadavg()[0],
        "python": sys.version.split()[0],
        "ansible_core": version("ansible-core"),
    }
