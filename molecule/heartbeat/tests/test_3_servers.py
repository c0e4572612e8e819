"""Real servers: one lost and back, a wrong page, all of them gone, and maintenance that nobody notices."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from lab import Lab
from lab.demo import INTERVAL_S
from lab.directors import Directors
from lab.figures import lost_at_most
from lab.playbook import PlaybookRun
from lab.promise import Promise
from lab.traffic import Traffic

SERVERS = ("loadbalancer", "backup", "real1", "real2", "real3")
ROUNDS = 8
PAGE = "/run/lab-backend/page"

Start = Callable[[], Traffic]
Report = Callable[..., None]
Until = Callable[..., None]
Split = Callable[..., Callable[[], bool]]


def without(name: str) -> tuple[str, ...]:
    return tuple(one for one in SERVERS if one != name)


def test_a_real_server_is_lost_and_comes_back(
    lab: Lab, promise: Promise, traffic: Start, report: Report, until: Until, serve_during: Split
) -> None:
    client = traffic()
    lab.faults.power_off("real1")
    try:
        until("the rest serves, in equal parts", serve_during(client, *without("real1")), timeout_s=60)
        last = max(row["n"] for row in client.rows())
    finally:
        lab.faults.power_on("real1")
    until("all five serve again", serve_during(client, *SERVERS), timeout_s=120)
    ledger = client.stop()
    report("a real server lost and back", ledger, [promise.detection_s])
    late = [row for row in ledger.rows if row["n"] > last and not row["ok"]]
    assert late == [], "no request failed after it was taken out, nor when it came back"
    allowed = lost_at_most(promise.detection_s, INTERVAL_S)
    assert ledger.summary["failed"] <= ceil(promise.shares["real1"] * allowed) + 1


def test_a_wrong_page_takes_its_server_out(lab: Lab, until: Until, serve: Split) -> None:
    """It answers, and with status 200: only its content is another."""
    lab.run("real2", ["sh", "-c", f"echo 'It works!' > {PAGE}"], check=True)
    try:
        until("real2 is out", serve(*without("real2")), timeout_s=60)
    finally:
        lab.run("real2", ["rm", "-f", PAGE], check=True)
    until("real2 serves again", serve(*SERVERS), timeout_s=60)


def test_without_any_real_server_the_fallback_answers(
    lab: Lab, directors: Directors, until: Until, serve: Split
) -> None:
    active = directors.active()
    for name in SERVERS:
        lab.run(name, ["sh", "-c", f"echo 'It works!' > {PAGE}"], check=True)
    try:
        until("the owner itself answers", serve(active, rounds=ROUNDS), timeout_s=60)
        table = lab.run(active, ["ipvsadm", "-Sn"], check=True).stdout
        assert "-r 127.0.0.1:80 -g" in table, "by its fallback"
    finally:
        for name in SERVERS:
            lab.run(name, ["rm", "-f", PAGE], check=True)
    until("all five serve again", serve(*SERVERS), timeout_s=60)


def test_maintenance_of_a_real_server_loses_no_request(
    lab: Lab,
    playbook: Callable[..., PlaybookRun],
    otherwise: Callable[..., list[str]],
    traffic: Start,
    report: Report,
    until: Until,
    serve_during: Split,
) -> None:
    client = traffic()
    run = playbook("site.yml", *otherwise(real3={"lvs_state": "drained"}))
    assert run.returncode == 0
    until("real3 gets nothing", serve_during(client, *without("real3")), timeout_s=60)
    lab.faults.stop("real3")
    lab.faults.start("real3")
    run = playbook("site.yml")
    assert run.returncode == 0
    until("real3 serves again", serve_during(client, *SERVERS), timeout_s=60)
    ledger = client.stop()
    report("maintenance of a real server", ledger)
    assert ledger.summary["failed"] == 0
