"""How a real server is drained without a reload: a tracked file's number is added to its weight.

Each real server of each service has a file of its own, and is checked for nothing else by it (FILE_CHECK,
keepalived.conf(5)). keepalived watches their folder (inotify(7)): a file that is not there counts as 0, and
one that is moved there as what is in it (keepalived/trackers/track_file.c, process_track_file; the same in
2.2.7 and 2.3.3). An effective weight below 0 is 0 for the kernel; the server stays alive in the table, with
its connections. lvs-override (roles/overrides) writes the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.serving import Serving

FOLDER = "/var/lib/lvs-toolkit/drain"


def drain_file(service: str, host: str) -> str:
    """The name of the file of a real server in a service; no two have one name."""
    # Services have no '.' in their names, and hosts nothing that keepalived could misread (inventory.py).
    return f"{service}.{host}"


def drain_blocks(services: list[Serving]) -> Iterator[dict[str, Any]]:
    """The tracked files of all real servers; their weight is 1 unless it is said."""
    for one in services:
        for member in one.members:
            name = drain_file(one.service.name, member.name)
            yield {"head": f"track_file drain_{name}", "lines": [f"file {FOLDER}/{name}"]}


def drain_check(service: str, host: str) -> dict[str, Any]:
    """The block of a real server that follows its file, as checks.check_context gives blocks."""
    return {"keyword": "FILE_CHECK", "url": [], "lines": [f"track_file drain_{drain_file(service, host)}"]}
