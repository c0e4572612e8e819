"""What the images are made of. Whatever stands here enters an image's digest, and nothing else does."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from lab.archive import File
from lab.home import FILES

SUITES = {12: "bookworm", 13: "trixie"}
"""Debian releases that nodes can have."""

GUEST_PACKAGES = (
    "linux-image-cloud-amd64",
    "initramfs-tools",
    "systemd",
    "systemd-sysv",
    "openssh-server",
    "podman",
    "crun",
    "netavark",
    "iproute2",
    "nftables",
    "kmod",
    "procps",
    "python3",
)

NODE_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "python3-apt",
    "perl",
    "pciutils",
    "iproute2",
    "iputils-ping",
    "kmod",
    "procps",
    "ca-certificates",
)
"""What a freshly installed server has (perl and pciutils are of priority standard); nothing of LVS."""

NODE_CACHED = (
    "keepalived",
    "ipvsadm",
    "nftables",
    "conntrack",
    "tcpdump",
    "curl",
    "iputils-arping",
    "ethtool",
    "socat",
    "ldirectord",
    "heartbeat",
    "resource-agents",
    "pacemaker",
    "corosync",
    "crmsh",
    "pcs",
    "vsftpd",
    "ifupdown",
    "network-manager",
    "haproxy",
)
"""What roles and tests may install without a network; one that a release lacks is skipped and noted."""


@dataclass(frozen=True)
class Recipe:
    """All that decides an image's content.

    Attributes:
        name: `guest`, `debian13`, `debian12`.
        suite: Debian's code name.
        packages: installed.
        cached: downloaded with their dependencies, not installed.
        early_files: put in place before `packages` are configured.
        files: put in place afterwards.
        script: run at the end, with the tree as its argument.
        megabytes: size of the file system; the file is sparse.
        writable: has a journal.
        bootable: kernel and initial file system are handed out beside the disk.

    """

    name: str
    suite: str
    packages: tuple[str, ...]
    files: dict[str, File]
    script: bytes
    megabytes: int
    cached: tuple[str, ...] = ()
    early_files: dict[str, File] | None = None
    writable: bool = False
    bootable: bool = False

    def summary(self) -> dict[str, object]:
        """Return the recipe with digests in the place of contents."""

        def digests(files: dict[str, File] | None) -> dict[str, str]:
            return {
                name: f"{hashlib.sha256(file.content).hexdigest()} {file.mode:o} {file.link}"
                for name, file in (files or {}).items()
            }

        return {
            "format": 1,
            "name": self.name,
            "suite": self.suite,
            "packages": list(self.packages),
            "cached": list(self.cached),
            "early_files": digests(self.early_files),
            "files": digests(self.files),
            "script": hashlib.sha256(self.script).hexdigest(),
            "megabytes": self.megabytes,
            "writable": self.writable,
            "bootable": self.bootable,
        }

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change when anything in the recipe does."""
        return hashlib.sha256(json.dumps(self.summary(), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """The file system's label, by which the podman host finds it (at most 16 bytes, ext4)."""
        return f"lab-{self.name}"


def shipped(name: str, mode: int = 0o644) -> File:
    """Return one of the files in `lab/files`."""
    return File(Path(FILES / name).read_bytes(), mode)


def _sshd(debian: int) -> dict[str, File]:
    files = {"etc/ssh/sshd_config.d/lvs-lab.conf": shipped("sshd-lab.conf")}
    if debian >= 13:
        files["etc/ssh/sshd_config.d/lvs-lab-13.conf"] = shipped("sshd-lab-13.conf")
    return files


def guest(authorized_key: str, host_key: tuple[bytes, bytes]) -> Recipe:
    """Return the guest's recipe.

    Args:
        authorized_key: the lab's public key.
        host_key: the guest's private and public host key.

    """
    private, public = host_key
    return Recipe(
        name="guest",
        suite=SUITES[13],
        packages=GUEST_PACKAGES,
        megabytes=16384,
        writable=True,
        bootable=True,
        script=shipped("guest-setup.sh").content + shipped("finish.sh").content,
        early_files={
            "etc/initramfs-tools/conf.d/lvs-lab": File(b"MODULES=list\nCOMPRESS=zstd\n"),
            "etc/initramfs-tools/hooks/lvs-lab": shipped("initramfs-hook", 0o755),
        },
        files={
            **_sshd(13),
            "etc/ssh/ssh_host_ed25519_key": File(private, 0o600),
            "etc/ssh/ssh_host_ed25519_key.pub": File(public),
            "root/.ssh/authorized_keys": File(authorized_key.encode(), 0o600),
            "etc/modules-load.d/lvs-lab.conf": File(b"virtio_net\nvirtio_rng\noverlay\n"),
            "etc/fstab": File(b""),
            "etc/containers/containers.conf": shipped("containers.conf"),
            "etc/systemd/system/lvs-lab-network.service": shipped("lvs-lab-network.service"),
            "etc/systemd/system/lvs-lab-portd.service": shipped("lvs-lab-portd.service"),
            "usr/local/lib/lvs-lab/portd.py": shipped("portd.py"),
        },
    )


def node(debian: int, authorized_key: str) -> Recipe:
    """Return the recipe of the nodes' root file system for one Debian release.

    Args:
        debian: 12 or 13.
        authorized_key: the lab's public key.

    """
    return Recipe(
        name=f"debian{debian}",
        suite=SUITES[debian],
        packages=NODE_PACKAGES,
        cached=NODE_CACHED,
        megabytes=4096,
        script=shipped("node-setup.sh").content + shipped("finish.sh").content,
        files={
            **_sshd(debian),
            "root/.ssh/authorized_keys": File(authorized_key.encode(), 0o600),
            "var/cache/lvs-lab-apt/index.py": shipped("apt-index.py"),
            "var/cache/lvs-lab-apt/lab.sources": shipped("lab.sources"),
        },
    )
