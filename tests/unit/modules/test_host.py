"""The readers of lvs_facts on a root file system of the test's own, with commands that a table answers."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from module_utils import lvs_host
from module_utils.lvs_host import Host

from .node import Node

LIBRARY = f"lib/modules/{os.uname().release}"


def test_bare_node_has_no_problems_and_runs_nothing(node: Node) -> None:
    found = lvs_host.system(node.host)
    assert {key for key, value in found.items() if value is None} == {
        "os_release", "memory_kib", "boot_id", "uptime_s",
    }  # fmt: skip
    assert lvs_host.packages(node.host, ["keepalived"]) == {"keepalived": None}
    assert lvs_host.units(node.host, ["keepalived.service"]) == {"keepalived.service": None}
    assert lvs_host.modules(node.host, ["ip_vs"]) == {"ip_vs": "missing"}
    assert lvs_host.sysctls(node.host, ["net.ipv4.ip_forward"]) == {"net.ipv4.ip_forward": None}
    assert lvs_host.files(node.host, ["/etc/hosts"]) == {"/etc/hosts": None}
    assert set(lvs_host.ipvs(node.host).values()) == {None}
    assert (node.calls, node.host.problems) == ([], [])


@pytest.mark.parametrize("read", [lvs_host.packages, lvs_host.units, lvs_host.modules])
def test_nothing_wanted_runs_nothing(node: Node, read: Callable[[Host, list[str]], object]) -> None:
    node.command("dpkg-query")
    node.command("systemctl")
    assert read(node.host, []) == {}
    assert node.calls == []


def test_system(node: Node) -> None:
    node.file("etc/os-release", "ID=debian\n")
    node.file("proc/meminfo", "MemTotal:        4028452 kB\nMemFree: 1 kB\n")
    node.file("proc/sys/kernel/random/boot_id", "238885ba-392f-4536-b80e-c0e2ebb7a6cc\n")
    node.file("proc/uptime", "1562.73 3000.00\n")
    found = lvs_host.system(node.host)
    assert (found["os_release"], found["memory_kib"], found["uptime_s"]) == ("ID=debian\n", 4028452, 1562.73)
    assert found["boot_id"] == "238885ba-392f-4536-b80e-c0e2ebb7a6cc"
    assert (found["kernel"], found["hostname"]) == (os.uname().release, os.uname().nodename)


def test_packages_count_only_when_fully_installed(node: Node) -> None:
    node.command(
        "dpkg-query",
        1,
        "keepalived installed 1:2.3.3-1\nipvsadm config-files 1:1.31-1\nip installed 9\n"
        "heartbeat not-installed \n",
        "dpkg-query: no packages found matching nosuch\n",
    )
    names = ["keepalived", "ipvsadm", "heartbeat", "nosuch"]
    assert lvs_host.packages(node.host, names) == {
        "keepalived": "1:2.3.3-1", "ipvsadm": None, "heartbeat": None, "nosuch": None,
    }  # fmt: skip
    assert len(node.calls) == 1
    assert node.host.problems == []


def test_command_that_fails_is_a_problem(node: Node) -> None:
    node.command("dpkg-query", 2, "", "dpkg-query: error: cannot read the database\n")
    assert lvs_host.packages(node.host, ["keepalived"]) == {"keepalived": None}
    assert node.host.problems == [
        "dpkg-query -W -f: exit code 2: dpkg-query: error: cannot read the database"
    ]


SHOWN = """\
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
MainPID=812
NRestarts=0
ActiveEnterTimestampMonotonic=5120045
NeedDaemonReload=no

LoadState=loaded
ActiveState=active
SubState=active
UnitFileState=static
ActiveEnterTimestampMonotonic=1
NeedDaemonReload=no
"""


def test_units_in_one_call(node: Node) -> None:
    node.command("systemctl", 0, SHOWN)
    found = lvs_host.units(node.host, ["keepalived.service", "network-online.target"])
    assert found["keepalived.service"] == {
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "LoadState": "loaded",
        "MainPID": "812",
        "NRestarts": "0",
        "ActiveEnterTimestampMonotonic": "5120045",
        "NeedDaemonReload": "no",
    }
    target = found["network-online.target"]
    assert target is not None
    assert (target["SubState"], target["MainPID"]) == ("active", None)  # a target has no process
    assert len(node.calls) == 1


def test_units_that_do_not_match_their_names_are_a_problem(node: Node) -> None:
    node.command("systemctl", 0, SHOWN)
    assert lvs_host.units(node.host, ["keepalived.service"]) == {"keepalived.service": None}
    assert node.host.problems == ["systemctl show: 2 answers for 1 units"]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("ip_vs", "loaded"),
        ("nf-conntrack", "loaded"),
        ("ipip", "builtin"),
        ("fou", "builtin"),
        ("tcp_cubic", "builtin"),
        ("ip_vs_mh", "available"),
        ("ip-vs-wrr", "available"),
        ("ip_vs_sh", "available"),
        ("ip_vs_twos", "missing"),
        ("vs", "missing"),
    ],
)
def test_modules(node: Node, name: str, state: str) -> None:
    node.file("proc/modules", "ip_vs 184320 3 ip_vs_rr, Live 0x0\nnf_conntrack 200 1 ip_vs, Live 0x0\n")
    node.file(f"{LIBRARY}/modules.builtin", "kernel/net/ipv4/ipip.ko\nkernel/net/ipv4/fou.ko\n")
    node.file("sys/module/tcp_cubic/parameters/beta", "717\n")
    node.file(
        f"{LIBRARY}/modules.dep",
        "kernel/net/netfilter/ipvs/ip_vs_mh.ko: kernel/net/netfilter/ipvs/ip_vs.ko\n"
        "kernel/net/netfilter/ipvs/ip_vs_wrr.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz\n"
        "kernel/net/netfilter/ipvs/ip-vs-sh.ko.zst:\n",
    )
    assert lvs_host.modules(node.host, [name]) == {name: state}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        # sysctl.d(5): after a first dot, dots and slashes change places; after a first slash, they stay.
        ("net.ipv4.conf.bond0/120.arp_ignore", "/proc/sys/net/ipv4/conf/bond0.120/arp_ignore"),
        ("net/ipv4/conf/bond0.120/arp_ignore", "/proc/sys/net/ipv4/conf/bond0.120/arp_ignore"),
    ],
)
def test_sysctl_names(name: str, path: str) -> None:
    assert lvs_host.sysctl_path(name) == path


def test_sysctls_keep_the_name_they_were_asked_by(node: Node) -> None:
    node.file("proc/sys/net/ipv4/conf/bond0.120/arp_ignore", "1\n")
    node.file("proc/sys/net/ipv4/vs/sync_threshold", "3\t50\n")
    names = ["net/ipv4/conf/bond0.120/arp_ignore", "net.ipv4.vs.sync_threshold", "net.ipv4.vs.none"]
    assert lvs_host.sysctls(node.host, names) == dict(zip(names, ["1", "3\t50", None], strict=True))


def test_unreadable_sysctl_is_a_problem(node: Node) -> None:
    (node.root / "proc/sys/net/ipv4").mkdir(parents=True)
    assert lvs_host.sysctls(node.host, ["net.ipv4"]) == {"net.ipv4": None}
    assert node.host.problems == ["/proc/sys/net/ipv4: Is a directory"]


def test_who_reads_is_told(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert lvs_host.system(node.host)["euid"] == 1000


IP_VS = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n"


def test_ipvs(node: Node) -> None:
    node.file("proc/net/ip_vs", IP_VS)
    node.file("sys/module/ip_vs/parameters/conn_tab_bits", "12\n")
    node.command("ipvsadm -Sn", 0, "-A -t 192.0.2.10:80 -s wrr\n")
    node.command("ipvsadm -ln --thresholds", 0, "TCP  192.0.2.10:80 wrr\n")
    node.command("ipvsadm -ln --daemon", 0, "master sync daemon (mcast=eth1, syncid=51)\n")
    assert lvs_host.ipvs(node.host) == {
        "proc": "IP Virtual Server version 1.2.1 (size=4096)",
        "table": "-A -t 192.0.2.10:80 -s wrr\n",
        "thresholds": "TCP  192.0.2.10:80 wrr\n",
        "daemons": "master sync daemon (mcast=eth1, syncid=51)\n",
        "conn_tab_bits": "12",
    }


def test_ipvsadm_is_not_run_without_ipvs_in_the_kernel(node: Node) -> None:
    node.command("ipvsadm -Sn")  # it would load the module
    assert lvs_host.ipvs(node.host)["table"] is None
    assert node.calls == []


def test_ipvs_without_ipvsadm(node: Node) -> None:
    node.file("proc/net/ip_vs", IP_VS)
    found = lvs_host.ipvs(node.host)
    assert (found["proc"], found["table"]) == ("IP Virtual Server version 1.2.1 (size=4096)", None)
    assert node.host.problems == []


TOOL = "/usr/local/lib/lvs-toolkit/lvs-network"
HELD = "address 192.0.2.10 lo\n"


def test_the_networks_items_are_those_that_the_tool_tells(node: Node) -> None:
    node.file(TOOL[1:], "").chmod(0o755)
    node.answers[TOOL] = (0, HELD, "")
    assert lvs_host.network(node.host) == {"network": HELD, "network_error": None}
    assert node.calls == [[TOOL, "held"]]


@pytest.mark.parametrize("mode", [None, 0o644])
def test_without_the_tool_there_are_no_items(node: Node, mode: int | None) -> None:
    if mode is not None:
        node.file(TOOL[1:], "").chmod(mode)
    assert lvs_host.network(node.host) == {"network": None, "network_error": None}
    assert (node.calls, node.host.problems) == ([], [])


@pytest.mark.parametrize(
    ("err", "why"),
    [
        ("line 3 is broken\n", "line 3 is broken"),
        ("Traceback (most recent call last):\n  File\nKeyError: 'x'\n", "KeyError: 'x'"),
        ("", "exit code 1"),
    ],
)
def test_a_tool_that_fails_is_a_problem_and_not_a_host_that_holds_nothing(
    node: Node, err: str, why: str
) -> None:
    node.file(TOOL[1:], "").chmod(0o755)
    node.answers[TOOL] = (1, HELD, err)
    assert lvs_host.network(node.host) == {"network": None, "network_error": why}
    assert node.host.problems == [f"{TOOL} held: exit code 1: {why}"]


RULESET = '{"nftables": [{"table": {"family": "inet", "name": "%s"}}]}'


def test_the_rules_of_nftables(node: Node) -> None:
    node.command("nft -j list ruleset", 0, RULESET % "lvs_toolkit")
    node.command("nft -s list table inet lvs_toolkit", 0, "table inet lvs_toolkit {\n}\n")
    node.file("run/lvs-toolkit/nftables.loaded", "table inet lvs_toolkit {\n\tchain raw\n}\n")
    assert lvs_host.nftables(node.host) == {
        "ours": "table inet lvs_toolkit {\n}\n",
        "loaded": "table inet lvs_toolkit {\n\tchain raw\n}\n",
        "ruleset": RULESET % "lvs_toolkit",
    }


@pytest.mark.parametrize("name", ["filter", "lvs_toolkit_2", "not_lvs_toolkit"])
def test_our_table_is_asked_for_only_if_it_is_there(node: Node, name: str) -> None:
    node.command("nft -j list ruleset", 0, RULESET % name)
    found = lvs_host.nftables(node.host)
    assert (found["ours"], found["loaded"], found["ruleset"]) == (None, None, RULESET % name)
    assert (len(node.calls), node.host.problems) == (1, [])


def test_without_nft_only_what_was_loaded_is_known(node: Node) -> None:
    node.file("run/lvs-toolkit/nftables.loaded", "table\n")
    assert lvs_host.nftables(node.host) == {"ours": None, "loaded": "table\n", "ruleset": None}
    assert (node.calls, node.host.problems) == ([], [])


_ZERO, _NEXT = "0" * 32, "fe80000000000000000000000000000a"
# Destination, its prefix, source, its prefix, next hop, metric, references, uses, flags, link.
_ROUTES = f"""\
{_ZERO} 00 {_ZERO} 00 {_NEXT} 00000400 00000001 00000000 00450003     eth0
20010db8000000000000000000000000 40 {_ZERO} 00 {_ZERO} 00000100 00000001 00000000 00440001     eth1
{_ZERO} 00 {_ZERO} 00 {_ZERO} ffffffff 00000001 00000000 00200200       lo
"""


def test_default_routes_by_advertisements_are_told_with_what_the_link_accepts(node: Node) -> None:
    node.file("proc/net/ipv6_route", _ROUTES)
    node.file("proc/sys/net/ipv6/conf/eth0/accept_ra", "1\n")
    assert lvs_host.ra_routes(node.host) == {"eth0": "1"}


def test_a_default_route_of_its_own_stays_whatever_is_advertised(node: Node) -> None:
    own = f"{_ZERO} 00 {_ZERO} 00 {_NEXT} 00000400 00000001 00000000 00000003 bond0.12\n"
    node.file("proc/net/ipv6_route", _ROUTES + own)
    assert lvs_host.ra_routes(node.host) == {}


def test_without_ipv6_there_are_none(node: Node) -> None:
    assert (lvs_host.ra_routes(node.host), node.host.problems) == ({}, [])
