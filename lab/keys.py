"""The lab's ssh keys: one that opens every door of the lab, and a host key for each machine in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from lab import tools
from lab.home import Home


class Keys:
    """The keys of one lab directory, made when they are first asked for."""

    def __init__(self, home: Home) -> None:
        self._dir = home.dir("keys")

    @property
    def identity(self) -> Path:
        """The private key with which the lab, and Ansible, log in."""
        return self._pair("id_ed25519")

    @property
    def authorized(self) -> str:
        """The line for authorized_keys."""
        return self.identity.with_suffix(".pub").read_text(encoding="ascii")

    def host(self, name: str) -> tuple[bytes, bytes]:
        """Return the private and the public host key of the machine `name`."""
        path = self._pair(f"host_{name}")
        return path.read_bytes(), Path(f"{path}.pub").read_bytes()

    def known_host(self, alias: str, name: str) -> str:
        """Return the known_hosts line that ties `alias` to the host key of `name`."""
        kind, key, *_ = self.host(name)[1].decode("ascii").split()
        return f"{alias} {kind} {key}\n"

    def _pair(self, name: str) -> Path:
        path = self._dir / name
        if path.exists():
            return path
        tools.require("ssh-keygen")
        # Made elsewhere and moved, the public half first: an interrupt leaves no half pair.
        work = self._dir / f".new-{name}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lvs-lab", "-f", str(work / name)]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        (work / f"{name}.pub").replace(f"{path}.pub")
        (work / name).replace(path)
        work.rmdir()
        return path
