"""What the toolkit keeps on a node about itself: operators' overrides, locks, and what each change was.

Runs under the managed node's Python 3.9+, standard library only.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from .lvs_host import Host, journals

STATE = "/var/lib/lvs-toolkit"
# Files that keepalived tracks: what is added to a director's priority (roles/keepalived).
_RUN, _DEMOTED = "/run", "lvs-toolkit.demoted."


def overrides(host: Host) -> list[dict[str, Any]]:
    """Return what operators have overridden on this node: each record with its ``file`` in their folder."""
    folder = f"{STATE}/overrides"
    names = [f"drained/{name}" for name in _names(host, f"{folder}/drained")] + _names(host, folder)
    return [_record(host, folder, name) for name in names if name.endswith(".json")]


def demotions(host: Host) -> dict[str, dict[str, float]]:
    """Return what keepalived's elections are told at this moment, by tracked file.

    Each with its ``number`` as keepalived reads it, and ``age_s``, the seconds since it was written.
    """
    found = {}
    for name in _names(host, _RUN):
        path = f"{_RUN}/{name}"
        if not name.startswith(_DEMOTED) or name.endswith(".new"):
            continue
        try:
            age_s = time.time() - os.stat(host.path(path)).st_mtime
        except FileNotFoundError:  # gone since
            continue
        try:
            number = int((host.word(path) or "").strip() or "0")
        except ValueError:
            number = 0
        found[path] = {"number": number, "age_s": round(max(age_s, 0.0), 1)}
    return found


def locks(host: Host) -> list[dict[str, Any]]:
    """Return the locks on clusters that are kept on this node, each with the name of its ``file``."""
    return [
        _record(host, STATE, name)
        for name in _names(host, STATE)
        if name.startswith("cluster-lock-") and name.endswith(".json")
    ]


def _names(host: Host, folder: str) -> list[str]:
    """Return the names in a folder, sorted; none where it is absent."""
    try:
        return sorted(os.listdir(host.path(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        host.problems.append(f"{folder}: {error.strerror}")
        return []


def _record(host: Host, folder: str, name: str) -> dict[str, Any]:
    """Return a JSON file's object with its ``file``; only that, and a problem, where it is no object."""
    text = host.read(f"{folder}/{name}")
    try:
        record = json.loads(text or "")
        if not isinstance(record, dict):
            raise ValueError("it is no JSON object")
    except ValueError as error:
        host.problems.append(
            f"{folder}/{name}: cannot be read ({error}): remove it, and give the order again"
        )
        return {"file": name}
    return {**record, "file": name}


def generations(host: Host) -> list[dict[str, Any]]:
    """Return what each kept change of config_set was, from old to new.

    ``generation`` is its name, ``state`` open, confirmed, committed or rolled-back, ``started`` its time in
    UTC; ``commit``, ``operator``, ``reason`` and ``run`` are its stamp's, None where it says none. ``files``
    counts those that it changed.
    """
    found = []
    for name, states in journals(host).items():
        for state in sorted(states):
            path = f"{STATE}/generations/{name}/journal.{state}.json"
            try:
                journal = json.loads(host.read(path) or "")
                stamp = journal["stamp"]
                found.append(
                    {
                        "generation": name,
                        "state": state,
                        "started": journal["started"],
                        **{key: stamp.get(key) or None for key in ("commit", "operator", "reason", "run")},
                        "files": len(journal["changes"]),
                    }
                )
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                host.problems.append(f"{path}: is no journal ({error})")
    return found
