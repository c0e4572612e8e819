"""A host in a bottle: rendered files at their real paths, in private mount and network namespaces.

Needs root, unshare(1) and ip(8); :func:`unusable` says what is missing. Nothing outside is touched: /etc,
/run and /usr/local/lib are fresh file systems in the bottle, and interfaces end with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

_PRIVATE = ("/etc", "/run", "/usr/local/lib")
# What daemons look up in /etc: their script user above all, which the roles create on a real host.
_USERS = "root:x:0:0::/root:/bin/sh\nkeepalived_script:x:990:990::/nonexistent:/usr/sbin/nologin\n"
_GROUPS = "root:x:0:\nkeepalived_script:x:990:\n"
# The dummy device is the obvious one, but not every kernel has it. A pair's ends must both be up.
_PROLOGUE = """
set -eu
mount -t sysfs sysfs /sys
add() {{
    if ! ip link add "$1" type dummy 2>/dev/null; then
        ip link add "$1" type veth peer name "p$2"
        ip link set "p$2" up
    fi
    ip link set "$1" up
}}
ip link set lo up
{interfaces}
for path in {private}; do mount -t tmpfs tmpfs "$path"; done
cp -a {tree}/. /
cd {work}
PATH={work}/bin:$PATH
"""


def show(interface: str) -> str:
    """A command that prints the IPv4 addresses of an interface, as "address/length label" a line."""
    pick = r"s/.* inet ([^ ]+) .* ([^ ]+)\\ .*/\1 \2/"
    return f"ip -4 -oneline address show dev {interface} | sed -E '{pick}'"


@cache
def unusable() -> str | None:
    """Why no bottle can be made on this machine; None where it can."""
    if os.geteuid() != 0:
        return "needs root, for namespaces"
    for tool in ("unshare", "ip", "sysctl"):
        if shutil.which(tool) is None:
            return f"needs {tool}"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "mount", "-t", "sysfs", "sysfs", "/sys"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else None


class Bottle:
    """A host's files and interfaces; each :meth:`run` starts from them anew.

    ``work`` is a directory outside, which scripts find as their current one: for what they tell.
    """

    def __init__(self, folder: Path, files: Iterable[dict[str, Any]], interfaces: Iterable[str] = ()) -> None:
        self.tree = folder / "tree"
        self.work = folder / "work"
        self.interfaces = list(interfaces)
        (self.work / "bin").mkdir(parents=True)
        for path, content in (("/etc/passwd", _USERS), ("/etc/group", _GROUPS)):
            self.write(path, content)
        for file in files:
            self.write(file["path"], file["content"], int(file["mode"], 8))

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Put a file into the bottle."""
        place = self.tree / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        place.chmod(mode)

    def shadow(self, command: str, script: str) -> None:
        """Put a script before a command of the same name; ``real`` in it runs the real one."""
        real = shutil.which(command)
        place = self.work / "bin" / command
        place.write_text(f'#!/bin/sh\nreal() {{ {real} "$@"; }}\n{script}\n')
        place.chmod(0o755)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the bottle (set -eu)."""
        prologue = _PROLOGUE.format(
            interfaces="\n".join(f"add {name} {number}" for number, name in enumerate(self.interfaces)),
            private=" ".join(_PRIVATE),
            tree=self.tree,
            work=self.work,
        )
        return subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", prologue + script],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def told(self, script: str) -> str:
        """What a script that must succeed printed."""
        done = self.run(script)
        assert done.returncode == 0, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout
