"""The layer of packages that prepared nodes start from, made for real from a tiny image on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from lab.home import FILES

APT = """#!/bin/sh
for last; do :; done
[ "$DEBIAN_FRONTEND" = noninteractive ] && [ -x /usr/sbin/policy-rc.d ] && [ -r /proc/self/stat ] || exit 9
echo once >> /usr/bin/calls
[ "$last" != broken ] || { echo "E: Unable to locate package broken"; exit 100; }
echo "$*" > /usr/bin/installed
echo junk > /run/junk
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A podman host's directory whose image has a shell and an apt-get of its own."""
    busybox = shutil.which("busybox")
    if os.geteuid() != 0 or busybox is None:
        pytest.skip("overlays need root, and the tiny image the Debian package busybox-static")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mount namespaces need privileges that this machine does not give")
    image = tmp_path / "images" / "debian13"
    for name in ("bin", "usr/sbin", "usr/bin", "proc", "dev", "etc", "var", "run"):
        (image / name).mkdir(parents=True)
    shutil.copy(busybox, image / "bin" / "busybox")
    for name in ("sh", "env"):
        (image / "bin" / name).symlink_to("busybox")
    (image / "bin" / "apt-get").write_text(APT)
    (image / "bin" / "apt-get").chmod(0o755)
    return tmp_path


def prepare(base: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-s", "--", str(base), "prepare", *words],
        input=(FILES / "node.sh").read_bytes(),
        capture_output=True,
        check=False,
        timeout=30,
    )


def test_a_snapshot_has_what_apt_added_and_nothing_of_the_making(base: Path) -> None:
    assert prepare(base, "snap", "debian13", "keepalived", "curl").returncode == 0
    snapshot = base / "snapshots" / "snap"
    assert (snapshot / "usr/bin/installed").read_text().endswith("install keepalived curl\n")
    assert (snapshot / "etc/.updated").exists()
    assert not (snapshot / "usr/sbin/policy-rc.d").exists()
    assert not (snapshot / "run").exists()
    assert not (base / "images/debian13/usr/bin/installed").exists()
    # Again: it is there already.
    assert prepare(base, "snap", "debian13", "keepalived", "curl").returncode == 0
    assert (snapshot / "usr/bin/calls").read_text() == "once\n"
    assert str(base) not in Path("/proc/mounts").read_text(encoding="utf-8")


def test_a_failed_one_says_why_and_is_made_anew(base: Path) -> None:
    done = prepare(base, "snap", "debian13", "broken")
    assert (done.returncode, done.stderr) == (6, b"E: Unable to locate package broken\n")
    assert not (base / "snapshots" / "snap").exists()
    assert prepare(base, "snap", "debian13", "curl").returncode == 0
    assert (base / "snapshots/snap/usr/bin/calls").read_text() == "once\n"


def test_two_at_once_make_one(base: Path) -> None:
    codes: list[int] = []
    words = ("snap", "debian13", "curl")
    threads = [
        threading.Thread(target=lambda: codes.append(prepare(base, *words).returncode)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert codes == [0, 0]
    assert (base / "snapshots/snap/usr/bin/calls").read_text() == "once\n"
