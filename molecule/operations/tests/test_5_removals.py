"""A real server, a VIP and a service go; the deployment is killed half-way, and the next one completes it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from lab.live import signal_tree
from lab.watch import Watch

if TYPE_CHECKING:
    from molecule.operations.tests.conftest import Day

GONE = ("192.0.2.9", "192.0.2.20", "192.0.2.22")


def test_a_killed_deployment_leaves_a_service_that_goes_on(day: Day, watch: Watch) -> None:
    """All of the controller's processes, while the first director is at its transaction."""

    def kill(group: int) -> None:
        # So long about takes it to come to the director and to begin.
        time.sleep(3)
        signal_tree(group, signal.SIGKILL)

    with watch.during("removals"):
        run = day.run_until(
            ["PLAY [Switch the directors", "TASK [host : Apply the host's configuration]"],
            kill,
            "site.yml",
            step="less",
        )
    assert run.returncode == -signal.SIGKILL
    assert len(day.directors.owners()) == 1


def test_the_next_one_completes_it_and_leaves_nothing_behind(day: Day, watch: Watch) -> None:
    lines: list[str] = []

    def on_line(line: str) -> None:
        print(line)
        lines.append(line)

    with watch.during("removals"):
        run = day.run("site.yml", step="less", on_line=on_line)

    assert run.returncode == 0
    assert "was taken over" in " ".join(" ".join(lines).split()), (
        "the dead run's lock, which nobody had to break"
    )
    assert day.lacking("less") == {"lb1": "", "lb2": ""}
    for vip in GONE[:2]:
        assert day.with_address(vip) == set(), "a VIP that is gone is on no host"
    for name in ("lb1", "lb2"):
        configuration = day.lab.run(name, ["cat", "/etc/keepalived/keepalived.conf"], check=True).stdout
        assert [address for address in GONE if address in configuration] == []
    left = day.lab.run(
        "web2", "ls -d /etc/lvs-toolkit/* /etc/systemd/system/lvs-network* 2>/dev/null || true"
    )
    assert left.stdout.split() == [], "the real server that went has no file of ours"
