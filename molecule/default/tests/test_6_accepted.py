"""Every option of the document, as keepalived of Debian 13 (lb1) and of Debian 12 (lb2) judge it."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import Lab

PROJECT = Path(__file__).resolve().parents[3]
GOLDEN = PROJECT / "tests" / "golden"
SSH_CONFIG = PROJECT / "build" / "lab" / "ssh_config"


def archive() -> bytes:
    """The golden files of one director of each case, and the script that judges them."""
    first = {path.relative_to(GOLDEN).parts[0]: path.parents[2] for path in configurations()}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(PROJECT / "tests" / "accept.py", "accept.py")
        for case, tree in first.items():
            tar.add(tree, f"golden/{case}")
    return content.getvalue()


def configurations() -> list[Path]:
    """All of them; of a case the one that comes first last, so that it is the one that stays in a mapping."""
    return sorted(GOLDEN.rglob("etc/keepalived/keepalived.conf"), reverse=True)


@pytest.mark.parametrize(("director", "version"), [("lb1", "v2.3.3"), ("lb2", "v2.2.7")])
def test_every_golden_configuration_is_accepted_without_a_word(lab: Lab, director: str, version: str) -> None:
    assert version in lab.run(director, ["keepalived", "--version"], check=True).stderr
    unpack = "rm -rf /root/accept && mkdir /root/accept && tar -x -C /root/accept"
    ssh = ["ssh", "-F", str(SSH_CONFIG), director, unpack]
    subprocess.run(ssh, input=archive(), check=True, timeout=120)
    judged = lab.run(director, ["python3", "/root/accept/accept.py", "/root/accept/golden"], timeout=500)
    assert judged.code == 0, judged.stdout + judged.stderr
    cases = {path.relative_to(GOLDEN).parts[0] for path in configurations()}
    assert all(f"golden/{case}/" in judged.stdout for case in cases), judged.stdout
