"""Connection sync that keepalived could not start is started by a timer, and by a deployment."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lvs_model.components.keepalived.sync import TIMER, TOOL

from .builders import Case, Site
from .compared import work

START = "--start-daemon {} --mcast-interface eth1 --syncid {} --sync-maxlen 64"


def script() -> tuple[str, int]:
    """The tool of lb1, and its cluster's sync id."""
    files = Case().plan()["hosts"]["lb1"]["files"]
    (text,) = (file["content"] for file in files if file["path"] == TOOL)
    return text, int(text.split("--syncid ")[1].split()[0])


@pytest.mark.parametrize(
    ("first", "then", "running", "owner", "started"),
    [
        ("master sync daemon (mcast=eth1, syncid=1)", "", True, True, []),
        ("", "", False, False, []),
        ("", "backup sync daemon (mcast=eth1, syncid=1)", True, False, []),  # it was changing its role
        ("", "", True, False, ["backup"]),
        ("", "", True, True, ["master"]),
    ],
)
def test_only_where_none_runs_one_is_started(
    tmp_path: Path, first: str, then: str, running: bool, owner: bool, started: list[str]
) -> None:
    text, sync_id = script()
    stubs = {
        "ipvsadm": f'if [ "$1" = --list ]; then cat {tmp_path}/now; else echo "$@" >>{tmp_path}/done; fi',
        "systemctl": f"exit {0 if running else 3}",
        "ip": "echo 2: eth0 inet" if owner else "true",
        "sleep": f"cp {tmp_path}/then {tmp_path}/now",
    }
    for name, body in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "now").write_text(first)
    (tmp_path / "then").write_text(then)
    (tmp_path / "done").touch()
    (tmp_path / "tool").write_text(text)

    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["sh", f"{tmp_path}/tool"], env=environment, check=True)

    assert (tmp_path / "done").read_text().splitlines() == [START.format(one, sync_id) for one in started]


def test_without_connection_sync_nobody_looks_for_it() -> None:
    case = Case()
    assert TIMER in case.plan()["hosts"]["lb1"]["units"]
    case.document["connection_sync"] = None

    assert TIMER not in case.plan()["hosts"]["lb1"]["units"]


def test_a_deployment_starts_what_does_not_run() -> None:
    site = Site()
    site.seen["lb2"]["ipvs"]["daemons"] = ""

    found = work(site)["hosts"]

    assert {host: one["changes"] for host, one in found.items()} == {
        "lb2": ["no daemon of connection sync runs"]
    }
    assert [one["argv"] for one in found["lb2"]["actions"] if one["force"]] == [[TOOL]]
