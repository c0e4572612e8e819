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
    done, sync_id = asked(tmp_path, first, then, running=running, owner=owner)

    assert done == [START.format(one, sync_id) for one in started]


@pytest.mark.parametrize("first", ["master sync daemon (mcast=eth1, syncid=1)", ""])
def test_new_options_are_taken_up_by_what_runs(tmp_path: Path, first: str) -> None:
    """Keepalived gives the kernel's daemon others at a change of roles only."""
    done, sync_id = asked(tmp_path, first, "", "renew", running=True, owner=True)

    assert done == ["--stop-daemon master", "--stop-daemon backup", START.format("master", sync_id)]


def test_another_engines_daemons_are_left_alone(tmp_path: Path) -> None:
    """Its files are laid down while the old engine serves."""
    done, _ = asked(
        tmp_path, "master sync daemon (mcast=eth1, syncid=1)", "", "renew", running=False, owner=True
    )

    assert done == []


def test_a_change_of_the_options_renews_the_daemons() -> None:
    actions = Case().plan()["hosts"]["lb1"]["actions"]

    assert [one["argv"] for one in actions if TOOL in one["on"]] == [[TOOL, "renew"]]


def asked(
    place: Path, first: str, then: str, *words: str, running: bool, owner: bool
) -> tuple[list[str], int]:
    """What lb1's tool asks of ipvsadm, and its cluster's sync id; what ipvsadm tells at first, and then."""
    text, sync_id = script()
    tell = f'case $1 in --list) cat {place}/now ;; *) echo "$@" >> {place}/done ;; esac'
    stubs = {
        "ipvsadm": f'{tell}\n[ "$1" != --stop-daemon ] || : > {place}/now',
        "systemctl": f"exit {0 if running else 3}",
        "ip": "echo 2: eth0 inet" if owner else "true",
        "sleep": f"cp {place}/then {place}/now",
    }
    for name, body in stubs.items():
        (place / name).write_text(f"#!/bin/sh\n{body}\n")
        (place / name).chmod(0o755)
    (place / "now").write_text(first)
    (place / "then").write_text(then)
    (place / "done").touch()
    (place / "tool").write_text(text)

    subprocess.run(["sh", f"{place}/tool", *words], env={"PATH": f"{place}:/usr/bin:/bin"}, check=True)
    return (place / "done").read_text().splitlines(), sync_id


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
