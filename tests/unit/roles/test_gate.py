"""A gate that fails: the host goes back, the others stay as they are, and it is said who has what."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_transaction.model import Layout
from module_utils.lvs_transaction.recovery import recover
from tests.unit.filters.test_filters import INVENTORY
from tests.unit.model.builders import Case, Site
from tests.unit.model.compared import KEEPALIVED_CONF, KEY
from tests.unit.model.pretended import checker_dump, table_text

from .fleet import Fleet
from .test_rollback_playbook import HOSTS, TOOL, deploy


@pytest.fixture
def site() -> Site:
    """The plan of the fleet's inventory, and hosts that are as planned; lb1 owns the VIP."""
    found = Site(Case().plan())
    for host in HOSTS:
        found.seen[host]["os_release"] = 'ID=debian\nVERSION_ID="13"\n'
    for host in ("lb1", "lb2"):
        found.seen[host]["units"]["keepalived.service"]["MainPID"] = "700"
    return found


def differs(seen: dict[str, Any]) -> dict[str, Any]:
    """The same with another configuration: no change of the director itself, which owners give way for."""
    changed = copy.deepcopy(seen)
    changed["files"][KEEPALIVED_CONF]["sha256"] = "0" * 64
    return changed


def with_extra_server(site: Site, host: str) -> dict[str, Any]:
    """A director whose table has an entry that nobody wants, whatever is done about it."""
    seen = copy.deepcopy(site.seen[host])
    table = copy.deepcopy(site.plan["hosts"][host]["ipvs"])
    table[KEY]["servers"]["192.0.2.99:80"] = {"weight": 1, "method": "dr", "extra": []}
    seen["ipvs"]["table"] = table_text(table)
    return seen


@pytest.fixture
def fleet(tmp_path: Path, site: Site) -> Fleet:
    """Both directors were deployed before, and differ from the plan now."""
    found = Fleet(tmp_path, INVENTORY, HOSTS)
    for host in HOSTS:
        found.sees(host, site.seen[host])
    for host in ("lb1", "lb2"):
        deploy(found, host, "run1", conf="before\n")
        found.sees(host, differs(site.seen[host]), site.seen[host])
    return found


def test_a_standby_that_does_not_become_as_planned_goes_back_and_the_owner_is_not_touched(
    fleet: Fleet, site: Site
) -> None:
    fleet.sees("lb2", differs(site.seen["lb2"]), with_extra_server(site, "lb2"))

    code, said = fleet.play("playbooks/deploy.yml", host_reason="a test")

    assert code == 2, said
    assert fleet.read("lb2", KEEPALIVED_CONF) == "before\n"
    assert fleet.read("lb1", KEEPALIVED_CONF) == "before\n"
    assert "lb2 is not as planned; the rollout stops here, before the next director" in said
    assert "lb2: it did not become as planned, and went back to generation 000001" in said
    assert "lb1: not begun, as it was before" in said
    assert "Next: correct the cause and run site.yml again" in said
    log = fleet.log()
    assert {line.split()[0] for line in log} == {"lb2"}
    # Forth and back: the engine has read both.
    assert log.count("lb2 Reload keepalived, or start it") == 2
    assert fleet.locks() == []


def lacks(site: Site, host: str, *dead: str) -> dict[str, Any]:
    """A director whose checks find some real servers dead."""
    seen = copy.deepcopy(site.seen[host])
    planned = site.plan["hosts"][host]["ipvs"]
    states = {name: (name not in dead, True) for name in planned[KEY]["servers"]}
    seen["keepalived"]["data"] = checker_dump({KEY: states})
    seen["ipvs"]["table"] = table_text(planned, [(KEY, name) for name in dead])
    return seen


ALL = ("192.0.2.21:80", "192.0.2.22:80", "192.0.2.23:80")


def test_what_was_dead_before_is_no_reason_to_take_a_change_back(fleet: Fleet, site: Site) -> None:
    """During an outage a repair must be possible, also one that is only a part of it."""
    for host in ("lb1", "lb2"):
        fleet.sees(host, differs(lacks(site, host, *ALL)), lacks(site, host, *ALL))

    code, said = fleet.play("playbooks/deploy.yml")

    assert code == 0, said
    assert {line.split()[0] for line in fleet.log()} == {"lb1", "lb2"}


def test_what_a_change_kills_takes_it_back(fleet: Fleet, site: Site) -> None:
    fleet.sees("lb2", differs(site.seen["lb2"]), lacks(site, "lb2", *ALL))

    code, said = fleet.play("playbooks/deploy.yml")

    assert code == 2, said
    assert "its checks leave 0 of 3 real servers, fewer than min_servers 1" in said
    assert "lb2: it did not become as planned, and went back to generation 000001" in said


def test_where_all_is_well_both_get_it_and_the_lock_is_given_back(fleet: Fleet, site: Site) -> None:
    code, said = fleet.play("playbooks/deploy.yml")

    assert code == 0, said
    for host in ("lb1", "lb2"):
        (planned,) = (one for one in site.plan["hosts"][host]["files"] if one["path"] == KEEPALIVED_CONF)
        assert fleet.read(host, KEEPALIVED_CONF) == planned["content"]
    reloads = [line.split()[0] for line in fleet.log() if line.endswith("Reload keepalived, or start it")]
    assert reloads == ["lb2", "lb1"]
    assert fleet.locks() == []


def test_a_transaction_that_fails_says_who_has_what(fleet: Fleet) -> None:
    fleet.fails("lb1 keepalived runs")

    code, said = fleet.play("playbooks/deploy.yml")

    assert code == 2
    assert fleet.read("lb1", KEEPALIVED_CONF) == "before\n"
    assert "lb2: it has the new version, generation 000002" in said
    assert "lb1: it could not take the new version, and has what it had before" in said
    assert fleet.locks() == []


# VRRP's own protocol: laid down on both, and then the owner changes alone.


def elects_otherwise(seen: dict[str, Any]) -> dict[str, Any]:
    """The same with a running election of another router id, and another configuration."""
    changed = copy.deepcopy(seen)
    changed["keepalived"]["json"] = changed["keepalived"]["json"].replace('"vrid": 182', '"vrid": 77')
    changed["files"][KEEPALIVED_CONF]["sha256"] = "0" * 64
    return changed


@pytest.fixture
def electing(fleet: Fleet, site: Site) -> Fleet:
    """Both directors run another election than the planned one."""
    for host in ("lb1", "lb2"):
        fleet.sees(host, elects_otherwise(site.seen[host]), site.seen[host])
    fleet.keep_moments()
    return fleet


def engine(fleet: Fleet) -> list[str]:
    """What was done to the engine, in order."""
    words = {
        "Reload keepalived, or start it": "reads",
        "Stop keepalived.service, at boot too, until lb1 has changed": "stops",
    }
    lines = [line.split(" ", 1) for line in fleet.log()]
    return [f"{host} {words[name]}" for host, name in lines if name in words]


class Life:
    """Which election runs on which director, and which would start there, moment by moment of a change."""

    def __init__(self) -> None:
        self.running = dict.fromkeys(("lb1", "lb2"), "before")
        self.enabled = {"lb1", "lb2"}

    def goes_on(self, hosts: Path, command: str) -> None:
        """A command has run, with the files as they are in ``hosts``."""
        host, *words = command.split()
        if words[:1] == ["systemctl"] and words[-1] == "keepalived.service":
            if "enable" in words:
                self.enabled.add(host)
            if "disable" in words:
                self.enabled.discard(host)
            if {"stop", "--now"} & set(words):
                self.running.pop(host, None)
            if "reload-or-restart" in words:
                self.running[host] = election(hosts, host)

    def of_a_boot(self, hosts: Path) -> dict[str, str]:
        """The elections of directors that boot: what was under way is settled before."""
        found = {}
        for host in self.enabled:
            recover(Layout(str(hosts / host), "/var/lib/lvs-toolkit"), run_actions=False)
            found[host] = election(hosts, host)
        return found

    def of_a_crash(self, hosts: Path) -> dict[str, str]:
        """The elections of keepalived that has died and is started anew."""
        return {host: election(hosts, host) for host in self.running}


def election(hosts: Path, host: str) -> str:
    text = (hosts / host / KEEPALIVED_CONF.lstrip("/")).read_text()
    return "before" if text == "before\n" else "new"


def nobody_owns_beside_another(fleet: Fleet) -> None:
    """Whoever boots, or whose keepalived dies, at any moment of the run, and so where it is killed then."""
    life, moments = Life(), fleet.moments()
    assert moments
    for hosts, command in moments:
        life.goes_on(hosts, command)
        for how in (life.of_a_crash, life.of_a_boot):
            for host, own in how(hosts).items():
                others = {other for name, other in life.running.items() if name != host}
                assert others <= {own}, f"{how.__name__} of {host} after {command}: {own} beside {others}"
        assert len(set(life.of_a_boot(hosts).values())) == 1, f"all boot after {command}: {life.enabled}"


def test_a_change_of_the_protocol_stops_the_standby_and_changes_the_owner_alone(electing: Fleet) -> None:
    code, said = electing.play("playbooks/deploy.yml")

    assert code == 0, said
    assert "the running election of 192.0.2.10 has router id 77, the plan 182" in said
    assert engine(electing) == ["lb2 stops", "lb1 reads", "lb2 reads"]
    assert electing.read("lb2", KEEPALIVED_CONF) != "before\n"
    assert electing.locks() == []
    nobody_owns_beside_another(electing)


def test_an_owner_that_does_not_come_up_takes_up_what_it_had_and_the_standby_stays_stopped(
    electing: Fleet,
) -> None:
    electing.fails("lb1 keepalived runs")

    code, said = electing.play("playbooks/deploy.yml")

    assert code == 2
    assert electing.read("lb1", KEEPALIVED_CONF) == "before\n"
    assert engine(electing) == ["lb2 stops", "lb1 reads", "lb1 reads"]
    # Here "keepalived runs" fails with whatever files.
    assert "The files were rolled back to what they were before this run" in said
    assert "the others stay stopped, at boot too" in said
    assert "lb1: it could not take the new version, and has what it had before" in said
    assert electing.locks() == []
    nobody_owns_beside_another(electing)


def test_a_standby_that_does_not_come_up_is_stopped_since_the_owner_has_changed(electing: Fleet) -> None:
    electing.fails("lb2 keepalived runs")

    code, said = electing.play("playbooks/deploy.yml")

    assert code == 2
    assert engine(electing) == ["lb2 stops", "lb1 reads", "lb2 reads", "lb2 stops"]
    assert "it stays stopped, at boot too, and lb1 serves" in said
    nobody_owns_beside_another(electing)


def test_what_one_director_refuses_is_laid_down_on_none(electing: Fleet) -> None:
    """The last one that is asked is the owner."""
    electing.fails("lb1 keepalived accepts its configuration")

    code, _ = electing.play("playbooks/deploy.yml")

    assert code == 2
    assert [electing.read(host, KEEPALIVED_CONF) for host in ("lb1", "lb2")] == ["before\n"] * 2
    assert engine(electing) == []


def test_a_standby_that_cannot_take_its_files_stays_stopped_beside_the_former_election(
    electing: Fleet,
) -> None:
    electing.fails("lb2 Set what is missing of the network items")

    code, said = electing.play("playbooks/deploy.yml")

    assert code == 2
    assert engine(electing) == ["lb2 stops"]
    assert "it stays stopped, at boot too, and lb1 serves" in said
    assert [electing.read(host, KEEPALIVED_CONF) for host in ("lb1", "lb2")] == ["before\n"] * 2
    nobody_owns_beside_another(electing)


# Real servers in batches.


def test_real_servers_that_a_batch_has_broken_keep_the_next_batch_as_it_is(fleet: Fleet, site: Site) -> None:
    for host in ("web1", "web2", "web3"):
        changed = copy.deepcopy(site.seen[host])
        changed["files"][TOOL]["sha256"] = "0" * 64
        fleet.sees(host, changed)
    broken = copy.deepcopy(site.seen["lb1"])
    servers = site.plan["hosts"]["lb1"]["ipvs"][KEY]["servers"]
    states = {name: (name != "192.0.2.22:80", True) for name in servers}
    broken["keepalived"]["data"] = checker_dump({KEY: states})
    fleet.sees("lb1", site.seen["lb1"], broken)
    fleet.sees("lb2", site.seen["lb2"])

    code, said = fleet.play("playbooks/deploy.yml")

    assert code == 2, said
    assert f"web2: the checks of lb1 find it dead for {KEY} since its change" in said
    assert {line.split()[0] for line in fleet.log()} == {"web1", "web2"}
    assert "web3: not begun, as it was before" in said
    assert fleet.locks() == []
