"""The daemons' packages are held, by whom is remembered, and an un-held one is a difference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lvs_model.compare import host_work
from lvs_model.components.holds import FORGET, RECORD

from .builders import Case, Site
from .changes import Change
from .compared import as_before, work
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


def test_the_gate_takes_nothing_back_for_a_hold_and_everybody_else_tells_it() -> None:
    site = Site()
    site.seen["lb2"]["holds"] = []
    planned, raw = site.plan["hosts"]["lb2"], site.seen["lb2"]

    assert host_work(planned, "lb2", raw, before=raw)["changes"] == []
    assert host_work(planned, "lb2", raw)["changes"] == [
        "package keepalived is not held: an upgrade would restart what it brings"
    ]


@pytest.mark.parametrize(
    ("before", "busy", "marked", "recorded"),
    [
        ("", 0, "hold keepalived\n", "keepalived\n"),
        ("grep\n", 2, "hold keepalived\n", "keepalived\n"),
        # For good: no failure, which would take back what was deployed with it.
        ("", 99, None, "keepalived\n"),
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


@pytest.mark.parametrize(("host", "forgets"), [("lb2", True), ("web3", False)])
def test_a_former_director_forgets_what_was_set_aside_there(host: str, forgets: bool) -> None:
    commands = [one["argv"] for one in work(as_before(host))["hosts"][host]["stop"]]

    assert (list(FORGET) in commands) is forgets
    if forgets:
        # Its timer would write anew what is gone.
        timer = ["systemctl", "disable", "--now", "lvs-override.timer"]
        assert commands.index(timer) < commands.index(list(FORGET))


@pytest.mark.parametrize(
    ("busy", "recorded", "left", "code"),
    [
        (0, "keepalived\ngone\n", "own\n", 0),
        (2, "keepalived\n", "own\n", 0),
        # Somebody has dpkg's database for good: what is left is said, and the record stays for the next run.
        (99, "keepalived\n", "keepalived\nown\n", 1),
        (0, None, "keepalived\nown\n", 0),
    ],
)
def test_what_it_forgets(tmp_path: Path, busy: int, recorded: str | None, left: str, code: int) -> None:
    state = tmp_path / "state"
    (state / "overrides/drained").mkdir(parents=True)
    for name in ("overrides/drained/web1.json", "overrides/demoted.json", "generation"):
        (state / name).write_text("{}")
    if recorded is not None:
        (state / "held").write_text(recorded)
    (tmp_path / "marks").write_text("keepalived\nown\n")
    (tmp_path / "busy").write_text("x" * busy)
    (tmp_path / "apt-mark").write_text(
        f"""#!/bin/sh
cd {tmp_path}
case $1 in
showhold) cat marks ;;
unhold)
    if [ -s busy ]; then sed -i s/x// busy; exit 100; fi
    shift; for name; do sed -i "/^$name$/d" marks; done ;;
esac
"""
    )
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    for name in ("apt-mark", "sleep"):
        (tmp_path / name).chmod(0o755)
    argv = [
        word.replace("/var/lib/lvs-toolkit", str(state)).replace("/run/", f"{tmp_path}/") for word in FORGET
    ]

    done = subprocess.run(
        argv,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, text(tmp_path / "marks")) == (code, left), done.stderr
    assert sorted(one.name for one in state.iterdir()) == ["generation", *(["held"] if code else [])]


def text(file: Path) -> str | None:
    return file.read_text() if file.exists() else None
