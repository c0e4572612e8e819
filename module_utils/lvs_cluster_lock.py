"""The lock on a cluster: one run at a time changes it; a file on each of its directors says which.

``<state_dir>/cluster-lock-<cluster>.json`` holds who has it. A run that ends in any way gives it back,
except one that is killed: its lock stays until it is broken by its name. Runs on managed nodes under the
system's Python, so: the standard library and Python 3.9 syntax only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from .lvs_transaction import durable

UNREADABLE = "unreadable"
"""The name by which a lock is broken that cannot be read."""


def place(state_dir: str, cluster: str) -> str:
    """Return where a cluster's lock is."""
    return f"{state_dir}/cluster-lock-{cluster}.json"


def take(
    state_dir: str, cluster: str, record: Mapping[str, Any], broken: str | None = None
) -> dict[str, Any]:
    """Take the lock, unless another run has it; ``broken`` names a run whose lock shall not count.

    ``record`` has at least ``run``, its name. Returns ``changed``, ``holder`` (the record of the run that has
    the lock instead, else None) and ``broke`` (the record whose lock was broken, else None). A run that has
    it already keeps it. Raises OSError where it cannot be written.
    """
    # Other users have no business in it: it holds copies of secret files.
    durable.make_dirs(os.path.dirname(state_dir), 0o755)
    durable.make_dirs(state_dir, 0o700)
    path = place(state_dir, cluster)
    with _alone(state_dir):
        found = read(path)
        if found is not None and found["run"] == record["run"]:
            return {"changed": False, "holder": None, "broke": None}
        if found is not None and found["run"] != broken:
            return {"changed": False, "holder": found, "broke": None}
        durable.write_file(f"{path}.new", json.dumps(dict(record)).encode(), 0o600, -1, -1)
        durable.rename(f"{path}.new", path)
        durable.sync_dir(state_dir)
        return {"changed": True, "holder": None, "broke": found}


def release(state_dir: str, cluster: str, run: str) -> dict[str, Any]:
    """Give the lock back; one of another run stays, and is its ``holder``. Keys as of ``take``."""
    path = place(state_dir, cluster)
    if not os.path.isdir(state_dir):
        return {"changed": False, "holder": None, "broke": None}
    with _alone(state_dir):
        found = read(path)
        if found is None or found["run"] != run:
            return {"changed": False, "holder": found, "broke": None}
        durable.remove(path)
        durable.sync_dir(state_dir)
        return {"changed": True, "holder": None, "broke": None}


def read(path: str) -> dict[str, Any] | None:
    """Return a lock's record, None if there is none; one that cannot be read is of the run ``unreadable``."""
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
        if not isinstance(found, dict) or not found.get("run"):
            raise ValueError
    except FileNotFoundError:
        return None
    except ValueError:
        return {"run": UNREADABLE}
    return found


@contextlib.contextmanager
def _alone(state_dir: str) -> Iterator[None]:
    """Between looking and writing nobody else does either (flock(2) on the directory, for an instant)."""
    descriptor = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
