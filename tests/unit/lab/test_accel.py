"""The accelerator is what a boot has shown, what is remembered, or what the user says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import accel, tools
from lab.errors import LabError
from lab.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("LVS_LAB_ACCEL", raising=False)
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(accel, "_machine", lambda: "this one")
    return Home(tmp_path / "home")


def test_the_trial_is_made_once_and_remembered(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    trials: list[str] = []

    def works(accelerator: str, *_: object) -> bool:
        trials.append(accelerator)
        return True

    monkeypatch.setattr(accel, "works", works)
    assert [accel.choose(home, Path("/k")) for _ in range(2)] == ["kvm", "kvm"]
    assert trials == ["kvm"]
    monkeypatch.setattr(accel, "_machine", lambda: "another one")
    monkeypatch.setattr(accel, "works", lambda *_: False)
    assert accel.choose(home, Path("/k")) == "tcg"


def test_without_the_device_there_is_no_trial(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert accel.choose(home, Path("/k")) == "tcg"


def test_the_user_overrides_and_is_corrected(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVS_LAB_ACCEL", "kvm")
    assert accel.choose(home, Path("/k")) == "kvm"
    monkeypatch.setenv("LVS_LAB_ACCEL", "fast")
    with pytest.raises(LabError, match=r"LVS_LAB_ACCEL=fast is no accelerator\. Known ones: kvm, tcg"):
        accel.choose(home, Path("/k"))


def pretend_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    tool = tmp_path / "qemu-system-x86_64"
    tool.write_text(f"#!/bin/sh\n{body}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(tools, "find", lambda _: "/bin/sh")


@pytest.mark.parametrize(
    ("body", "expected"),
    [(f"echo '{accel.MARKER}'", True), ("exec sleep 60", False), ("echo cannot; exit 1", False)],
)
def test_a_trial_counts_by_its_marker_within_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, *, expected: bool
) -> None:
    pretend_qemu(tmp_path, monkeypatch, body)
    assert accel.works("kvm", Path("/k"), tmp_path, limit=0.5) is expected


@pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")
def test_the_trials_file_system_is_a_cpio_archive() -> None:
    done = subprocess.run(
        ["busybox", "cpio", "-t"], input=accel.initial_files(b"busybox"), capture_output=True, check=True
    )
    assert done.stdout.split() == [b"bin", b"dev", b"dev/console", b"bin/busybox", b"init"]
