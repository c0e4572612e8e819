"""The ready-made inventories as the plan's filter gets them: loaded and templated by Ansible."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.vars.manager import VariableManager

from lvs_model.plan import compile_plan
from tests.unit.model.cases import golden_files

ROOT = Path(__file__).resolve().parents[3]
INVENTORIES = ROOT / "inventories"
GOLDEN = ROOT / "tests" / "golden"
NAMES = sorted(
    place.name for place in INVENTORIES.iterdir() if (place / "hosts.yml").is_file() and place.name != "lab"
)
PASSWORD = "s3cret:x"  # noqa: S105 - the test's own
SECRETS = {"LVS_VRRP_PASSWORD": PASSWORD, "LVS_HEARTBEAT_SECRET": "a.long.secret.of.this.test"}


@cache
def inputs(name: str) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """Each host's ``lvs_*`` variables with their templates resolved, and the groups."""
    if AnsibleCollectionConfig.collection_finder is None:  # once a process; without it there are no lookups
        init_plugin_loader()
    loader = DataLoader()
    source = InventoryManager(loader=loader, sources=[str(INVENTORIES / name)])
    variables = VariableManager(loader=loader, inventory=source)
    hostvars: dict[str, dict[str, Any]] = {}
    with patch.dict(os.environ, SECRETS):
        for host in source.get_hosts():
            own = variables.get_vars(host=host, include_hostvars=False)
            templar = Templar(loader=loader, variables=own)
            hostvars[str(host)] = {key: templar.template(own[key]) for key in own if key.startswith("lvs_")}
        plain: tuple[dict[str, dict[str, Any]], dict[str, list[str]]] = json.loads(
            json.dumps([hostvars, source.get_groups_dict()])
        )
    return plain


@cache
def plan(name: str) -> dict[str, Any]:
    """The compiled plan, through JSON as Ansible stores it."""
    compiled: dict[str, Any] = json.loads(json.dumps(compile_plan(*inputs(name))))
    return compiled


def document(name: str) -> dict[str, Any]:
    """The one cluster document of an inventory."""
    (found,) = {
        json.dumps(own["lvs_cluster"]): own["lvs_cluster"]
        for own in inputs(name)[0].values()
        if "lvs_cluster" in own
    }.values()
    return dict(found)


def files(name: str, host: str) -> dict[str, str]:
    """A host's rendered files by path, without the leading slash, as they are kept."""
    return golden_files(plan(name)["hosts"][host])
