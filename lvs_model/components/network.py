"""What a host's kernel holds for the cluster outside IPVS, keepalived and nft, in one list of items.

lvs-network (roles/network) sets the items in their order and takes them back in the reverse one, so that the
order here is the safe one: a VIP is on lo only after its interfaces are silent about it in ARP, and no longer
when they are not. Items are lines of its configuration; the template of lvs-network has the grammar.
"""

from __future__ import annotations

from collections.abc import Iterable

from lvs_model.parts import Action, Part
from lvs_model.render import render

_COMPONENT = "network"
CONFIGURATION = "/etc/lvs-toolkit/network.conf"
UNIT = "lvs-network.service"
_UNIT_FILE = f"/etc/systemd/system/{UNIT}"
WATCH = "lvs-network-watch.service"
_WATCH_FILE = f"/etc/systemd/system/{WATCH}"
TOOL = "/usr/local/lib/lvs-toolkit/lvs-network"
# Addresses come behind the links that they are on, and routes behind the addresses.
_ORDER = ("keep", "up", "fou", "address", "local", "link", "route", "rule")


def items_of(parts: Iterable[Part]) -> list[str]:
    """All that lvs-network sets for these parts, in its order; ``interface`` lines are not among them."""
    parts = list(parts)
    own = dict.fromkeys(item for part in parts for item in part.items)
    sysctls = {name: value for part in parts for name, value in part.sysctls.items()}
    return [
        *(f"module {name}" for name in dict.fromkeys(name for part in parts for name in part.modules)),
        *(f"sysctl {name} {value}" for name, value in sysctls.items()),
        *sorted(own, key=lambda item: _ORDER.index(item.split()[0])),
    ]


def keep(links: Iterable[str]) -> list[str]:
    """Items for links on which a network manager must leave alone what it has not set."""
    return [f"keep {link}" for link in sorted(set(links))]


def network(parts: Iterable[Part], interfaces: list[str]) -> Part:
    """The tool, its unit and its configuration for all other parts of a host, on its ``interfaces``."""
    items = items_of(parts)
    if not items:
        return Part(component=_COMPONENT)
    modules = [item for item in items if item.startswith("module ")]
    ruled = any(item.startswith("rule ") for item in items)
    context = {
        "items": [*modules, *(f"interface {name}" for name in interfaces), *items[len(modules) :]],
        "tool": TOOL,
        "configuration": CONFIGURATION,
    }
    part = Part(
        component=_COMPONENT,
        packages=["iproute2", "kmod", "procps"],
        files=[
            render(_COMPONENT, TOOL, context, mode="0755"),
            render(_COMPONENT, CONFIGURATION, context),
            render(_COMPONENT, _UNIT_FILE, context),
            render(_COMPONENT, _WATCH_FILE, context),
        ],
        units=[UNIT, WATCH],
    )
    part.actions = [
        Action(
            "Read the units anew",
            ("systemctl", "daemon-reload"),
            on=(_UNIT_FILE, _WATCH_FILE),
            heals=frozenset({"reload"}),
        ),
        Action(
            "Set the network items at boot",
            ("systemctl", "enable", UNIT, WATCH),
            on=(_UNIT_FILE, _WATCH_FILE),
            heals=frozenset({f"enabled {UNIT}", f"enabled {WATCH}"}),
        ),
        # The unit's start and reload do the same: they set what is missing, and take nothing away.
        Action(
            "Set what is missing of the network items",
            ("systemctl", "reload-or-restart", UNIT),
            on=tuple(file.path for file in part.files),
            heals=frozenset({"modules", "sysctls", "network", f"active {UNIT}"}),
            # They may concern the controller's own connection too.
            guard=(TOOL, "undo-routes", "{since}") if ruled else (),
            retract=("systemctl", "disable", "--now", WATCH, UNIT) if ruled else (),
        ),
        # It reads the configuration anew by itself, and holds of it what was set.
        Action(
            "Watch over the network items",
            ("systemctl", "reload-or-restart", WATCH),
            on=(TOOL, _WATCH_FILE),
            heals=frozenset({f"active {WATCH}"}),
        ),
    ]
    return part
