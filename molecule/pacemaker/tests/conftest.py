"""What the scenario's tests share: the document with other options, and what pacemaker tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Lab
from lab.errors import LabError
from lvs_model.pacemaker_view import PacemakerView, pacemaker_view

INVENTORY = Path(__file__).resolve().parents[1] / "inventory"
TOOL = "/usr/local/lib/lvs-toolkit/lvs-pacemaker"

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def otherwise(tmp_path: Path) -> Callable[..., list[str]]:
    """Arguments of ansible-playbook for the document after a change, and for hosts with other variables."""

    def arguments(change: Change = lambda _: None, **hosts: dict[str, Any]) -> list[str]:
        document = deepcopy(yaml.safe_load((INVENTORY / "group_vars" / "edge.yml").read_text()))
        change(document["lvs_cluster"])
        (tmp_path / "group_vars").mkdir()
        (tmp_path / "group_vars" / "edge.yml").write_text(yaml.safe_dump(document))
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts or {"client1": {}}}}))
        return ["-i", str(tmp_path)]

    return arguments


@pytest.fixture(scope="session")
def told(lab: Lab) -> Callable[[str], PacemakerView]:
    """What a director's pacemaker tells of the cluster; one that does not answer holds nothing."""

    def ask(name: str) -> PacemakerView:
        try:
            text = lab.run(name, [TOOL, "held"], timeout=60).stdout
        except LabError:
            return PacemakerView(running=False)
        return pacemaker_view(text or json.dumps({"running": False})) or PacemakerView(running=False)

    return ask
