"""Parts: what one component (a role's concern) asks of one host.

A host's plan is the merger of its parts; ``components/`` has one module per role that makes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class File:
    """A managed file in its final bytes; what is in a ``secret`` one is never shown on its way."""

    path: str
    content: str
    mode: str = "0644"
    secret: bool = False

    def as_argument(self) -> dict[str, Any]:
        """The file as `config_set` takes it."""
        argument: dict[str, Any] = {"path": self.path, "content": self.content, "mode": self.mode}
        return argument | ({"secret": True} if self.secret else {})


@dataclass(frozen=True)
class Action:
    """A command that makes files take effect, and that heals what drifted without them.

    ``on`` are the files whose change triggers it. ``heals`` are kinds of drift (differences.py) for which
    it runs although no file changed. ``guard`` undoes it, where it could cut off whoever runs it: the host
    runs that by itself, unless the controller then reaches it over a new connection. ``retract`` does it in
    the place of ``guard`` where none of the files was there before (config_set).
    """

    name: str
    argv: tuple[str, ...]
    on: tuple[str, ...] = ()
    heals: frozenset[str] = frozenset()
    guard: tuple[str, ...] = ()
    retract: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preparation:
    """A harmless command without which a checker would refuse the staged files.

    ``shown_by`` is a file of the set: where it is missing on a host, the command has not run there yet.
    """

    name: str
    argv: tuple[str, ...]
    shown_by: str


@dataclass(frozen=True)
class Validation:
    """A daemon's own checker; ``{stage}`` in ``argv`` is where the staged files lie."""

    name: str
    argv: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Health:
    """A command that must succeed within ``retries`` x ``delay`` seconds after a change."""

    name: str
    argv: tuple[str, ...]
    retries: int
    delay: float


@dataclass
class Part:
    """All that one component asks of one host.

    ``holds`` are packages that nothing but an update may change. ``sysctls`` are by name in slash form
    (``net/ipv4/vs/conntrack``), which also holds interfaces with dots. ``units`` run and start at boot,
    ``idle_units`` must do neither. ``items`` are what lvs-network shall hold in the kernel beside modules
    and sysctls (components/network.py).
    """

    component: str
    packages: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    idle_units: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    prepare: list[Preparation] = field(default_factory=list)
    validate: list[Validation] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    health: list[Health] = field(default_factory=list)
    items: list[str] = field(default_factory=list)

    def path_of(self, suffix: str) -> str:
        """The path of the part's one file that ends so."""
        (path,) = (file.path for file in self.files if file.path.endswith(suffix))
        return path


def merge(parts: Iterable[Part]) -> dict[str, Any]:
    """One host's parts as plain data, in the order of the parts."""
    parts = list(parts)
    return {
        "packages": {part.component: part.packages for part in parts},
        "holds": [name for part in parts for name in part.holds],
        "modules": list(dict.fromkeys(module for part in parts for module in part.modules)),
        "sysctls": {name: value for part in parts for name, value in part.sysctls.items()},
        "units": [unit for part in parts for unit in part.units],
        "idle_units": [unit for part in parts for unit in part.idle_units],
        "files": [file.as_argument() for part in parts for file in part.files],
        "prepare": [{"name": one.name, "argv": list(one.argv)} for part in parts for one in part.prepare],
        "prepared": [one.shown_by for part in parts for one in part.prepare],
        "validate": [
            {"name": check.name, "argv": list(check.argv), "paths": list(check.paths)}
            for part in parts
            for check in part.validate
        ],
        "actions": [
            {
                "name": action.name,
                "argv": list(action.argv),
                "on": list(action.on),
                "heals": sorted(action.heals),
                "guard": list(action.guard),
                "retract": list(action.retract),
            }
            for part in parts
            for action in part.actions
        ],
        "health": [
            {"name": one.name, "argv": list(one.argv), "retries": one.retries, "delay": one.delay}
            for part in parts
            for one in part.health
        ],
    }
