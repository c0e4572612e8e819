"""The golden inventories together say everything that a document can say: computed from the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.document import Cluster, HostVariables

from .cases import INVENTORIES, load

Schema = dict[str, Any]


def options(schema: Schema, node: Schema, value: object) -> Iterator[Schema]:
    """The objects of the schema that a value can stand for at a node."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for choice in (*node.get("anyOf", []), *node.get("oneOf", [])):
        yield from options(schema, choice, value)
    if isinstance(value, dict) and "properties" in node and set(value) <= set(node["properties"]):
        kind = node["properties"].get("type", {})
        if "const" not in kind or value.get("type", "tcp") == kind["const"]:
            yield node
    if isinstance(value, dict) and _by_name(node):
        yield node
    if isinstance(value, list) and "items" in node:
        yield node


def _by_name(node: Schema) -> Schema:
    """What all values of a mapping with names of one's own are; empty for other nodes."""
    for values in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(values, dict):
            return values
    return {}


def said(schema: Schema, node: Schema, value: object) -> Iterator[tuple[str, str]]:
    """Every (object, field) of the schema that a value says."""
    for found in options(schema, node, value):
        if isinstance(value, list):
            for one in value:
                yield from said(schema, found["items"], one)
        elif isinstance(value, dict):
            for key, one in value.items():
                if "properties" in found:
                    yield found["title"], key
                    yield from said(schema, found["properties"][key], one)
                else:
                    yield from said(schema, _by_name(found), one)


def fields(schema: Schema) -> set[tuple[str, str]]:
    """Every (object, field) of a schema."""
    objects = [schema, *schema["$defs"].values()]
    return {(one["title"], key) for one in objects for key in one.get("properties", {})}


def test_every_field_of_the_document_is_in_a_golden_inventory() -> None:
    cluster, host = Cluster.model_json_schema(), HostVariables.model_json_schema()
    found: set[tuple[str, str]] = set()
    for inventory in INVENTORIES.values():
        hostvars, _ = load(inventory)
        for variables in hostvars.values():
            own = {key: value for key, value in variables.items() if key != "lvs_cluster"}
            found |= set(said(host, host, own)) | set(said(cluster, cluster, variables.get("lvs_cluster")))

    missing = (fields(cluster) | fields(host)) - found

    assert sorted(f"{title}.{key}" for title, key in missing) == []
