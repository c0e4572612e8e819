"""The running ldirectord, and the end of its log: what its checks have found stands nowhere else.

ldirectord names its process file after its configuration (ld_init): /run/ldirectord.ldirectord.cf.pid for
/etc/ha.d/ldirectord.cf, however it is started. A dead one leaves it behind.

Runs under the managed node's Python 3.9+, standard library only.
"""

from __future__ import annotations

import glob
import os
from typing import Any

PID = "/run/ldirectord.ldirectord.cf.pid"
LOG = "/var/log/ldirectord.log"
# Bytes of the log: a line for each change of a real server, some 100 bytes long.
TAIL = 256 * 1024
MAINTENANCE = "/var/lib/lvs-toolkit/maintenance"


def view(problems: list[str], root: str = "/") -> dict[str, Any]:
    """Its process id, the last lines of its log and the names in its maintenance folder; None what is not.

    ``left``: how many checkers a dead one has left, which go on (run_child: their names begin with its own).
    ``problems`` gets a line for what could not be read.
    """

    def end_of(path: str, limit: int) -> str | None:
        try:
            with open(os.path.join(root, path.lstrip("/")), "rb") as file:
                # Files of /proc have no size.
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - limit))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
            return None
        # The first line may be cut off.
        return text if size <= limit else text.partition("\n")[2]

    pid = (end_of(PID, TAIL) or "").strip()
    running = pid.isdigit() and "ldirectord" in (end_of(f"/proc/{pid}/cmdline", TAIL) or "")
    left = 0
    if not running:
        places = glob.glob(os.path.join(root, "proc/[0-9]*/cmdline"))
        paths = [f"/{os.path.relpath(place, root)}" for place in places]
        left = sum((end_of(path, TAIL) or "").startswith("ldirectord ") for path in paths)
    try:
        drained = sorted(os.listdir(os.path.join(root, MAINTENANCE.lstrip("/"))))
    except OSError:
        drained = []
    return {
        "pid": int(pid) if running else None,
        "left": left,
        "log": end_of(LOG, TAIL),
        "maintenance": drained,
    }
