"""Pacemaker, for the tests that both cluster managers share; and what it tells."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from shared.managed import Manager, as_it_is, under_heartbeat, under_keepalived

from lab import Lab
from lab.directors import Directors
from lab.errors import LabError
from lvs_model.pacemaker_view import PacemakerView, pacemaker_view

TOOL = "/usr/local/lib/lvs-toolkit/lvs-pacemaker"
# In the order of corosync's link numbers.
LINES = {"front": "udp/5405@front", "sync": "udp/5406@sync"}


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


@pytest.fixture(scope="session")
def manager(
    lab: Lab, directors: Directors, until: Callable[..., None], told: Callable[[str], PacemakerView]
) -> Manager:
    """Describe it."""

    def line_up(director: str, network: str) -> bool:
        said = lab.run(director, ["corosync-cfgtool", "-n"]).stdout
        link = f"LINK: {list(LINES).index(network)} "
        return any(line.strip().startswith(link) and " connected" in line for line in said.splitlines())

    def at_rest(director: str) -> bool:
        return lab.run(director, ["crm_resource", "--wait", "--timeout=30s"], timeout=60).code == 0

    def serve_alone(director: str, dead: str) -> None:
        """Of two that start without hearing each other none may serve by itself (votequorum(5))."""
        until("pacemaker has a coordinator", lambda: told(director).coordinator == director, timeout_s=120)
        assert not told(director).quorate
        assert directors.owners(without=dead) == [], "nobody knows what the other one does"
        lab.run(director, [TOOL, "alone", dead], check=True)

    return Manager(
        unit="pacemaker",
        boot={"corosync": True, "pacemaker": True, "lvs-network": True, "ldirectord": False},
        lines=LINES,
        line_up=line_up,
        at_rest=at_rest,
        serve_alone=serve_alone,
        engines={
            "keepalived": under_keepalived,
            "heartbeat": under_heartbeat,
            "pacemaker": as_it_is,
        },
    )
