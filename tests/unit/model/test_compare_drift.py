"""What drifted is mended by what: actions of the plan, packages, ipvsadm's commands for the table."""

from __future__ import annotations

import pytest

from .builders import Site
from .compared import KEEPALIVED_CONF, KERNELS, KEY, SYSCTLS, forced, work
from .pretended import checker_dump, table_text


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
        (SYSCTLS, True),  # nothing else would mend the table
        (KEEPALIVED_CONF, False),  # the reload changes it first; what it leaves is the gate's
    ],
)
def test_table_drift_beside_a_changed_file(path: str, mended: bool) -> None:
    site = lb1_without(dead=False, checked=True)
    site.seen["lb1"]["files"][path] = None

    assert ("ipvsadm" in " ".join(forced(site, "lb1"))) is mended
