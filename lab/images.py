"""Build and keep the disk images: the guest's, and a read-only root file system for each release of nodes.

An image lives in `$LVS_LAB_HOME/images/NAME-DIGEST/`. The digest is its recipe's, so a changed recipe is
a new image and an unchanged one is never built again. It is built beside its place and renamed: there is no
half image.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab import recipes, sources, tools
from lab.archive import tar
from lab.errors import LabError
from lab.home import Home
from lab.parallel import all_together
from lab.progress import Step, say, step
from lab.recipes import Recipe

KEEP_SECONDS = 7 * 24 * 3600
"""How long an image of an older recipe is kept: another clone of the repository may still use it."""

KEEP_UNUSED = 2
"""How many such images of one name are kept."""


@dataclass(frozen=True)
class Image:
    """A built image.

    Attributes:
        name: `guest`, `debian13` or `debian12`.
        digest: of the recipe it was built from.
        path: its directory.

    """

    name: str
    digest: str
    path: Path

    @property
    def disk(self) -> Path:
        """The ext4 file system."""
        return self.path / "disk.ext4"

    @property
    def kernel(self) -> Path:
        """The kernel (guest only)."""
        return self.path / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The initial file system (guest only)."""
        return self.path / "initrd.img"


class Images:
    """The images of one lab directory."""

    def __init__(self, home: Home, authorized_key: str, host_key: tuple[bytes, bytes]) -> None:
        self._home = home
        self._authorized_key = authorized_key
        self._host_key = host_key

    def recipe(self, name: str) -> Recipe:
        """Return the recipe of `guest`, `debian13` or `debian12`."""
        if name == "guest":
            return recipes.guest(self._authorized_key, self._host_key)
        return recipes.node(int(name.removeprefix("debian")), self._authorized_key)

    def image(self, name: str) -> Image:
        """Return the image that the present recipe gives, built or not."""
        digest = self.recipe(name).digest
        return Image(name, digest, self._home.dir("images") / f"{name}-{digest}")

    def built(self, name: str) -> bool:
        """Whether the image of the present recipe is there."""
        return self.image(name).path.is_dir()

    def ensure(self, names: Iterable[str]) -> dict[str, Image]:
        """Build what is missing, side by side, and prune what is old.

        Raises:
            LabError: a tool or a mirror is missing, or a build failed (it names the log).

        """
        wanted = {name: self.image(name) for name in names}
        missing = [image for image in wanted.values() if not image.path.is_dir()]
        if missing:
            self._build_all(missing)
        for image in wanted.values():
            os.utime(image.path)
        self._prune({image.path.name for image in wanted.values()})
        return wanted

    def _build_all(self, missing: list[Image]) -> None:
        tools.require("mmdebstrap", "mke2fs", "unshare", "setpriv")
        mirror = sources.choose(sources.read_entries(), os.environ)
        options = sources.apt_options(
            subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
        )
        say(f"building {', '.join(image.name for image in missing)} from {mirror.archive.uri}")
        stop = threading.Event()
        jobs = {image.name: partial(self._build, image, mirror, options, stop) for image in missing}
        try:
            all_together(jobs)
        finally:
            # Interrupted: the builders end what they have started, and what they have mounted goes with it.
            stop.set()
            while any(thread.name in jobs for thread in threading.enumerate()):
                time.sleep(0.1)

    def _build(self, image: Image, mirror: sources.Mirror, options: list[str], stop: threading.Event) -> None:
        recipe = self.recipe(image.name)
        work = image.path.with_name(f".building-{image.path.name}-{os.getpid()}")
        log = self._home.dir("logs") / f"image-{image.name}.log"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        try:
            with step(f"image {image.name}") as progress:
                _debootstrap(
                    recipe,
                    work,
                    log,
                    mirror_lines=mirror.lines(recipe.suite),
                    options=options,
                    stop=stop,
                    progress=progress,
                )
            (work / "recipe.json").write_text(json.dumps(recipe.summary(), indent=1) + "\n", encoding="utf-8")
            work.rename(image.path)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _prune(self, wanted: set[str]) -> None:
        """Remove what a killed build has left, and images of older recipes but for two lately used ones."""
        unused: dict[str, list[Path]] = {}
        for path in self._home.dir("images").iterdir():
            if path.name.startswith(".building-"):
                if not Path(f"/proc/{path.name.rsplit('-', 1)[1]}").exists():
                    shutil.rmtree(path, ignore_errors=True)
            elif path.name not in wanted:
                unused.setdefault(path.name.split("-")[0], []).append(path)
        for paths in unused.values():
            paths.sort(key=lambda path: path.stat().st_mtime, reverse=True)
            for number, path in enumerate(paths):
                if number >= KEEP_UNUSED or time.time() - path.stat().st_mtime > KEEP_SECONDS:
                    say(f"removing the unused image {path.name}")
                    shutil.rmtree(path, ignore_errors=True)


def command(recipe: Recipe, work: Path, mirror_lines: list[str], options: list[str], root: bool) -> list[str]:
    """Return the mmdebstrap command that builds `recipe` in the directory `work`.

    The disk is made by a hook, while the tree still stands: the tree need not be copied, and without root its
    owners are not lost. `mount --bind` (not rbind) leaves out what mmdebstrap has mounted below the tree.
    """
    quoted = {
        name: shlex.quote(str(work / name))
        for name in ("early.tar", "files.tar", "setup.sh", "tree", "disk.ext4")
    }
    features = "" if recipe.writable else " -O ^has_journal"
    make_disk = (
        f'mkdir {quoted["tree"]} && mount --bind "$1" {quoted["tree"]} && '
        f"mke2fs -q -F -t ext4 -m 0 -L {recipe.label}{features} -d {quoted['tree']} "
        f"{quoted['disk.ext4']} {recipe.megabytes}M; "
        f"code=$?; umount {quoted['tree']}; rmdir {quoted['tree']}; exit $code"
    )
    # Should this program be killed, the build ends too, and its mounts go with their namespace.
    argv = ["setpriv", "--pdeathsig", "TERM", "--"]
    argv += ["unshare", "--mount", "--"] if root else []
    argv += ["mmdebstrap", f"--mode={'root' if root else 'unshare'}", "--variant=minbase", "--format=null"]
    argv += [f"--include={','.join(recipe.packages)}"]
    argv += [f"--aptopt={option}" for option in ['APT::Install-Recommends "false";', *options]]
    argv += ["--dpkgopt=force-unsafe-io"]
    # The disk is made while the tree stands; files/finish.sh has cleaned it by then.
    argv += ["--skip=cleanup/apt,cleanup/mmdebstrap,cleanup/reproducible,cleanup/run,cleanup/tmp,cleanup/dev"]
    if recipe.early_files:
        argv += [f"--essential-hook=tar-in {quoted['early.tar']} /"]
    argv += [f"--customize-hook=tar-in {quoted['files.tar']} /"]
    argv += [
        f'--customize-hook=LVS_LAB_CACHED={shlex.quote(" ".join(recipe.cached))} sh {quoted["setup.sh"]} "$1"'
    ]
    if recipe.bootable:
        argv += [f"--customize-hook=copy-out /boot {shlex.quote(str(work))}"]
    argv += [f"--customize-hook={make_disk}", recipe.suite, "-", *mirror_lines]
    return argv


def _debootstrap(
    recipe: Recipe,
    work: Path,
    log: Path,
    *,
    mirror_lines: list[str],
    options: list[str],
    stop: threading.Event,
    progress: Step,
) -> None:
    (work / "early.tar").write_bytes(tar(recipe.early_files or {}))
    (work / "files.tar").write_bytes(tar(recipe.files))
    (work / "setup.sh").write_bytes(recipe.script)
    argv = command(recipe, work, mirror_lines, options, root=os.geteuid() == 0)
    environment: Mapping[str, str] = {**os.environ, "TMPDIR": str(work), "LC_ALL": "C.UTF-8"}
    with log.open("w", encoding="utf-8") as output:
        # A session of its own: Ctrl-C reaches this process only, which then ends the build in order.
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                if stop.wait(0.5):
                    raise LabError(f"the build of {recipe.name} was given up")
                progress.detail = _last_line(log)
        finally:
            if process.poll() is None:
                _end_group(process)
    if process.returncode != 0:
        raise LabError(
            f"building the image {recipe.name} failed: {_last_error(log)}", f"The whole story is in {log}."
        )
    for name in ("early.tar", "files.tar", "setup.sh"):
        (work / name).unlink()
    if recipe.bootable:
        boot = work / "boot"
        next(boot.glob("vmlinuz-*")).rename(work / "vmlinuz")
        next(boot.glob("initrd.img-*")).rename(work / "initrd.img")
        shutil.rmtree(boot)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _last_line(log: Path) -> str:
    lines = [
        line
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("I: ")
    ]
    return lines[-1][3:90] if lines else ""


def _last_error(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if line.startswith(("E:", "Err:"))]
    return (errors or lines or ["no output"])[0][:300]
