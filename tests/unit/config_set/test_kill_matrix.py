"""The kill matrix: killed at each step of a transaction, settled by the next run or at boot.

Rows are the steps in their order, from the first look to the last clean-up. A kill falls right before
the step's first operation on the disk, or while its command runs. For each: what is on the host at
once, what is there after the next run's settlement and after a boot, and which actions ran for it. The
operations between the rows are all killed in test_kill.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_transaction import boot
from module_utils.lvs_transaction.model import TransactionError

from .host import NEW_FILES, STATE, Host, in_child

CONF = "/etc/keepalived/keepalived.conf"
KILLED = 137
UNTOUCHED, BACK, KEPT = "untouched", "rolled back", "confirmed"


@dataclass(frozen=True)
class Row:
    """A step of the transaction.

    ``at`` finds its operation: (operation, end of the path); None: its command is killed with the run.
    ``outcome``: nothing live was touched; the old files return; or the new ones stay. ``ran`` are the
    commands that had begun by then.
    """

    step: str
    at: tuple[str, str] | None
    outcome: str
    ran: tuple[str, ...] = ()


ROWS = (
    Row("before the lock is there", ("create", "/lock"), UNTOUCHED),
    Row("before the lock is signed", ("write", "/lock"), UNTOUCHED),
    Row("before the tool for the boot is written", ("create", "/settle.pyz.lvs-new"), UNTOUCHED),
    Row("while the tool for the boot is written", ("written", "/settle.pyz.lvs-new"), UNTOUCHED),
    Row("before its unit is there", ("rename", "/lvs-settle.service"), UNTOUCHED),
    Row("before its unit is wanted", ("symlink", "/lvs-settle.service"), UNTOUCHED),
    Row("before the generation is there", ("mkdir", "/generations/000001"), UNTOUCHED),
    Row("while a new file is staged", ("written", f"/new{CONF}"), UNTOUCHED),
    Row("while an old file is copied", ("written", f"/old{CONF}"), UNTOUCHED),
    Row("while a preparation runs", None, UNTOUCHED),
    Row("while a validator runs", None, UNTOUCHED),
    Row("while the journal is written", ("written", "/journal.open.json.tmp"), UNTOUCHED),
    Row("before the journal is open", ("rename", "/journal.open.json"), UNTOUCHED),
    Row("before an old file gets its second name", ("link", ".lvs-old-000001"), BACK),
    Row("while a new file is placed beside its target", ("written", ".lvs-new-000001"), BACK),
    Row("before the first file is swapped", ("rename", CONF), BACK),
    Row("between two swaps", ("rename", "/etc/modules-load.d/lvs.conf"), BACK),
    Row("before a file is removed", ("remove", "/etc/lvs/obsolete.conf"), BACK),
    Row("while the first action runs", None, BACK, ("first",)),
    Row("while the last action runs", None, BACK, ("first", "last")),
    Row("while a health check runs", None, BACK, ("first", "last", "health")),
    Row("before it is confirmed", ("rename", "/journal.confirmed.json"), BACK, ("first", "last", "health")),
    Row("before the leftovers are removed", ("remove", ".lvs-old-000001"), KEPT, ("first", "last", "health")),
    Row("before it is committed", ("rename", "/journal.committed.json"), KEPT, ("first", "last", "health")),
)
COMMANDS = {
    "while a preparation runs": "prepare",
    "while a validator runs": "validate",
    "while the first action runs": "first",
    "while the last action runs": "last",
    "while a health check runs": "health",
}
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.step)


def apply(host: Host) -> None:
    """The transaction: each command writes its name down, and kills the run where a file says so."""

    def command(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
        note = "" if name in ("prepare", "validate") else f"echo {name} >>$1; "
        kill = f'if [ "$(cat "$0/killed-by" 2>/dev/null)" = {name} ]; then kill -9 $PPID; sleep 60; fi'
        return host.sh(name, note + kill, **more)

    host.apply(
        files=NEW_FILES,
        prepare=[command("prepare")],
        validate=[command("validate", paths=[CONF])],
        actions=[command("first", on=[CONF]), command("last", on=[CONF])],
        health=[command("health")],
    )


def killed(host: Host, row: Row) -> None:
    """Let the run die at a row's step; it must get there."""
    if row.at is None:
        host.path("/killed-by").write_text(COMMANDS[row.step])
        assert in_child(lambda: apply(host), lambda _operation, _path: None) == -signal.SIGKILL
        host.path("/killed-by").unlink()
        return
    wanted, ending = row.at

    def die(operation: str, path: str) -> None:
        if operation == wanted and path.endswith(ending):
            if operation == "written":
                os.truncate(path, Path(path).stat().st_size // 2)
            os._exit(KILLED)

    assert in_child(lambda: apply(host), die) == KILLED


def trees(host: Host, base: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The files before the transaction, and those that it makes on a host that is the same."""
    other = Host(base / "other")
    for path in ("/etc/keepalived/keepalived.conf", "/etc/modules-load.d/lvs.conf", "/etc/lvs/obsolete.conf"):
        at = host.path(path)
        other.write(path, at.read_text(), at.stat().st_mode & 0o777)
    before = other.tree()
    apply(other)
    return before, other.tree()


def settled_by_the_next_run(host: Host) -> str:
    found = host.recover()
    return found[0].outcome if found else UNTOUCHED


def settled_at_boot(host: Host) -> str:
    """A Python that knows nothing of the project runs what the transaction has put there."""
    tool = host.path(f"{STATE}/{boot.TOOL}")
    unfinished = {"open", "confirmed"} & set(host.generations().values())
    if not unfinished:  # the unit's condition
        return UNTOUCHED
    done = subprocess.run(
        [sys.executable, "-I", str(tool), STATE, str(host.root)], capture_output=True, text=True, check=True
    )
    return BACK if BACK in done.stdout else KEPT


@pytest.mark.parametrize("settle", [settled_by_the_next_run, settled_at_boot])
@rows
def test_killed_at_a_step(host: Host, tmp_path: Path, row: Row, settle: Callable[[Host], str]) -> None:
    old, new = trees(host, tmp_path)
    killed(host, row)
    assert host.actions() == list(row.ran)
    if row.outcome == UNTOUCHED:
        assert host.tree() == old

    assert settle(host) == row.outcome

    assert host.tree() == (new if row.outcome == KEPT else old)
    again = ["first", "last", "health"] if row.outcome == BACK and settle is settled_by_the_next_run else []
    assert host.actions() == [*row.ran, *again]
    assert not {"open", "confirmed"} & set(host.generations().values())

    apply(host)
    assert host.tree() == new
    assert host.apply(files=NEW_FILES).changed is False


def test_the_rows_are_in_the_order_of_the_steps(host: Host) -> None:
    """Every row's operation happens, in this order: no step of a changed transaction is forgotten."""
    seen: list[tuple[str, str]] = []
    from module_utils.lvs_transaction import durable  # noqa: PLC0415 - the very module that is patched

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "step", lambda operation, path: seen.append((operation, path)))
        apply(host)
    places = [
        next(n for n, (operation, path) in enumerate(seen) if operation == at[0] and path.endswith(at[1]))
        for at in (row.at for row in ROWS)
        if at is not None
    ]
    # Files are placed one by one, so the second name of one may come behind the first content of another.
    assert places == sorted(places)


# The controller dies, and the daemon does not come up: the host goes back by itself.


def test_a_run_whose_controller_has_died_goes_back_by_itself(host: Host, tmp_path: Path) -> None:
    """Sshd closes the pipes and goes; what it has started goes on, and may write its result to nobody."""
    old, _ = trees(host, tmp_path)
    pause = host.base / "pause"
    os.mkfifo(pause)
    sick = host.sh("health", f"cat {pause} >>$1; exit 1")
    started = in_background(lambda: host.apply(files=NEW_FILES, health=[sick]))
    with pause.open("w") as stream:  # opens when the health check does: the new files are in place
        assert host.tree() != old
        os.kill(started.controller, signal.SIGKILL)
        os.waitpid(started.controller, 0)
        stream.write("alone\n")
    os.read(started.ended, 1)  # it has ended when nobody holds the other end any more
    assert host.actions() == ["alone"]
    assert host.tree() == old
    assert list(host.generations().values()) == ["rolled-back"]


@dataclass(frozen=True)
class Started:
    """A controller's process id, and a pipe that ends with what it has started."""

    controller: int
    ended: int


def in_background(work: Callable[[], object]) -> Started:
    """Run the work as a grandchild whose output only its parent reads, the controller."""
    ended, alive = os.pipe()
    controller = os.fork()
    if controller:
        os.close(alive)
        return Started(controller, ended)
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        os.close(alive)
        while os.read(reader, 100):
            pass
        os._exit(0)
    os.close(reader)
    os.dup2(writer, 1)
    os.dup2(writer, 2)
    try:
        work()
    except TransactionError as exc:
        os.write(1, str(exc).encode())  # nobody is there: SIGPIPE, or EPIPE
    finally:
        os._exit(0)
