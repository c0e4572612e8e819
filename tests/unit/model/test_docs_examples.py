"""The examples of docs/forwarding.md: right without a warning, and giving what stands below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from lvs_model.document import Cluster
from lvs_model.document.service import Tunnel
from lvs_model.inventory import read_inventory
from lvs_model.plan import compile_plan
from lvs_model.rules import check

from .cases import ROOT, load

PAGE = ROOT / "docs" / "forwarding.md"
_BLOCK = re.compile(r"^```(yaml|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A cluster document of the page, and the network items that stand below it by host."""

    title: str
    text: str
    items: dict[str, list[str]]


def blocks() -> Iterator[tuple[str, str, str]]:
    """Every block of the page: the title above it, its language and its text."""
    page = PAGE.read_text()
    for found in _BLOCK.finditer(page):
        titles = re.findall(r"^#+ (.*)$", page[: found.start()], re.MULTILINE)
        yield titles[-1], found[1], found[2]


def items_by_host(text: str) -> dict[str, list[str]]:
    """A block of items; a line `# HOST` begins those of a host."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            items = found.setdefault(line.removeprefix("# "), [])
        else:
            items.append(line)
    return found


def examples() -> list[Example]:
    """All documents of the page."""
    found: list[Example] = []
    for title, language, text in blocks():
        if language == "yaml" and "lvs_cluster" in yaml.safe_load(text):
            found.append(Example(title, text, {}))
        elif language == "text":
            found[-1].items.update(items_by_host(text))
    return found


def inventories() -> list[str]:
    """The page's inventory, and what it adds to it."""
    return [text for _, language, text in blocks() if language == "yaml" and "all" in yaml.safe_load(text)]


@pytest.fixture
def inputs(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """A document in the page's inventory, as Ansible reads it."""
    example: Example = request.param
    for number, text in enumerate(inventories()):
        (tmp_path / f"{number}.yml").write_text(text)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "edge.yml").write_text(example.text)
    return load(tmp_path)


EXAMPLES = examples()
TITLES = [one.title for one in EXAMPLES]
WITH_ITEMS = [one for one in EXAMPLES if one.items]


@pytest.mark.parametrize("inputs", EXAMPLES, ids=TITLES, indirect=True)
def test_every_example_is_right_without_a_warning(inputs: Any) -> None:  # noqa: ANN401
    inventory, problems = read_inventory(*inputs)

    assert (problems, *check(inventory)) == ([], [], [])


@pytest.mark.parametrize(
    ("inputs", "items"),
    [(one, one.items) for one in WITH_ITEMS],
    ids=[one.title for one in WITH_ITEMS],
    indirect=["inputs"],
)
def test_what_a_host_holds_is_as_the_page_says(inputs: Any, items: dict[str, list[str]]) -> None:  # noqa: ANN401
    hosts = compile_plan(*inputs)["hosts"]

    for name, said in items.items():
        planned = hosts[name]["items"]
        if hosts[name]["role"] == "real_server":
            assert said == planned
        else:  # a director has more
            assert [item for item in planned if item in said] == said


def test_the_page_has_every_mode_and_every_other_yaml_is_an_inventory() -> None:
    clusters = [Cluster.model_validate(yaml.safe_load(one.text)["lvs_cluster"]) for one in EXAMPLES]
    services = [service for cluster in clusters for service in cluster.services]

    assert {one.forwarding for one in services} == {"dr", "tun", "nat", "masquerade"}
    assert {one.tunnel.type for one in services} >= {Tunnel().type, "gue"}
    assert len(clusters) + len(inventories()) == sum(language == "yaml" for _, language, _ in blocks())


def test_links_to_rules_lead_somewhere() -> None:
    links = re.findall(r"\]\((rules/[^)]+)\)", PAGE.read_text())

    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
