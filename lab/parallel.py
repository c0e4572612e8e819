"""Do several things at once, so that Ctrl-C still ends the program at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from lab.errors import LabError

T = TypeVar("T")


def together(jobs: Mapping[str, Callable[[], T]]) -> Iterator[tuple[str, T | LabError]]:
    """Run all jobs at once, each in a thread; yield each job's name and result, or LabError, as they end.

    The threads are daemons: a thread pool would hold an interrupted program until its last job has ended,
    which for a node that does not boot is minutes.

    Raises:
        Exception: whatever else a job raises.

    """
    done: queue.SimpleQueue[tuple[str, T | Exception]] = queue.SimpleQueue()

    def work(name: str, job: Callable[[], T]) -> None:
        try:
            done.put((name, job()))
        except Exception as exc:
            done.put((name, exc))

    for name, job in jobs.items():
        threading.Thread(target=work, args=(name, job), daemon=True, name=name).start()
    for _ in jobs:
        name, result = done.get()
        if isinstance(result, Exception) and not isinstance(result, LabError):
            raise result
        yield name, result


def all_together(jobs: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """Run all jobs at once and return their results; when all have ended, the first LabError is raised."""
    results: dict[str, T] = {}
    first: LabError | None = None
    for name, result in together(jobs):
        if isinstance(result, LabError):
            first = first or result
        else:
            results[name] = result
    if first is not None:
        raise first
    return results
