"""Replacing the live files, and putting the old ones back: renames beside each target, safe to repeat."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from . import durable
from .journal import Generation, Journal, Touched
from .live import Change, Snapshot, look
from .model import Layout, ManagedFile, TransactionError


def stage(folder: str, files: Iterable[ManagedFile]) -> None:
    """Write the set below a folder, each file at its full path with its mode."""
    durable.make_dirs(folder, 0o700)
    _write_tree(folder, [(file.path, file.content, file.mode) for file in files if file.present])


def keep_old(generation: Generation, changes: Iterable[Change]) -> None:
    """Copy what the changed files hold now into the generation."""
    olds = [(change.file.path, change.before.content, 0o600) for change in changes if change.before]
    _write_tree(generation.old(""), olds)


def _write_tree(folder: str, files: Sequence[tuple[str, bytes, int]]) -> None:
    for path, content, mode in files:
        durable.make_dirs(os.path.dirname(folder + path), 0o700)
        durable.write_file(folder + path, content, mode, -1, -1)
    for parent in sorted({os.path.dirname(folder + path) for path, _, _ in files}):
        durable.sync_dir(parent)


def place(layout: Layout, generation: Generation, journal: Journal, changes: Sequence[Change]) -> None:
    """Put each new file beside its target and give each old one a second name there: all that needs space.

    Beside, since rename(2) is atomic only within one file system, and a neighbour is always in the same one.
    The names are hidden and end in nothing that a daemon's include pattern (``*.conf``) matches.
    """
    for path in journal.directories:
        durable.make_dirs(layout.live(path), 0o755)
    for change in changes:
        target = layout.live(change.file.path)
        if change.before:
            durable.second_name(target, _beside(target, "old", generation))
        if change.after:
            after = change.after
            durable.write_file(
                _beside(target, "new", generation), after.content, after.mode, after.uid, after.gid
            )
    _sync(layout, journal.changes)


def swap(layout: Layout, generation: Generation, journal: Journal) -> None:
    """Rename every new file over its target, remove what shall be absent, and make the names durable."""
    for change in journal.changes:
        target = layout.live(change.path)
        if change.after:
            durable.rename(_beside(target, "new", generation), target)
        else:
            durable.remove(target)
    _sync(layout, journal.changes)


def clean(layout: Layout, generation: Generation, journal: Journal) -> None:
    """Remove what ``place`` left beside the targets."""
    for change in journal.changes:
        for role in ("new", "old"):
            durable.remove(_beside(layout.live(change.path), role, generation))
    _sync(layout, journal.changes)


def restore(layout: Layout, generation: Generation, journal: Journal) -> list[str]:
    """Make every changed file what it was before, absence and directories included. Safe to repeat.

    Needs no space where ``place`` got as far as the second names. What a hand wrote meanwhile is kept aside;
    returns a note on each such file. Raises TransactionError naming all files that could not be restored.
    """
    notes: list[str] = []
    problems: list[str] = []
    for change in reversed(journal.changes):
        try:
            notes += _restore(layout, generation, change)
        except (OSError, TransactionError) as exc:
            problems.append(f"{change.path}: {exc}")
    if problems:
        raise TransactionError("; ".join(problems))
    clean(layout, generation, journal)
    for path in reversed(journal.directories):
        durable.remove_dir(layout.live(path))
    return notes


def _restore(layout: Layout, generation: Generation, change: Touched) -> list[str]:
    target = layout.live(change.path)
    live = look(target)
    if _same(live, change.before):
        return []
    notes = _keep_found(generation, change, live)
    if change.before is None:
        durable.remove(target)
        return notes
    second = _beside(target, "old", generation)
    if not _same(look(second), change.before):
        # No second name: it was lost by hand, or this restore is repeated on a changed file.
        durable.make_dirs(os.path.dirname(target), 0o755)
        with open(generation.old(change.path), "rb") as stream:
            content = stream.read()
        before = change.before
        durable.write_file(second, content, int(before["mode"], 8), before["uid"], before["gid"])
    durable.rename(second, target)
    return notes


def _keep_found(generation: Generation, change: Touched, live: Snapshot | None) -> list[str]:
    """Keep what is neither old nor new: somebody wrote it after the crash, and nothing may be lost."""
    if live is None or _same(live, change.after):
        return []
    aside = generation.found(change.path)
    durable.make_dirs(os.path.dirname(aside), 0o700)
    durable.write_file(aside, live.content, 0o600, -1, -1)
    return [f"{change.path} was edited after the interrupted run; that edit is kept in {aside}"]


def _same(live: Snapshot | None, recorded: object) -> bool:
    return (live.as_dict() if live else None) == recorded


def _beside(target: str, role: str, generation: Generation) -> str:
    folder, name = os.path.split(target)
    return f"{folder}/.{name}.lvs-{role}-{generation.name}"


def _sync(layout: Layout, changes: Iterable[Touched]) -> None:
    for folder in sorted({os.path.dirname(layout.live(change.path)) for change in changes}):
        if os.path.isdir(folder):
            durable.sync_dir(folder)
