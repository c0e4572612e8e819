"""What each host would get, as files on the controller: to review, to diff, to keep in CI.

The tree is ``<directory>/<host>/<absolute path on the host>``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MARKER = ".lvs-plan"
"""Tells that a tree is the toolkit's own and may be replaced. No host's name begins with a dot."""

_MARKER_TEXT = (
    "Written by playbooks/plan.yml of the LVS cluster toolkit, and replaced as a whole by its next run.\n"
)


class ExportError(Exception):
    """The directory cannot be written, or must not be: what is wrong, and what to do."""


def write_plan(plan: dict[str, Any], directory: Path) -> int:
    """Replace a directory by the files of a plan, and return how many there are.

    The old tree stays until the new one is complete. Of the same plan come the same bytes and modes. A
    file that not everybody may read on its host is its owner's alone here, where the host's groups mean
    nothing. Raises ExportError where the directory holds anything that this function has not written, or
    where the system refuses.
    """
    place = Path(os.path.abspath(directory.expanduser()))  # noqa: PTH100 - resolve() would follow a link that is to be refused
    if place.parent == place:
        raise ExportError(
            f"lvs_plan_dir: {place} is the root of the file system: choose another directory with "
            "-e lvs_plan_dir=…"
        )
    new, old = place.with_name(f"{place.name}.new"), place.with_name(f"{place.name}.old")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(place.parent):
            for one in (place, new, old):
                _refuse_foreign(one)
            shutil.rmtree(new, ignore_errors=True)
            count = _write_tree(plan, new)
            shutil.rmtree(old, ignore_errors=True)
            if place.exists():
                place.rename(old)
            new.rename(place)
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise ExportError(
            f"lvs_plan_dir: {place} cannot be written ({error.strerror}: {error.filename}): "
            "choose another directory with -e lvs_plan_dir=…"
        ) from error
    return count


@contextmanager
def _alone_in(parent: Path) -> Iterator[None]:
    """Let runs that write beside each other wait for each other."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse_foreign(place: Path) -> None:
    if not os.path.lexists(place):
        return
    if place.is_symlink() or not place.is_dir() or (any(place.iterdir()) and not (place / MARKER).exists()):
        raise ExportError(
            f"lvs_plan_dir: {place} is no directory that this playbook has written, and would be replaced: "
            "move it away, or choose another one with -e lvs_plan_dir=…"
        )


def _write_tree(plan: dict[str, Any], root: Path) -> int:
    root.mkdir()
    # First, so that a tree whose writing was interrupted is known as the toolkit's own too.
    _write(root / MARKER, _MARKER_TEXT, 0o644)
    count = 0
    for host, planned in plan["hosts"].items():
        # A host without files is told from one that is not planned.
        (root / host).mkdir()
        for file in planned["files"]:
            target = root / host / file["path"].lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, file["content"], int(file["mode"], 8))
            count += 1
    return count


def _write(target: Path, content: str, mode: int) -> None:
    kept = mode if mode & 0o004 else mode & 0o700
    # Never readable for others, not even while it is empty.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, kept)
        stream.write(content.encode())
