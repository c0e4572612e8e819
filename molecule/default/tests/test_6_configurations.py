"""The keepalived of both Debian releases accepts every golden configuration, without a word."""

from __future__ import annotations

import io
import tarfile
from base64 import b64encode
from pathlib import Path

import pytest

from lab import Lab

PROJECT = Path(__file__).resolve().parents[3]
FOLDER = "/root/lvs-accept"
# One argument of a command may have 128 KiB (execve(2), MAX_ARG_STRLEN); the shell's words are around it.
_PIECE = 100_000


def packed() -> str:
    """tests/accept.py and all golden directors' files as a base64 text."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:xz") as archive:
        archive.add(PROJECT / "tests" / "accept.py", "accept.py")
        for path in sorted((PROJECT / "tests" / "golden").rglob("*")):
            if path.name == "keepalived.conf" or "lvs-toolkit" in path.parent.name:
                archive.add(path, str(path.relative_to(PROJECT / "tests")), recursive=False)
    return b64encode(content.getvalue()).decode()


@pytest.mark.parametrize("name", ["lb1", "lb2"])
def test_keepalived_accepts_the_golden_configurations(lab: Lab, name: str) -> None:
    text = packed()
    lab.run(name, f"rm -rf {FOLDER} && mkdir {FOLDER}")
    for start in range(0, len(text), _PIECE):
        lab.run(name, f"printf %s {text[start : start + _PIECE]} >> {FOLDER}/packed")
    lab.run(name, f"cd {FOLDER} && base64 -d packed | tar -xJ")

    done = lab.run(name, ["python3", f"{FOLDER}/accept.py", f"{FOLDER}/golden"], timeout=300, check=False)

    assert done.code == 0, done.stdout + done.stderr
    golden = list((PROJECT / "tests" / "golden").rglob("keepalived.conf"))
    assert done.stdout.count("accepted rc 0 ") == len(golden)
    lab.run(name, ["rm", "-rf", FOLDER])
