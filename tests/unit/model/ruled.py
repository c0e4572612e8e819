"""What the rules say about an inventory, and tables of cases for them."""

from __future__ import annotations

from typing import NamedTuple

from lvs_model.inventory import read_inventory
from lvs_model.rules import check

from .builders import Case
from .changes import Change


class Trigger(NamedTuple):
    """A change of the valid inventory that breaks rules, and all that is said about it.

    ``said`` are the problems without their suffix, ``rule`` is the id that all of them have.
    """

    rule: str
    change: Change
    said: list[str]


class NearMiss(NamedTuple):
    """A change that comes close to breaking a rule and does not."""

    rule: str
    change: Change


def changed(change: Change) -> Case:
    """The valid inventory, changed."""
    case = Case()
    change(case)
    return case


def said(case: Case) -> tuple[list[str], list[str]]:
    """Errors and warnings of the rules, as text; the inventory's own problems must be none."""
    inventory, problems = read_inventory(*case.inputs())
    assert problems == []
    errors, warnings = check(inventory)
    return [str(one) for one in errors], [str(one) for one in warnings]
