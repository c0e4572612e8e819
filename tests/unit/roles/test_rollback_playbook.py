"""playbooks/rollback.yml as an operator runs it, on hosts that are folders, with real transactions."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_transaction.model import parse_request
from module_utils.lvs_transaction.transaction import apply
from tests.unit.filters.test_filters import INVENTORY
from tests.unit.model.builders import Case, Site
from tests.unit.model.compared import KEY
from tests.unit.model.pretended import checker_dump, table_text

from .fleet import Fleet, _name

HOSTS = ["lb1", "lb2", "web1", "web2", "web3"]
CONF = "/etc/keepalived/keepalived.conf"
NETWORK = "/etc/lvs-toolkit/network.conf"
TOOL = "/usr/local/lib/lvs-toolkit/lvs-network"
BOOK = "playbooks/rollback.yml"
# Checks that have their say at once: a gate waits for them.
QUICK = {"interval": 1, "timeout": 1, "retries": 0}


def deploy(fleet: Fleet, host: str, run: str, **texts: str) -> None:
    """A generation of a host, with files by the end of their path."""
    paths = {"conf": CONF, "network": NETWORK, "tool": TOOL}
    files = [
        {"path": paths[name], "content": text, "mode": "0644", "secret": False, "state": "present"}
        | {"owner": _name("-un"), "group": _name("-gn")}
        for name, text in texts.items()
    ]
    params: dict[str, Any] = {kind: [] for kind in ("prepare", "validate", "actions", "health", "installed")}
    stamp = {"run": run, "operator": "ada", "commit": f"of-{run}", "reason": f"why {run}"}
    root = str(fleet.base / "hosts" / host)
    given = {"files": files, "generation": stamp, "keep": 5, "guard_s": 90, "confirm": False, "restore": None}
    apply(parse_request({**params, **given, "root": root, "state_dir": "/var/lib/lvs-toolkit"}, check=False))


@pytest.fixture(scope="module", autouse=True)
def _quick() -> None:
    os.environ.setdefault("ANSIBLE_FORKS", "5")


@pytest.fixture
def site() -> Site:
    """The plan of the fleet's inventory, and hosts that are well; lb1 owns the VIP."""
    case = Case()
    case.service["check"] |= QUICK
    found = Site(case.plan())
    for host in ("lb1", "lb2"):
        found.seen[host]["units"]["keepalived.service"]["MainPID"] = "700"
    return found


@pytest.fixture
def fleet(tmp_path: Path, site: Site) -> Fleet:
    """Two runs: the first one everywhere, the second one changed the directors and web1."""
    inventory = INVENTORY.replace("'path': '/' ~ 'healthz'", f"'path': '/' ~ 'healthz', {str(QUICK)[1:-1]}")
    assert inventory != INVENTORY
    found = Fleet(tmp_path, inventory, HOSTS)
    for host in HOSTS:
        texts = {"conf": "first\n"} if host.startswith("lb") else {"network": "first\n", "tool": "tool\n"}
        deploy(found, host, "run1", **texts)
    for host in ("lb1", "lb2"):
        deploy(found, host, "run2", conf="second\n")
    deploy(found, "web1", "run2", network="second\n", tool="tool\n")
    for host in ("lb1", "lb2"):
        found.sees(host, site.seen[host])
    return found


def state(fleet: Fleet) -> list[str | None]:
    return [fleet.read(host, CONF if host.startswith("lb") else NETWORK) for host in HOSTS]


def test_without_a_generation_it_lists_and_changes_nothing(fleet: Fleet) -> None:
    before = state(fleet)
    code, said = fleet.play(BOOK, cluster="edge")

    assert code == 0
    assert "lb1: generation 000002 (now), " in said
    assert "commit of-run2, by ada, run run2, 1 files: why run2" in said
    assert "web2: generation 000001 (now)" in said
    assert (state(fleet), fleet.locks(), fleet.log()) == (before, [], [])


def test_a_cluster_goes_back_servers_first_and_the_owner_last(fleet: Fleet) -> None:
    code, said = fleet.play(BOOK, cluster="edge", generation="previous")

    assert code == 0
    assert state(fleet) == ["first\n"] * 5
    reloads = [line for line in fleet.log() if "Reload keepalived" in line or "network items" in line]
    assert [line.split()[0] for line in reloads] == ["web1", "lb2", "lb1", "web1"]
    assert fleet.locks() == []
    assert "The inventory still says what was left" in said

    # Once more is back from the rollback itself, which is the last run now.
    assert fleet.play(BOOK, cluster="edge", generation="run2")[0] == 0
    assert state(fleet) == ["second\n", "second\n", "second\n", "first\n", "first\n"]
    code, said = fleet.play(BOOK, cluster="edge", generation="run2")
    assert code == 0
    assert "Nothing to do: every host is there already." in said
    assert "changed=1" not in said


def everywhere(fleet: Fleet) -> None:
    """A third run that has changed every host."""
    for host in HOSTS:
        texts = {"conf": "third\n"} if host.startswith("lb") else {"network": "third\n", "tool": "tool\n"}
        deploy(fleet, host, "run3", **texts)


BEFORE = ["second\n", "second\n", "second\n", "first\n", "first\n"]


def begun(fleet: Fleet) -> list[str]:
    """The hosts whose configuration took effect, in order; those of a batch by name."""
    words = ("Reload keepalived", "Set what is missing of the network items")
    return [line.split()[0] for line in fleet.log() if any(word in line for word in words)]


def test_all_hosts_go_back_real_servers_in_batches_that_leave_one_to_each_pool(fleet: Fleet) -> None:
    everywhere(fleet)
    code, said = fleet.play(BOOK, "--check", cluster="edge", generation="previous")
    assert code == 0, said
    assert "web3 goes back to generation 000001" in said
    assert (state(fleet), fleet.locks()) == (["third\n"] * 5, [])
    fleet.log()

    code, said = fleet.play(BOOK, cluster="edge", generation="previous", host_reason="a test")
    assert code == 0, said
    assert state(fleet) == BEFORE
    order = begun(fleet)
    assert (set(order[:2]), order[2:5]) == ({"web1", "web2"}, ["web3", "lb2", "lb1"])
    code, said = fleet.play(BOOK, host="lb2")
    assert "back to 000002: a test" in said


def test_real_servers_that_a_batch_has_broken_stop_it_before_the_next_one_and_the_directors(
    fleet: Fleet, site: Site
) -> None:
    everywhere(fleet)
    broken = copy.deepcopy(site.seen["lb1"])
    servers = site.plan["hosts"]["lb1"]["ipvs"][KEY]["servers"]
    broken["keepalived"]["data"] = checker_dump(
        {KEY: {name: (name != "192.0.2.22:80", True) for name in servers}}
    )
    fleet.sees("lb1", site.seen["lb1"], broken)

    code, said = fleet.play(BOOK, cluster="edge", generation="previous")

    assert code == 2
    assert state(fleet) == ["third\n", "third\n", "second\n", "first\n", "third\n"]
    assert f"web2: the checks of lb1 find it dead for {KEY} since its change" in said
    assert "web1: it has the former version, generation 000004" in said
    assert "web3: not begun, as it was before" in said
    assert "playbooks/rollback.yml -e cluster=edge -e generation=run2; or take all of it forward" in said
    assert fleet.locks() == []


def test_a_standby_that_is_not_well_takes_up_what_it_had_and_the_owner_is_not_touched(
    fleet: Fleet, site: Site
) -> None:
    ill = copy.deepcopy(site.seen["lb2"])
    table = copy.deepcopy(site.plan["hosts"]["lb2"]["ipvs"])
    del table[KEY]["servers"]["192.0.2.22:80"]
    ill["ipvs"]["table"] = table_text(table)
    fleet.sees("lb2", site.seen["lb2"], ill)

    code, said = fleet.play(BOOK, cluster="edge", generation="previous")

    assert code == 2
    assert state(fleet) == ["second\n", "second\n", "first\n", "first\n", "first\n"]
    assert "lb2 is not well with generation 000001; the rollout stops here, before the next director" in said
    assert f"{KEY}: real server 192.0.2.22:80 is missing in the kernel's table" in said
    assert "lb2: it did not become well, and went back to generation 000002" in said
    assert "lb1: not begun, as it was before" in said
    # Forth and back: the engine has read both.
    assert [host for host in begun(fleet) if host.startswith("lb")] == ["lb2", "lb2"]
    assert fleet.locks() == []

    # Well again, it goes on by the name that was told, and only where it had not been.
    fleet.sees("lb2", site.seen["lb2"])
    assert fleet.play(BOOK, cluster="edge", generation="run1")[0] == 0
    assert state(fleet) == ["first\n"] * 5
    assert begun(fleet) == ["lb2", "lb1"]


def test_a_keepalived_that_was_restarted_counts_as_not_well(fleet: Fleet, site: Site) -> None:
    anew = copy.deepcopy(site.seen["lb2"])
    anew["units"]["keepalived.service"]["MainPID"] = "701"
    fleet.sees("lb2", site.seen["lb2"], anew)

    code, said = fleet.play(BOOK, cluster="edge", generation="previous")

    assert code == 2
    assert state(fleet)[:2] == ["second\n", "second\n"]
    assert "keepalived on lb2 was restarted" in said


def test_one_host_goes_back_to_a_number_and_check_mode_only_predicts(fleet: Fleet) -> None:
    code, said = fleet.play(BOOK, "--check", host="lb2", generation="1")
    assert (code, fleet.read("lb2", CONF)) == (0, "second\n")
    assert "lb2 goes back to generation 000001" in said

    assert fleet.play(BOOK, host="lb2", generation="1")[0] == 0
    assert state(fleet)[:3] == ["second\n", "first\n", "second\n"]


def test_a_director_that_does_not_come_up_stops_it_before_the_owner(fleet: Fleet) -> None:
    fleet.fails("lb2 keepalived runs")
    code, said = fleet.play(BOOK, cluster="edge", generation="previous")

    assert code == 2
    assert state(fleet)[:2] == ["second\n", "second\n"]
    assert fleet.locks() == []
    assert "The rollout has stopped" in said
    assert not [line for line in fleet.log() if line.startswith("lb1")]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "rollback: it wants one host or one cluster: give -e host= one of lb1, lb2, web1"),
        ({"host": "lb9", "generation": "1"}, "rollback: there is no planned host lb9"),
        ({"cluster": "egde"}, "rollback: there is no cluster egde"),
        ({"host": "lb1", "generation": "7"}, "host lb1 keeps no generation 000007"),
        ({"cluster": "edge", "generation": "1"}, "a number is a generation of one host"),
        ({"cluster": "edge", "generation": "run9"}, "no run run9 is kept there: runs that are: run1, run2"),
        (
            {"host": "web2", "generation": "previous"},
            "host web2 keeps nothing from before the last run (run1)",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_changed(
    fleet: Fleet, given: dict[str, str], words: str
) -> None:
    before = state(fleet)
    code, said = fleet.play(BOOK, **given)

    assert code == 2
    assert words in said
    assert "Traceback" not in said
    assert (state(fleet), fleet.locks()) == (before, [])


def test_an_unreachable_host_stops_it_unless_it_is_accepted(fleet: Fleet) -> None:
    fleet.cut("web1")
    code, said = fleet.play(BOOK, cluster="edge", generation="previous")
    assert code == 2
    assert "host web1: it is unreachable, and would stay with another version than the others" in said
    assert state(fleet)[:2] == ["second\n", "second\n"]

    assert fleet.play(BOOK, cluster="edge", generation="previous", lvs_accept_unreachable="web1")[0] == 0
    assert state(fleet)[:3] == ["first\n", "first\n", "second\n"]


@pytest.mark.parametrize(
    ("conf", "words"),
    [("vrrp_instance x {\n virtual_router_id 52\n}\n", "generation 000002 has another VRRP protocol")],
)
def test_what_cannot_change_host_by_host_is_refused(fleet: Fleet, conf: str, words: str) -> None:
    deploy(fleet, "lb1", "run3", conf=conf)
    code, said = fleet.play(BOOK, host="lb1", generation="previous")
    assert code == 2
    assert words in said
    assert fleet.read("lb1", CONF) == conf
