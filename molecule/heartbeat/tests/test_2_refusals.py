"""What heartbeat could not run with is refused before it is live, and the service goes on."""

from __future__ import annotations

from collections.abc import Callable

from lab import Lab
from lab.playbook import PlaybookRun
from lab.traffic import Traffic

DIRECTORS = ("loadbalancer", "backup")
FILES = ["/etc/ha.d/ha.cf", "/etc/ha.d/authkeys", "/etc/ha.d/haresources"]
TOOL = "/usr/local/lib/lvs-toolkit/lvs-heartbeat"
# Staged files, as a deployment has them checked; not below /run, which the check has for itself.
STAGE = "/var/lib/lvs-test/stage"


def digests(lab: Lab) -> str:
    return "".join(lab.run(name, ["sha256sum", *FILES], check=True).stdout for name in DIRECTORS)


def test_a_silent_ping_group_never_goes_live(
    lab: Lab,
    playbook: Callable[..., PlaybookRun],
    otherwise: Callable[..., list[str]],
    traffic: Callable[[], Traffic],
) -> None:
    silent = [{"name": "group1", "addresses": ["192.168.136.77"]}]
    before = digests(lab)
    client = traffic()

    run = playbook(
        "site.yml", *otherwise(lambda document: document["failover"]["heartbeat"].update(ping_groups=silent))
    )

    assert run.returncode != 0
    assert "ping group group1: nobody answers ping from here" in "\n".join(run.tail)
    assert digests(lab) == before
    assert client.stop().summary["failed"] == 0


def test_a_host_of_another_name_is_refused(lab: Lab) -> None:
    """By what every deployment runs on it. The name is another one for this command only."""
    renamed = f"echo reserve > /proc/sys/kernel/hostname && exec {TOOL} check {STAGE}"

    done = lab.run("backup", ["unshare", "--uts", "sh", "-c", staged("") + renamed])

    assert done.code != 0
    assert "this host's name is 'reserve' (uname -n)" in done.stderr
    assert lab.run("backup", ["uname", "-n"], check=True).stdout.strip() == "backup"


def test_what_the_package_s_own_check_refuses_is_refused(lab: Lab) -> None:
    done = lab.run("backup", ["sh", "-c", staged("serial /dev/no-such-line") + f"exec {TOOL} check {STAGE}"])

    assert done.code != 0
    assert "Nonexistent serial port [/dev/no-such-line]" in done.stderr + done.stdout
    good = lab.run("backup", ["sh", "-c", staged("") + f"exec {TOOL} check {STAGE}"])
    assert good.code == 0, "and what is in force is not"


def staged(line: str) -> str:
    """A shell's command: the files in force are staged, with one line more in ha.cf."""
    folder = f"{STAGE}/etc/ha.d"
    return (
        f"rm -rf {STAGE} && mkdir -p {folder} && cp -a {' '.join(FILES)} {folder} && "
        f"echo '{line}' >> {folder}/ha.cf && "
    )


def test_a_heartbeat_that_cannot_start_is_told_with_its_journal(lab: Lab, until: Callable[..., None]) -> None:
    """By hand, since a deployment would not let such a mode through."""
    lab.run("backup", ["sh", "-c", "systemctl stop heartbeat; chmod 644 /etc/ha.d/authkeys"], timeout=180)
    try:
        lab.run("backup", ["systemctl", "start", "heartbeat"], check=False, timeout=60)
        until(
            "it has ended, and is not tried again",
            lambda: lab.run("backup", ["systemctl", "is-failed", "heartbeat"]).stdout.strip() == "failed",
            timeout_s=30,
        )
        done = lab.run("backup", [TOOL, "ready"])
    finally:
        lab.run("backup", ["chmod", "600", "/etc/ha.d/authkeys"], check=True)
    assert done.code != 0
    assert "Bad permissions on keyfile" in done.stderr, "the reason is in the journal's last lines"
    lab.run("backup", ["systemctl", "start", "heartbeat"], check=True, timeout=60)
