"""Choose QEMU's accelerator by a real boot: /dev/kvm can exist, open, and never run an instruction.

The trial boots the guest's own kernel with a file system of one program that prints a marker and powers
off. Its answer is remembered in the lab's directory, and asked for again when the machine's kernel or QEMU
changes.
"""

from __future__ import annotations

import json
import os
import platform
import stat
import subprocess
import time
from pathlib import Path

from lab import tools
from lab.archive import cpio
from lab.errors import LabError
from lab.home import Home, write_atomically
from lab.progress import step

LIMIT = 20.0
"""Seconds that the trial may take; a working KVM needs two, also a nested one."""

EMULATED_CPU = "Nehalem,-cx16"
"""Debian 12's QEMU mis-emulates cmpxchg16b: a 6.12 kernel panics. A newer CPU only costs: what is emulated of
AVX and of fast string moves makes copies twice as slow as SSE does, and Python a tenth."""

MARKER = "lvs-lab: this accelerator works"

CHOICES = ("kvm", "tcg")

_INIT = f"""#!/bin/busybox sh
/bin/busybox echo '{MARKER}'
/bin/busybox poweroff -f
"""


def initial_files(busybox: bytes) -> bytes:
    """Return the trial's initial file system; `busybox` is a static one."""
    return cpio(
        {
            "bin": (stat.S_IFDIR | 0o755, b"", (0, 0)),
            "dev": (stat.S_IFDIR | 0o755, b"", (0, 0)),
            # The kernel gives its first process this console (numbers: the kernel's devices.txt).
            "dev/console": (stat.S_IFCHR | 0o600, b"", (5, 1)),
            "bin/busybox": (stat.S_IFREG | 0o755, busybox, (0, 0)),
            "init": (stat.S_IFREG | 0o755, _INIT.encode(), (0, 0)),
        }
    )


def command(accelerator: str, kernel: Path, initrd: Path) -> list[str]:
    """Return the trial's QEMU command."""
    cpu = "host" if accelerator == "kvm" else EMULATED_CPU
    return [
        *(
            "qemu-system-x86_64",
            "-name",
            "lvs-lab-trial",
            "-machine",
            "q35",
            "-accel",
            accelerator,
            "-cpu",
            cpu,
        ),
        *(
            "-m",
            "256",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-serial",
            "stdio",
        ),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-append", "console=ttyS0 panic=-1 quiet"),
    ]


def works(accelerator: str, kernel: Path, directory: Path, limit: float = LIMIT) -> bool:
    """Boot the trial under `accelerator`; whether its marker came within `limit` seconds."""
    busybox = tools.find("busybox")
    if busybox is None:
        tools.require("busybox")
        return False
    initrd = directory / "trial.cpio"
    initrd.write_bytes(initial_files(Path(busybox).read_bytes()))
    log = directory / "trial.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(accelerator, kernel, initrd),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + limit
            while process.poll() is None and time.monotonic() < deadline:
                if MARKER.encode() in log.read_bytes():
                    return True
                time.sleep(0.1)
            return MARKER.encode() in log.read_bytes()
        finally:
            process.kill()
            process.wait()
            initrd.unlink()


def choose(home: Home, kernel: Path) -> str:
    """Return `kvm` or `tcg`: what LVS_LAB_ACCEL says, else what is remembered, else what a trial shows.

    Raises:
        LabError: LVS_LAB_ACCEL is neither.

    """
    forced = os.environ.get("LVS_LAB_ACCEL", "")
    if forced:
        if forced not in CHOICES:
            raise LabError(f"LVS_LAB_ACCEL={forced} is no accelerator", f"Known ones: {', '.join(CHOICES)}.")
        return forced
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    memory = home.path / "accelerator.json"
    machine = _machine()
    try:
        remembered = json.loads(memory.read_text(encoding="utf-8"))
        if remembered["machine"] == machine and remembered["accelerator"] in CHOICES:
            return str(remembered["accelerator"])
    except (OSError, ValueError, KeyError):
        pass
    with step(f"trying whether KVM works (at most {LIMIT:.0f} s)") as progress:
        accelerator = "kvm" if works("kvm", kernel, home.dir("logs")) else "tcg"
        progress.detail = accelerator
    write_atomically(memory, json.dumps({"machine": machine, "accelerator": accelerator}).encode())
    return accelerator


def _machine() -> str:
    """Name what the answer depends on: the host's kernel, its processor, and QEMU."""
    version = subprocess.run(
        ["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True
    ).stdout
    model = ""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{platform.node()} {platform.release()} {model} {version.splitlines()[0]}"
