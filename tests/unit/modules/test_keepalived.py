"""Asking a keepalived for its dumps: a fake one, that can be slow, mute, or the victim of a trap in /tmp."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvs_model.elections import password_digest
from module_utils.lvs_keepalived import View, view

FAKE = Path(__file__).with_name("fake_keepalived.py")
NOTHING = View(main=None, vrrp=None, checker=None, json=None, data=None, transport=None)
JSON = "keepalived.json begins\nand ends\n"
DATA = "keepalived_check.data begins\nand ends\n"


class Keepalived:
    """A fake keepalived with a root of its own: /run is below it, /proc is the real one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run = root / "run"
        self.dumps = root / "tmp"
        self.process: subprocess.Popen[bytes] | None = None
        self.problems: list[str] = []
        self.run.mkdir()
        self.dumps.mkdir()
        (root / "proc").symlink_to("/proc")

    def start(self, behaviour: str = "well") -> None:
        """Start the three processes and wait for their pid files."""
        self.process = subprocess.Popen(
            [sys.executable, str(FAKE), str(self.run), str(self.dumps), behaviour],
            env={**os.environ, "TMPDIR": str(self.dumps)},
            start_new_session=True,
        )
        for name in ("keepalived", "vrrp", "checkers"):
            end = time.monotonic() + 10
            while not self.pid(name):
                assert time.monotonic() < end
                time.sleep(0.01)

    def pid(self, name: str) -> int:
        """The process id in a pid file, 0 without one."""
        try:
            return int((self.run / f"{name}.pid").read_text(encoding="ascii") or 0)
        except FileNotFoundError:
            return 0

    def view(self, wait: float = 5.0) -> View:
        """Ask it."""
        return view(self.problems, str(self.root), wait)

    def stop(self) -> None:
        """Kill all three."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def keepalived(tmp_path: Path) -> Iterator[Keepalived]:
    fake = Keepalived(tmp_path)
    yield fake
    fake.stop()


@pytest.mark.parametrize("behaviour", ["well", "slow"])
def test_both_dumps_are_whole_and_leave_nothing_behind(keepalived: Keepalived, behaviour: str) -> None:
    keepalived.start(behaviour)
    for _ in range(2):
        found = keepalived.view()
        assert (found["json"], found["data"]) == (JSON, DATA)
    assert [found["main"], found["vrrp"], found["checker"]] == [
        keepalived.pid(name) for name in ("keepalived", "vrrp", "checkers")
    ]
    assert keepalived.problems == []
    assert list(keepalived.dumps.iterdir()) == []


def test_of_its_configuration_adverts_and_tracked_files_are_told(keepalived: Keepalived) -> None:
    """No dump tells whether adverts go by multicast, and which files are tracked."""
    folder = keepalived.root / "etc/keepalived"
    folder.mkdir(parents=True)
    (folder / "keepalived.conf").write_text(
        "track_file demoted {\n    file /run/demoted\n    weight 1\n}\n"
        "vrrp_instance VI_edge {\n    priority 200\n    unicast_peer {\n        192.0.2.12\n    }\n"
        "    authentication {\n        auth_pass abcd1234\n    }\n}\n",
        encoding="utf-8",
    )
    keepalived.start()

    found = keepalived.view()
    assert found["transport"] == "file /run/demoted\nvrrp_instance VI_edge {\nunicast_peer {\n"


def test_passwords_are_told_as_digests_that_the_plan_can_be_compared_with(keepalived: Keepalived) -> None:
    """What a module returns is shown with -v, and kept by whatever keeps results."""
    keepalived.start("password")

    assert keepalived.view()["json"] == (
        f'keepalived.json begins\n"auth_data": "{password_digest("abcd1234")}"\n'
    )


def test_pid_files_may_be_in_a_folder_of_their_own(keepalived: Keepalived) -> None:
    keepalived.run = keepalived.run / "keepalived"
    keepalived.run.mkdir()
    keepalived.start()
    assert keepalived.view()["data"] == DATA


def test_dump_that_was_there_is_replaced_and_stays(keepalived: Keepalived) -> None:
    stale = keepalived.dumps / "keepalived_check.data"
    stale.write_text("stale", encoding="utf-8")
    keepalived.start()
    assert keepalived.view()["data"] == DATA
    assert stale.read_text(encoding="utf-8") == DATA


def test_stale_dump_is_never_taken_for_an_answer(keepalived: Keepalived) -> None:
    (keepalived.dumps / "keepalived_check.data").write_text("stale", encoding="utf-8")
    keepalived.start("mute")
    begin = time.monotonic()
    found = keepalived.view(wait=0.3)
    assert time.monotonic() - begin < 2
    assert (found["json"], found["data"]) == (JSON, None)
    assert keepalived.problems == ["keepalived: no keepalived_check.data within 0.3 s"]


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        ("link", "keepalived: Too many levels of symbolic links"),
        (
            "second name",
            "keepalived: keepalived_check.data is not the file that keepalived wrote: left alone",
        ),
    ],
)
def test_trap_in_the_dumps_place_is_refused(keepalived: Keepalived, behaviour: str, problem: str) -> None:
    keepalived.start(behaviour)
    assert keepalived.view()["data"] is None
    assert keepalived.problems == [problem]
    assert os.path.lexists(keepalived.dumps / "keepalived_check.data")


def test_file_of_another_user_is_refused(keepalived: Keepalived) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a file away needs root")
    keepalived.start("mute")
    planted = keepalived.dumps / "planted"
    planted.write_text("planted", encoding="utf-8")
    os.chown(planted, 54321, 54321)
    script = f"sleep 0.2; mv {planted} {keepalived.dumps}/keepalived_check.data"
    with subprocess.Popen(["sh", "-c", script]):
        assert keepalived.view()["data"] is None
    assert keepalived.problems == [
        "keepalived: keepalived_check.data is not the file that keepalived wrote: left alone"
    ]


def test_process_that_would_die_of_the_signal_gets_none(keepalived: Keepalived) -> None:
    keepalived.start("deaf")
    found = keepalived.view()
    assert (found["json"], found["data"]) == (None, None)
    assert len(keepalived.problems) == 2
    assert all("takes no signal" in problem for problem in keepalived.problems)
    for name in ("vrrp", "checkers"):
        os.kill(keepalived.pid(name), 0)  # still alive


def test_only_own_children_are_asked(keepalived: Keepalived) -> None:
    keepalived.start()
    # A stale pid file whose number went to another process: this one, which a SIGUSR1 would kill.
    (keepalived.run / "checkers.pid").write_text(str(os.getpid()), encoding="ascii")
    found = keepalived.view()
    assert (found["checker"], found["data"], found["json"]) == (None, None, JSON)


def test_vrrp_only(keepalived: Keepalived) -> None:
    keepalived.start()
    (keepalived.run / "checkers.pid").unlink()
    assert (keepalived.view()["data"], keepalived.problems) == (None, [])


@pytest.mark.parametrize("pid", [None, "", "0", "4194305", pytest.param(str(os.getpid()), id="another")])
def test_no_running_keepalived(keepalived: Keepalived, pid: str | None) -> None:
    if pid is not None:
        (keepalived.run / "keepalived.pid").write_text(pid, encoding="ascii")
    assert (keepalived.view(), keepalived.problems) == (NOTHING, [])
