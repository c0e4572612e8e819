"""What forbids to deploy a cluster of pacemaker's: releases that do not mix, and somebody else's cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.components.pacemaker import CONFIGURATION, COROSYNC_UNIT, UNIT
from lvs_model.observation import Observation
from lvs_model.problems import Problem


def pacemaker_fitness(plan: dict[str, Any], seen: dict[str, Observation]) -> Iterator[Problem]:
    """Problems of all clusters under pacemaker, of those of their directors that were seen."""
    for name, cluster in plan["clusters"].items():
        members = [
            seen[host]
            for host in cluster["directors"]
            if host in seen and plan["hosts"][host].get("engine_unit") == UNIT
        ]
        releases = {one.os: one.host for one in members}
        if len(releases) > 1:
            # Checked by pacemaker itself when a director joins (controld_join_dc.c, the feature set): 3.16 of
            # Debian 12 is turned away by 3.20 of Debian 13, and pacemaker then ends there.
            systems = ", ".join(
                f"{host} runs {' '.join(system)}" for system, host in sorted(releases.items())
            )
            yield Problem(
                f"cluster {name}",
                f"{systems}: pacemaker of an older release cannot join a newer one's cluster",
                "bring all its directors to the same release",
            )
        for one in members:
            found = one.raw["files"].get(CONFIGURATION)
            if one.runs(COROSYNC_UNIT) and found is not None and not found.get("marked"):
                yield Problem(
                    f"host {one.host}",
                    f"corosync runs with a {CONFIGURATION} that is not the toolkit's: that cluster would end",
                    "if nobody needs it: systemctl disable --now pacemaker corosync, then run this again",
                )
