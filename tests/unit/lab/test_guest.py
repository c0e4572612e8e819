"""The guest: its command line, its record, its ports and its memory."""

from __future__ import annotations

import json
import os
import platform
import re
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.accel import EMULATED_CPU
from lab.errors import LabError
from lab.guest import NICE, SLOTS, Guest, State, command, free_ports, guest_memory, prefer
from lab.home import Home
from lab.images import Image
from lab.keys import Keys

GUEST = Image("guest", "g", Path("/images/guest-g"))
NODES = {"debian13": Image("debian13", "n", Path("/images/debian13-n"))}


def line(accelerator: str = "tcg") -> str:
    return " ".join(
        command(GUEST, NODES, Path("/run/guest"), accelerator=accelerator, memory=4096, port=22220)
    )


def test_everything_listens_on_loopback_only() -> None:
    text = line()
    forwards = re.findall(r"hostfwd=([^,\s]+)", text)
    assert len(forwards) == SLOTS + 1
    assert all(forward.startswith("tcp:127.0.0.1:") for forward in forwards)
    assert "restrict=on" in text
    assert forwards[:2] == ["tcp:127.0.0.1:22220-:22", "tcp:127.0.0.1:22221-:2201"]


def test_the_base_images_stay_clean() -> None:
    text = line()
    assert "file=/images/guest-g/disk.ext4,if=none,id=root,format=raw,snapshot=on" in text
    assert "file=/images/debian13-n/disk.ext4,if=none,id=debian13,format=raw,read-only=on" in text


def test_the_emulated_processor_lacks_what_qemu_7_2_gets_wrong() -> None:
    assert f"-cpu {EMULATED_CPU}" in line("tcg")
    assert "-cx16" in EMULATED_CPU.split(",")
    assert "-accel kvm -cpu host" in line("kvm")


def test_only_amd64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(LabError, match="amd64 only, this machine is aarch64"):
        line()


def test_a_stale_record_is_not_believed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    guest = Guest(home, Keys(home))
    record = {"pid": os.getpid(), "port": 1, "accelerator": "tcg", "memory": 1, "guest": "g", "nodes": {}}
    (tmp_path / "guest" / "state.json").write_text(json.dumps(record))
    assert guest.state() is None  # this process lives, and is not QEMU
    assert guest.stop() is False
    assert not (tmp_path / "guest" / "state.json").exists()
    with pytest.raises(LabError, match=r"the lab is down\. Bring it up: python -m lab up"):
        guest.runner()


def test_a_broken_record_is_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    guest = Guest(home, Keys(home))
    (tmp_path / "guest" / "state.json").write_text("{")
    assert guest.state() is None


def test_ports_in_use_are_passed_over() -> None:
    first = free_ports(23000, 4)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first + 2))
        taken.listen()
        assert free_ports(first, 4) == first + 4


@pytest.mark.parametrize(("given", "expected"), [("2048", 2048), ("1024", 1024)])
def test_memory_as_given(monkeypatch: pytest.MonkeyPatch, given: str, expected: int) -> None:
    monkeypatch.setenv("LVS_LAB_MEMORY", given)
    assert guest_memory() == expected


@pytest.mark.parametrize("given", ["lots", "512", "-4"])
def test_memory_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("LVS_LAB_MEMORY", given)
    with pytest.raises(LabError, match=f"LVS_LAB_MEMORY={given} is not a number of MiB"):
        guest_memory()


def test_memory_by_default_leaves_the_machine_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LVS_LAB_MEMORY", raising=False)
    assert 1536 <= guest_memory() <= 6144


class Failing(Guest):
    """A guest whose QEMU does not start at its first `failures` starts."""

    failures = 1

    def __init__(self, home: Home) -> None:
        super().__init__(home, Keys(home))
        self.memories: list[int] = []

    def _start(self, image: Image, nodes: Mapping[str, Image], memory: int) -> State:
        self.memories.append(memory)
        if len(self.memories) <= self.failures:
            raise LabError("QEMU does not start: cannot set up guest memory")
        return State(1, 2, "tcg", memory, image.digest, {})


def test_a_guest_that_does_not_start_is_tried_once_more_with_less_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LVS_LAB_MEMORY", "4096")
    guest = Failing(Home(tmp_path))
    assert guest.ensure(GUEST, NODES).memory == 2048
    assert guest.memories == [4096, 2048]
    assert "cannot set up guest memory. Trying once more with half the memory" in "".join(capsys.readouterr())


def test_a_guest_that_never_starts_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Failing, "failures", 2)
    guest = Failing(Home(tmp_path))
    with pytest.raises(LabError, match="QEMU does not start"):
        guest.ensure(GUEST, NODES)
    assert len(guest.memories) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may prefer a process")
def test_the_guest_goes_before_what_drives_it() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        try:
            prefer(process.pid)
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == NICE
            group = Path("/proc", str(process.pid), "autogroup")
            if group.exists():  # a kernel may be without (sched(7))
                assert group.read_text().split()[-1] == str(NICE)
        finally:
            process.kill()


def test_a_process_that_is_gone_is_no_error() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        prefer(process.pid)
