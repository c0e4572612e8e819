"""As deployed: the split over five, one owner with the only table, links, sync daemons, and the key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host

from lab import Lab
from lab.clients import http_names
from lab.directors import Directors
from lab.promise import Promise
from lvs_model.pacemaker_view import PacemakerView

DIRECTORS = ("loadbalancer", "backup")
SERVERS = (*DIRECTORS, "real1", "real2", "real3")
VIP = "192.168.136.10"
ROUNDS = 10

Node = Callable[[str], Host]
Told = Callable[[str], PacemakerView]


def test_all_five_answer_their_part(lab: Lab, promise: Promise) -> None:
    split = http_names(lab, promise.client, VIP, 80, ROUNDS * len(SERVERS))

    assert split == dict.fromkeys(SERVERS, ROUNDS), "directors serve like the others"


def test_the_preferred_director_owns_the_vip_and_has_the_only_table(directors: Directors) -> None:
    assert directors.active() == "loadbalancer"
    assert {name: directors.lacking(name) for name in DIRECTORS} == dict.fromkeys(DIRECTORS, "")


def test_the_standby_takes_packets_for_the_vip_without_having_it(lab: Lab) -> None:
    routes = lab.run("backup", ["ip", "route", "show", "table", "local"], check=True).stdout

    assert f"local {VIP} dev lo scope host metric 4096" in " ".join(routes.split())


@pytest.mark.parametrize(("name", "role"), [("loadbalancer", "master"), ("backup", "backup")])
def test_the_sync_daemon_is_that_of_the_role(lab: Lab, name: str, role: str) -> None:
    said = lab.run(name, ["ipvsadm", "-l", "--daemon"], check=True).stdout

    assert [line.split()[0] for line in said.splitlines() if "sync daemon" in line] == [role]


@pytest.mark.parametrize("name", DIRECTORS)
def test_both_links_are_up(lab: Lab, name: str) -> None:
    (peer,) = set(DIRECTORS) - {name}
    said = lab.run(name, ["corosync-cfgtool", "-n"], check=True).stdout

    lines = [line for line in said.splitlines() if "LINK:" in line]
    assert len(lines) == 2, said
    assert all(" connected" in line for line in lines), f"{peer}: {said}"


@pytest.mark.parametrize("name", DIRECTORS)
def test_pacemaker_has_what_is_planned_and_nothing_waits(told: Told, name: str) -> None:
    assert told(name).faults(list(DIRECTORS)) == []


@pytest.mark.parametrize("name", DIRECTORS)
def test_units_at_boot(node: Node, name: str) -> None:
    host = node(name)

    enabled = {unit: host.service(unit).is_enabled for unit in ("corosync", "pacemaker", "ldirectord")}
    assert enabled == {"corosync": True, "pacemaker": True, "ldirectord": False}, (
        "pacemaker starts the last one"
    )


@pytest.mark.parametrize("name", DIRECTORS)
def test_the_key_is_roots_own_and_in_no_log(lab: Lab, node: Node, name: str) -> None:
    key = node(name).file("/etc/corosync/authkey")

    assert (key.user, key.group, key.mode) == ("root", "root", 0o400)
    assert key.size == 256
    count = 'journalctl --output=cat | grep -c -F -- "$(head -c 40 /etc/corosync/authkey)" || true'
    assert lab.run(name, ["sh", "-c", count], check=True).stdout.strip() == "0"


def test_another_run_changes_nothing(idle_run: Callable[[], None]) -> None:
    idle_run()


def test_verify_proves_the_cluster(proven: Callable[[], None]) -> None:
    proven()
