"""The semantic check: what is right field by field and would still make a cluster fail later.

Each rule has an id that never changes and a page docs/rules/<id>.md; a module holds the rules of a topic.
"""

from __future__ import annotations

from collections.abc import Collection

from lvs_model.inventory import Inventory
from lvs_model.problems import Problem

# Importing a module registers its rules.
from lvs_model.rules import (  # noqa: F401
    addresses,
    checks,
    engines,
    failback,
    fallbacks,
    firewall,
    ftp,
    heartbeat,
    heartbeat_lines,
    hosts,
    instances,
    lines,
    mail,
    marks,
    names,
    nat,
    networks,
    pacemaker,
    persistence,
    platforms,
    pools,
    ports,
    secrets,
    services,
    sync,
    timing,
    trackers,
    tunnels,
    versions,
    vrrp,
)
from lvs_model.rules.registry import RULES, Rule
from lvs_model.rules.view import View

__all__ = ["RULES", "Rule", "check"]


def check(inventory: Inventory, plain_secrets: Collection[str] = ()) -> tuple[list[Problem], list[Problem]]:
    """Every rule on every cluster: (errors, warnings), each sorted and without repetitions.

    ``plain_secrets`` are paths of secrets (as secrets.path_of writes them) that stand in the inventory in
    plain text: only who has read its files can know.
    """
    view = View(inventory, plain_secrets)
    found: dict[str, set[Problem]] = {"error": set(), "warning": set()}
    for rule in RULES.values():
        found[rule.severity].update(rule.problems(view))
    return sorted(found["error"]), sorted(found["warning"])
