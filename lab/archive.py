"""Archives made in memory: tar for what goes into images and nodes, cpio for a tiny initial file system."""

from __future__ import annotations

import io
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class File:
    """A file to be put somewhere, owned by root.

    Attributes:
        content: its bytes.
        mode: its permission bits.
        link: when set, it is a symbolic link to this instead.

    """

    content: bytes = b""
    mode: int = 0o644
    link: str = ""


PRIVATE = {"root", "root/.ssh"}
"""Directories that only root may read; every other one is 0755. Modes matter: tar and overlays apply them."""


def tar(files: Mapping[str, File], prefix: str = "") -> bytes:
    """Return a tar archive of `files` (relative path → file) and of the directories they need."""
    buffer = io.BytesIO()
    seen: set[str] = set()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, file in sorted(files.items()):
            path = PurePosixPath(prefix) / name
            for parent in reversed(path.parents[:-1]):
                if str(parent) not in seen:
                    seen.add(str(parent))
                    info = tarfile.TarInfo(str(parent))
                    info.type = tarfile.DIRTYPE
                    inside = str(parent)[len(prefix) :].strip("/")
                    info.mode = 0o700 if inside in PRIVATE else 0o755
                    archive.addfile(info)
            info = tarfile.TarInfo(str(path))
            info.mode = file.mode
            if file.link:
                info.type, info.linkname = tarfile.SYMTYPE, file.link
                archive.addfile(info)
            else:
                info.size = len(file.content)
                archive.addfile(info, io.BytesIO(file.content))
    return buffer.getvalue()


def cpio(files: Mapping[str, tuple[int, bytes, tuple[int, int]]]) -> bytes:
    """Return a cpio archive in the `newc` format, which the kernel unpacks as its first file system.

    The format: linux/Documentation/driver-api/early-userspace/buffer-format.rst.

    Args:
        files: path → (mode with its type bits, content, device numbers).

    """
    parts: list[bytes] = []
    for number, (name, (mode, content, device)) in enumerate(
        [*files.items(), ("TRAILER!!!", (0, b"", (0, 0)))], 1
    ):
        encoded = name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (number, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        parts.append(header + b"\0" * (-len(header) % 4) + content + b"\0" * (-len(content) % 4))
    return b"".join(parts)
