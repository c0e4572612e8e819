"""Run a playbook as a user would, live output and all, and know afterwards what it did and what it cost."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.home import PROJECT
from lab.live import run_live

__all__ = ["HostRecap", "PlaybookRun", "parse_counts", "parse_recap", "run_playbook"]

_HERE = Path(__file__).resolve().parent
_COUNTED = _HERE / "counted"


@dataclass(frozen=True)
class HostRecap:
    """One host's line of PLAY RECAP, with the names of the tasks that changed it."""

    ok: int
    changed: int
    unreachable: int
    failures: int
    tasks_changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlaybookRun:
    """A run that has ended.

    returncode: ansible-playbook's exit code; seconds: how long it ran; recap: by inventory name, empty when
    the run ended before any task; remote_executions: by host as ssh was asked for it (ansible_host, else the
    inventory name), counted at the connection: each ssh, sftp or scp that Ansible started; tail: the last
    lines of the output.
    """

    returncode: int
    seconds: float
    recap: Mapping[str, HostRecap]
    remote_executions: Mapping[str, int]
    tail: tuple[str, ...]

    @property
    def changed(self) -> int:
        """How many tasks changed something, over all hosts."""
        return sum(host.changed for host in self.recap.values())


def run_playbook(
    *arguments: str,
    project: Path = PROJECT,
    env: Mapping[str, str] | None = None,
    limit_s: float = 1800,
    on_line: Callable[[str], None] = print,
    on_silence: Callable[[float], None] | None = None,
    on_start: Callable[[int], None] = lambda _: None,
) -> PlaybookRun:
    """Run ansible-playbook with these arguments in the project's tree, with its ansible.cfg.

    Each line of output goes to on_line, and after 5 s without one on_silence is called with the seconds so
    far (default: an on_line that says so); on_start gets the number of the run's process, which leads a group
    of its own. env adds to the environment. A run that fails is returned, not raised.

    Raises LabError if ansible-playbook is not installed or did not end within limit_s seconds.
    """
    config = project / "ansible.cfg"
    with tempfile.TemporaryDirectory(prefix="lvs-run-") as scratch:
        counts, recap = Path(scratch, "counts"), Path(scratch, "recap.json")
        environment = {
            **os.environ,
            **({"ANSIBLE_CONFIG": str(config)} if config.exists() else {}),
            **(env or {}),
            **counted_environment(counts, recap),
        }
        try:
            outcome = run_live(
                [str(Path(sys.executable).parent / "ansible-playbook"), *arguments],
                on_line=on_line,
                on_silence=on_silence or (lambda seconds: on_line(f"... still at it after {seconds:.0f} s")),
                on_start=on_start,
                env=environment,
                cwd=project,
                limit_s=limit_s,
            )
        except FileNotFoundError as exc:
            raise LabError("ansible-playbook is not installed beside this Python", "Run make venv.") from exc
        if outcome.timed_out:
            raise LabError(f"ansible-playbook {' '.join(arguments)} did not end within {limit_s:.0f} s")
        return PlaybookRun(
            returncode=outcome.returncode,
            seconds=outcome.seconds,
            recap=parse_recap(recap.read_text(encoding="utf-8")) if recap.exists() else {},
            remote_executions=parse_counts(counts.read_text(encoding="utf-8")) if counts.exists() else {},
            tail=outcome.tail,
        )


def counted_environment(counts: Path, recap: Path) -> dict[str, str]:
    """Return what makes Ansible count its remote executions and write its recap, each to its file."""
    return {
        "LVS_COUNT_FILE": str(counts),
        "LVS_RECAP_FILE": str(recap),
        "ANSIBLE_SSH_EXECUTABLE": str(_COUNTED / "ssh"),
        "ANSIBLE_SFTP_EXECUTABLE": str(_COUNTED / "sftp"),
        "ANSIBLE_SCP_EXECUTABLE": str(_COUNTED / "scp"),
        "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "callbacks"),
        "PYTHONUNBUFFERED": "1",
    }


def parse_counts(text: str) -> dict[str, int]:
    """Count the lines "HOST TOOL" of lab/counted/ssh by host."""
    return dict(Counter(line.split()[0] for line in text.splitlines() if line.strip()))


def parse_recap(text: str) -> dict[str, HostRecap]:
    """Read what the callback lab/callbacks/lvs_recap.py has written."""
    return {
        host: HostRecap(
            ok=int(numbers["ok"]),
            changed=int(numbers["changed"]),
            unreachable=int(numbers["unreachable"]),
            failures=int(numbers["failures"]),
            tasks_changed=tuple(numbers["tasks_changed"]),
        )
        for host, numbers in json.loads(text).items()
    }
