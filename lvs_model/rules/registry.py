"""What a rule is, and the register of all of them.

A rule's id never changes: it stands behind each of its problems, in docs/rules and in people's notes. Its
docstring is its page there (tools/rules.py): what is wrong, in one line; why, with the source; ``Wrong::``
and an example; ``Mend:`` and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from inspect import cleandoc
from typing import Literal

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.view import Served, View

Severity = Literal["error", "warning"]
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")


@dataclass(frozen=True)
class Rule:
    """One thing that must hold.

    ``severity`` is error (nothing is deployed) or warning (it is reported), ``title`` says in one line what
    is wrong where the rule is broken, ``topic`` is its module's name, ``reason`` the text of its page.
    """

    id: str
    severity: Severity
    title: str
    topic: str
    reason: str
    broken: Callable[[View], Iterable[Problem]]

    def problems(self, view: View) -> Iterator[Problem]:
        """Every problem of this rule, marked with its id."""
        for problem in self.broken(view):
            yield replace(problem, rule=self.id)


RULES: dict[str, Rule] = {}

_OfInventory = Callable[[View], Iterable[Problem]]
_OfCluster = Callable[[Cluster, View], Iterable[Problem]]
_OfService = Callable[[Served], Iterable[Problem]]


def rule(rule_id: str, severity: Severity = "error") -> Callable[[_OfInventory], _OfInventory]:
    """Register a rule about the whole inventory."""

    def register(check: _OfInventory) -> _OfInventory:
        _add(rule_id, severity, check, check)
        return check

    return register


def cluster_rule(rule_id: str, severity: Severity = "error") -> Callable[[_OfCluster], _OfCluster]:
    """Register a rule about each cluster by itself."""

    def register(check: _OfCluster) -> _OfCluster:
        def of_all(view: View) -> Iterator[Problem]:
            for cluster in view.clusters:
                yield from check(cluster, view)

        _add(rule_id, severity, of_all, check)
        return check

    return register


def service_rule(rule_id: str, severity: Severity = "error") -> Callable[[_OfService], _OfService]:
    """Register a rule about each service by itself."""

    def register(check: _OfService) -> _OfService:
        def of_all(view: View) -> Iterator[Problem]:
            for served in view.services:
                yield from check(served)

        _add(rule_id, severity, of_all, check)
        return check

    return register


def _add(rule_id: str, severity: Severity, broken: _OfInventory, source: Callable[..., object]) -> None:
    if rule_id in RULES or not _ID.fullmatch(rule_id):
        raise ValueError(f"rule id {rule_id!r}: taken, or not in kebab-case")
    title, _, reason = cleandoc(source.__doc__ or "").partition("\n\n")
    topic = source.__module__.rsplit(".", 1)[1]
    RULES[rule_id] = Rule(rule_id, severity, title.removesuffix("."), topic, reason, broken)
