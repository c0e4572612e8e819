"""What stands on the host, compared with what should: the changes, and how to show them."""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .model import Layout, ManagedFile, TransactionError

UNKNOWN = -1  # the id of an owner that does not exist yet: only ever in check mode
_HIDDEN = "[secret: content not shown]"


@dataclass(frozen=True)
class Snapshot:
    """A plain file as it stands or shall stand: content, permission bits, numeric owner and group."""

    content: bytes = field(repr=False)
    mode: int
    uid: int
    gid: int

    def as_dict(self) -> dict[str, Any]:
        """Return its fingerprint, as the journal has it."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"sha256": digest, "mode": f"{self.mode:04o}", "uid": self.uid, "gid": self.gid}


@dataclass(frozen=True)
class Change:
    """One file that differs. ``before`` or ``after`` is None where the file is absent.

    ``kind`` is created, changed (its content), removed, or what else differs: mode, owner, group, joined
    by "+".
    """

    file: ManagedFile
    before: Snapshot | None
    after: Snapshot | None
    kind: str


def look(path: str) -> Snapshot | None:
    """Read the plain file at a path; None if absent. Raises TransactionError for anything else."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    except NotADirectoryError as exc:
        raise TransactionError("a directory above it is a file: move that away") from exc
    if stat.S_ISLNK(status.st_mode):
        goal = os.readlink(path)
        raise TransactionError(f"is a symbolic link to {goal}: remove the link, or manage the file it names")
    if stat.S_ISDIR(status.st_mode):
        raise TransactionError("is a directory: move it away, or correct the path")
    if not stat.S_ISREG(status.st_mode):
        raise TransactionError("is neither a plain file nor absent: move it away")
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
        status = os.fstat(stream.fileno())
        return Snapshot(stream.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def compare(
    files: Iterable[ManagedFile], layout: Layout, check: bool
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Find all files that differ from the set, in its order, and warnings. Reads only.

    An owner or group that the host does not have is an error; in check mode a warning, since the package that
    brings it may not be installed yet. Raises TransactionError naming all problems at once.
    """
    changes: list[Change] = []
    problems: list[str] = []
    warnings: list[str] = []
    places: dict[str, str] = {}
    for file in files:
        live = layout.live(file.path)
        place = os.path.join(os.path.realpath(os.path.dirname(live)), os.path.basename(live))
        if place in places:
            problems.append(f"{file.path}: is the same file as {places[place]}, by a linked directory")
        places[place] = file.path
        try:
            after, complaints = _wanted(file)
            before = look(live)
        except TransactionError as exc:
            problems.append(f"{file.path}: {exc}")
            continue
        except OSError as exc:
            problems.append(f"{file.path}: cannot be read: {exc.strerror}")
            continue
        (warnings if check else problems).extend(f"{file.path}: {text}" for text in complaints)
        kind = _kind(before, after)
        if kind:
            changes.append(Change(file, before, after, kind))
    if problems:
        raise TransactionError(
            "nothing was touched, since some files cannot be managed: " + "; ".join(problems)
        )
    return tuple(changes), tuple(warnings)


def differences(changes: Iterable[Change]) -> list[dict[str, str]]:
    """Show the changes as Ansible's diff: one text a file, attributes apart, no content of a secret file."""
    shown: list[dict[str, str]] = []
    for change in changes:
        path = change.file.path
        before, after = (_text(s, change.file.secret) for s in (change.before, change.after))
        if change.kind in ("created", "changed", "removed"):
            if change.file.secret and change.kind == "changed":
                # Equal texts would show nothing at all.
                before, after = f"{_HIDDEN} (old)\n", f"{_HIDDEN} (new)\n"
            shown.append(_entry(path, before, after, change))
        if change.before and change.after and _attributes(change.before) != _attributes(change.after):
            shown.append(_entry(path, _attributes(change.before), _attributes(change.after), change))
        elif change.after and not change.before:
            shown[-1]["after_header"] += " (" + _attributes(change.after).replace("\n", " ").strip() + ")"
    return shown


def _wanted(file: ManagedFile) -> tuple[Snapshot | None, list[str]]:
    """Return what shall stand there, with numeric ids, and what the host lacks for it."""
    if not file.present:
        return None, []
    uid, gid = _user_id(file.owner), _group_id(file.group)
    complaints = [
        f"this host has no {what} {name!r}: create it first, or correct the name"
        for what, name, number in (("user", file.owner, uid), ("group", file.group, gid))
        if number == UNKNOWN
    ]
    return Snapshot(file.content, file.mode, uid, gid), complaints


def _user_id(name: str) -> int:
    try:
        return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid
    except KeyError:
        return UNKNOWN


def _group_id(name: str) -> int:
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        return UNKNOWN


def _kind(before: Snapshot | None, after: Snapshot | None) -> str:
    if before is None or after is None:
        return "" if before is after else "removed" if before else "created"
    if before.content != after.content:
        return "changed"
    differing = {
        "mode": before.mode != after.mode,
        "owner": before.uid != after.uid,
        "group": before.gid != after.gid,
    }
    return "+".join(name for name, differs in differing.items() if differs)


def _text(snapshot: Snapshot | None, secret: bool) -> str:
    if snapshot is None:
        return ""
    return f"{_HIDDEN}\n" if secret else snapshot.content.decode("utf-8", "replace")


def _attributes(snapshot: Snapshot) -> str:
    owner: int | str = snapshot.uid
    group: int | str = snapshot.gid
    with contextlib.suppress(KeyError):
        owner = pwd.getpwuid(snapshot.uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(snapshot.gid).gr_name
    return f"mode: {snapshot.mode:04o}\nowner: {owner}\ngroup: {group}\n"


def _entry(path: str, before: str, after: str, change: Change) -> dict[str, str]:
    return {
        "before": before,
        "after": after,
        "before_header": path if change.before else f"{path} (absent)",
        "after_header": path if change.after else f"{path} (absent)",
    }
