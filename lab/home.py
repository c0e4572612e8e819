"""Where the lab keeps its things: a cache outside git, shared by every clone of the repository."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError
from lab.progress import say

PROJECT = Path(__file__).resolve().parent.parent
"""The project's tree: `build/lab/` in it receives the ssh configuration."""

FILES = Path(__file__).resolve().parent / "files"
"""What the lab ships into the guest and the nodes."""


def home_path(environ: Mapping[str, str]) -> Path:
    """Return the cache: `$LVS_LAB_HOME`, else `$XDG_CACHE_HOME/lvs-lab`, else `~/.cache/lvs-lab`."""
    if environ.get("LVS_LAB_HOME"):
        return Path(environ["LVS_LAB_HOME"]).expanduser().absolute()
    cache = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "lvs-lab"


class Home:
    """The cache directory and the lock on it.

    Args:
        path: the directory; it is made when it is missing, readable for its owner only.

    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home_path(os.environ)
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise LabError(
                f"cannot make the lab's directory {self.path}: {exc.strerror}",
                "Set LVS_LAB_HOME to a writable one.",
            ) from exc

    def dir(self, name: str) -> Path:
        """Return the subdirectory `name`, made when missing."""
        path = self.path / name
        path.mkdir(exist_ok=True, mode=0o700)
        return path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lab for one command that changes it; a second one waits and says for whom."""
        with (self.path / "lock").open("a+") as handle:
            started = time.monotonic()
            said = -10.0
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    waited = time.monotonic() - started
                    if waited - said >= 5:
                        said = waited
                        handle.seek(0)
                        say(
                            f"another lab command (pid {handle.read().strip() or '?'}) holds the lab: waiting"
                        )
                    time.sleep(0.3)
            handle.seek(0)
            handle.truncate()
            handle.write(str(os.getpid()))
            handle.flush()
            yield


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write `path` so that a reader sees the old or the new content, whatever is interrupted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.chmod(mode)
    temporary.replace(path)
