"""Whether what moves the VIPs starts on a director: not without its table of nft, where it has one."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .builders import Case
from .rule_cases.engines import UNDER
from .rule_cases.pacemaker import pacemaker

LIST, LOAD = "list table inet lvs_toolkit\n", "-f /etc/lvs-toolkit/nftables.nft\n"
MISSING = (
    "not started: the table inet lvs_toolkit of nft cannot be loaded; "
    "mend that, then: systemctl reload-or-restart lvs-nftables.service\n"
)
ENGINES: dict[str, Callable[[Case], Any]] = {
    "keepalived": lambda _: None,
    "heartbeat": UNDER,
    "pacemaker": pacemaker(),
}


def files(engine: str, **service: object) -> dict[str, str]:
    """A director's files by path."""
    case = Case()
    ENGINES[engine](case)
    case.service.update(service)
    return {file["path"]: file["content"] for file in case.plan()["hosts"]["lb1"]["files"]}


def conditions(engine: str, found: dict[str, str]) -> list[list[str]]:
    """Commands before its start that ask for nft, as systemd splits them (systemd.service(5))."""
    text = found[f"/etc/systemd/system/{engine}.service.d/lvs-toolkit.conf"]
    lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStartPre=")]
    wanted = [line for line in lines if "nft" in line]
    assert not any(character in line for line in wanted for character in "%$\\")
    # A `-` before a command would start the rest all the same.
    return [shlex.split(line) for line in wanted]


@pytest.mark.parametrize("engine", ENGINES)
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
    tmp_path: Path, engine: str, nft: str, asked: str, code: int, said: str
) -> None:
    for name, script in (("nft", f'echo "$*" >> {tmp_path}/asked; {nft}'), ("sleep", ":")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (command,) = conditions(engine, files(engine, mark="auto"))
    path = f"{tmp_path}:{os.environ['PATH']}"

    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)
    assert (tmp_path / "asked").read_text() == asked


@pytest.mark.parametrize("engine", ENGINES)
def test_a_director_without_a_table_asks_for_none(engine: str) -> None:
    found = files(engine)

    assert "/etc/lvs-toolkit/nftables.nft" not in found
    assert conditions(engine, found) == []
