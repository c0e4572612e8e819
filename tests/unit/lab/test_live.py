"""Commands that are watched: lines as they come, silence told, time limits kept, nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from lab.live import run_live, signal_tree

PYTHON = sys.executable


def test_lines_come_whole_and_in_order() -> None:
    lines: list[str] = []
    outcome = run_live(
        ["sh", "-c", "printf 'a\\nb'; sleep 0.3; printf 'c\\r\\n'; exit 3"], on_line=lines.append
    )
    assert lines == ["a", "bc"]
    assert outcome.returncode == 3
    assert outcome.tail == ("a", "bc")
    assert not outcome.timed_out


def test_the_last_line_needs_no_end_and_the_tail_is_bounded() -> None:
    lines: list[str] = []
    outcome = run_live(["sh", "-c", "seq 400; printf end"], on_line=lines.append)
    assert lines[-1] == "end"
    assert len(lines) == 401
    assert outcome.tail[0] == "102"


def test_whoever_watches_can_stop_the_command_go_on_and_kill_it(tmp_path: Path) -> None:
    """As tests do that hold a deployment in its middle: also what leads a session of its own."""
    group: list[int] = []
    lines: list[str] = []
    mark = tmp_path / "mark"

    def on_line(line: str) -> None:
        lines.append(line)
        if line == "middle":
            signal_tree(group[0], signal.SIGSTOP)
            time.sleep(0.8)
            assert not mark.exists(), "nothing goes on while it is stopped"
            signal_tree(group[0], signal.SIGCONT)
        if line == "late":
            signal_tree(group[0], signal.SIGKILL)

    outcome = run_live(
        ["sh", "-c", f"setsid sh -c 'echo middle; sleep 0.3; touch {mark}; echo late; sleep 60; echo never'"],
        on_line=on_line,
        on_start=group.append,
    )
    assert lines == ["middle", "late"]
    assert mark.exists()
    assert outcome.returncode == -signal.SIGKILL


def test_silence_is_told() -> None:
    told: list[float] = []
    run_live(["sleep", "1.5"], on_line=lambda _: None, on_silence=told.append, silence_s=0.5)
    assert len(told) == 2
    assert told == sorted(told)


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    started = time.monotonic()
    outcome = run_live(
        ["sh", "-c", f"sleep 60 & echo $! >{tmp_path}/pid; wait"], on_line=lambda _: None, limit_s=0.8
    )
    assert outcome.timed_out
    assert time.monotonic() - started < 10
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 3
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def test_a_descendant_that_holds_the_pipe_does_not_hold_the_run() -> None:
    lines: list[str] = []
    started = time.monotonic()
    # As ssh's shared connection does: it lives on in a session of its own with the caller's output open.
    outcome = run_live(
        [
            PYTHON,
            "-c",
            "import os, time\nprint('done', flush=True)\nif os.fork() == 0: os.setsid(); time.sleep(4)",
        ],
        on_line=lines.append,
    )
    assert lines == ["done"]
    assert outcome.returncode == 0
    assert time.monotonic() - started < 3


def test_an_interrupt_ends_the_command(tmp_path: Path) -> None:
    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_live(["sh", "-c", f"echo $$ >{tmp_path}/pid; echo up; exec sleep 60"], on_line=interrupt)
    assert not _alive(int((tmp_path / "pid").read_text()))


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has reaped yet does not."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
