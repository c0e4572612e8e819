"""Heartbeat, for the tests that both cluster managers share."""

from __future__ import annotations

import pytest
from shared.managed import Manager, as_it_is, under_keepalived

from lab import Lab
from lab.promise import Promise

INTERFACES = {"front": "eth0", "sync": "eth1"}


@pytest.fixture(scope="session")
def manager(lab: Lab, promise: Promise) -> Manager:
    """Describe it."""

    def line_up(director: str, network: str) -> bool:
        (peer,) = promise.directors.keys() - {director}
        argv = ["cl_status", "hblinkstatus", peer, INTERFACES[network]]
        return lab.run(director, argv).stdout.strip() == "up"

    def at_rest(director: str) -> bool:
        # Else "transition", or nothing at all: it does not run, or has not heard the other one yet.
        return lab.run(director, ["cl_status", "rscstatus"]).stdout.strip() in {
            "all",
            "local",
            "foreign",
            "none",
        }

    def serve_alone(_director: str, _dead: str) -> None:
        """Nothing has to be done: it serves after initdead."""

    return Manager(
        unit="heartbeat",
        boot={"heartbeat": True, "lvs-network": True, "ldirectord": False},
        lines={network: f"udp/694@{network}" for network in INTERFACES},
        line_up=line_up,
        at_rest=at_rest,
        serve_alone=serve_alone,
        engines={"keepalived": under_keepalived, "heartbeat": as_it_is},
    )


@pytest.fixture(scope="session")
def resources_s() -> float:
    """Heartbeat's own part of a switch: its shell programs and ldirectord, on an emulated CPU.

    Counts gate whether a takeover works; the times are printed.
    """
    return 20.0
