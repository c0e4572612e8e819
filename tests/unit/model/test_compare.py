"""Plan against observations, for all hosts at once: what to do, in which order, and what forbids it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.compare import compare
from lvs_model.problems import ModelError

from .builders import Case, Site, checker_dump, link, table_text

KEEPALIVED_CONF = "/etc/keepalived/keepalived.conf"
SYSCTLS = "/etc/sysctl.d/90-lvs-director.conf"
KEY = "TCP 192.0.2.10:80"


def changed(site: Site, *hosts: str) -> None:
    """Let a file of hosts differ."""
    for host in hosts:
        path = next(iter(site.seen[host]["files"]))
        site.seen[host]["files"][path] = None


def work(site: Site, *accepted: str) -> dict[str, Any]:
    found = compare(site.plan, site.seen, list(accepted))
    json.dumps(found)  # it becomes an Ansible fact
    return found


def problems(site: Site, *accepted: str) -> list[str]:
    with pytest.raises(ModelError) as error:
        compare(site.plan, site.seen, list(accepted))
    return [str(problem) for problem in error.value.problems]


def forced(site: Site, host: str) -> list[str]:
    return [" ".join(action["argv"]) for action in work(site)["hosts"][host]["actions"] if action["force"]]


def test_a_converged_cluster_has_nothing_to_do() -> None:
    assert work(Site()) == {
        "hosts": {},
        "expand": [],
        "directors": [],
        "contract": [],
        "again": [],
        "unreachable": [],
        "summary": ["0 of 5 hosts differ from the plan"],
    }


def test_hosts_of_the_plan_that_were_not_asked_are_left_alone() -> None:
    site = Site()
    changed(site, "lb1", "lb2", "web1")
    site.seen = {host: site.seen[host] for host in ("lb2", "web2")}

    found = work(site)

    assert list(found["hosts"]) == found["directors"] == ["lb2"]


# Order.


@pytest.mark.parametrize(
    ("owner", "differing", "order"),
    [
        ("lb1", ["lb1", "lb2"], ["lb2", "lb1"]),
        ("lb2", ["lb1", "lb2"], ["lb1", "lb2"]),
        (None, ["lb1", "lb2"], ["lb1", "lb2"]),  # the preferred one becomes the owner
        ("lb1", ["lb1"], ["lb1"]),
        ("lb1", ["lb2"], ["lb2"]),
    ],
)
def test_the_standby_director_comes_first(owner: str | None, differing: list[str], order: list[str]) -> None:
    site = Site()
    site.owner["edge"] = owner
    site.look()
    changed(site, *differing)

    assert work(site)["directors"] == order


def test_of_three_directors_the_owner_is_last_and_the_others_in_order_of_preference() -> None:
    case = Case()
    case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])
    site = Site(case.plan())
    site.owner["edge"] = "lb2"
    site.look()
    changed(site, "lb1", "lb2", "lb3")

    assert work(site)["directors"] == ["lb1", "lb3", "lb2"]


def test_any_vip_makes_an_owner() -> None:
    case = Case()
    case.service["vips"] = ["192.0.2.10", "192.0.2.20"]
    site = Site(case.plan())
    site.links(
        "lb1", link("lb1", "eth0", ["192.0.2.11", "192.0.2.20"]), link("lb1", "eth1", ["198.51.100.11"])
    )
    changed(site, "lb1", "lb2")

    assert work(site)["directors"] == ["lb2", "lb1"]


def test_each_cluster_has_its_own_standby() -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    site.owner["two"] = "two-lb2"
    site.look()
    changed(site, "lb1", "lb2", "two-lb1", "two-lb2")

    assert work(site)["directors"] == ["lb2", "lb1", "two-lb1", "two-lb2"]


def test_steps_are_expand_then_directors_then_contract() -> None:
    site = Site()
    changed(site, "lb1", "web1")
    site.links(
        "web2",
        link("web2", "lo", ["192.0.2.10", "192.0.2.20"], "lo:lvs"),
        link("web2", "eth0", ["192.0.2.22"]),
    )
    site.links("web3", link("web3", "lo", ["192.0.2.20"], "lo:lvs"), link("web3", "eth0", ["192.0.2.23"]))

    found = work(site)

    assert found["expand"] == ["web1", "web3"]
    assert found["directors"] == ["lb1"]
    assert found["contract"] == ["web2", "web3"]


def test_what_is_contracted_is_not_removed_in_the_step_before() -> None:
    site = Site()
    site.links("web3", link("web3", "lo", ["192.0.2.20"], "lo:lvs"), link("web3", "eth0", ["192.0.2.23"]))

    found = work(site)["hosts"]["web3"]

    script = "/usr/local/lib/lvs-toolkit/real-server"
    assert [action["argv"] for action in found["contract"]] == [[script, "contract"]]
    assert forced(site, "web3") == ["systemctl reload-or-restart lvs-real-server.service"]
    assert found["changes"] == ["VIP 192.0.2.10 is not on lo", "VIP 192.0.2.20 is still on lo"]


@pytest.mark.xfail(strict=True, reason="VIPs are contracted whatever is known of the directors")
@pytest.mark.parametrize("lb1", ["unreachable", "not asked"])
def test_nothing_is_contracted_while_a_director_that_may_forward_was_not_seen(lb1: str) -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    if lb1 == "unreachable":
        site.seen["lb1"] = {}
    else:
        del site.seen["lb1"]
    for host, number in (("web3", 23), ("two-web1", 35)):
        vips = [*site.plan["hosts"][host]["labelled"], "192.0.2.20"]
        site.links(host, link(host, "lo", vips, "lo:lvs"), link(host, "eth0", [f"192.0.2.{number}"]))

    assert work(site, "lb1")["contract"] == ["two-web1"]


# What drifted is mended by what.


@pytest.mark.parametrize(
    ("host", "path", "value", "commands"),
    [
        (
            "lb1",
            ("modules", "ip_vs_wrr"),
            "available",
            ["modprobe -a ip_vs ip_vs_wrr", f"sysctl --quiet --load={SYSCTLS}"],
        ),
        ("lb1", ("sysctls", "net/ipv4/vs/conntrack"), "1", [f"sysctl --quiet --load={SYSCTLS}"]),
        (
            "lb1",
            ("units", "keepalived.service", "ActiveState"),
            "inactive",
            ["systemctl reload-or-restart keepalived.service"],
        ),
        (
            "lb1",
            ("units", "keepalived.service", "UnitFileState"),
            "disabled",
            ["systemctl enable keepalived.service"],
        ),
        ("lb1", ("units", "keepalived.service", "NeedDaemonReload"), "yes", ["systemctl daemon-reload"]),
        (
            "web1",
            ("sysctls", "net/ipv4/conf/eth0/arp_ignore"),
            "0",
            ["systemctl reload-or-restart lvs-real-server.service"],
        ),
        (
            "web1",
            ("units", "lvs-real-server.service", "ActiveState"),
            "failed",
            ["systemctl reload-or-restart lvs-real-server.service"],
        ),
        ("lb1", ("packages", "keepalived"), None, []),
        ("lb1", ("files", KEEPALIVED_CONF), None, []),  # config_set's changed file triggers its actions
    ],
)
def test_drift_forces_the_action_that_heals_it(
    host: str, path: tuple[str, ...], value: object, commands: list[str]
) -> None:
    site = Site()
    inner = site.seen[host]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value

    assert forced(site, host) == commands
    found = work(site)["hosts"][host]
    assert found["act"] is True
    # Every action of the plan stands there in its order, for files that change.
    planned = site.plan["hosts"][host]["actions"]
    assert [action["name"] for action in found["actions"]] == [action["name"] for action in planned]


def test_missing_packages_are_listed_by_component() -> None:
    site = Site()
    for package in ("ipvsadm", "kmod", "keepalived"):
        site.seen["lb1"]["packages"][package] = None

    assert work(site)["hosts"]["lb1"]["install"] == {
        "ipvs": ["ipvsadm", "kmod"],
        "keepalived": ["keepalived"],
    }


# The kernel's table.


def lb1_without(dead: bool, checked: bool) -> Site:
    site = Site()
    planned = site.plan["hosts"]["lb1"]["ipvs"]
    web1 = "192.0.2.21:80"
    site.seen["lb1"]["ipvs"]["table"] = table_text(planned, [(KEY, web1)])
    states = dict.fromkeys(planned[KEY]["servers"], (True, True)) | {web1: (not dead, checked)}
    site.seen["lb1"]["keepalived"]["data"] = checker_dump({KEY: states})
    return site


def test_table_drift_is_mended_by_ipvsadm() -> None:
    site = lb1_without(dead=False, checked=True)

    assert forced(site, "lb1") == ["ipvsadm -a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3"]
    assert work(site)["directors"] == ["lb1"]


def test_a_server_that_is_dead_is_a_note_and_no_work() -> None:
    found = work(lb1_without(dead=True, checked=True))

    assert found["hosts"] == {}
    assert found["summary"] == [
        "note: lb1: its checks find real server 192.0.2.21:80 of TCP 192.0.2.10:80 dead",
        "0 of 5 hosts differ from the plan",
    ]


def test_a_server_that_waits_for_its_check_is_no_reason_to_act_but_to_look_again() -> None:
    found = work(lb1_without(dead=True, checked=False))

    assert found["hosts"]["lb1"]["act"] is False
    assert found["directors"] == []
    assert forced(lb1_without(dead=True, checked=False), "lb1") == []
    assert found["again"] == ["lb1", "lb2"]


@pytest.mark.parametrize(
    ("path", "mended"),
    [
        (SYSCTLS, True),  # nothing else would mend the table
        (KEEPALIVED_CONF, False),  # the reload changes it first; what it leaves is the gate's
    ],
)
def test_table_drift_beside_a_changed_file(path: str, mended: bool) -> None:
    site = lb1_without(dead=False, checked=True)
    site.seen["lb1"]["files"][path] = None

    assert ("ipvsadm" in " ".join(forced(site, "lb1"))) is mended


# Looking again.


@pytest.mark.parametrize(
    ("differing", "again"),
    [
        ([], []),
        # What directors saw in ARP before proves nothing about a real server that changed.
        (["web1"], ["lb1", "lb2", "web1"]),
        (["lb2"], ["lb1", "lb2"]),
    ],
)
def test_changed_hosts_and_their_directors_are_observed_again(differing: list[str], again: list[str]) -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    changed(site, *differing)

    assert work(site)["again"] == again


# The operator's summary.


def test_the_summary_says_what_differs_host_by_host() -> None:
    site = Site()
    changed(site, "web1")
    site.seen["web2"] = {}
    site.seen["web3"]["problems"] = ["/proc/x: Input/output error"]
    site.seen["lb1"]["ipvs"]["conn_tab_bits"] = "10"

    assert work(site)["summary"] == [
        "note: web2 is unreachable and was skipped",
        "note: lb1: the connection table has 2^10 buckets until ip_vs is loaded anew (planned: 2^12)",
        "note: web3: /proc/x: Input/output error",
        "web1: /usr/local/lib/lvs-toolkit/real-server is missing",
        "1 of 4 hosts differ from the plan",
    ]
