"""What drifted is mended by what: actions of the plan, packages, ipvsadm's commands for the table."""

from __future__ import annotations

import pytest

from lvs_model.compare import host_work

from .builders import Case, Site
from .compared import APPLY, KEEPALIVED_CONF, KERNELS, KEY, NETWORK_CONF, forced, work
from .judged import checks
from .pretended import checker_dump, table_text


@pytest.mark.parametrize(
    ("host", "path", "value", "commands"),
    [
        (
            "lb1",
            ("modules", "ip_vs_wrr"),
            "available",
            [APPLY],
        ),
        ("lb1", ("sysctls", "net/ipv4/vs/conntrack"), "1", [APPLY]),
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
        # One of each component with units: network, keepalived, overrides.
        ("lb1", ("units", "keepalived.service", "NeedDaemonReload"), "yes", ["systemctl daemon-reload"] * 3),
        (
            "web1",
            ("sysctls", "net/ipv4/conf/eth0/arp_ignore"),
            "0",
            [APPLY],
        ),
        (
            "web1",
            ("units", "lvs-network.service", "ActiveState"),
            "failed",
            [APPLY],
        ),
        ("web1", ("network",), None, [APPLY]),  # nothing is held
        (
            "lb1",
            ("units", "lvs-network.service", "UnitFileState"),
            "static",
            ["systemctl enable lvs-network.service lvs-network-watch.service"],
        ),
        (
            "web1",
            ("units", "lvs-network-watch.service", "ActiveState"),
            "inactive",
            ["systemctl reload-or-restart lvs-network-watch.service"],
        ),
        ("lb1", ("packages", "keepalived"), None, []),
        ("lb1", ("users", "keepalived_script"), None, []),  # its role's tasks make it
        ("web1", ("unfinished",), ["20261122T153229Z"], []),  # config_set settles it before all else
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
        "ipvs": ["ipvsadm"],
        "network": ["kmod"],
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


def test_a_mend_that_a_check_has_done_meanwhile_is_no_failure() -> None:
    """Ipvsadm ends with 255 where the entry is there, or gone, already; the gate judges the outcome."""
    actions = work(lb1_without(dead=False, checked=True))["hosts"]["lb1"]["actions"]

    (mend,) = [action for action in actions if action["argv"][0] == "ipvsadm"]
    assert mend["ok"] == list(range(256))
    assert [action for action in actions if "ok" in action] == [mend]


def test_a_dead_server_in_the_table_is_taken_out() -> None:
    site = lb1_without(dead=True, checked=True)
    site.seen["lb1"]["ipvs"]["table"] = site.seen["lb2"]["ipvs"]["table"]

    assert forced(site, "lb1") == ["ipvsadm -d -t 192.0.2.10:80 -r 192.0.2.21:80"]


def test_too_few_live_servers_are_told_and_not_acted_on() -> None:
    case = Case()
    case.service["min_servers"] = 3
    site = Site(case.plan())
    checks(site, {"192.0.2.21:80": (False, True)}, "lb1")

    found = work(site)

    assert found["hosts"]["lb1"]["changes"] == [
        f"{KEY}: its checks leave 2 of 3 real servers, fewer than min_servers 3"
    ]
    assert (found["hosts"]["lb1"]["act"], found["directors"], forced(site, "lb1")) == (False, [], [])


def test_a_server_that_is_dead_is_a_note_and_no_work() -> None:
    found = work(lb1_without(dead=True, checked=True))

    assert found["hosts"] == {}
    assert found["summary"] == [
        KERNELS[0],
        "note: lb1: its checks find real server 192.0.2.21:80 of TCP 192.0.2.10:80 dead",
        KERNELS[1],
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
        (NETWORK_CONF, True),  # nothing else would mend the table
        (KEEPALIVED_CONF, False),  # the reload changes it first; what it leaves is the gate's
    ],
)
def test_table_drift_beside_a_changed_file(path: str, mended: bool) -> None:
    site = lb1_without(dead=False, checked=True)
    site.seen["lb1"]["files"][path] = None

    assert ("ipvsadm" in " ".join(forced(site, "lb1"))) is mended


# One host, looked at again after its change.


@pytest.mark.parametrize(
    ("raw", "why"),
    [({}, "it is unreachable"), ({"failed": "No space left on device"}, "No space left on device")],
)
def test_a_host_that_cannot_be_seen_is_not_as_planned(raw: dict[str, object], why: str) -> None:
    planned = Site().plan["hosts"]["lb1"]

    assert host_work(planned, "lb1", raw) == {
        "changes": [f"it could not be observed: {why}"],
        "actions": [],
    }


def test_one_hosts_work_is_its_part_of_all_hosts_work() -> None:
    site = lb1_without(dead=False, checked=True)

    found = host_work(site.plan["hosts"]["lb1"], "lb1", site.seen["lb1"])

    assert found == work(site)["hosts"]["lb1"]
    assert found["changes"] == [f"{KEY}: real server 192.0.2.21:80 is missing"]
    assert host_work(site.plan["hosts"]["lb2"], "lb2", site.seen["lb2"])["changes"] == []
