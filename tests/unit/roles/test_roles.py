"""House rules that every role keeps: documented options, commented defaults, templates that only print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, nodes

from tests.unit.inventories import ready
from tests.unit.model.cases import GOLDEN, INVENTORIES, ROOT, plan

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
TEMPLATES = sorted(path for role in ROLES for path in role.glob("templates/**/*.j2"))
# A template whose name begins with _ is a part of the file beside it, rendered once for many hosts.
FILES = [path for path in TEMPLATES if not path.name.startswith("_")]
PARTS = [path for path in TEMPLATES if path not in FILES]


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT / "roles"))


roles = pytest.mark.parametrize("role", ROLES, ids=_id)
templates = pytest.mark.parametrize("template", TEMPLATES, ids=_id)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] | None = yaml.safe_load(path.read_text()) if path.exists() else None
    return found or {}


def entry_points(role: Path) -> dict[str, dict[str, Any]]:
    specs: dict[str, dict[str, Any]] = _read(role / "meta" / "argument_specs.yml").get("argument_specs", {})
    return specs


@roles
def test_every_way_into_a_role_is_specified(role: Path) -> None:
    """A task file is an entry point unless another one of its role includes it."""
    files = {path.stem: path.read_text() for path in role.glob("tasks/*.yml")}
    inner = {name for name in files for text in files.values() if re.search(rf"_tasks: {name}\.yml", text)}

    assert set(entry_points(role)) == set(files) - inner


@roles
def test_the_options_of_a_role_are_its_defaults(role: Path) -> None:
    defaults = _read(role / "defaults" / "main.yml")
    options: dict[str, dict[str, Any]] = {}
    for entry in entry_points(role).values():
        options |= entry["options"]

    assert {name for name, option in options.items() if not option.get("required")} == set(defaults)
    assert {name: options[name].get("default") for name in defaults} == defaults


@roles
def test_entry_points_and_options_say_what_they_are(role: Path) -> None:
    described: list[dict[str, Any]] = [
        *entry_points(role).values(),
        *(option for entry in entry_points(role).values() for option in entry["options"].values()),
    ]

    assert described
    assert [one for one in described if not (one.get("short_description") or one.get("description"))] == []
    assert [one for one in described if "options" not in one and "type" not in one] == []


@roles
def test_every_default_has_a_comment_and_its_roles_prefix(role: Path) -> None:
    path = role / "defaults" / "main.yml"
    lines = path.read_text().splitlines() if path.exists() else []
    before = dict(zip(lines[1:], lines, strict=False))
    variables = {line: line.split(":")[0] for line in lines if re.match(r"\w+:", line)}

    assert len(variables) == len(_read(path))
    assert [line for line in variables if not before.get(line, "").startswith("# ")] == []
    assert [name for name in variables.values() if not name.startswith(f"{role.name}_")] == []


@roles
def test_internal_names_carry_the_roles_name(role: Path) -> None:
    """`__lvs_` names belong to the inventory's group_vars, shared by plays; the rest is `__<role>_`."""
    names: set[str] = set(_read(role / "vars" / "main.yml"))
    for path in role.glob("tasks/*.yml"):
        for task in yaml.safe_load(path.read_text()):
            names |= set(task.get("ansible.builtin.set_fact", {})) | {task.get("register", "")}

    assert [name for name in names - {""} if not name.startswith((f"__{role.name}_", "__lvs_"))] == []


@roles
def test_the_table_of_contents_fits_on_a_screen(role: Path) -> None:
    assert len((role / "tasks" / "main.yml").read_text().splitlines()) <= 40


@roles
def test_every_task_is_named(role: Path) -> None:
    for path in role.glob("tasks/*.yml"):
        for task in yaml.safe_load(path.read_text()):
            assert re.match(r"[A-Z]\w", task["name"]), f"{path}: {task}"


def _module_options(tasks: Path, module: str) -> set[str]:
    """Options that a task file's only task with a module gives it."""
    (task,) = [task for task in yaml.safe_load(tasks.read_text()) if module in task]
    return set(task[module])


def test_a_host_is_asked_for_all_that_the_plan_wants_to_know() -> None:
    """An option left out is no error: a missing marker alone would make every keepalived a foreign one."""
    asked = _module_options(ROOT / "roles" / "observe" / "tasks" / "main.yml", "lvs_facts")

    for case in INVENTORIES:
        for host, planned in plan(case)["hosts"].items():
            assert asked == set(planned["observe"]), host


def test_the_gate_waits_for_the_checks_before_it_looks_and_mends_before_it_judges() -> None:
    tasks = yaml.safe_load((ROOT / "roles" / "host" / "tasks" / "gate.yml").read_text())
    modules = ("pause", "include_role", "config_set", "assert")
    order = [name for task in tasks for key in task for name in modules if key.split(".")[-1] == name]

    assert order == ["pause", "include_role", "config_set", "include_role", "assert", "assert"]
    looks = [task for task in tasks if "ansible.builtin.include_role" in task]
    assert all(task["vars"]["observe_retries"] > 0 for task in looks)


# What a template may do: print a value, repeat for each of a list, leave out what there is not. Everything
# else (sums, comparisons, assignments, choices by value) is a decision, and those are the plan's.
_PRINTING = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Const,
    nodes.If,
    nodes.For,
    nodes.Tuple,
)


def decisions(text: str) -> Iterator[str]:
    """What a template does beyond printing, one text for each place."""
    tree = Environment(autoescape=False).parse(text)  # noqa: S701 - nothing is rendered
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Filter) and node.name in {"join", "indent"}:
            continue
        if (
            isinstance(node, nodes.Call)
            and isinstance(node.node, nodes.Getattr)
            and node.node.attr == "items"
        ):
            continue
        if isinstance(node, nodes.If) and not isinstance(node.test, nodes.Name | nodes.Getattr):
            yield f"line {node.lineno}: a condition that is no plain value"
        if not isinstance(node, _PRINTING):
            yield f"line {node.lineno}: {type(node).__name__}"


@templates
def test_a_template_only_prints(template: Path) -> None:
    assert list(decisions(template.read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "{% set a = b %}",
        "{{ a + 1 }}",
        "{{ a | int }}",
        "{{ a if b else c }}",
        "{% if a == 'b' %}{% endif %}",
        "{% if a and b %}{% endif %}",
        "{% if not a %}{% endif %}",
        "{% for a in b | sort %}{% endfor %}",
        "{% macro a() %}{% endmacro %}",
        "{{ a.upper() }}",
        "{{ a[0] }}",
    ],
)
def test_a_decision_in_a_template_is_seen(text: str) -> None:
    assert list(decisions(text))


@pytest.mark.parametrize("template", FILES, ids=_id)
def test_a_file_begins_with_the_managed_header(template: Path) -> None:
    lines = [line for line in template.read_text().splitlines() if not line.startswith("#!")]

    assert lines[0] == "# {{ managed }}"


@pytest.mark.parametrize("template", PARTS, ids=_id)
def test_a_part_of_a_file_is_printed_into_one_beside_it(template: Path) -> None:
    variable = f"{{{{ {template.stem.removeprefix('_')}_text }}}}"
    beside = [path for path in FILES if path.parent == template.parent]

    assert [path for path in beside if variable in path.read_text()]


def test_every_template_is_rendered_at_its_path() -> None:
    rendered = {
        file["path"]
        for case in INVENTORIES
        for planned in plan(case)["hosts"].values()
        for file in planned["files"]
    }
    # A header would become a part of the key (lvs_model/components/pacemaker/links.py).
    bare = {"/etc/corosync/authkey"}
    mirrored = bare | {"/" + _id(path).split("/templates/")[1].removesuffix(".j2") for path in FILES}

    assert mirrored == rendered


@pytest.mark.parametrize("name", ["lab", *ready.NAMES])
def test_an_inventory_of_ours_compiles(name: str) -> None:
    compiled = plan(name) if name == "lab" else ready.plan(name)

    assert compiled["clusters"]
    assert all(len(cluster["directors"]) >= 2 for cluster in compiled["clusters"].values())


def test_every_inventory_of_ours_is_a_known_one() -> None:
    folders = {path.name for path in (ROOT / "inventories").iterdir() if path.is_dir()}

    assert folders == {"lab", *ready.NAMES}


def test_golden_inventories_are_no_others_than_the_known_ones() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {*INVENTORIES, *ready.NAMES}
