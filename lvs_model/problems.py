"""Problems: errors that name the place, what is wrong there and what to do.

All problems of one run are collected and reported together, so that an operator mends a document
once and not once per mistake.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong.

    ``path`` names the place as an operator would write it (``lvs_cluster.services[0].vips[1]``,
    ``host lb1: lvs_addresses``), ``what`` says what is wrong, ``remedy`` what to do about it. ``rule`` is
    the id of the broken rule (docs/rules), empty where a value by itself is wrong.
    """

    path: str
    what: str
    remedy: str
    rule: str = ""

    def __str__(self) -> str:
        """The problem on one line, as it is reported."""
        return f"{self.path}: {self.what}: {self.remedy}" + (f" [{self.rule}]" if self.rule else "")


class ModelError(Exception):
    """The document, the inventory or the state of the hosts forbids to go on.

    ``problems`` holds every :class:`Problem` found, in a stable order.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
