"""Field checks alone: what read_inventory finds, without the rules about relations."""

from __future__ import annotations

from typing import Any

from lvs_model.inventory import read_inventory

from .builders import Case


def put(value: Any, path: str, new: Any) -> None:  # noqa: ANN401
    """Set what stands at a path such as "services/0/check"; keys on the way are made where they lack."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        value = value.setdefault(step, {}) if isinstance(value, dict) else value[step]
    value[last] = new


def place(path: str) -> str:
    """The same path as problems write it: ".services[0].check"."""
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split("/"))


def field_problems(case: Case) -> list[str]:
    """The problems of all fields, in the order in which they are reported."""
    _, problems = read_inventory(*case.inputs())
    return [str(problem) for problem in sorted(set(problems))]


def problems_at(path: str, value: object) -> list[str]:
    """The problems of a valid document in which one value is another."""
    case = Case()
    put(case.document, path, value)
    return field_problems(case)
