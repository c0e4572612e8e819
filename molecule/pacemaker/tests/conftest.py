"""What the scenario's tests share: what pacemaker tells."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lab import Lab
from lab.errors import LabError
from lvs_model.pacemaker_view import PacemakerView, pacemaker_view

TOOL = "/usr/local/lib/lvs-toolkit/lvs-pacemaker"


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
