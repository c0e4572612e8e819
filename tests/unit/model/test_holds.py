"""The daemons' packages are held, by whom is remembered, and an un-held one is a difference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lvs_model.components.holds import RECORD

from .builders import Case, Site
from .changes import Change
from .compared import work
from .rule_cases.heartbeat import heartbeat
from .rule_cases.pacemaker import pacemaker


@pytest.mark.parametrize(
    ("change", "held"),
    [
        (lambda case: None, ["keepalived"]),
        (heartbeat(), ["heartbeat", "ldirectord"]),
        (pacemaker(), ["corosync", "ldirectord", "pacemaker"]),
    ],
)
def test_what_an_upgrade_would_restart_is_held(change: Change, held: list[str]) -> None:
    case = Case()
    change(case)
    hosts = case.plan()["hosts"]

    assert hosts["lb1"]["holds"] == held
    assert hosts["web1"]["holds"] == []


def test_one_that_is_not_held_is_a_difference_and_held_again() -> None:
    site = Site()
    site.seen["lb2"]["holds"] = []

    found = work(site)["hosts"]

    assert list(found) == ["lb2"]
    assert found["lb2"]["changes"] == [
        "package keepalived is not held: an upgrade would restart what it brings"
    ]
    (action,) = [one for one in found["lb2"]["actions"] if one["force"]]
    assert action["name"] == "Hold the daemons' packages"


@pytest.mark.parametrize(
    ("before", "busy", "marked", "recorded"),
    [
        ("", 0, "hold keepalived\n", "keepalived\n"),
        ("grep\n", 2, "hold keepalived\n", "keepalived\n"),
        # The operator's own hold: it stays when the toolkit goes.
        ("keepalived\n", 0, None, None),
    ],
)
def test_only_what_it_holds_itself_is_recorded(
    tmp_path: Path, before: str, busy: int, marked: str | None, recorded: str | None
) -> None:
    (tmp_path / "held-before").write_text(before)
    (tmp_path / "busy").write_text("x" * busy)
    (tmp_path / "apt-mark").write_text(
        f"""#!/bin/sh
cd {tmp_path}
case $1 in
showhold) cat held-before ;;
hold)
    if [ -s busy ]; then sed -i s/x// busy; echo "dpkg: error: another process has the lock" >&2; exit 100; fi
    echo "$*" >> marked ;;
esac
"""
    )
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    for name in ("apt-mark", "sleep"):
        (tmp_path / name).chmod(0o755)
    (action,) = (one for one in Case().plan()["hosts"]["lb1"]["actions"] if one["heals"] == ["hold"])
    record = tmp_path / "state" / "held"
    argv = [
        word.replace(RECORD, str(record)).replace("/var/lib/lvs-toolkit", str(record.parent))
        for word in action["argv"]
    ]

    subprocess.run(argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, timeout=60)

    assert (text(tmp_path / "marked"), text(record)) == (marked, recorded)


def text(file: Path) -> str | None:
    return file.read_text() if file.exists() else None
