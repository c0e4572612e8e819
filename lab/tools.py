"""The programs that the lab runs on this machine, and the Debian packages that have them."""

from __future__ import annotations

import os
import shutil

from lab.errors import LabError

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
"""Program → package; `requirements.apt` lists the packages too, with their reasons."""


def find(name: str) -> str | None:
    """Return the path of a program, also where only root's PATH would have it."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def require(*names: str) -> None:
    """Fail if a program is missing, naming all missing ones and the command that installs them.

    Raises:
        LabError: with the programs and their packages.

    """
    missing = [name for name in names if find(name) is None]
    if missing:
        packages = sorted({PACKAGES[name] for name in missing})
        raise LabError(
            "; ".join(f"{name} is missing (Debian package {PACKAGES[name]})" for name in missing),
            f"As root: apt-get install {' '.join(packages)}",
        )
