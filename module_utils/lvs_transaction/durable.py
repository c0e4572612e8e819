"""The few operations that change the disk, each durable and each a point where a test may pull the plug."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

# What link(2) answers where a file system has no hard links, or fs.protected_hardlinks forbids one.
_NO_HARD_LINK = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}


def step(operation: str, path: str) -> None:
    """Do nothing: a place for tests, called right before each operation that changes the disk.

    They replace it to kill the process, or to raise an OSError, at every single operation.
    """


def write_file(path: str, data: bytes, mode: int, uid: int, gid: int) -> None:
    """Create a file with this content and these attributes, on the disk when this returns.

    A leftover of the same name is replaced. -1 leaves owner or group as created, as chown(2) has it.
    Raises OSError, after removing what was written; the file is never readable to more than its mode says.
    """
    remove(path)
    step("create", path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as stream:
            view = memoryview(data)
            while view:
                view = view[stream.write(view) or 0 :]
            step("written", path)
            status = os.fstat(stream.fileno())
            # Only where needed: a test, or a validator's copy, need not be root's.
            if uid not in (-1, status.st_uid) or gid not in (-1, status.st_gid):
                os.fchown(stream.fileno(), uid, gid)
            # After chown, which clears the set-user-id bits.
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
    except OSError as exc:
        with contextlib.suppress(OSError):
            os.unlink(path)
        exc.filename = path  # write(2) on a full disk knows only a number
        raise


def rename(source: str, target: str) -> None:
    """Replace the target atomically; both must be in one file system. ``sync_dir`` makes it durable."""
    step("rename", target)
    os.rename(source, target)


def second_name(source: str, target: str) -> None:
    """Give the file a second name, by a hard link, so that a restore needs no space on a full disk.

    Where the file system has no hard links, the second name is a copy.
    """
    remove(target)
    step("link", target)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINK:
            raise
        status = os.lstat(source)
        with open(source, "rb") as stream:
            write_file(target, stream.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def remove(path: str) -> None:
    """Remove a file if it is there; nothing is written if it is not."""
    if os.path.lexists(path):
        step("remove", path)
        os.unlink(path)


def make_dirs(path: str, mode: int) -> None:
    """Create a directory and what is missing above it, all with this mode whatever the umask, durably."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    make_dirs(parent, mode)
    step("mkdir", path)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        # Another first run was quicker, before there was a lock to take.
        if not os.path.isdir(path):
            raise
        return
    os.chmod(path, mode)
    sync_dir(parent)


def remove_dir(path: str) -> None:
    """Remove a directory if it is there and empty; one that somebody filled meanwhile stays."""
    if os.path.isdir(path) and not os.path.islink(path):
        step("rmdir", path)
        try:
            os.rmdir(path)
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def remove_tree(path: str) -> None:
    """Remove a directory with all that it holds."""
    for folder, directories, files in os.walk(path, topdown=False):
        for name in files:
            remove(os.path.join(folder, name))
        for name in directories:
            below = os.path.join(folder, name)
            if os.path.islink(below):
                remove(below)
            else:
                remove_dir(below)
    remove_dir(path)


def sync_dir(path: str) -> None:
    """Make the names in a directory durable (fsync(2): syncing a file does not sync its directory entry)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
