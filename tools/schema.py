"""Write docs/cluster-document.schema.json: what an editor needs to check a group_vars or host_vars file.

.venv/bin/python -m tools.schema > docs/cluster-document.schema.json
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from lvs_model.document import Cluster, HostVariables
from lvs_model.inventory import RUN_OPTIONS

Node = dict[str, Any]

# Ansible replaces such a text by whatever it evaluates to.
_TEMPLATE = {"type": "string", "pattern": "\\{\\{|\\{%"}
_TO_TEMPLATE = {"$ref": "#/$defs/Template"}


def schema() -> Node:
    """Return the JSON Schema (draft 2020-12) of a file of Ansible variables.

    It describes ``lvs_cluster`` and the hosts' own variables, lets all variables of other names through,
    and refuses unknown ones that begin with ``lvs_``: they are misspelt.
    """
    _, found = models_json_schema([(Cluster, "validation"), (HostVariables, "validation")])
    definitions: Node = {name: _object(node) for name, node in found["$defs"].items()}
    host = definitions.pop("HostVariables")
    # Its text form is described where it is used.
    del definitions["PortRange"]
    properties = {"lvs_cluster": _templated({"$ref": "#/$defs/Cluster"}), **host["properties"]}
    known = sorted({*(name.removeprefix("lvs_") for name in properties), *_run_options()})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Variables of the LVS cluster toolkit",
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": {f"^lvs_(?!({'|'.join(known)})$)": False},
        "$defs": {**definitions, "Template": {"description": "A template of Ansible's.", **_TEMPLATE}},
    }


def _run_options() -> list[str]:
    return [name.removeprefix("lvs_") for name in RUN_OPTIONS]


def _object(node: Node) -> Node:
    """A typed object: its properties may be templates, and nothing else is allowed in it."""
    kept = {key: value for key, value in node.items() if key != "title"}
    kept["properties"] = {name: _templated(_value(inner)) for name, inner in node["properties"].items()}
    return kept


def _value(node: Node) -> Node:
    """A value's schema without pydantic's titles and the defaults that would only repeat other places."""
    kept = {key: value for key, value in node.items() if key not in {"title", "secret"}}
    if "default" in kept and not isinstance(kept["default"], str | int | float):
        del kept["default"]
    # oneOf would refuse a check whose type is a template: it could be any of them.
    choices = kept.pop("oneOf", None) or kept.pop("anyOf", None)
    if choices and "type" not in kept:
        kept["anyOf"] = [one for choice in choices for one in _choices(_value(choice))]
    elif choices:
        kept["anyOf"] = choices
    if "items" in kept:
        kept["items"] = _templated(_value(kept["items"]))
    if "patternProperties" in kept:  # a mapping whose keys are names
        kept["patternProperties"] = {
            name: _templated(_value(inner)) for name, inner in kept["patternProperties"].items()
        }
        kept["additionalProperties"] = False
    return kept


def _templated(node: Node) -> Node:
    """A value, or a template of it; words about it stay where editors look for them."""
    about: Node = {key: node[key] for key in ("description", "default") if key in node}
    value = {key: inner for key, inner in node.items() if key not in about}
    return {**about, "anyOf": [*_choices(value), _TO_TEMPLATE]}


def _choices(node: Node) -> list[Node]:
    choices: list[Node] = node["anyOf"] if set(node) == {"anyOf"} else [node]
    return choices


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1, sort_keys=True))
