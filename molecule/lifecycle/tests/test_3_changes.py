"""Modes, services, real servers and directors come and go under traffic, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable

from lab import Lab
from lab.directors import Directors
from lab.fingerprint import KERNEL, Fingerprint, difference, take
from lab.playbook import PlaybookRun
from lab.traffic import Traffic

Playbook = Callable[..., PlaybookRun]
Items = Callable[..., dict[str, set[str]]]
FILES = (
    "ls -d /etc/lvs-toolkit/* /usr/local/lib/lvs-toolkit/* /etc/keepalived/keepalived.conf "
    "/etc/systemd/system/lvs-* /etc/systemd/system/keepalived.service.d/* /etc/modprobe.d/lvs-* 2>/dev/null || true"
)


def with_address(lab: Lab, hosts: tuple[str, ...], address: str) -> set[str]:
    argv = ["ip", "-oneline", "address", "show", "to", address]
    return {name for name in hosts if lab.run(name, argv).stdout.strip()}


def left_on(lab: Lab, host: str, before: dict[str, Fingerprint]) -> list[str]:
    """What a retired host still has: files of ours, and in its kernel what it had not before."""
    files = lab.run(host, FILES).stdout.split()
    return files + difference(
        before[host], take(lab, [host])[host], [one for one in KERNEL if one != "sockets"]
    )


def test_mode_service_real_server_and_standby_in_one_run(
    lab: Lab,
    playbook: Playbook,
    directors: Directors,
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    until: Callable[..., None],
    step: Callable[[str], list[str]],
    planned_items: Items,
    held: Callable[[], dict[str, set[str]]],
    before: dict[str, Fingerprint],
    hosts: tuple[str, ...],
    tolerated: int,
) -> None:
    """The mode of www becomes tun, api goes, and so do web2 and lb2."""
    if directors.active() != "lb1":
        lab.run("lb2", ["systemctl", "restart", "keepalived"], check=True)
        until("lb1 owns the VIPs", lambda: directors.owners() == ["lb1"], timeout_s=30)
    client = traffic()

    run = playbook("site.yml", *step("changed"))

    ledger = client.stop()
    report("dr to tun; a service, a real server and the standby go", ledger)
    assert run.returncode == 0, "done, and proven by its last step"
    assert ledger.summary["failed"] <= tolerated
    assert held() == planned_items(*step("changed"))
    assert with_address(lab, hosts, "192.0.2.20") == set(), "the VIP of the service that is gone"
    assert "192.0.2.20" not in lab.run("lb1", ["cat", "/etc/keepalived/keepalived.conf"], check=True).stdout
    assert with_address(lab, hosts, "192.0.2.10") == {"lb1", "web1"}
    assert left_on(lab, "web2", before) == []
    assert left_on(lab, "lb2", before) == [], "keepalived neither runs nor starts at boot"


def test_all_of_it_comes_back(
    playbook: Playbook,
    directors: Directors,
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    planned_items: Items,
    held: Callable[[], dict[str, set[str]]],
    tolerated: int,
) -> None:
    client = traffic()

    run = playbook("site.yml")

    ledger = client.stop()
    report("tun to dr; a service, a real server and a director come", ledger)
    assert run.returncode == 0
    assert ledger.summary["failed"] <= tolerated
    assert held() == planned_items(), "nothing of the tunnels is left"
    assert directors.active() == "lb1"
    assert [directors.lacking(name) for name in ("lb1", "lb2")] == ["", ""]


def test_the_owner_of_the_vips_is_retired(
    lab: Lab,
    playbook: Playbook,
    directors: Directors,
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    step: Callable[[str], list[str]],
    before: dict[str, Fingerprint],
    tolerated: int,
) -> None:
    assert directors.active() == "lb1"
    client = traffic()

    run = playbook("site.yml", *step("handover"))

    ledger = client.stop()
    report("the owner of the VIPs is retired", ledger)
    assert run.returncode == 0
    assert ledger.summary["failed"] <= tolerated
    assert directors.owners() == ["lb2"]
    assert left_on(lab, "lb1", before) == []
