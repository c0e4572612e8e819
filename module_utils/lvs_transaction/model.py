"""What a transaction is asked to do: files, commands, where things lie; checked before anything is read."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# A leading 0, since an unquoted 0644 is the number 420 in YAML, and would pass for octal 420.
_MODE = re.compile(r"0[0-7]{3,4}")
# Debian policy 5.6.1, and what other systems' names have beside it.
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
_KINDS = ("prepare", "validate", "actions", "health")


class TransactionError(Exception):
    """The transaction was refused or failed; str() says what, where, and what to do.

    ``details`` are further keys for the module's result, such as ``failure`` and ``rolled_back``.
    """

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.details: dict[str, Any] = details


@dataclass(frozen=True)
class ManagedFile:
    """One file of the set: its absolute path, and what must stand there; ``mode`` is a number."""

    path: str
    content: bytes = field(repr=False)
    mode: int
    owner: str
    group: str
    secret: bool
    present: bool


@dataclass(frozen=True)
class Command:
    """A command of any of the four kinds; each kind uses the fields that concern it.

    ``paths`` are the files whose change triggers it (validate and actions), ``timeout`` and ``delay`` are
    seconds, ``retries`` counts the attempts after the first one (health), ``force`` runs an action although
    no file changed, ``always`` runs a prepare command in check mode and for forced actions too. ``guard``
    is the argv that undoes an action which may cut the controller off, ``retract`` the one that does so where
    nothing of it was there before (guard.py).
    """

    name: str
    argv: tuple[str, ...]
    ok: tuple[int, ...] = (0,)
    timeout: float = 60.0
    paths: tuple[str, ...] = ()
    force: bool = False
    always: bool = False
    retries: int = 0
    delay: float = 1.0
    guard: tuple[str, ...] = ()
    retract: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the form kept in the journal, so that recovery can run it; ``from_dict`` reads it back.

        Without its guard: what recovery runs restores what was in effect before.
        """
        raw = dataclasses.asdict(self)
        return {name: value for name, value in raw.items() if name not in ("guard", "retract")}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Command:
        """Read back what ``as_dict`` wrote (JSON has lists where we have tuples)."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        return cls(**values)


@dataclass(frozen=True)
class Layout:
    """Where things lie. ``root`` stands before every path, the state directory's too ("/" on a real host)."""

    root: str = "/"
    state_dir: str = "/var/lib/lvs-toolkit"

    def live(self, path: str) -> str:
        """Return the real place of a path of the set."""
        return os.path.normpath(self.root + "/" + path)

    @property
    def state(self) -> str:
        """Return the real place of the state directory."""
        return self.live(self.state_dir)


@dataclass(frozen=True)
class Request:
    """Everything that one run was asked to do.

    ``guard_s`` are the seconds after which the host undoes a guarded action, ``installed`` the packages that
    the toolkit installs itself, ``confirm`` asks for nothing but to stop the timers of guarded actions,
    ``restore`` names the generation whose files are wanted (history.py).
    """

    files: tuple[ManagedFile, ...]
    prepare: tuple[Command, ...]
    validate: tuple[Command, ...]
    actions: tuple[Command, ...]
    health: tuple[Command, ...]
    stamp: Mapping[str, str]
    keep: int
    layout: Layout
    check: bool = False
    guard_s: int = 90
    installed: tuple[str, ...] = ()
    confirm: bool = False
    restore: str = ""


def is_package(name: str) -> bool:
    """Tell whether this can be a package's name."""
    return bool(_PACKAGE.fullmatch(name))


def parse_request(params: Mapping[str, Any], check: bool) -> Request:
    """Build the request from the module's parameters, defaults already filled in by their argument_spec.

    Raises TransactionError naming *all* problems, each with its place, such as ``files[2].mode``.
    """
    problems: list[str] = []
    layout = Layout(os.path.normpath(params["root"]), params["state_dir"])
    for name in ("root", "state_dir"):
        _check_path(name, params[name], problems)
    if params["keep"] < 1:
        problems.append(f"keep: {params['keep']} generations cannot be kept; give 1 or more")
    if params["guard_s"] < 1:
        problems.append(f"guard_s: {params['guard_s']} s; give the controller 1 or more to come back")
    problems.extend(
        f"installed: {name!r} is no package's name" for name in params["installed"] if not is_package(name)
    )
    asked = [name for name in ("files", *_KINDS, "installed") if params[name]]
    if params["confirm"] and asked:
        problems.append(f"confirm: it stands alone; leave out {', '.join(asked)}")
    if params["restore"] and (params["files"] or params["confirm"]):
        problems.append("restore: the generation says which files are wanted; leave out files and confirm")
    if params["restore"] and not params["restore"].isdigit():
        problems.append(f"restore: {params['restore']!r} is no generation's name, such as 000007")
    files = tuple(_parse_file(f"files[{i}]", raw, layout, problems) for i, raw in enumerate(params["files"]))
    _check_relations(files, problems)
    # What a kept generation had, its journal tells.
    known = None if params["restore"] else {file.path for file in files}
    commands = {kind: _parse_commands(kind, params[kind], known, problems) for kind in _KINDS}
    if problems:
        raise TransactionError("config_set cannot use its arguments: " + "; ".join(problems))
    stamp = {key: str(value) for key, value in (params["generation"] or {}).items() if value is not None}
    return Request(
        files=files,
        stamp=stamp,
        keep=params["keep"],
        layout=layout,
        check=check,
        guard_s=params["guard_s"],
        installed=tuple(params["installed"]),
        confirm=params["confirm"],
        restore=params["restore"] or "",
        **commands,
    )


def _check_path(where: str, path: str, problems: list[str]) -> None:
    """Absolute and normal, so that text comparison of paths is comparison of files."""
    if not path.startswith("/") or path != os.path.normpath(path) or path.startswith("//"):
        problems.append(f"{where}: {path!r} is not an absolute path without '..', '//' or a trailing '/'")
    elif any(ord(char) < 32 for char in path):
        problems.append(f"{where}: {path!r} has a control character")


def _parse_file(where: str, raw: Mapping[str, Any], layout: Layout, problems: list[str]) -> ManagedFile:
    path, mode = raw["path"], raw["mode"]
    _check_path(f"{where}.path", path, problems)
    if path in ("/", layout.state_dir) or path.startswith(layout.state_dir + "/"):
        problems.append(f"{where}.path: {path!r} cannot be managed: it is the root or in the state directory")
    if not _MODE.fullmatch(mode):
        problems.append(f"{where}.mode: {mode!r} is not octal with a leading 0; write it quoted, like '0644'")
        mode = "0"
    return ManagedFile(
        path=path,
        content=raw["content"].encode("utf-8", "surrogateescape"),
        mode=int(mode, 8),
        owner=raw["owner"],
        group=raw["group"],
        secret=raw["secret"],
        present=raw["state"] == "present",
    )


def _check_relations(files: Iterable[ManagedFile], problems: list[str]) -> None:
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            problems.append(f"files: {file.path!r} is given twice; name each file once")
        seen.add(file.path)
    for path in sorted(seen):
        parent = os.path.dirname(path)
        while parent != os.path.dirname(parent):
            if parent in seen:
                problems.append(
                    f"files: {parent!r} is a file of the set, and {path!r} needs it as a directory"
                )
            parent = os.path.dirname(parent)


def _parse_commands(
    kind: str, items: Iterable[Mapping[str, Any]], known: set[str] | None, problems: list[str]
) -> tuple[Command, ...]:
    commands: list[Command] = []
    for index, raw in enumerate(items):
        where = f"{kind}[{index}]"
        command = Command(
            name=raw["name"],
            argv=tuple(raw["argv"]),
            ok=tuple(raw["ok"]),
            timeout=raw["timeout"],
            paths=tuple(raw.get("paths") or raw.get("on") or ()),
            force=raw.get("force", False),
            always=raw.get("when") == "always",
            retries=raw.get("retries", 0),
            delay=raw.get("delay", 0.0),
            guard=tuple(raw.get("guard") or ()),
            retract=tuple(raw.get("retract") or ()),
        )
        if not command.name:
            problems.append(f"{where}.name: empty; messages name the command by it")
        if not command.argv or not command.argv[0]:
            problems.append(f"{where}.argv: empty; give the program and its arguments as a list")
        if command.guard and not command.guard[0]:
            problems.append(
                f"{where}.guard: its first word is empty; give the program that undoes the action"
            )
        if command.retract and not command.guard:
            problems.append(f"{where}.retract: it belongs to a guard; give that too")
        for key, words in (("argv", command.argv), ("guard", command.guard), ("retract", command.retract)):
            if any("\0" in word for word in words):
                problems.append(f"{where}.{key}: has a NUL character")
        if command.timeout <= 0:
            problems.append(f"{where}.timeout: {command.timeout:g} s; give more than 0")
        if command.retries < 0 or command.delay < 0:
            problems.append(f"{where}: retries and delay cannot be negative")
        problems.extend(
            f"{where}: {path!r} is no file of the set, so its change could never trigger this"
            for path in command.paths
            if known is not None and path not in known
        )
        commands.append(command)
    return tuple(commands)
