"""Modes, services, real servers and directors come and go under traffic, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lab.fingerprint import KERNEL
from lab.traffic import Traffic

if TYPE_CHECKING:
    from molecule.lifecycle.tests.conftest import Life

Start = Callable[[], Traffic]
Report = Callable[..., None]

# Packages, their user and the records stay on a retired host until its cluster is torn down.
FILES = (
    "ls -d /etc/lvs-toolkit/* /usr/local/lib/lvs-toolkit/* /etc/keepalived/keepalived.conf "
    "/etc/modprobe.d/lvs-* /etc/systemd/system/lvs-* /etc/systemd/system/keepalived.service.d/* "
    "2>/dev/null || true"
)


# The lab's own; what Debian 13's package ipvsadm enables, since the package stays; and what settles at boot a
# change that a power cut has interrupted: it goes with the records.
NOT_LEFT = {
    "/etc/systemd/system/lvs-lab-release.service",
    "units: + enabled ipvsadm.service",
    "/etc/systemd/system/lvs-settle.service",
    "units: + enabled lvs-settle.service",
}


def left_on(life: Life, host: str) -> list[str]:
    """What a retired host still has: files of ours, and what it had not before in its kernel and units."""
    files = life.lab.run(host, FILES).stdout.split()
    found = files + life.changed_since_before([host], KERNEL).get(host, [])
    return [line for line in found if line not in NOT_LEFT]


def test_mode_service_real_server_and_standby_in_one_run(
    life: Life, traffic: Start, report: Report, until: Callable[..., None], tmp_path: Path
) -> None:
    """The mode of www becomes tun, api goes, and so do web2 and lb2."""
    if life.directors.active() != "lb1":
        life.lab.run("lb2", ["systemctl", "restart", "keepalived"], check=True)
        until("lb1 owns the VIPs", lambda: life.directors.owners() == ["lb1"], timeout_s=30)
    client = traffic()

    run = life.playbook("site.yml", *life.step("changed"))

    ledger = client.stop()
    report("dr to tun; a service, a real server and the standby go", ledger)
    assert run.returncode == 0, "done, and proven by its last step"
    assert ledger.summary["failed"] <= life.tolerated
    assert life.held() == life.planned(tmp_path, *life.step("changed"))
    assert life.with_address("192.0.2.20") == set(), "the VIP of the service that is gone"
    assert "192.0.2.20" not in life.lab.run("lb1", ["cat", "/etc/keepalived/keepalived.conf"]).stdout
    assert life.with_address("192.0.2.10") == {"lb1", "web1"}
    assert left_on(life, "web2") == []
    assert left_on(life, "lb2") == [], "keepalived neither runs nor starts at boot"


def test_all_of_it_comes_back(life: Life, traffic: Start, report: Report, tmp_path: Path) -> None:
    client = traffic()

    run = life.playbook("site.yml")

    ledger = client.stop()
    report("tun to dr; a service, a real server and a director come", ledger)
    assert run.returncode == 0
    assert ledger.summary["failed"] <= life.tolerated
    assert life.held() == life.planned(tmp_path), "nothing of the tunnels is left"
    assert life.directors.active() == "lb1"
    assert [life.directors.lacking(name) for name in ("lb1", "lb2")] == ["", ""]


def test_the_owner_of_the_vips_is_retired(life: Life, traffic: Start, report: Report) -> None:
    assert life.directors.active() == "lb1"
    client = traffic()

    run = life.playbook("site.yml", *life.step("handover"))

    ledger = client.stop()
    report("the owner of the VIPs is retired", ledger)
    assert run.returncode == 0
    assert ledger.summary["failed"] <= life.tolerated
    assert life.directors.owners() == ["lb2"]
    assert left_on(life, "lb1") == []
