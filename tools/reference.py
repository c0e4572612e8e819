"""Write docs/cluster-document.md from the model, so that it cannot say anything else than the code.

.venv/bin/python -m tools.reference > docs/cluster-document.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from lvs_model.document import Cluster, HostVariables, texts, types

Node = dict[str, Any]

HEAD = """\
# The cluster document

<!-- Written by tools/reference.py from lvs_model/document/; do not edit. -->

A cluster is an inventory group with one variable `lvs_cluster`; an inventory may hold several. Hosts say
only what is theirs. Unknown keys are errors, and all errors of an inventory are reported at once, before any
host is contacted: `ansible-playbook playbooks/plan.yml` does that, shows the clusters and writes what each
host would get. The inventories under `inventories/` are complete examples.

A key with a default may be left out; `null` means the same where the default is none. An editor that knows
[cluster-document.schema.json](cluster-document.schema.json) completes and checks all of this while you type.

## Kinds of value

| kind | what it is |
|---|---|
| name | 1 to 31 of `a-z`, `0-9`, `_` and `-`, beginning with a letter |
| address, subnet | IPv4 or IPv6: `192.0.2.10`, `2001:db8::/64`; no host bits in a subnet |
| interface | 1 to 15 of `A-Z`, `a-z`, `0-9`, `_`, `.` and `-` |
| word | 1 to 255 of `A-Z`, `a-z`, `0-9` and `/_.:?&=%+,;@*()~-`, not beginning with `~` |
| path | a word that begins with `/` |
| command | the absolute path of a program and its arguments: words with one blank between them |
| port range | `'6970-6999'`, with its protocol `'6970-6999/udp'`, or one port with its protocol `'554/tcp'` |
"""

CHECKS = """\
## `check`

How the directors find out whether a real server can serve: one of these, or a list of which all must pass.
Without any it is `{type: tcp}`. All but `file` have these keys:
"""


def reference() -> str:
    """Return the whole page."""
    lines = [HEAD]
    for model, title in ((Cluster, "`lvs_cluster`"), (HostVariables, "Host variables")):
        schema = model.model_json_schema()
        lines += _section(schema, schema, title, "", set())
    return "\n".join([*lines, *_checks(Cluster.model_json_schema())]) + "\n"


def _section(schema: Node, node: Node, title: str, path: str, seen: set[str]) -> Iterator[str]:
    """A typed object's own keys, then a section for every typed object in it that had none yet."""
    yield f"## {title}\n"
    yield f"{_words(node)}\n"
    yield from _table(schema, node["properties"], node.get("required", []))
    yield ""
    for key, field in node["properties"].items():
        for name, suffix in _objects(field):
            if name in seen or "Check" in name:
                continue
            seen.add(name)
            inner = f"{path}.{key}{suffix}" if path else f"{key}{suffix}"
            yield from _section(schema, schema["$defs"][name], f"`{inner}`", inner, seen)


def _checks(schema: Node) -> Iterator[str]:
    """The keys that checks have in common, then what each type has beside them."""
    order = [reference["$ref"].rsplit("/", 1)[1] for reference in _union(schema)]
    of_kind = {schema["$defs"][name]["properties"]["type"]["const"]: schema["$defs"][name] for name in order}
    common = {
        key: field
        for key, field in of_kind["tcp"]["properties"].items()
        if all(key in node["properties"] for kind, node in of_kind.items() if kind != "file")
        and key != "type"
    }
    yield CHECKS
    yield from _table(schema, common, [])
    for kind, node in of_kind.items():
        yield f"\n### `{{type: {kind}}}`\n"
        yield f"{_words(node)}\n"
        own = {
            key: field
            for key, field in node["properties"].items()
            if key != "type" and field != common.get(key)
        }
        if own:
            yield from _table(schema, own, node.get("required", []))


def _union(schema: Node) -> list[Node]:
    """The references to all types of checks, in the document's order."""
    one: list[Node] = schema["$defs"]["Service"]["properties"]["check"]["anyOf"][0]["oneOf"]
    return one


def _table(schema: Node, fields: dict[str, Node], required: list[str]) -> Iterator[str]:
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for key, field in fields.items():
        default = "required" if key in required else _default(field.get("default"))
        yield f"| `{key}` | {_kind(field)} | {default} | {_text(field['description'])} |"


def _words(node: Node) -> str:
    """A typed object's docstring as one paragraph."""
    return _text(" ".join(str(node["description"]).split()))


def _text(words: str) -> str:
    return words.replace("``", "`").replace("|", "\\|")


def _objects(field: Node) -> list[tuple[str, str]]:
    """The typed objects behind a key, with `[]` for a list of them and `.NAME` for a mapping."""
    places = [(choice, "") for choice in field.get("anyOf", [field])]
    places += [(one["items"], "[]") for one, _ in list(places) if "items" in one]
    places += [
        (inner, ".NAME") for one, _ in list(places) for inner in one.get("patternProperties", {}).values()
    ]
    return [(node["$ref"].rsplit("/", 1)[1], suffix) for node, suffix in places if "$ref" in node]


def _pattern(kind: Any) -> str:  # noqa: ANN401 - an annotated type
    pattern: str = TypeAdapter(kind).json_schema()["pattern"]
    return pattern


_KINDS = {
    _pattern(texts.Name): "name",
    _pattern(texts.InterfaceName): "interface",
    _pattern(texts.Token): "word",
    _pattern(texts.Path): "path",
    _pattern(texts.Command): "command",
    _pattern(texts.CheckCommand): "command",
    _pattern(texts.Domain): "domain name",
    _pattern(texts.Hexadecimal): "hexadecimal digits",
    _pattern(texts.Md5): "MD5 digest",
    _pattern(types.Subnet): "subnet",
    str(TypeAdapter(types.Ports).json_schema()["anyOf"][1]["pattern"]): "port range",
}
_TYPES = {"number": "number", "integer": "integer", "boolean": "true, false", "string": "text"}


def _kind(field: Node) -> str:
    """Say in a few words what a value may be."""
    choices = [
        one for one in field.get("anyOf") or field.get("oneOf") or [field] if one.get("type") != "null"
    ]
    if "anyOf" in field and field.get("type") == "string":
        return "address"
    return " or ".join(dict.fromkeys(_one_kind(choice) for choice in choices))


def _one_kind(choice: Node) -> str:
    if "oneOf" in choice or choice.get("$ref", "").endswith("Check"):
        return "check"
    if "anyOf" in choice:
        return _kind(choice)
    if "$ref" in choice:
        return "keys"
    if "const" in choice or "enum" in choice:
        return ", ".join(_code(word) for word in choice.get("enum", [choice.get("const")]))
    return _plain_kind(choice)


def _plain_kind(choice: Node) -> str:
    kind = _TYPES.get(choice["type"], "")
    if "items" in choice:
        kind = f"list of {_kind(choice['items'])}"
    if "patternProperties" in choice:
        (inner,) = choice["patternProperties"].values()
        kind = f"mapping of names to {_kind(inner)}"
    if "pattern" in choice:
        kind = _KINDS.get(choice["pattern"], kind)
    low, high = choice.get("minimum"), choice.get("maximum")
    if "exclusiveMinimum" in choice:
        return f"{kind}, above {choice['exclusiveMinimum']:g} to {high:.12g}"
    return kind if low is None else f"{kind}, {low:.12g} to {high:.12g}"


def _default(value: object) -> str:
    """A default as an operator would write it; what a typed object has by itself stands in its section."""
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return ""
    return _code(value)


def _code(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(str(one) for one in value)}]`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    print(reference(), end="")
