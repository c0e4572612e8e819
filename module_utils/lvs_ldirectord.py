"""The running ldirectord, and the end of its log: what its checks have found stands nowhere else.

ldirectord names its process file after its configuration (ld_init): /run/ldirectord.ldirectord.cf.pid for
/etc/ha.d/ldirectord.cf, however it is started. A dead one leaves it behind.

Runs under the managed node's Python 3.9+, standard library only.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.lvs_host import Host

PID = "/run/ldirectord.ldirectord.cf.pid"
LOG = "/var/log/ldirectord.log"
# Bytes of the log: a line for each change of a real server, some 100 bytes long.
TAIL = 256 * 1024
MAINTENANCE = "/var/lib/lvs-toolkit/maintenance"


def view(host: Host) -> dict[str, Any]:
    """Its process id, the last lines of its log and the names in its maintenance folder; None what is not."""
    pid = (host.word(PID) or "").strip()
    running = pid.isdigit() and "ldirectord" in (host.read(f"/proc/{pid}/cmdline") or "")
    return {"pid": int(pid) if running else None, "log": _tail(host), "maintenance": _names(host)}


def _tail(host: Host) -> str | None:
    try:
        with open(host.path(LOG), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        host.problems.append(f"{LOG}: {error.strerror}")
        return None
    # The first line may be cut off.
    return text if size <= TAIL else text.partition("\n")[2]


def _names(host: Host) -> list[str]:
    try:
        return sorted(os.listdir(host.path(MAINTENANCE)))
    except OSError:
        return []
