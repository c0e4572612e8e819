"""Values that the document's schema allows, for tests that try every option together with every other one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lvs_model.document import Cluster, HostVariables

Node = dict[str, Any]

# What other parts of the inventory of builders.Case know, by the key that names it.
_ADDRESSES = st.sampled_from(["192.0.2.10", "192.0.2.13", "192.0.2.14", "2001:db8::10", "203.0.113.5"])
_INSTANCES = st.sampled_from(["one", "two", "edge"])
_NAMES: dict[str, st.SearchStrategy[Any]] = {
    "network": st.sampled_from(["front", "sync"]),
    "networks": st.lists(st.sampled_from(["front", "sync"]), max_size=2),
    "pool": st.just("edge_web"),
    "directors": st.lists(st.sampled_from(["lb1", "lb2"]), unique=True),
    "vips": st.lists(_ADDRESSES, min_size=1, max_size=3, unique=True),
    "address": _ADDRESSES,
    "multicast_group": st.sampled_from(["224.0.0.81", "ff02::81"]),
    "group": st.sampled_from(["224.0.0.81", "ff02::81"]),
    "name": st.sampled_from(["www", "tls", "one", "two", "edge"]),
    "command": st.sampled_from(["/usr/bin/a b", "/usr/bin/a {address} {port}", "/a/b --c=d"]),
    "instances": st.lists(_INSTANCES, min_size=2, max_size=2, unique=True),
    # Few ports and seconds: what grows with them is not what is searched for.
    "ports": st.just("all")
    | st.lists(st.sampled_from([80, 443, "554/udp", "6970-6973", "53/sctp"]), min_size=1, max_size=3),
}
_WORDS = st.sampled_from(
    ["a", "/a", "a.b", "/usr/bin/a b", "0a" * 16, "2001:db8::1", "192.0.2.99", "0aff", "eth0"]
)


def cluster_values() -> st.SearchStrategy[dict[str, Any]]:
    """Some keys of a cluster document with values of their types; networks, groups and names stay."""
    kept = {"name", "directors", "networks", "engine"}
    return _keys(Cluster.model_json_schema(), Cluster.model_json_schema(), kept)


def host_values() -> st.SearchStrategy[dict[str, Any]]:
    """Some of a host's variables with values of their types; its addresses and interfaces stay."""
    schema = HostVariables.model_json_schema()
    services = _keys(schema, schema["$defs"]["HostService"], set())
    own = _keys(schema, schema, {"lvs_addresses", "lvs_interfaces", "lvs_services"})
    return st.builds(
        lambda variables, service: {**variables, **({"lvs_services": {"www": service}} if service else {})},
        own,
        services,
    )


def _keys(schema: Node, node: Node, left_out: set[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A typed object: what it must have, and up to four of what it may have."""
    required = set(node.get("required", [])) - left_out
    optional = sorted(set(node["properties"]) - required - left_out)
    chosen = st.lists(st.sampled_from(optional), unique=True, max_size=4) if optional else st.just([])
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(
            {name: _value(schema, node["properties"][name], name) for name in sorted({*names, *required})}
        )
    )


def _value(schema: Node, node: Node, key: str) -> st.SearchStrategy[Any]:
    choices = node.get("anyOf") or node.get("oneOf")
    plain = choices is None or node.get("type") == "string"
    if key in _NAMES and not any("$ref" in one.get("items", {}) for one in (node, *(choices or ()))):
        return _NAMES[key]
    if not plain:
        return st.one_of([_value(schema, choice, "") for choice in choices or ()])
    return _plain(schema, node, key)


def _plain(schema: Node, node: Node, key: str) -> st.SearchStrategy[Any]:
    if "$ref" in node:
        inner = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return st.deferred(lambda: _keys(schema, inner, set()))
    if "const" in node or "enum" in node:
        return st.sampled_from(node.get("enum", [node.get("const")]))
    if node["type"] == "array":
        most = node.get("maxItems", 2)
        return st.lists(_value(schema, node["items"], ""), min_size=node.get("minItems", 0), max_size=most)
    if node["type"] in {"integer", "number"}:
        return _number(node)
    by_type: dict[str, st.SearchStrategy[Any]] = {
        "boolean": st.booleans(),
        "null": st.none(),
        "object": st.just({}),
        "string": st.from_regex(node["pattern"], alphabet=_ALPHABET, fullmatch=True)
        if "pattern" in node
        else _WORDS,
    }
    return by_type[node["type"]]


_ALPHABET = st.characters(min_codepoint=32, max_codepoint=126)


def _number(node: Node) -> st.SearchStrategy[Any]:
    low, high = node.get("minimum", 0.01), node.get("maximum", 1)
    small = min(high, low + 9)
    if node["type"] == "integer":
        return st.integers(low, small) | st.sampled_from([low, high])
    return st.sampled_from([low, high, small, 1, 0.25, 0.1])
