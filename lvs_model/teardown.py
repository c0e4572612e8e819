"""Turns a plan around: nothing of its clusters is to be left on their hosts."""

from __future__ import annotations

from typing import Any

from lvs_model.plan import retired
from lvs_model.problems import ModelError, Problem


def tear_down(plan: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The plan in which every host of these clusters holds nothing of the toolkit's any more.

    Other clusters' hosts are left out: they are not looked at. Raises ModelError for an unknown cluster.
    """
    known = ", ".join(plan["clusters"])
    if not names:
        what = "which cluster shall be torn down is not said"
        raise ModelError([Problem("lvs_teardown", what, f"name it: -e lvs_teardown=NAME, of {known}")])
    unknown = [name for name in names if name not in plan["clusters"]]
    if unknown:
        raise ModelError(
            [Problem("lvs_teardown", f"there is no cluster {unknown[0]!r}", f"use one of {known}")]
        )
    return plan | {
        "clusters": {name: plan["clusters"][name] | {"teardown": True} for name in names},
        "hosts": {
            host: retired() | {"forwarders": _forwarders(plan, planned, names)}
            for host, planned in plan["hosts"].items()
            # A retired host may still serve another cluster: it goes with the last one.
            if planned["cluster"] in names
            or (planned["role"] == "retired" and set(names) == set(plan["clusters"]))
        },
        "probes": {},
    }


def _forwarders(plan: dict[str, Any], planned: dict[str, Any], names: list[str]) -> list[str]:
    """The directors that must have been looked at before a host lets go of what they may forward to it."""
    own = [planned["cluster"]] if planned["cluster"] else names
    return [director for name in own for director in plan["clusters"][name]["directors"]]
