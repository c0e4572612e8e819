"""Whether keepalived starts on a director: not without its table of nft, where it has one."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from .cases import plan

DROP_IN = "/etc/systemd/system/keepalived.service.d/lvs-toolkit.conf"
LIST, LOAD = "list table inet lvs_toolkit\n", "-f /etc/lvs-toolkit/nftables.nft\n"
MISSING = (
    "not started: the table inet lvs_toolkit of nft cannot be loaded; "
    "mend that, then: systemctl reload-or-restart lvs-nftables.service\n"
)


def conditions(case: str, host: str) -> list[list[str]]:
    """The commands before keepalived's start, as systemd splits them (systemd.service(5), command lines)."""
    (text,) = (file["content"] for file in plan(case)["hosts"][host]["files"] if file["path"] == DROP_IN)
    lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStartPre=")]
    assert not any(character in line for line in lines for character in "%$\\")
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize(
    ("nft", "asked", "code", "said"),
    [
        ("exit 0", LIST, 0, ""),
        # Flushed by somebody: its unit, still active, would not load it again.
        ('[ "$1" = -f ]', LIST + LOAD, 0, ""),
        ("exit 1", LIST + LOAD, 1, MISSING),
    ],
)
def test_a_director_with_a_table_starts_only_with_it(
    tmp_path: Path, nft: str, asked: str, code: int, said: str
) -> None:
    for name, script in (("nft", f'echo "$*" >> {tmp_path}/asked; {nft}'), ("sleep", ":")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (command,) = conditions("modes", "lb1")
    path = f"{tmp_path}:{os.environ['PATH']}"

    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)
    assert (tmp_path / "asked").read_text() == asked


def test_a_director_without_a_table_asks_for_none() -> None:
    files = {file["path"] for file in plan("vrrp-only")["hosts"]["lb1"]["files"]}

    assert "/etc/lvs-toolkit/nftables.nft" not in files
    assert conditions("vrrp-only", "lb1") == []
