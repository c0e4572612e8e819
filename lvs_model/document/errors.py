"""pydantic's errors as problems: where, what is wrong there, and what to do."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from lvs_model.document.base import shown
from lvs_model.document.checks import CHECKS
from lvs_model.problems import Problem

# What is wrong and what to do, by pydantic's error type; {value} is what was given.
_SAY = {
    "missing": ("this key is missing", "add it"),
    "extra_forbidden": ("unknown key", "remove it, or mend its spelling"),
    "string_too_short": ("this is empty", "write a text"),
    "list_type": ("{value} is no list", "write a list: [a, b]"),
    "string_type": ("{value} is no text", "write a text"),
    "string_unicode": ("{value} is no text", "write characters that Unicode has"),
    "bool_type": ("{value} is no boolean", "write true or false"),
    "bool_parsing": ("{value} is no boolean", "write true or false"),
    "int_type": ("{value} is no whole number", "write a whole number"),
    "int_parsing": ("{value} is no whole number", "write a whole number"),
    "int_parsing_size": ("{value} is too large", "write a smaller number"),
    "int_from_float": ("{value} is no whole number", "write a whole number"),
    "float_type": ("{value} is no number", "write a number"),
    "float_parsing": ("{value} is no number", "write a number"),
    "no_check": (
        "{value} is no check that the toolkit knows",
        f"write {{type: …}} with one of {', '.join(CHECKS)}",
    ),
    "finite_number": ("{value} is no finite number", "write a number"),
    "dict_type": ("{value} is not a set of keys", "write keys and values: {key: value}"),
    "model_type": ("{value} is not a set of keys", "write keys and values: {key: value}"),
    "model_attributes_type": ("{value} is not a set of keys", "write keys and values: {key: value}"),
}

# Nothing at or below these keys is ever shown.
_SECRET = {"authentication", "key", "password"}


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
            path += _written(step, first=path.endswith(" "))
        if entry["type"] == "own":
            what, remedy = entry["ctx"]["what"], entry["ctx"]["remedy"]
        else:
            hidden = not _SECRET.isdisjoint(str(step) for step in entry["loc"])
            value = "what stands here" if hidden else shown(entry.get("input"))
            what, remedy = _say(entry["type"], entry["msg"], value, entry.get("ctx", {}))
        if entry["type"] == "extra_forbidden":
            known = _keys_at(model, entry["loc"][:-1])
            if known:
                remedy += f" (known here: {', '.join(known)})"
        problems.append(Problem(path, what, remedy))
    return problems


def _written(step: int | str, *, first: bool) -> str:
    """A step of a path as an operator would write it; a key that is no word in quotes."""
    if isinstance(step, int):
        return f"[{step}]"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", step):
        return f"[{shown(step)}]"
    return step if first else f".{step}"


def _steps(location: tuple[int | str, ...], document: object) -> list[int | str]:
    """The steps of an error's location that an operator has written."""
    steps: list[int | str] = []
    node = document
    for step in location:
        if step == "[key]":  # pydantic's word for a key of a mapping, whose name stands before it
            continue
        if isinstance(step, int) and not isinstance(node, list):
            continue  # a single check is a list of one for pydantic only
        if isinstance(node, dict):
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


def _say(kind: str, message: str, value: str, context: dict[str, Any]) -> tuple[str, str]:
    if kind == "too_short":
        least = context["min_length"]
        return (
            ("this is empty", "give at least one")
            if least == 1
            else (
                f"{context['actual_length']} are not enough",
                f"give at least {least}",
            )
        )
    if kind == "too_long":
        return f"{context['actual_length']} are too many", f"give at most {context['max_length']}"
    if kind in _SAY:
        what, remedy = _SAY[kind]
        return what.replace("{value}", value), remedy
    # The remaining types say a bound, a choice or one of our own rules.
    remedy = message.removeprefix("Value error, ").replace("Input should be", "use a value")
    return f"{value} is not allowed", remedy.replace("use a value '", "use '")


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that ``model`` knows at a location inside it; empty where that is no typed object."""
    schema = _schema(model)
    nodes = [schema]
    for step in location:
        nodes = [inner for node in nodes for one in _choices(schema, node) for inner in _inside(one, step)]
    return sorted(
        {key for node in nodes for one in _choices(schema, node) for key in one.get("properties", {})}
    )


def _choices(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    """A node of the schema with its references followed, as the list of what it may be."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    several = node.get("anyOf", node.get("oneOf"))
    return [node] if several is None else [one for choice in several for one in _choices(schema, choice)]


def _inside(node: dict[str, Any], step: int | str) -> list[dict[str, Any]]:
    """What the schema says of one step into a node; a check's tag only tells the checks apart."""
    if isinstance(step, int):
        return [node["items"]] if "items" in node else []
    properties = node.get("properties", {})
    if step in properties:
        return [properties[step]]
    if step in CHECKS:
        return [node] if properties.get("type", {}).get("const") == step else []
    return list(node.get("patternProperties", {}).values())  # a mapping of names to objects
