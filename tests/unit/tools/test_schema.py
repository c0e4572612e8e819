"""The JSON Schema for editors: current, valid, and of the same opinion as the model."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from lvs_model.inventory import read_inventory
from tests.unit.model.builders import Case
from tests.unit.model.cases import INVENTORIES, load
from tests.unit.model.documents import put
from tools.schema import schema

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docs" / "cluster-document.schema.json"
VARIABLES = sorted(ROOT.glob("inventories/*/*_vars/**/*.yml"))
SHIPPED = sorted({path.parent for path in ROOT.glob("inventories/*/hosts.yml")})


def complaints(variables: dict[str, Any]) -> list[str]:
    """What an editor would underline in a file of variables, by its place in the file."""
    checker = jsonschema.Draft202012Validator(
        schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    return [error.json_path for error in checker.iter_errors(variables)]


def test_the_file_is_what_the_model_says() -> None:
    again = ".venv/bin/python -m tools.schema > docs/cluster-document.schema.json"
    assert json.loads(FILE.read_text(encoding="utf-8")) == schema(), f"the schema has changed: {again}"


def test_it_is_a_json_schema_without_words_that_json_schema_does_not_know() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    found: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in {"properties", "patternProperties", "$defs"}:
                    for inner in value.values():
                        walk(inner)
                else:
                    found.add(key)
                    walk(value if key in {"items", "additionalProperties"} else None)
                    for inner in value if key in {"anyOf", "oneOf"} else ():
                        walk(inner)

    walk(schema())
    assert found <= {
        *(
            "$schema",
            "$ref",
            "title",
            "description",
            "default",
            "type",
            "enum",
            "const",
            "anyOf",
            "format",
            "propertyNames",
        ),
        *("minimum", "maximum", "exclusiveMinimum", "pattern", "minLength", "items", "minItems", "maxItems"),
        *("required", "additionalProperties", "minProperties"),
    }


def test_every_key_of_every_object_has_words_for_the_editor() -> None:
    page = schema()
    objects = {**page["$defs"], "": page}
    assert [
        (name, key)
        for name, node in objects.items()
        for key, field in node.get("properties", {}).items()
        if key != "lvs_cluster" and not field.get("description")
    ] == []


@pytest.mark.parametrize("path", VARIABLES, ids=lambda path: str(path.relative_to(ROOT / "inventories")))
def test_every_shipped_file_of_variables_is_valid(path: Path) -> None:
    assert complaints(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("inventory", [*INVENTORIES.values(), *SHIPPED], ids=lambda path: path.stem)
def test_the_variables_of_every_host_are_valid(inventory: Path) -> None:
    hostvars, _ = load(inventory)

    assert {host: complaints(variables) for host, variables in hostvars.items()} == {
        host: [] for host in hostvars
    }


CLUSTER = "$.lvs_cluster"
S0 = f"{CLUSTER}.services[0]"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("servces", [], CLUSTER),
        ("failover/failback", "perhaps", f"{CLUSTER}.failover.failback"),
        ("failover/advert_interval", 41, f"{CLUSTER}.failover.advert_interval"),
        ("failover/track/scripts", [{"name": "x"}], f"{CLUSTER}.failover.track.scripts[0]"),
        ("networks/Front", {"interface": "eth2", "subnets": ["10.0.0.0/8"]}, f"{CLUSTER}.networks"),
        ("networks/front/interface", "bond 0", f"{CLUSTER}.networks.front.interface"),
        ("services/0/scheduler", "wr", f"{S0}.scheduler"),
        ("services/0/vips/0", "www", f"{S0}.vips[0]"),
        ("services/0/vips", [], f"{S0}.vips"),
        ("services/0/ports/0", 65536, f"{S0}.ports[0]"),
        ("services/0/ports/0", "80-", f"{S0}.ports[0]"),
        ("services/0/ports", "some", f"{S0}.ports"),
        ("services/0/mark", "no", f"{S0}.mark"),
        ("services/0/check", {"type": "icmp"}, f"{S0}.check"),
        ("services/0/check", {"type": "tcp", "path": "/"}, f"{S0}.check"),
        ("services/0/check", [{"type": "http", "path": "healthz"}], f"{S0}.check"),
        ("services/0/quorum", True, f"{S0}.quorum"),
        ("services/0/notify/server_up", "mail ops", f"{S0}.notify.server_up"),
    ],
)
def test_what_the_model_refuses_the_editor_underlines(path: str, value: object, where: str) -> None:
    case = Case()
    put(case.document, path, value)
    _, problems = read_inventory(*case.inputs())

    assert problems
    places = complaints({"lvs_cluster": case.document})
    # In a union jsonschema names the union, not the best of its members.
    assert places and all(where.startswith(place) for place in places)


@pytest.mark.parametrize(
    ("variables", "places"),
    [
        ({"lvs_wieght": 3}, ["$"]),
        ({"lvs_weight": -1}, ["$.lvs_weight"]),
        ({"lvs_state": "off"}, ["$.lvs_state"]),
        ({"lvs_addresses": "192.0.2.1"}, ["$.lvs_addresses"]),
        ({"lvs_services": {"www": {"weight": "many"}}}, ["$.lvs_services"]),
        ({"lvs_weight": None, "lvs_plan_dir": "/tmp/plan", "nginx_port": 80}, []),  # noqa: S108 - only a text
        ({"lvs_weight": "{{ base + 1 }}", "lvs_addresses": ["192.0.2.{{ number }}"]}, []),
    ],
)
def test_host_variables(variables: dict[str, Any], places: list[str]) -> None:
    assert complaints(variables) == places


def test_templates_may_stand_everywhere() -> None:
    document = copy.deepcopy(Case().document)
    for path in ("failover", "services/0/ports/0", "services/0/vips", "services/0/check", "networks/front"):
        put(document, path, "{{ elsewhere }}")

    assert complaints({"lvs_cluster": document}) == complaints({"lvs_cluster": "{{ elsewhere }}"}) == []
