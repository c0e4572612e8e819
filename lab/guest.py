"""The guest: a QEMU machine of the lab's own, in which podman runs the nodes.

Its disk is a snapshot of the image: whatever happens in it is gone when it ends, so ending it is a kill and
needs no care. All its ports are on 127.0.0.1, and its network reaches nothing (QEMU's `restrict=on`).
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import accel, tools
from lab.errors import LabError, Unreachable
from lab.home import Home, write_atomically
from lab.images import Image
from lab.keys import Keys
from lab.progress import Step, say, step
from lab.runner import SshRunner

SLOTS = 20
"""Nodes that one guest can have: each slot is a host forward, fixed when QEMU starts."""

FIRST_PORT_INSIDE = 2201
"""Port of slot 0 in the guest (lvs-lab-portd.service)."""

FIRST_PORT = 22220
"""First choice for the ports on 127.0.0.1: the guest's ssh, then the slots."""

BOOT_LIMIT = 240.0
"""Seconds until the guest must answer ssh; it takes 20 to 50 without KVM."""

NICE = -15
"""What the guest's processes run at, against others of this machine."""
PATIENCE = 30.0
"""Seconds that a guest which has booted may take to answer."""

MIB = 1024 * 1024

LEAST_MEMORY = 1536
"""MiB in which six nodes still run."""


@dataclass(frozen=True)
class State:
    """What is known of a started guest, kept beside its pid file.

    Attributes:
        pid: of QEMU.
        port: its ssh on 127.0.0.1; slot N is at `port + 1 + N`.
        accelerator: `kvm` or `tcg`.
        memory: MiB.
        guest: digest of the guest's image.
        nodes: attached root file systems, name → digest.

    """

    pid: int
    port: int
    accelerator: str
    memory: int
    guest: str
    nodes: dict[str, str]


class Guest:
    """The one guest of a lab directory."""

    def __init__(self, home: Home, keys: Keys) -> None:
        self._dir = home.dir("guest")
        self._home = home
        self._keys = keys
        self._runner: SshRunner | None = None

    @property
    def serial_log(self) -> Path:
        """Everything the guest's console said since its start."""
        return self._dir / "serial.log"

    def state(self) -> State | None:
        """Return what is known of the running guest, or None; a stale record is not believed."""
        try:
            state = State(**json.loads((self._dir / "state.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return state if self._ours(state.pid) else None

    def runner(self) -> SshRunner:
        """Return the connection to the running guest.

        Raises:
            LabError: no guest runs.

        """
        state = self.state()
        if state is None:
            raise LabError("the lab is down", "Bring it up: python -m lab up")
        if self._runner is None or self._runner.port != state.port:
            self._runner = SshRunner(
                "the guest", state.port, self._keys.identity, self._keys.host("guest")[1].decode()
            )
        return self._runner

    def ensure(self, image: Image, nodes: Mapping[str, Image]) -> State:
        """Have a guest running that is built from `image`, has `nodes` attached, and answers ssh.

        A guest that is dead, hangs, or lacks one of these is ended and started again.
        """
        state = self.state()
        if state is not None:
            reason = self._unfit(state, image, nodes)
            if not reason:
                say(f"the guest is running (pid {state.pid}, {state.accelerator})")
                return state
            say(f"the guest is started again: {reason}")
        memory = guest_memory()
        try:
            return self._start(image, nodes, memory)
        except LabError as exc:
            # Once more, with less: another process may have taken the memory meanwhile, or the port.
            say(f"{exc}. Trying once more with half the memory.")
            return self._start(image, nodes, max(LEAST_MEMORY, memory // 2))

    def stop(self) -> bool:
        """End the guest, if it runs; whether there was one."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None
        stopped = False
        for pid in self._pids():
            stopped = True
            _end(pid)
        for name in ("state.json", "pid"):
            (self._dir / name).unlink(missing_ok=True)
        return stopped

    def runs(self) -> bool:
        """Whether there is anything that `stop` would end."""
        return bool(self._pids())

    def _pids(self) -> set[int]:
        """Return the processes that are this directory's QEMU, also when an interrupt has lost the record."""
        return {
            int(path.name)
            for path in Path("/proc").iterdir()
            if path.name.isdigit() and self._ours(int(path.name))
        }

    def _ours(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return b"-pidfile" in command and os.fsencode(self._dir / "pid") in command

    def _unfit(self, state: State, image: Image, nodes: Mapping[str, Image]) -> str:
        """Return why the running guest will not do; empty when it does."""
        if state.guest != image.digest:
            return "its image has changed"
        for name, node in nodes.items():
            if state.nodes.get(name) != node.digest:
                return f"the image {name} is not attached to it"
        # One that an interrupted command has left booting is waited for, not started over.
        age = time.time() - (self._dir / "state.json").stat().st_mtime
        try:
            with step("looking at the guest") as progress:
                self._wait(state, max(PATIENCE, BOOT_LIMIT - age), progress)
                self.runner().run(["true"], timeout=PATIENCE)
        except LabError as exc:
            return exc.problem
        return ""

    def _start(self, image: Image, nodes: Mapping[str, Image], memory: int) -> State:
        self.stop()
        tools.require("qemu-system-x86_64", "busybox")
        accelerator = accel.choose(self._home, image.kernel)
        port = free_ports(FIRST_PORT, SLOTS + 1)
        argv = command(image, nodes, self._dir, accelerator=accelerator, memory=memory, port=port)
        if self.serial_log.exists():
            # Why the last one ended, if it was not taken down: a panic's words are there and nowhere else.
            self.serial_log.replace(self.serial_log.with_suffix(".before"))
        with step(f"starting the guest ({accelerator}, {memory} MiB)") as progress:
            # The snapshot, a nameless file, grows where the lab's other things are.
            environment = {**os.environ, "TMPDIR": str(self._dir)}
            done = subprocess.run(
                argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
            )
            if done.returncode != 0:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise LabError(f"QEMU does not start: {last}")
            pid = int((self._dir / "pid").read_text(encoding="ascii"))
            prefer(pid)
            state = State(
                pid, port, accelerator, memory, image.digest, {n: i.digest for n, i in nodes.items()}
            )
            write_atomically(self._dir / "state.json", json.dumps(asdict(state)).encode())
            self._wait(state, BOOT_LIMIT, progress)
        return state

    def _wait(self, state: State, limit: float, progress: Step) -> None:
        """Wait until the guest answers ssh.

        Raises:
            LabError: it died, or did not answer within `limit` seconds.

        """
        deadline = time.monotonic() + limit
        while True:
            try:
                self.runner().connect(timeout=20)
                return
            except Unreachable:
                progress.detail = self._last_words()
            problem = ""
            if not self._ours(state.pid):
                problem = f"the guest died while booting: {self._last_words()}"
            elif time.monotonic() > deadline:
                problem = f"the guest did not answer ssh within {limit:.0f} s"
            if problem:
                raise LabError(problem, f"Its console: {self.serial_log}")
            time.sleep(0.5)

    def _last_words(self) -> str:
        try:
            text = self.serial_log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return "".join(c for c in lines[-1][-100:] if c.isprintable()) if lines else ""


def prefer(pid: int) -> None:
    """Let a process have the processors before others that want them, where this user may (root may).

    Ansible's forks on this machine would else take half of them from the guest, whose timers and clients are
    what is measured. With autogroups a nice value counts against others of the same session only, and that
    of the session against the rest (sched(7)); QEMU has a session of its own (-daemonize).
    """
    process = Path("/proc", str(pid))
    # It may not be allowed, or the kernel has no autogroups: then the guest has its usual share.
    with contextlib.suppress(OSError):
        (process / "autogroup").write_text(str(NICE), encoding="ascii")
    with contextlib.suppress(OSError):
        for thread in (process / "task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), NICE)


def _end(pid: int) -> None:
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 10.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not _alive(pid):
                return
            time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def guest_memory() -> int:
    """Return the guest's memory in MiB: LVS_LAB_MEMORY, else 6 GiB, or half of what is free if less.

    Raises:
        LabError: LVS_LAB_MEMORY is no number, or below 1024.

    """
    given = os.environ.get("LVS_LAB_MEMORY", "")
    if given:
        if not given.isdigit() or int(given) < 1024:
            raise LabError(f"LVS_LAB_MEMORY={given} is not a number of MiB of at least 1024")
        return int(given)
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) // 1024
    return max(LEAST_MEMORY, min(6144, available // 2))


def free_ports(first: int, count: int) -> int:
    """Return the first of `count` neighbouring ports that nobody uses on 127.0.0.1."""
    for start in range(first, first + 50 * count, count):
        if all(_free(port) for port in range(start, start + count)):
            return start
    raise LabError(f"no {count} neighbouring ports are free on 127.0.0.1 above {first}")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def command(
    image: Image, nodes: Mapping[str, Image], directory: Path, *, accelerator: str, memory: int, port: int
) -> list[str]:
    """Return the QEMU command of the guest.

    Args:
        image: kernel, initial file system and root disk.
        nodes: root file systems of the nodes, attached read-only.
        directory: for the pid file and the console's log.
        accelerator: `kvm` or `tcg`.
        memory: MiB.
        port: on 127.0.0.1 for the guest's ssh; the nodes' ports follow.

    Raises:
        LabError: this machine is not an amd64 one.

    """
    if platform.machine() != "x86_64":
        raise LabError(f"the guest exists for amd64 only, this machine is {platform.machine()}")
    if accelerator == "kvm":
        acceleration, cpu = "kvm", "host"
    else:
        acceleration, cpu = "tcg,thread=multi,tb-size=512", accel.EMULATED_CPU
    forwards = [f"hostfwd=tcp:127.0.0.1:{port}-:22"]
    forwards += [f"hostfwd=tcp:127.0.0.1:{port + 1 + n}-:{FIRST_PORT_INSIDE + n}" for n in range(SLOTS)]
    append = (
        "root=/dev/vda rw console=ttyS0,115200 quiet loglevel=4 panic=-1 net.ifnames=0 "
        "mitigations=off audit=0 selinux=0 apparmor=0 systemd.show_status=auto"
    )
    argv = ["qemu-system-x86_64", "-name", "lvs-lab", "-machine", "q35", "-accel", acceleration, "-cpu", cpu]
    argv += ["-smp", str(max(2, min(4, os.cpu_count() or 2))), "-m", str(memory)]
    argv += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    argv += ["-serial", f"file:{directory / 'serial.log'}", "-daemonize", "-pidfile", str(directory / "pid")]
    argv += ["-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", append]
    argv += ["-drive", f"file={image.disk},if=none,id=root,format=raw,snapshot=on,cache=unsafe"]
    argv += ["-device", "virtio-blk-pci,drive=root"]
    for name, node in sorted(nodes.items()):
        argv += ["-drive", f"file={node.disk},if=none,id={name},format=raw,read-only=on,file.locking=off"]
        argv += ["-device", f"virtio-blk-pci,drive={name}"]
    argv += [
        "-netdev",
        f"user,id=net,restrict=on,{','.join(forwards)}",
        "-device",
        "virtio-net-pci,netdev=net",
    ]
    argv += ["-device", "virtio-rng-pci"]
    return argv
