"""The podman host: this machine where it can serve, else the guest. The nodes' code does not know which."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from lab.errors import LabError
from lab.guest import FIRST_PORT, SLOTS, Guest, free_ports
from lab.home import FILES, Home, write_atomically
from lab.images import Image, Images
from lab.keys import Keys
from lab.nodes import RUN
from lab.progress import say
from lab.runner import LocalRunner, Runner


class Host(Protocol):
    """A machine with root, podman and a kernel with IPVS.

    Attributes:
        base: directory on it for the nodes.

    """

    base: str

    def ensure(self, images: Images, wanted: set[str]) -> dict[str, Image]:
        """Have it ready, with the root file systems `wanted` at hand, and return those."""

    def runner(self) -> Runner:
        """Return what runs commands on it; a LabError when it is down."""

    def source(self, image: Image) -> tuple[str, str]:
        """Return what to mount there for a root file system, and with which options."""

    def port(self, slot: int) -> int:
        """Return the port on 127.0.0.1 of this machine that leads to the node in `slot`."""

    def identity(self) -> str:
        """Return a text that changes whenever the host has lost its nodes; empty when it is down."""

    def describe(self) -> dict[str, object]:
        """Return what `status` tells of it."""

    def stop(self) -> bool:
        """End it; whether there was anything to end. The nodes are gone already in the local case."""


class GuestHost:
    """The QEMU guest as podman host."""

    base = "/var/lib/lvs-lab"

    def __init__(self, home: Home, keys: Keys) -> None:
        self.guest = Guest(home, keys)

    def ensure(self, images: Images, wanted: set[str]) -> dict[str, Image]:
        """See `Host.ensure`. Every built image is attached, so that another inventory needs no restart."""
        also = {name for name in ("debian12", "debian13") if images.built(name)}
        built = images.ensure(["guest", *sorted(wanted | also)])
        state = self.guest.state()
        nodes = {name: image for name, image in built.items() if name != "guest"}
        if state is not None:
            # What is built but neither wanted nor attached is no reason to restart a running guest.
            nodes = {n: i for n, i in nodes.items() if n in wanted or state.nodes.get(n) == i.digest}
        self.guest.ensure(built["guest"], nodes)
        return {name: built[name] for name in wanted}

    def runner(self) -> Runner:
        """See `Host.runner`."""
        return self.guest.runner()

    def source(self, image: Image) -> tuple[str, str]:
        """See `Host.source`."""
        return f"LABEL=lab-{image.name}", "ro"

    def port(self, slot: int) -> int:
        """See `Host.port`."""
        state = self.guest.state()
        if state is None:
            raise LabError("the lab is down", "Bring it up: python -m lab up")
        return state.port + 1 + slot

    def identity(self) -> str:
        """See `Host.identity`."""
        state = self.guest.state()
        return f"guest {state.pid}" if state else ""

    def describe(self) -> dict[str, object]:
        """See `Host.describe`."""
        state = self.guest.state()
        if state is None:
            return {"kind": "guest", "state": "down"}
        return {
            "kind": "guest",
            "state": "up",
            "pid": state.pid,
            "accelerator": state.accelerator,
            "memory_mib": state.memory,
            "ssh_port": state.port,
            "images": sorted(state.nodes),
            "console": str(self.guest.serial_log),
        }

    def stop(self) -> bool:
        """See `Host.stop`."""
        return self.guest.stop()


class LocalHost:
    """The machine that runs the lab as podman host; the names of what is made here begin with lvslab."""

    def __init__(self, home: Home) -> None:
        self._dir = home.dir("local")
        self.base = str(self._dir)

    def ensure(self, images: Images, wanted: set[str]) -> dict[str, Image]:
        """See `Host.ensure`."""
        problems = local_problems()
        if problems:
            raise LabError(f"this machine cannot be the podman host: {'; '.join(problems)}")
        built = images.ensure(sorted(wanted))
        if self._portd() is None:
            self._start_portd()
        return built

    def runner(self) -> Runner:
        """See `Host.runner`."""
        return LocalRunner()

    def source(self, image: Image) -> tuple[str, str]:
        """See `Host.source`."""
        return str(image.disk), "ro,loop"

    def port(self, slot: int) -> int:
        """See `Host.port`."""
        found = self._portd()
        if found is None:
            raise LabError("the lab is down", "Bring it up: python -m lab up")
        return found[1] + slot

    def identity(self) -> str:
        """See `Host.identity`."""
        found = self._portd()
        return f"local {found[1]}" if found else ""

    def describe(self) -> dict[str, object]:
        """See `Host.describe`."""
        return {"kind": "local", "state": "up" if self._portd() else "down"}

    def stop(self) -> bool:
        """See `Host.stop`."""
        found = self._portd()
        if found is not None:
            os.kill(found[0], signal.SIGTERM)
        (self._dir / "portd").unlink(missing_ok=True)
        runner = LocalRunner()
        for path in sorted((self._dir / "images").glob("*")):
            runner.run(["umount", str(path)], check=False)
        return found is not None

    def _portd(self) -> tuple[int, int] | None:
        """Return process id and first port of the management ports' daemon, if it runs."""
        try:
            pid, port = map(int, (self._dir / "portd").read_text(encoding="ascii").split())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        # Of whichever clone: the last part of its path, and its arguments.
        return (pid, port) if any(word.endswith(b"/lab/files/portd.py") for word in command) else None

    def _start_portd(self) -> None:
        port = free_ports(FIRST_PORT, SLOTS)
        command = [sys.executable, str(FILES / "portd.py"), "--bind", "127.0.0.1"]
        command += ["--first", str(port), "--count", str(SLOTS), "--run", RUN]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        write_atomically(self._dir / "portd", f"{process.pid} {port}\n".encode())


def local_problems() -> list[str]:
    """Return why this machine cannot be the podman host; empty when it can."""
    problems = []
    if os.geteuid() != 0:
        problems.append("not root")
    runner = LocalRunner()
    try:
        version = runner.run(
            ["podman", "version", "--format", "{{.Client.Version}}"], timeout=30
        ).stdout.strip()
        # Static hardware addresses and interface names together need podman 5 with netavark.
        if int(version.split(".")[0]) < 5:
            problems.append(f"podman {version} is older than 5")
    except (LabError, ValueError):
        problems.append("no podman")
    try:
        known = Path("/proc/sys/net/ipv4/vs").exists()
        if not known and runner.run(["modprobe", "--dry-run", "ip_vs"], check=False).code != 0:
            problems.append("its kernel has no ip_vs")
    except LabError:
        problems.append("no modprobe")
    return problems


def choose(home: Home, keys: Keys, environ: Mapping[str, str], recorded: str = "") -> Host:
    """Return the podman host: the one at work, whatever has changed since it was chosen, else the wanted one.

    That is what LVS_LAB_HOST says, else this machine where it can serve, else the guest.

    Args:
        home: the lab's directory.
        keys: its keys.
        environ: the environment.
        recorded: `Host.identity` of the host that the recorded nodes are on; empty when none are recorded.

    Raises:
        LabError: LVS_LAB_HOST is neither `local` nor `guest`.

    """
    wanted = _wanted(environ)
    guest, local = GuestHost(home, keys), LocalHost(home)
    if guest.guest.runs():
        return guest
    # Nodes on this machine outlive their ports' daemon; those in a guest are gone with it.
    if local.identity() or recorded.startswith("local "):
        return local
    if wanted == "local" or (not wanted and not local_problems()):
        say("podman host: this machine")
        return local
    return guest


def refuse_another(host: Host, environ: Mapping[str, str]) -> None:
    """Fail if LVS_LAB_HOST wants another host than the one at work: there is one lab at a time.

    Raises:
        LabError: it does; take the lab down first.

    """
    wanted = _wanted(environ)
    kind = "local" if isinstance(host, LocalHost) else "guest"
    if wanted not in ("", kind):
        raise LabError(
            f"LVS_LAB_HOST={wanted}, but the lab is up with the podman host {kind}",
            "Take it down first: python -m lab down",
        )


def _wanted(environ: Mapping[str, str]) -> str:
    wanted = environ.get("LVS_LAB_HOST", "")
    if wanted not in ("", "local", "guest"):
        raise LabError(f"LVS_LAB_HOST={wanted} is unknown", "Known ones: local, guest.")
    return wanted
