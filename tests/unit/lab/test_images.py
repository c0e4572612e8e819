"""The building of images, with a pretended mmdebstrap."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lab import images as module
from lab import sources, tools
from lab.errors import LabError
from lab.home import Home
from lab.images import Images, command
from lab.recipes import node
from lab.sources import Entry, Mirror


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Images:
    """Images in a directory of their own, from a mirror that nobody asks."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(sources, "read_entries", lambda: [])
    monkeypatch.setattr(
        sources,
        "choose",
        lambda *_: Mirror(Entry("http://mirror.example/debian", ("trixie",), ("main",)), None),
    )
    monkeypatch.setattr(tools, "require", lambda *_: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # without unshare
    return Images(Home(tmp_path / "home"), "ssh-ed25519 AAAA\n", (b"private", b"public"))


def pretend(tmp_path: Path, body: str) -> None:
    tool = tmp_path / "bin" / "mmdebstrap"
    tool.write_text(f"#!/bin/sh\n{body}\n")
    tool.chmod(0o755)


def test_an_image_is_built_once(images: Images, tmp_path: Path) -> None:
    pretend(tmp_path, f'echo "I: built"; echo x >> {tmp_path}/count; touch "$TMPDIR/disk.ext4"')
    first = images.ensure(["debian13"])["debian13"]
    assert images.built("debian13")
    assert first.disk.exists()
    assert not (first.path / "files.tar").exists()
    assert images.ensure(["debian13"])["debian13"] == first
    assert (tmp_path / "count").read_text() == "x\n"
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o700


def test_a_failed_build_leaves_nothing_and_names_the_log(images: Images, tmp_path: Path) -> None:
    pretend(tmp_path, 'echo "I: x"; echo "E: mirror is away"; touch "$TMPDIR/disk.ext4"; exit 1')
    with pytest.raises(
        LabError, match=r"image debian13 failed: E: mirror is away\. The whole story is in .*log"
    ):
        images.ensure(["debian13"])
    assert list((tmp_path / "home" / "images").iterdir()) == []


def test_an_interrupted_build_ends_its_commands(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, f"echo $$ > {tmp_path}/pid; sleep 100 & wait")

    def given_up(job: Callable[[], object]) -> None:
        with pytest.raises(LabError, match="was given up"):
            job()

    def interrupted(jobs: Mapping[str, Callable[[], object]]) -> None:
        for name, job in jobs.items():
            threading.Thread(target=given_up, args=(job,), name=name).start()
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "all_together", interrupted)
    with pytest.raises(KeyboardInterrupt):
        images.ensure(["debian13"])
    assert list((tmp_path / "home" / "images").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_old_images_go_but_for_two(images: Images, tmp_path: Path) -> None:
    pretend(tmp_path, 'touch "$TMPDIR/disk.ext4"')
    folder = tmp_path / "home" / "images"
    folder.mkdir()
    now = time.time()
    for name, age in (("debian13-a", 10), ("debian13-b", 20), ("debian13-c", 30), ("guest-z", 8 * 86400)):
        (folder / name).mkdir()
        os.utime(folder / name, (now - age, now - age))
    (folder / ".building-debian13-x-999999999").mkdir()
    kept = images.ensure(["debian13"])["debian13"].path.name
    assert {path.name for path in folder.iterdir()} == {kept, "debian13-a", "debian13-b"}


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.tools.find", lambda name: None if name in ("mmdebstrap", "mke2fs") else "/bin/x")
    with pytest.raises(LabError) as caught:
        tools.require("mmdebstrap", "mke2fs", "unshare")
    assert str(caught.value) == (
        "mmdebstrap is missing (Debian package mmdebstrap); mke2fs is missing (Debian package e2fsprogs). "
        "As root: apt-get install e2fsprogs mmdebstrap"
    )


def test_the_command_quotes_its_paths() -> None:
    argv = command(
        node(13, "key"), Path("/a b/c"), ["deb http://m.example/debian trixie main"], [], root=True
    )
    assert argv[4:8] == ["unshare", "--mount", "--", "mmdebstrap"]
    assert argv[-3:] == ["trixie", "-", "deb http://m.example/debian trixie main"]
    assert any("'/a b/c/disk.ext4' 4096M" in word for word in argv)
    assert any(word.startswith("--customize-hook=LVS_LAB_CACHED='keepalived ipvsadm ") for word in argv)
    assert "unshare" not in command(node(13, "key"), Path("/x"), [], [], root=False)
