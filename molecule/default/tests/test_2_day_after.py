"""The runs after the first one: nothing to do, check mode, drift."""

from __future__ import annotations

from collections.abc import Callable

from lab import Lab
from lab.directors import Directors
from lab.playbook import PlaybookRun

Playbook = Callable[..., PlaybookRun]


def test_a_second_run_changes_nothing_and_costs_one_execution_a_host(playbook: Playbook) -> None:
    run = playbook("site.yml")
    assert run.returncode == 0
    assert run.changed == 0
    # The budget is two; one is what observe-and-judge costs, and more would be somebody's mistake.
    assert dict(run.remote_executions) == dict.fromkeys(("lb1", "lb2", "web1", "web2", "web3", "client1"), 1)


def test_verify_proves_the_cluster(playbook: Playbook) -> None:
    run = playbook("playbooks/verify.yml")
    assert run.returncode == 0
    assert run.changed == 0


def test_drift_by_hand_is_healed_and_reported(lab: Lab, playbook: Playbook, directors: Directors) -> None:
    """All at once: a flushed table, a stopped daemon, a VIP gone from lo, a changed sysctl."""
    assert directors.active() == "lb1"
    lab.run("lb2", ["systemctl", "stop", "keepalived"])
    lab.run("lb1", ["ipvsadm", "--clear"])
    for name in ("web1", "web2"):  # otherwise it would have healed both before the run looks
        lab.run(name, ["systemctl", "stop", "lvs-network-watch"], check=True)
    lab.run("web1", ["ip", "address", "delete", "192.0.2.10/32", "dev", "lo"])
    lab.run("web2", ["sysctl", "-w", "net.ipv4.conf.eth0.arp_ignore=0"])

    run = playbook("site.yml")

    assert run.returncode == 0
    changed = {name for name, recap in run.recap.items() if recap.changed}
    assert changed == {"lb1", "lb2", "web1", "web2"}
    assert directors.active() == "lb1", "healing the active director's table is no failover"
    assert directors.lacking("lb1") == ""
    assert directors.lacking("lb2") == ""
    again = playbook("site.yml")
    assert (again.returncode, again.changed) == (0, 0)


def test_what_is_taken_from_a_real_server_is_back_at_once(lab: Lab, until: Callable[..., None]) -> None:
    """As a restart of a network manager takes it: no run has to come for that."""
    lab.run("web3", ["ip", "address", "delete", "192.0.2.10/32", "dev", "lo"], check=True)

    def back() -> bool:
        return bool(lab.run("web3", ["ip", "-o", "address", "show", "to", "192.0.2.10"]).stdout.strip())

    until("web3 has the VIP on lo again", back, timeout_s=10)


def test_verify_sees_a_real_server_that_answers_arp(lab: Lab, playbook: Playbook) -> None:
    """The control run: with the protection off, the proof must fail."""
    lab.run("web3", ["systemctl", "stop", "lvs-network-watch"], check=True)
    lab.run("web3", ["sysctl", "-w", "net.ipv4.conf.eth0.arp_ignore=0"])
    try:
        run = playbook("playbooks/verify.yml")
    finally:
        # The watch puts it back at its start.
        lab.run("web3", ["systemctl", "start", "lvs-network-watch"], check=True)
    assert run.returncode != 0
    assert "web3" in "\n".join(run.tail)
    assert "answers ARP for VIP 192.0.2.10" in "\n".join(run.tail)
