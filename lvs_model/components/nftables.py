"""The toolkit's own table of nftables: chains of rules become a file, and a unit that loads it.

One table for all of them, so that one transaction replaces it (nft(8), «Input file formats»): no packet
meets half of it. components/firewall.py says what the rules are.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lvs_model.parts import Action, Health, Part, Validation
from lvs_model.render import render

_COMPONENT = "firewall"
TABLE = "lvs_toolkit"
RULES = "/etc/lvs-toolkit/nftables.nft"
UNIT = "lvs-nftables.service"
_UNIT_FILE = f"/etc/systemd/system/{UNIT}"
LOADED = "/run/lvs-toolkit/nftables.loaded"
NEEDED = (
    f"/bin/sh -c 'nft list table inet {TABLE} >/dev/null 2>&1 || nft -f {RULES} || "
    f'{{ echo "not started: the table inet {TABLE} of nft cannot be loaded; mend that, then: '
    f"systemctl reload-or-restart {UNIT}\" >&2; sleep 3; exit 1; }}'"
)
"""For ExecStartPre= of what moves the VIPs: on a director with a table it does not start without it."""
SETS = "sets"
"""The name under which chains carry the declarations of sets."""


class _Hook(NamedTuple):
    """Where a chain hangs (nft(8), «Chains»), and its name there: keywords of nft's cannot be names."""

    name: str
    type: str
    hook: str
    priority: str


# In the order in which packets meet them.
_HOOKS = {
    "raw": _Hook("raw", "filter", "prerouting", "raw"),
    "mark": _Hook("marks", "filter", "prerouting", "mangle"),
    "forward": _Hook("forward", "filter", "forward", "filter"),
    "raw_output": _Hook("raw_output", "filter", "output", "raw"),
    "mss": _Hook("mss", "filter", "output", "mangle"),
    "masquerade": _Hook("sources", "nat", "postrouting", "srcnat"),
}
# Chains whose drops may hit a connection of the controller's.
_DROPPING = ("raw", "forward")
# A set as `nft list` prints it: what is in dynamic ones follows the traffic.
_LISTED_SET = re.compile(r"^\tset \S+ \{\n.*?^\t\}\n", re.MULTILINE | re.DOTALL)
_ELEMENTS = re.compile(r"^\t\telements = \{.*?\}\n", re.MULTILINE | re.DOTALL)
_DYNAMIC = re.compile(r"^\t\tflags .*\bdynamic\b", re.MULTILINE)


def nftables(chains: dict[str, list[str]]) -> Part:
    """The table with these chains; nothing at all where none of them has a rule.

    ``chains`` are rules by chain, and under :data:`SETS` declarations of sets. Rules that drop may cut off
    whoever loads them, so that loading them is guarded.
    """
    filled = {name: rules for name, rules in chains.items() if rules and name != SETS}
    if not filled:
        return Part(component=_COMPONENT)
    context = {
        "table": TABLE,
        "rules": RULES,
        "loaded": LOADED,
        "folder": LOADED.rpartition("/")[0],
        "sets": chains.get(SETS, []),
        "chains": [
            {"rules": filled[name], **hook._asdict()} for name, hook in _HOOKS.items() if name in filled
        ],
    }
    return Part(
        component=_COMPONENT,
        packages=["nftables"],
        files=[render(_COMPONENT, RULES, context), render(_COMPONENT, _UNIT_FILE, context)],
        units=[UNIT],
        validate=[Validation("nft accepts the table", ("nft", "-c", "-f", "{stage}" + RULES), (RULES,))],
        actions=_actions(
            drops=any("drop" in rule.split() for name in _DROPPING for rule in filled.get(name, []))
        ),
        health=[Health("the table is loaded", ("nft", "list", "table", "inet", TABLE), 3, 0.5)],
    )


def _actions(*, drops: bool) -> list[Action]:
    return [
        Action(
            "Read the unit of the table anew",
            ("systemctl", "daemon-reload"),
            on=(_UNIT_FILE,),
            heals=frozenset({"reload"}),
        ),
        Action(
            "Load the table at boot",
            ("systemctl", "enable", UNIT),
            on=(_UNIT_FILE,),
            heals=frozenset({f"enabled {UNIT}"}),
        ),
        # The unit's start and reload do the same: the table is replaced in one transaction.
        Action(
            "Load the table",
            ("systemctl", "reload-or-restart", UNIT),
            on=(RULES, _UNIT_FILE),
            heals=frozenset({"nftables", f"active {UNIT}"}),
            guard=("nft", "delete", "table", "inet", TABLE) if drops else (),
            retract=("systemctl", "disable", "--now", UNIT) if drops else (),
        ),
    ]


def comparable(listing: str) -> str:
    """What `nft -s list table` printed, without what follows the traffic: elements of dynamic sets.

    Two listings of a table that nobody changed are equal then.
    """
    return _LISTED_SET.sub(
        lambda found: _ELEMENTS.sub("", found[0]) if _DYNAMIC.search(found[0]) else found[0], listing
    )
