"""As deployed: the split over five, one owner with the only table, lines, sync daemons, units, the key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host

from lab import Lab
from lab.clients import http_names
from lab.directors import Directors
from lab.promise import Promise

DIRECTORS = ("loadbalancer", "backup")
SERVERS = (*DIRECTORS, "real1", "real2", "real3")
VIP = "192.168.136.10"
ROUNDS = 10

Node = Callable[[str], Host]


def test_all_five_answer_their_part(lab: Lab, promise: Promise) -> None:
    split = http_names(lab, promise.client, VIP, 80, ROUNDS * len(SERVERS))

    assert split == dict.fromkeys(SERVERS, ROUNDS), "directors serve like the others"


def test_the_preferred_director_owns_the_vip_and_has_the_only_table(directors: Directors) -> None:
    assert directors.active() == "loadbalancer"
    assert {name: directors.lacking(name) for name in DIRECTORS} == dict.fromkeys(DIRECTORS, "")


@pytest.mark.parametrize("name", DIRECTORS)
def test_the_vip_is_delivered_in_both_roles_by_a_route_and_no_address(lab: Lab, name: str) -> None:
    routes = lab.run(name, ["ip", "route", "show", "table", "local"], check=True).stdout
    tunnel = lab.run(name, ["ip", "-o", "address", "show", "dev", "tunl0"], check=True).stdout

    assert f"local {VIP} dev lo scope host metric 4096" in " ".join(routes.split())
    assert VIP not in tunnel


@pytest.mark.parametrize(("name", "role"), [("loadbalancer", "master"), ("backup", "backup")])
def test_the_sync_daemon_is_that_of_the_role(lab: Lab, name: str, role: str) -> None:
    said = lab.run(name, ["ipvsadm", "-l", "--daemon"], check=True).stdout

    assert [line.split()[0] for line in said.splitlines() if "sync daemon" in line] == [role]


@pytest.mark.parametrize("name", DIRECTORS)
def test_both_lines_and_the_ping_group_are_up(lab: Lab, name: str) -> None:
    (peer,) = set(DIRECTORS) - {name}
    links = [(peer, "eth0"), (peer, "eth1"), ("group1", "group1")]
    found = {
        link: lab.run(name, ["cl_status", "hblinkstatus", *link], check=False).stdout.strip()
        for link in links
    }

    assert found == dict.fromkeys(links, "up")


@pytest.mark.parametrize("name", DIRECTORS)
def test_units_at_boot_and_their_order(lab: Lab, node: Node, name: str) -> None:
    host = node(name)

    enabled = {unit: host.service(unit).is_enabled for unit in ("heartbeat", "lvs-network", "ldirectord")}
    assert enabled == {"heartbeat": True, "lvs-network": True, "ldirectord": False}, "heartbeat starts it"
    after = lab.run(name, ["systemctl", "show", "-p", "After", "heartbeat"], check=True).stdout
    assert "lvs-network.service" in after.split("=", 1)[1].split()


@pytest.mark.parametrize("name", DIRECTORS)
def test_both_names_lead_to_their_addresses(lab: Lab, name: str) -> None:
    for peer, address in (("loadbalancer", "192.168.136.11"), ("backup", "192.168.136.12")):
        found = lab.run(name, ["getent", "ahostsv4", peer], check=True).stdout
        assert address in found.split(), "the operator's /etc/hosts is as it was"


@pytest.mark.parametrize("name", DIRECTORS)
def test_the_key_is_roots_own_and_in_no_log(lab: Lab, node: Node, name: str) -> None:
    key = node(name).file("/etc/ha.d/authkeys")

    assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
    secret = key.content_string.splitlines()[-1].split()[-1]
    assert len(secret) > 8
    count = f"journalctl --output=cat | grep -c -F -- {secret} || true"
    assert lab.run(name, ["sh", "-c", count], check=True).stdout.strip() == "0"


def test_both_directors_have_the_same_group(lab: Lab) -> None:
    texts = {lab.run(name, ["cat", "/etc/ha.d/haresources"], check=True).stdout for name in DIRECTORS}

    (text,) = texts
    assert text.splitlines()[-1] == (
        "loadbalancer lvs-role lvs-ldirectord::ldirectord.cf IPaddr2::192.168.136.10/32/eth0"
    )


def test_another_run_changes_nothing(idle_run: Callable[[], None]) -> None:
    idle_run()


def test_verify_proves_the_cluster(proven: Callable[[], None]) -> None:
    proven()
