"""What only the command line may say is not said by a variable of the inventory that has the same name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.filters.test_filters import INVENTORY
from tests.unit.model.builders import Site
from tests.unit.model.cases import ROOT

from .simulated import Estate

# By playbook the files, beside itself, that read what an operator says.
READERS = {
    "drain": ["roles/overrides/defaults/main.yml"],
    "restore": ["roles/overrides/defaults/main.yml"],
    "status": [],
    "switchover": [],
    "update": ["roles/update/defaults/main.yml"],
    "rollback": ["playbooks/stages/vars/rollback.yml"],
    "teardown": [],
    "verify": [],
    "diff": [],
    "deploy": [],
    "plan": [],
}
# Of the role overrides an update gives all options but this one.
MORE = {"update": {"every"}}
# Options of the toolkit, which an inventory may give as well.
_OWN = ("lvs_", "host_", "__", "groups")


def words_of(playbook: str) -> set[str]:
    """The words that a verb refuses where the inventory gives them."""
    plays: list[dict[str, Any]] = yaml.safe_load((ROOT / "playbooks" / f"{playbook}.yml").read_text())
    return set(plays[0].get("vars", {}).get("cluster_words", []))


def test_every_verb_is_here() -> None:
    assert {path.stem for path in (ROOT / "playbooks").glob("*.yml")} == set(READERS)


@pytest.mark.parametrize("playbook", READERS)
def test_every_word_that_a_verb_reads_is_refused_from_the_inventory(playbook: str) -> None:
    files = [f"playbooks/{playbook}.yml", *READERS[playbook]]
    text = "".join((ROOT / file).read_text() for file in files)
    read = {word for word in re.findall(r"\{\{ (\w+) \| default\(", text) if not word.startswith(_OWN)}

    assert words_of(playbook) == read | MORE.get(playbook, set())


def with_variables(folder: Path, where: str) -> Estate:
    """An estate in whose inventory all hosts, or web3 alone, have the variable ``force``."""
    inventory = yaml.safe_load(INVENTORY)
    edge = inventory["all"]["children"]["edge"]["children"]
    place = inventory["all"]["vars"] if where == "all" else edge["edge_web"]["hosts"]["web3"]
    place["force"] = True
    return Estate(folder, Site(), yaml.safe_dump(inventory))


def line_of(estate: Estate, word: str) -> int:
    lines = estate.inventory.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip().startswith(f"{word}:"))


@pytest.mark.parametrize(
    ("where", "hosts"), [("all", "lb1, lb2, web1, web2, web3 and 1 more"), ("web3", "web3")]
)
def test_a_word_of_the_inventory_is_refused_with_its_place(tmp_path: Path, where: str, hosts: str) -> None:
    estate = with_variables(tmp_path, where)

    run = estate.run("playbooks/drain.yml", "-e", "host=web1")

    assert run.returncode == 2, run.output
    assert (
        f"{estate.inventory}:{line_of(estate, 'force')}: force: the inventory gives {hosts} a variable of "
        "this name, and would decide what only the command line may: give the variable another name there, "
        "or say what is meant: -e force=..."
    ) in run.text
    assert run.counts == {}


def test_what_the_command_line_says_comes_first(tmp_path: Path) -> None:
    estate = with_variables(tmp_path, "all")

    run = estate.run("playbooks/drain.yml", "-e", '{"host": "web1", "force": "maybe"}')

    assert run.returncode == 2, run.output
    assert "force: 'maybe' is neither true nor false" in run.text
    assert "the inventory gives" not in run.text


def test_a_verb_that_does_not_read_it_does_not_mind(tmp_path: Path) -> None:
    estate = with_variables(tmp_path, "all")

    assert estate.run("playbooks/status.yml", "--check").counts != {}
