"""What clusters under heartbeat and pacemaker prove alike: five real servers, two of them the directors.

Both scenarios import these tests; in what they differ stands in their conftest.py, as the fixture `manager`.

Every node boots once on the way, one after the other: real1 and the directors lose power, real2 and real3 are
in maintenance. The last test looks at what these boots have left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from testinfra.host import Host

from lab import Lab
from lab.clients import http_names
from lab.directors import Directors
from lab.playbook import PlaybookRun
from lab.promise import Promise, read_promise
from lab.traffic import Traffic
from lvs_model.engines import KINDS
from lvs_model.vrrp import crash_takeover_s

ROUNDS = 8
PAGE = "/run/lab-backend/page"
MAINTAINED = ("real2", "real3")

Start = Callable[[], Traffic]
Report = Callable[..., None]
Until = Callable[..., None]
Split = Callable[..., Callable[[], bool]]
Loss = Callable[[], AbstractContextManager[str]]
Otherwise = Callable[..., list[str]]
Playbook = Callable[..., PlaybookRun]


@dataclass(frozen=True)
class Manager:
    """A cluster manager, as its scenario's conftest.py describes it.

    unit: what starts it. boot: units, and whether they are enabled. lines: by network, what Faults.drop()
    calls a line to the other director. line_up(director, network): whether that director hears the other one
    there. at_rest(director): whether it moves nothing now. serve_alone(director, dead): does what a director
    needs that starts from cold while the other one stays dead. engines: by engine the change of the document
    that leads to it, from the one before; the last one is the scenario's own again.
    """

    unit: str
    boot: Mapping[str, bool]
    lines: Mapping[str, str]
    line_up: Callable[[str, str], bool]
    at_rest: Callable[[str], bool]
    serve_alone: Callable[[str, str], None]
    engines: Mapping[str, Callable[[dict[str, Any]], None]]


def without_failback(document: dict[str, Any]) -> None:
    """Change the cluster document."""
    document["failover"]["failback"] = False


def under_keepalived(document: dict[str, Any]) -> None:
    """The same services, without what only ldirectord has."""
    document["engine"] = "keepalived"
    document["failover"] = {"method": "vrrp", "network": "front"}
    del document["ldirectord"], document["services"][0]["check"]["receive"]


def under_heartbeat(document: dict[str, Any]) -> None:
    """The same services, with the lab's times of the scenario `heartbeat`."""
    times = {"keepalive": 2, "deadtime": 8, "warntime": 4, "initdead": 20}
    # The lab's own, and no secret.
    options = {"key": {"method": "sha1", "secret": "lab-heartbeat-key"}, **times}
    document["failover"] = {"method": "heartbeat", "network": "front", "failback": True, "heartbeat": options}


def as_it_is(_document: dict[str, Any]) -> None:
    """The scenario's own engine."""


def sync_daemons(lab: Lab, name: str) -> list[str]:
    """The connection sync daemons of a director: master, backup, or both."""
    said = lab.run(name, ["ipvsadm", "-l", "--daemon"], check=True).stdout
    return [line.split()[0] for line in said.splitlines() if "sync daemon" in line]


def test_all_five_answer_their_part(lab: Lab, promise: Promise) -> None:
    split = http_names(lab, promise.client, promise.vip, 80, ROUNDS * len(promise.shares))

    assert split == dict.fromkeys(promise.shares, ROUNDS), "directors serve like the others"


def test_the_preferred_director_owns_the_vip_and_has_the_only_table(
    directors: Directors, promise: Promise
) -> None:
    assert directors.active() == next(iter(promise.directors))
    assert {name: directors.lacking(name) for name in promise.directors} == dict.fromkeys(
        promise.directors, ""
    )


def test_the_vip_is_delivered_in_both_roles_by_a_route_and_only_the_owner_has_the_address(
    lab: Lab, promise: Promise
) -> None:
    places = {}
    for name in promise.directors:
        routes = lab.run(name, ["ip", "route", "show", "table", "local"], check=True).stdout
        assert f"local {promise.vip} dev lo scope host metric 4096" in " ".join(routes.split()), name
        said = lab.run(name, ["ip", "-o", "address", "show", "to", promise.vip], check=True).stdout
        places[name] = [line.split()[1] for line in said.splitlines()]
    owner, standby = promise.directors
    assert places == {owner: ["eth0"], standby: []}


def test_the_sync_daemon_is_that_of_the_role(lab: Lab, promise: Promise) -> None:
    assert [sync_daemons(lab, name) for name in promise.directors] == [["master"], ["backup"]]


def test_both_directors_hear_each_other_on_both_lines(promise: Promise, manager: Manager) -> None:
    found = {
        (name, network): manager.line_up(name, network)
        for name in promise.directors
        for network in manager.lines
    }

    assert found == dict.fromkeys(found, True)


def test_a_real_server_is_lost_and_comes_back(
    real_server_loss: Callable[[str], AbstractContextManager[Traffic]],
    promise: Promise,
    until: Until,
    serve: Split,
    serve_during: Split,
) -> None:
    left = [name for name in promise.shares if name != "real1"]
    with real_server_loss("real1") as client:
        until("the rest serves, in equal parts", serve_during(client, *left), timeout_s=60)
    until("all five serve, in equal parts", serve(*promise.shares, rounds=ROUNDS), timeout_s=60)


def test_wrong_pages_take_servers_out_and_without_any_the_fallback_answers(
    lab: Lab, directors: Directors, promise: Promise, until: Until, serve: Split
) -> None:
    """They answer, and with status 200: only their content is another."""
    active = directors.active()
    others = [name for name in promise.shares if name != "real2"]

    def has_fallback() -> bool:
        table = lab.run(active, ["ipvsadm", "-Sn"], check=True).stdout
        return f"-a -t {promise.vip}:80 -r 127.0.0.1:80 -g -w 1" in table.splitlines()

    try:
        lab.run("real2", ["sh", "-c", f"echo 'It works!' > {PAGE}"], check=True)
        until("real2 is out, and it alone", serve(*others), timeout_s=60)
        assert not has_fallback()
        for name in others:
            lab.run(name, ["sh", "-c", f"echo 'It works!' > {PAGE}"], check=True)
        until("the fallback stands in", has_fallback, timeout_s=60)
        until("the owner's own server answers", serve(active, rounds=ROUNDS), timeout_s=30)
    finally:
        for name in promise.shares:
            lab.run(name, ["rm", "-f", PAGE], check=True)
    until("all five serve again", serve(*promise.shares), timeout_s=60)
    assert not has_fallback()


def test_power_loss_then_a_start_from_cold_alone_then_the_role_goes_back(  # noqa: PLR0913, PLR0917 - fixtures
    lab: Lab,
    directors: Directors,
    promise: Promise,
    manager: Manager,
    power_loss: Loss,
    traffic: Start,
    report: Report,
    note: Callable[[str], None],
    until: Until,
    serve: Split,
    switch_loss: Callable[[float], int],
) -> None:
    preferred, other = promise.directors
    left = [name for name in promise.shares if name != preferred]
    best, worst = crash_takeover_s(1.0, 150)
    note(f"a power loss under keepalived with its stock times, in theory: {best:.2f} to {worst:.2f} s")

    with power_loss() as lost:
        assert lost == preferred
        until("the rest serves, in equal parts", serve(*left, rounds=ROUNDS), timeout_s=60)
        assert sync_daemons(lab, other) == ["master"], "they follow the role"

        lab.faults.power_off(other)
        lab.faults.power_on(other)
        manager.serve_alone(other, lost)
        until(f"{other} serves alone", lambda: directors.owners(without=lost) == [other], timeout_s=120)
        until("all that are left serve", serve(*left), timeout_s=60)
        client = traffic()

    until("the preferred one has its role back", lambda: directors.owners() == [preferred], timeout_s=120)
    until("its table is full", lambda: directors.lacking(preferred) == "", timeout_s=90)
    ledger = client.stop()
    report("the lost director comes back, and the role with it", ledger, [promise.orderly_s(other)])
    assert ledger.summary["failed"] <= switch_loss(promise.orderly_s(other))
    until("the standby's table is empty", lambda: directors.lacking(other) == "", timeout_s=30)
    until("all five serve", serve(*promise.shares), timeout_s=60)
    assert [sync_daemons(lab, name) for name in promise.directors] == [["master"], ["backup"]]


def test_one_line_cut_moves_nothing(
    lab: Lab,
    directors: Directors,
    promise: Promise,
    manager: Manager,
    traffic: Start,
    report: Report,
    until: Until,
) -> None:
    active = directors.active()
    (other,) = promise.directors.keys() - {active}
    client = traffic()
    for network, line in manager.lines.items():
        lab.faults.drop(other, line)
        try:
            until(
                f"{active} misses the line on {network}",
                lambda network=network: not manager.line_up(active, network),
                timeout_s=30,
            )
            # As long again as a director that is not heard at all has until it is given up.
            time.sleep(promise.takeover_s(active)[0])
            assert directors.owners() == [active]
            (kept,) = manager.lines.keys() - {network}
            assert manager.line_up(active, kept), "they hear each other over the other line"
        finally:
            lab.faults.undrop(other)
        until(
            f"the line on {network} is back",
            lambda network=network: manager.line_up(active, network),
            timeout_s=60,
        )
    ledger = client.stop()
    report("one line cut, then the other one", ledger)
    assert ledger.summary["failed"] == 0


def test_an_owner_that_hears_no_neighbour_gives_its_role_away_and_gets_it_back(  # noqa: PLR0913, PLR0917 - fixtures
    lab: Lab,
    directors: Directors,
    promise: Promise,
    manager: Manager,
    traffic: Start,
    report: Report,
    until: Until,
    switch_loss: Callable[[float], int],
) -> None:
    active = directors.active()
    (other,) = promise.directors.keys() - {active}
    client = traffic()
    lab.faults.drop(active, "icmp@front")
    try:
        until(f"{other} owns the VIP", lambda: directors.owners() == [other], timeout_s=120)
        until("its table is full", lambda: directors.lacking(other) == "", timeout_s=60)
        until("the switch is over", lambda: manager.at_rest(other), timeout_s=60)
    finally:
        lab.faults.undrop(active)
    until("the role goes back with the neighbours", lambda: directors.owners() == [active], timeout_s=120)
    until("its table is full again", lambda: directors.lacking(active) == "", timeout_s=60)
    ledger = client.stop()
    theory = promise.orderly_s(active)
    report("no neighbour is heard, and then again: two switches", ledger, [2 * theory])
    assert ledger.summary["failed"] <= 2 * switch_loss(theory)


def test_neither_maintenance_nor_failback_that_is_turned_off_loses_a_request(  # noqa: PLR0913, PLR0917 - fixtures
    lab: Lab,
    directors: Directors,
    promise: Promise,
    playbook: Playbook,
    otherwise: Otherwise,
    traffic: Start,
    report: Report,
    until: Until,
    serve_during: Split,
) -> None:
    """The run that takes the two real servers back turns failback off; the tests behind this one go on so."""
    active = directors.active()
    left = [name for name in promise.shares if name not in MAINTAINED]
    client = traffic()
    run = playbook("site.yml", *otherwise(**{name: {"lvs_state": "drained"} for name in MAINTAINED}))
    assert run.returncode == 0
    until("those in maintenance get nothing", serve_during(client, *left), timeout_s=60)
    for name in MAINTAINED:
        lab.faults.stop(name)
    for name in MAINTAINED:
        lab.faults.start(name, wait=False)
    lab.wait_ready(MAINTAINED)
    run = playbook("site.yml", *otherwise(without_failback))
    assert run.returncode == 0
    until("all five serve again", serve_during(client, *promise.shares), timeout_s=60)
    ledger = client.stop()
    report("maintenance of two real servers, and failback is turned off", ledger)
    assert ledger.summary["failed"] == 0
    assert directors.owners() == [active]


def test_all_nodes_have_booted_and_nothing_is_to_do(
    lab: Lab,
    promise: Promise,
    manager: Manager,
    node: Callable[[str], Host],
    idle_run: Callable[..., None],
    otherwise: Otherwise,
) -> None:
    for name in promise.shares:
        booted = 'date -d "$(systemctl show -p UserspaceTimestamp --value)" +%s'
        said = lab.run(name, f"{booted} && stat -c %Y /etc/lvs-toolkit/network.conf", check=True).stdout
        boot, deployed = map(int, said.split())
        assert boot > deployed, f"{name} has booted since it was deployed"
    for name in promise.directors:
        enabled = {unit: node(name).service(unit).is_enabled for unit in manager.boot}
        assert enabled == manager.boot
        show = ["systemctl", "show", "-p", "After", "--value", manager.unit]
        assert "lvs-network.service" in lab.run(name, show, check=True).stdout.split()
        assert started(lab, name, "lvs-network") < started(lab, name, manager.unit), "tunnels come first"
        for peer in promise.directors:
            found = lab.run(name, ["getent", "ahostsv4", peer], check=True).stdout
            assert promise.addresses[peer] in found.split(), "the operator's /etc/hosts is as it was"
    idle_run(*otherwise(without_failback))


def started(lab: Lab, name: str, unit: str) -> int:
    """When a unit became active, in microseconds since boot."""
    argv = ["systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", "--value", unit]
    return int(lab.run(name, argv, check=True).stdout)


def test_another_engine_is_one_change_and_takes_no_longer_than_a_failover(  # noqa: PLR0913, PLR0917 - fixtures
    lab: Lab,
    directors: Directors,
    inventories: list[Path],
    manager: Manager,
    playbook: Playbook,
    otherwise: Otherwise,
    traffic: Start,
    report: Report,
    until: Until,
    serve: Split,
    switch_loss: Callable[[float], int],
    idle_run: Callable[..., None],
) -> None:
    """The last one of a scenario: behind it the cluster is as the scenario's document has it."""
    for engine, change in manager.engines.items():
        owner = directors.active()
        arguments = otherwise(change)
        promise = read_promise(*inventories, Path(arguments[-1]))
        theory = promise.takeover_s(owner)
        client = traffic()

        run = playbook("site.yml", *arguments)

        assert run.returncode == 0, engine
        for name in promise.directors:
            lacks = partial(Directors(lab, promise).lacking, name)
            until(f"{name}'s table is that of {engine}", lambda lacks=lacks: lacks() == "", timeout_s=60)
        ledger = client.stop()
        report(f"{engine} becomes the engine", ledger, theory)
        assert ledger.summary["failed"] <= switch_loss(theory[1])
        until("all five serve", serve(*promise.shares), timeout_s=60)
        for name in promise.directors:
            assert engines_of(lab, name) == [f"{engine}.service"], f"nothing of another one is on {name}"
        idle_run(*arguments)


def engines_of(lab: Lab, name: str) -> list[str]:
    """The engines of which a host has anything: a configuration, or a unit that runs or starts at boot."""
    found = []
    for kind in KINDS:
        asked = [f"test -e {kind.configuration}"]
        asked += [
            f"systemctl is-{what} --quiet {unit}" for unit in kind.units for what in ("active", "enabled")
        ]
        if lab.run(name, " || ".join(asked)).code == 0:
            found.append(kind.unit)
    return found
