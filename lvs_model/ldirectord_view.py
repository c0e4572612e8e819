"""ldirectord's own view of its real servers, from its log: nothing else tells it.

The lines come from the program, which is the same in Debian 12 (4.12.0) and 13 (4.16.0): ld_log, and its
callers _restore_service and _remove_service. Each change of a real server is one line; the last one holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_EVENT = re.compile(
    r"^\[[^]|]*\|(?P<name>[^]|]*)\|\d+\] "
    r"(?P<what>Added|Restored|Deleted|Quiescent|Readd Quiescent) real server: (?P<server>\S+) +"
    r"(?:mapped from \S+ )?\((?P<service>[^)]*)\)",
    re.MULTILINE,
)
_START = re.compile(r"^\[[^]|]*\|(?P<name>[^]|]*)\|\d+\] Starting Linux Director ", re.MULTILINE)
_ALIVE = {"Added", "Restored"}
_NAME = "ldirectord.cf"


def last_events(log: str) -> dict[tuple[str, str], bool]:
    """Whether a real server was last put in (True) or taken out, by (virtual service, real server).

    ``log`` is the end of the log. A virtual service is written as there: ``192.0.2.10:80``, or a firewall
    mark's number; the protocol is not told. What was before the daemon's last start says nothing any more.
    """
    starts = [found.end() for found in _START.finditer(log) if found["name"] == _NAME]
    events: dict[tuple[str, str], bool] = {}
    for found in _EVENT.finditer(log, starts[-1] if starts else 0):
        if found["name"] == _NAME:
            events[found["service"], found["server"]] = found["what"] in _ALIVE
    return events


def ambiguous(keys: Iterable[str]) -> set[str]:
    """Virtual services, as the log writes them, that several entries of the table share."""
    names = [name_of(key) for key in keys]
    return {name for name in names if names.count(name) > 1}


def name_of(key: str) -> str:
    """How the log writes an entry of the table: ``TCP 192.0.2.10:80`` without its protocol."""
    return key.split()[1]
