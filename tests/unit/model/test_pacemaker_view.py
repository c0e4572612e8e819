"""What lvs-pacemaker tells of the cluster, as the controller reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.pacemaker_view import PacemakerView, pacemaker_view

GOOD: dict[str, Any] = {
    "running": True,
    "node": "lb1",
    "coordinator": "lb1",
    "quorate": True,
    "online": ["lb1", "lb2"],
    "waits_for": [],
    "differs": [],
    "standby": [],
}


def faults(**other: Any) -> list[str]:  # noqa: ANN401
    view = pacemaker_view(json.dumps({**GOOD, **other}))
    assert view is not None
    return view.faults(["lb1", "lb2"])


def test_a_cluster_that_is_as_planned_has_no_faults() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"running": False}, "pacemaker does not answer: see journalctl -u corosync -u pacemaker"),
        ({"coordinator": None}, "the directors have elected no coordinator"),
        (
            {"quorate": False},
            "there is no quorum, so that nothing is served: start the other directors, or where they are "
            "known to be off run lvs-pacemaker alone",
        ),
        ({"online": ["lb1"]}, "lb2 is not in the cluster"),
        ({"standby": ["lb2"]}, "lb2 was put on standby (crm_attribute, standby)"),
        ({"waits_for": ["lb2"]}, "lb2 has other files than this director: deploy it"),
        ({"differs": ["lvs-director is missing"]}, "resources: lvs-director is missing"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else "",
)
def test_each_fault_is_told(other: dict[str, Any], said: str) -> None:
    assert faults(**other) == [said]


def test_nothing_is_known_where_the_tool_is_not() -> None:
    assert pacemaker_view(None) is None


def test_a_pacemaker_that_does_not_run_is_known_to_hold_nothing() -> None:
    assert pacemaker_view('{"running": false, "node": "lb1"}') == PacemakerView(running=False)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"running": 1}', "Traceback"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        pacemaker_view(text)
