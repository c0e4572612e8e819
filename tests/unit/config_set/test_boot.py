"""What a power cut left half done is settled at boot, by a tool that needs no controller."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from module_utils.lvs_transaction import boot
from module_utils.lvs_transaction.model import Layout

from .host import NEW_FILES, STATE, Host, in_child

CONF = "/etc/keepalived/keepalived.conf"


def cut_at(host: Host, name: str) -> None:
    """The power fails right before the journal gets that state."""

    def die(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith(f"journal.{name}.json"):
            os._exit(137)

    reload = host.sh("reload", "echo reload >>$1", on=[CONF])
    assert in_child(lambda: host.apply(files=NEW_FILES, actions=[reload]), die) == 137


def starts(host: Host) -> tuple[int, str]:
    """Boot the host: only its own file runs, under a Python that knows nothing of the project."""
    done = subprocess.run(
        [sys.executable, "-I", str(host.path(f"{STATE}/{boot.TOOL}")), STATE, str(host.root)],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("died_before", "outcome"), [("confirmed", "rolled back"), ("committed", "confirmed")]
)
def test_a_power_cut_is_settled_without_a_controller_and_no_action_runs(
    host: Host, died_before: str, outcome: str
) -> None:
    old = host.tree()
    cut_at(host, died_before)
    ran, half = host.actions(), host.tree()
    assert half != old

    code, said = starts(host)

    assert code == 0, said
    assert said.startswith(f"generation 000001 (by ada) was interrupted, and is {outcome}: {CONF}, ")
    assert host.actions() == ran == ["reload"]
    assert (host.tree() == old) is (outcome == "rolled back")
    assert "lvs-" not in " ".join(host.tree())
    assert starts(host) == (0, "")


def test_an_edit_after_the_cut_is_kept_aside_and_told(host: Host) -> None:
    cut_at(host, "confirmed")
    host.write(CONF, "by hand\n", 0o640)
    code, said = starts(host)
    assert code == 0
    assert f"{CONF} was edited after the interrupted run" in said
    assert host.path(CONF).read_text() == "old keepalived\n"


def test_what_cannot_be_settled_fails_with_the_remedy(host: Host) -> None:
    cut_at(host, "confirmed")
    journal = next(host.root.rglob("journal.open.json"))
    journal.write_text("{")
    code, said = starts(host)
    assert code == 1
    assert "could not be settled: the journal" in said and "By hand:" in said


def test_tool_and_unit_are_there_before_anything_is_touched(host: Host) -> None:
    def die(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith("journal.open.json"):
            os._exit(137)

    assert in_child(lambda: host.apply(files=NEW_FILES), die) == 137
    assert host.path(boot.WANTED).resolve() == host.path(boot.UNIT).resolve()
    assert f"ExecStart=/usr/bin/python3 {STATE}/settle.pyz {STATE}\n" in host.path(boot.UNIT).read_text()
    tool = host.path(f"{STATE}/{boot.TOOL}")
    assert tool.stat().st_mode & 0o777 == 0o600
    assert set(zipfile.ZipFile(tool).namelist()) >= {"__main__.py", "lvs_transaction/recovery.py"}


def test_they_are_written_once(host: Host) -> None:
    host.apply(files=NEW_FILES)
    tool = host.path(f"{STATE}/{boot.TOOL}")
    first = (tool.read_bytes(), tool.stat().st_ino, host.path(boot.UNIT).stat().st_ino)
    host.apply(files=[{"path": CONF, "content": "next\n"}])
    assert (tool.read_bytes(), tool.stat().st_ino, host.path(boot.UNIT).stat().st_ino) == first


@pytest.mark.parametrize("lost", [boot.UNIT, boot.WANTED, f"{STATE}/{boot.TOOL}"])
def test_what_was_lost_is_put_back_by_the_next_change(host: Host, lost: str) -> None:
    host.apply(files=NEW_FILES)
    host.path(lost).unlink()
    host.apply(files=[{"path": CONF, "content": "next\n"}])
    assert os.path.lexists(host.path(lost))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_understands_the_unit(host: Host, tmp_path: Path) -> None:
    host.apply(files=NEW_FILES)
    unit = tmp_path / "lvs-settle.service"
    unit.write_text(host.path(boot.UNIT).read_text())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    # What it says of other units of this machine is not ours.
    assert [line for line in done.stderr.splitlines() if "lvs-settle.service:" in line] == []


NETWORK = "network-pre.target"


@pytest.mark.parametrize(
    ("fstab", "early"),
    [
        pytest.param("", True, id="nothing is told"),
        pytest.param("/dev/sda2 /var ext4 defaults 0 2\n", True, id="a disk"),
        pytest.param("# comment\n/dev/sdb1 /var ext4 defaults,_netdev 0 2\n", False, id="iSCSI"),
        pytest.param("store:/var /var nfs4 rw 0 0\n", False, id="NFS"),
        pytest.param("store:/ / nfs4 rw 0 0\n", True, id="the root is there before"),
        pytest.param("store:/x /var/li nfs4 rw 0 0\n", True, id="another folder that begins alike"),
        pytest.param(
            "store:/v /var nfs4 rw 0 0\n/dev/sda3 /var/lib ext4 defaults 0 2\n",
            True,
            id="the inner one",
        ),
    ],
)
def test_where_the_state_comes_by_network_the_network_does_not_wait_for_it(
    host: Host, fstab: str, early: bool
) -> None:
    host.write("/etc/fstab", fstab, 0o644)
    boot.ensure(Layout(str(host.root), STATE))

    lines = host.path(boot.UNIT).read_text().splitlines()
    before = [line for line in lines if line.startswith("Before=")]
    assert any(NETWORK in line and "sysinit.target" in line for line in before) is early
    assert any("shutdown.target" in line for line in before)
    assert any("keepalived.service" in line for line in before)
