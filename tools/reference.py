"""Write docs/cluster-document.md from the model, so that it cannot say anything else than the code.

.venv/bin/python -m tools.reference > docs/cluster-document.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.document import Cluster, HostVariables

HEAD = """\
# The cluster document

<!-- Written by tools/reference.py from lvs_model/document.py; do not edit. -->

A cluster is an inventory group with one variable `lvs_cluster`; an inventory may hold several. Hosts say
only what is theirs. Unknown keys are errors, and all errors of an inventory are reported at once, before any
host is contacted: `ansible-playbook playbooks/plan.yml` does that and nothing else. `inventories/lab` is a
complete example.

A key below an optional one (`connection_sync`) is required only where that one is given.
"""


def reference() -> str:
    """Return the whole page."""
    cluster, host = Cluster.model_json_schema(), HostVariables.model_json_schema()
    return (
        "\n".join([HEAD, "## lvs_cluster\n", *_table(cluster), "\n## Host variables\n", *_table(host)]) + "\n"
    )


def _table(schema: dict[str, Any]) -> Iterator[str]:
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for path, field, required in _fields(schema, schema, ""):
        default = "required" if required else _code(field.get("default"))
        yield f"| `{path}` | {_kind(schema, field)} | {default} | {field.get('description', '')} |"


def _fields(
    schema: dict[str, Any], node: dict[str, Any], prefix: str
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Walk the keys in the document's order: path, its schema, whether it must be given."""
    for name, field in node.get("properties", {}).items():
        path = prefix + name
        inner, suffix = _object(schema, field)
        if inner is None:
            yield path, field, name in node.get("required", [])
        else:
            yield from _fields(schema, inner, f"{path}{suffix}.")


def _object(schema: dict[str, Any], field: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the typed object behind a key, with `[]` for a list of them and `.NAME` for a mapping."""
    places = [(field, ""), (field.get("items", {}), "[]"), (field.get("additionalProperties") or {}, ".NAME")]
    places += [(choice, "") for choice in field.get("anyOf", [])]
    for node, suffix in places:
        if isinstance(node, dict) and "$ref" in node:
            inner: dict[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
            return inner, suffix
    return None, ""


def _kind(schema: dict[str, Any], field: dict[str, Any]) -> str:
    """Say in a few words what a value may be."""
    choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
    choice = choices[0]
    if "const" in choice:
        return _code(choice["const"])
    if "enum" in choice:
        return ", ".join(_code(word) for word in choice["enum"])
    if choice.get("type") == "array":
        return f"list of {_kind(schema, choice['items'])}"
    if choice.get("type") == "object":
        return f"mapping of {_kind(schema, choice.get('additionalProperties', {}))}"
    words = {"ipv4": "IPv4 address", "ipv4network": "IPv4 network"}
    kind = words.get(
        choice.get("format", ""),
        {"number": "number", "integer": "integer", "boolean": "true, false"}.get(
            choice.get("type", ""), "text"
        ),
    )
    # pydantic calls a bound "ge" or "le" where a validator of ours stands before it.
    low, high = choice.get("minimum", choice.get("ge")), choice.get("maximum", choice.get("le"))
    if low is not None and high is not None:
        return f"{kind}, {low} to {high}"
    return f"{kind}, from {low}" if low is not None else kind


def _code(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


if __name__ == "__main__":
    print(reference(), end="")
