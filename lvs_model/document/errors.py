"""pydantic's errors as problems: where, what is wrong there, and what to do."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from lvs_model.document.checks import CHECKS
from lvs_model.problems import Problem


def problems_of(
    error: ValidationError, root: str, model: type[BaseModel], document: object = None
) -> list[Problem]:
    """Translate pydantic's errors into problems.

    ``root`` is the path of the validated ``model``, ``document`` what was validated: paths follow it.
    """
    problems = []
    for entry in error.errors(include_url=False):
        path = root
        for step in _steps(entry["loc"], document):
            path += f"[{step}]" if isinstance(step, int) else f"{'' if path.endswith(' ') else '.'}{step}"
        if entry["type"] == "own":
            what, remedy = entry["ctx"]["what"], entry["ctx"]["remedy"]
        else:
            what, remedy = _say(entry["type"], entry["msg"], entry.get("input"))
        if entry["type"] == "extra_forbidden":
            known = _keys_at(model, entry["loc"][:-1])
            if known:
                remedy += f" (known here: {', '.join(known)})"
        problems.append(Problem(path, what, remedy))
    return problems


# What is wrong and what to do, by pydantic's error type; {value} is what was given.
_SAY = {
    "missing": ("this key is missing", "add it"),
    "extra_forbidden": ("unknown key", "remove it, or mend its spelling"),
    "too_short": ("this is empty", "give at least one"),
    "string_too_short": ("this is empty", "write a text"),
    "list_type": ("{value} is no list", "write a list: [a, b]"),
    "string_type": ("{value} is no text", "write a text"),
    "bool_type": ("{value} is no boolean", "write true or false"),
    "bool_parsing": ("{value} is no boolean", "write true or false"),
    "int_type": ("{value} is no whole number", "write a whole number"),
    "int_parsing": ("{value} is no whole number", "write a whole number"),
    "int_from_float": ("{value} is no whole number", "write a whole number"),
    "float_type": ("{value} is no number", "write a number"),
    "float_parsing": ("{value} is no number", "write a number"),
    "no_check": (
        "{value} is no check that the toolkit knows",
        f"write {{type: …}} with one of {', '.join(CHECKS)}",
    ),
    "finite_number": ("{value} is no finite number", "write a number"),
    "string_pattern_mismatch": ("{value} is not allowed", "begin it with '/'"),
}


def _steps(location: tuple[int | str, ...], document: object) -> list[int | str]:
    """The steps of an error's location that an operator has written."""
    steps: list[int | str] = []
    node = document
    for step in location:
        if step == "[key]":  # pydantic's word for a key of a mapping, whose name stands before it
            continue
        if isinstance(node, dict):
            if isinstance(step, int):  # a single check is a list of one for pydantic only
                continue
            # The tag that says which check was tried. None of them is a key of a check too.
            if step in CHECKS and steps and "check" in (steps[-1], *steps[-2:-1]):
                continue
            node = node.get(step)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        elif step in CHECKS:
            continue
        steps.append(step)
    return steps


def _say(kind: str, message: str, value: object) -> tuple[str, str]:
    if kind in {"dict_type", "model_type", "model_attributes_type"}:
        return f"{value!r} is not a set of keys", "write keys and values: {key: value}"
    if kind in _SAY:
        what, remedy = _SAY[kind]
        return what.format(value=repr(value)), remedy
    # The remaining types say a bound, a choice or one of our own rules.
    remedy = message.removeprefix("Value error, ").replace("Input should be", "use a value")
    return f"{value!r} is not allowed", remedy.replace("use a value '", "use '")


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that ``model`` knows at a location inside it; empty where that is no typed object."""
    schema: dict[str, Any] = model.model_json_schema()
    node = schema
    for step in location:
        node = _deref(schema, node)
        if isinstance(step, int):
            node = next((one["items"] for one in (node, *node.get("anyOf", [])) if "items" in one), {})
        elif step in CHECKS and "oneOf" in node:
            node = {"$ref": f"#/$defs/{CHECKS[step].__name__}"}
        else:
            node = node.get("properties", {}).get(step, node.get("additionalProperties") or {})
    return sorted(_deref(schema, node).get("properties", {}))


def _deref(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for candidate in (node, *node.get("anyOf", []), *node.get("allOf", [])):
        if "$ref" in candidate:
            found: dict[str, Any] = schema["$defs"][candidate["$ref"].rsplit("/", 1)[1]]
            return found
    return node
