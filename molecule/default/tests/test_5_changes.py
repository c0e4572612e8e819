"""Changes of a running cluster, under traffic: nothing is lost, and nothing restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Lab
from lab.demo import INTERVAL_S
from lab.directors import Directors
from lab.figures import lost_at_most
from lab.playbook import PlaybookRun
from lab.promise import Promise
from lab.traffic import Traffic

DOCUMENT = Path(__file__).resolve().parents[1] / "inventory/group_vars/edge.yml"
DIRECTORS = ("lb1", "lb2")
REAL_SERVERS = ("web1", "web2", "web3")

Playbook = Callable[..., PlaybookRun]
Start = Callable[[], Traffic]
Until = Callable[..., None]
Report = Callable[..., None]
Change = Callable[[Callable[[dict[str, Any]], object]], str]


@pytest.fixture
def changed(tmp_path: Path) -> Change:
    """Give ansible-playbook's argument for the scenario's document with a change."""

    def write(change: Callable[[dict[str, Any]], object]) -> str:
        document = yaml.safe_load(DOCUMENT.read_text())
        change(document["lvs_cluster"])
        path = tmp_path / "changed.yml"
        path.write_text(yaml.safe_dump(document))
        return f"@{path}"

    return write


def lives(lab: Lab) -> dict[str, tuple[str, str]]:
    """Keepalived's process and how often it became MASTER, by director."""
    return {
        name: (
            lab.run(name, ["systemctl", "show", "-p", "MainPID", "--value", "keepalived"]).stdout.strip(),
            lab.run(
                name, ["sh", "-c", "journalctl -u keepalived -o cat | grep -c 'Entering MASTER' || true"]
            ).stdout.strip(),
        )
        for name in DIRECTORS
    }


def with_address(lab: Lab, address: str) -> set[str]:
    argv = ["ip", "-4", "-oneline", "address", "show", "to", f"{address}/32"]
    return {name for name in (*DIRECTORS, *REAL_SERVERS) if lab.run(name, argv).stdout.strip()}


def test_a_vip_and_a_weight_come_and_go_without_a_lost_request(
    lab: Lab, playbook: Playbook, changed: Change, traffic: Start, report: Report, tmp_path: Path
) -> None:
    before = lives(lab)
    weights = tmp_path / "weights.yml"
    weights.write_text(yaml.safe_dump({"all": {"hosts": {"web3": {"lvs_weight": 2}}}}))
    client = traffic()

    more = playbook(
        "site.yml",
        "-i",
        str(weights),
        "-e",
        changed(lambda one: one["services"][0]["vips"].insert(0, "192.0.2.9")),
    )
    assert more.returncode == 0, "expanded, switched, and proven for both VIPs"
    assert with_address(lab, "192.0.2.9") == {"lb1", *REAL_SERVERS}

    less = playbook("site.yml")
    assert less.returncode == 0
    assert with_address(lab, "192.0.2.9") == set(), "contracted"

    ledger = client.stop()
    report("a VIP and a weight come and go", ledger)
    assert ledger.summary["failed"] == 0
    assert lives(lab) == before, "keepalived was reloaded, not restarted, and nobody changed roles"


def test_a_check_that_no_server_passes_stops_before_the_active_director(
    lab: Lab, playbook: Playbook, changed: Change, traffic: Start
) -> None:
    digest = lab.run("lb1", ["sha256sum", "/etc/keepalived/keepalived.conf"]).stdout
    client = traffic()

    run = playbook("site.yml", "-e", changed(lambda one: one["services"][0]["check"].update(status=299)))

    assert run.returncode != 0
    assert "its checks leave 0 of 3 real servers" in "\n".join(run.tail)
    assert lab.run("lb1", ["sha256sum", "/etc/keepalived/keepalived.conf"]).stdout == digest
    mended = playbook("site.yml")
    assert mended.returncode == 0
    assert client.stop().summary["failed"] == 0


def test_a_keepalived_that_dies_is_restarted_and_leaves_no_vip_behind(
    lab: Lab,
    directors: Directors,
    promise: Promise,
    traffic: Start,
    report: Report,
    until: Until,
) -> None:
    assert directors.active() == "lb1"
    theory = promise.takeover_s("lb1")
    client = traffic()
    lab.run("lb1", ["pkill", "-KILL", "keepalived"])
    until("lb1 owns the VIP again", lambda: directors.owners() == ["lb1"], timeout_s=120)
    until("lb1's table is full", lambda: directors.lacking("lb1") == "", timeout_s=30)
    ledger = client.stop()
    report("kill -9 of the active director's keepalived", ledger, theory)
    assert ledger.summary["failed"] <= lost_at_most(theory[1], INTERVAL_S)
    restarts = lab.run("lb1", ["systemctl", "show", "-p", "NRestarts", "--value", "keepalived"]).stdout
    assert int(restarts) >= 1
