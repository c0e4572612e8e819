"""What heartbeat could not run with is refused before it is live, and the service goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab import Lab
from lab.playbook import PlaybookRun
from lab.traffic import Traffic

DIRECTORS = ("loadbalancer", "backup")
FILES = ["/etc/ha.d/ha.cf", "/etc/ha.d/authkeys", "/etc/ha.d/haresources"]

Playbook = Callable[..., PlaybookRun]
Otherwise = Callable[..., list[str]]


def digests(lab: Lab) -> str:
    return "".join(lab.run(name, ["sha256sum", *FILES], check=True).stdout for name in DIRECTORS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"node_names": {"backup": "reserve"}}, "this host's name is 'backup' (uname -n)"),
        (
            {"ping_groups": [{"name": "group1", "addresses": ["192.168.136.77"]}]},
            "ping group group1: nobody answers ping from here",
        ),
        ({"serial": ["/dev/no-such-line"]}, "Nonexistent serial port [/dev/no-such-line]"),
    ],
    ids=["a node's name", "a silent ping group", "a line that is none"],
)
def test_what_does_not_fit_the_host_never_goes_live(
    lab: Lab,
    playbook: Playbook,
    otherwise: Otherwise,
    traffic: Callable[[], Traffic],
    options: dict[str, Any],
    said: str,
) -> None:
    before = digests(lab)
    client = traffic()

    run = playbook("site.yml", *otherwise(lambda document: document["failover"]["heartbeat"].update(options)))

    assert run.returncode != 0
    assert said in "\n".join(run.tail)
    assert digests(lab) == before
    assert client.stop().summary["failed"] == 0


def test_times_that_do_not_fit_each_other_touch_no_host(playbook: Playbook, otherwise: Otherwise) -> None:
    run = playbook(
        "site.yml", *otherwise(lambda document: document["failover"]["heartbeat"].update(deadtime=4))
    )

    assert run.returncode != 0
    assert dict(run.remote_executions) == {}
    assert "deadtime: 4 s, and it must be more than twice keepalive" in "\n".join(run.tail)


def test_a_heartbeat_that_cannot_start_is_told_with_its_journal(lab: Lab) -> None:
    """By hand, since a deployment would not let such a mode through."""
    tool = "/usr/local/lib/lvs-toolkit/lvs-heartbeat"
    lab.run("backup", ["sh", "-c", "systemctl stop heartbeat; chmod 644 /etc/ha.d/authkeys"], timeout=180)
    try:
        lab.run("backup", ["systemctl", "start", "heartbeat"], check=False, timeout=60)
        # It ends at once, and is not tried again.
        done = lab.run("backup", ["sh", "-c", f"sleep 5; {tool} ready"], check=False, timeout=60)
    finally:
        lab.run("backup", ["chmod", "600", "/etc/ha.d/authkeys"], check=True)
    assert done.code != 0
    assert "Bad permissions on keyfile" in done.stderr, "the reason is in the journal's last lines"
    lab.run("backup", ["systemctl", "start", "heartbeat"], check=True, timeout=60)


def test_the_old_document_is_still_in_force(idle_run: Callable[[], None]) -> None:
    idle_run()
