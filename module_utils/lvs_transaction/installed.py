"""Which packages the toolkit itself has installed, so that a teardown can take exactly those away again.

``<state_dir>/installed`` has one name a line, sorted. It only grows: it is a fact about the host, and no
rollback of files takes a package away.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from . import durable
from .model import Layout, TransactionError, is_package


def path(layout: Layout) -> str:
    """Return where the record is."""
    return layout.state + "/installed"


def recorded(layout: Layout) -> set[str]:
    """Read the record; a host without one has none. Raises TransactionError for a damaged one."""
    try:
        with open(path(layout), encoding="utf-8") as stream:
            names = stream.read().split("\n")
    except FileNotFoundError:
        return set()
    except UnicodeDecodeError:
        names = ["not text"]
    wrong = [name for name in names if name and not is_package(name)]
    if wrong:
        raise TransactionError(
            f"{path(layout)} is damaged: {wrong[0]!r} is no package's name. By hand: leave one name a line "
            "of what the toolkit installed on this host, or remove it: teardown then leaves packages alone"
        )
    return {name for name in names if name}


def record(layout: Layout, names: Iterable[str]) -> None:
    """Add names to the record, durably and at once."""
    text = "".join(f"{name}\n" for name in sorted(recorded(layout) | set(names)))
    target = path(layout)
    durable.write_file(target + ".tmp", text.encode(), 0o600, -1, -1)
    durable.rename(target + ".tmp", target)
    durable.sync_dir(os.path.dirname(target))
