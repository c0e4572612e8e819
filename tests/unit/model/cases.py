"""The inventories whose rendered files are kept under tests/golden."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager

from lvs_model.components.network import TOOL
from lvs_model.plan import compile_plan

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden"
# Every inventory beside the golden files, and the one that the lab runs.
INVENTORIES = {"lab": ROOT / "inventories" / "lab"} | {
    path.stem: path for path in sorted(GOLDEN.glob("*.yml"))
}


def load(inventory: Path) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """An inventory as Ansible reads it: each host's ``lvs_*`` variables, and the groups."""
    loader = DataLoader()
    source = InventoryManager(loader=loader, sources=[str(inventory)])
    variables = VariableManager(loader=loader, inventory=source)
    hostvars = {
        str(host): {
            str(key): value
            for key, value in variables.get_vars(host=host, include_hostvars=False).items()
            if key.startswith("lvs_")
        }
        for host in source.get_hosts()
    }
    groups = {str(name): [str(host) for host in hosts] for name, hosts in source.get_groups_dict().items()}
    plain: tuple[dict[str, dict[str, Any]], dict[str, list[str]]] = json.loads(json.dumps([hostvars, groups]))
    return plain


@cache
def plan(case: str) -> dict[str, Any]:
    """The plan of a case."""
    return compile_plan(*load(INVENTORIES[case]))


def hosts() -> list[tuple[str, str]]:
    """Every case with each of its planned hosts, in one order in every process (Ansible's may differ)."""
    return [(case, host) for case in INVENTORIES for host in sorted(plan(case)["hosts"])]


def golden_files(planned: dict[str, Any], *, tool: bool = False) -> dict[str, str]:
    """A planned host's files by path without the leading slash, as they are kept.

    lvs-network is long, and the same everywhere: only who wants the ``tool`` gets it.
    """
    files = {file["path"]: file["content"] for file in planned["files"]}
    return {path.lstrip("/"): content for path, content in files.items() if tool or path != TOOL}
