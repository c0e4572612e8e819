"""One host against its plan: what differs, by kind. The kernel's table: test_differences_table.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lvs_model.differences import Difference, host_differences
from lvs_model.observation import Observation

from .builders import Case, Site
from .pretended import Raw, link

CONFIGURATION = "/etc/keepalived/keepalived.conf"
UNIT = "keepalived.service"


def differences(site: Site, host: str) -> list[Difference]:
    return host_differences(site.plan["hosts"][host], Observation(host, site.seen[host]))


@pytest.mark.parametrize("host", ["lb1", "lb2", "web1"])
def test_a_host_as_planned_has_no_difference(host: str) -> None:
    assert differences(Site(), host) == []


def put(*path: str, value: Any) -> Callable[[Raw], None]:  # noqa: ANN401
    def change(raw: Raw) -> None:
        inner = raw
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("host", "change", "kind", "text", "detail"),
    [
        (
            "lb1",
            put("packages", "ipvsadm", value=None),
            "package",
            "package ipvsadm is not installed",
            "ipvs",
        ),
        (
            "lb1",
            put("packages", "keepalived", value=None),
            "package",
            "package keepalived is not installed",
            "keepalived",
        ),
        (
            "lb1",
            put("files", CONFIGURATION, value=None),
            "file",
            f"{CONFIGURATION} is missing",
            CONFIGURATION,
        ),
        (
            "lb1",
            put("files", CONFIGURATION, "sha256", value="0" * 64),
            "file",
            f"{CONFIGURATION} has another content",
            CONFIGURATION,
        ),
        (
            "lb1",
            put("files", CONFIGURATION, "sha256", value=None),  # a directory
            "file",
            f"{CONFIGURATION} has another content",
            CONFIGURATION,
        ),
        (
            "lb1",
            put("files", CONFIGURATION, "mode", value="0644"),
            "file",
            f"{CONFIGURATION} is 0644 root:root, not 0640 root:root",
            CONFIGURATION,
        ),
        (
            "lb1",
            put("files", CONFIGURATION, "owner", value="1001"),
            "file",
            f"{CONFIGURATION} is 0640 1001:root, not 0640 root:root",
            CONFIGURATION,
        ),
        (
            "lb1",
            put("modules", "ip_vs_wrr", value="available"),
            "modules",
            "kernel module ip_vs_wrr is not loaded",
            "",
        ),
        (
            "lb1",
            put("sysctls", "net/ipv4/vs/conntrack", value="1"),
            "sysctls",
            "sysctl net/ipv4/vs/conntrack is 1, not 0",
            "",
        ),
        (
            "web1",
            put("sysctls", "net/ipv4/conf/eth0/arp_ignore", value=None),
            "sysctls",
            "sysctl net/ipv4/conf/eth0/arp_ignore is None, not 1",
            "",
        ),
        (
            "lb1",
            put("units", UNIT, "UnitFileState", value="disabled"),
            f"enabled {UNIT}",
            f"{UNIT} does not start at boot",
            "",
        ),
        (
            "lb1",
            put("units", UNIT, "ActiveState", value="failed"),
            f"active {UNIT}",
            f"{UNIT} is failed, not active",
            "",
        ),
        (
            "lb1",
            put("units", UNIT, "NeedDaemonReload", value="yes"),
            "reload",
            f"systemd has not read {UNIT} anew",
            "",
        ),
        (
            "lb1",
            put("users", "keepalived_script", value=None),
            "user",
            "user keepalived_script is missing",
            "keepalived_script",
        ),
        # An observation made before there were users in it.
        ("lb1", put("users", value={}), "user", "user keepalived_script is missing", "keepalived_script"),
        (
            "web1",
            put("unfinished", value=["20261122T153229Z"]),
            "transaction",
            "the change 20261122T153229Z was interrupted and is not settled yet",
            "",
        ),
    ],
)
def test_one_thing_that_differs(
    host: str, change: Callable[[Raw], None], kind: str, text: str, detail: str
) -> None:
    site = Site()
    change(site.seen[host])

    assert differences(site, host) == [Difference(kind, text, detail)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("modules", "ip_vs"), "builtin"),
        (("sysctls", "net/ipv4/vs/conntrack"), " 0 "),
        (("units", UNIT, "ActiveState"), "reloading"),
        (("packages", "something-else"), None),
        (("users", "keepalived_script"), 0),
        (("files", CONFIGURATION, "marked"), False),  # the digest decides
    ],
)
def test_what_looks_different_and_is_right(path: tuple[str, ...], value: object) -> None:
    site = Site()
    put(*path, value=value)(site.seen["lb1"])

    assert differences(site, "lb1") == []


def test_a_fresh_host_lacks_everything() -> None:
    site = Site()
    raw = site.seen["web1"]
    raw.update(
        packages={},
        files={},
        sysctls={},
        network=None,
        units={"lvs-network.service": {"LoadState": "not-found", "ActiveState": "inactive"}},
    )
    site.links("web1", link("web1", "lo"), link("web1", "eth0", ["192.0.2.21"]))

    assert {one.kind for one in differences(site, "web1")} == {
        "package",
        "file",
        "sysctls",
        "enabled lvs-network.service",
        "active lvs-network.service",
        "network",
    }


# What lvs-network holds.


@pytest.mark.parametrize(
    ("planned", "held", "found"),
    [
        ([], None, []),
        ([], "", []),
        (["address 192.0.2.10 lo"], "address 192.0.2.10 lo\n", []),
        (["address 192.0.2.10 lo"], None, [("network", "VIP 192.0.2.10 on lo is missing", "")]),
        (["local 192.0.2.10"], "", [("network", "local delivery of VIP 192.0.2.10 is missing", "")]),
        (["up tunl0"], "", [("network", "the link tunl0, up, is missing", "")]),
        (["fou 4 6080 gue"], "", [("network", "network item 'fou 4 6080 gue' is missing", "")]),
        # It may be on another device than before, and is there twice for a while.
        (
            ["address 192.0.2.10 tunl0"],
            "address 192.0.2.10 lo\n",
            [
                ("network", "VIP 192.0.2.10 on tunl0 is missing", ""),
                ("contract", "VIP 192.0.2.10 on lo is not needed any more", "address 192.0.2.10 lo"),
            ],
        ),
        # Modules and sysctls are seen themselves: what misses is not told twice.
        (["module ipip", "sysctl net/ipv4/ip_forward 1"], "", []),
        (
            [],
            "up sit0\nmodule sit\n",
            [
                ("contract", "network item 'module sit' is not needed any more", "module sit"),
                ("contract", "the link sit0, up, is not needed any more", "up sit0"),
            ],
        ),
        (
            ["sysctl a/b 2"],
            "sysctl a/c 1\n",
            [("contract", "our value of sysctl a/c is not needed any more", "sysctl a/c 1")],
        ),
        # One with another value is to be set, and not to be taken back.
        (["sysctl a/b 2"], "sysctl a/b 1\n", []),
        (["sysctl a/b 3 50"], "sysctl a/b 2 10\n", []),
    ],
)
def test_items_of_the_network(
    planned: list[str], held: str | None, found: list[tuple[str, str, str]]
) -> None:
    site = Site()
    site.plan["hosts"]["web1"]["items"] = planned
    site.seen["web1"]["network"] = held

    assert [(one.kind, one.text, one.detail) for one in differences(site, "web1")] == found


# Our table of nft.

_TABLE = "table inet lvs_toolkit {{\n\tset floods {{\n\t\tflags dynamic\n{}\t}}\n\tchain raw {{\n{}\t}}\n}}\n"
_LISTED = _TABLE.format("", "\t\tip daddr 192.0.2.10 notrack\n")


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        ({"ours": _LISTED, "loaded": _LISTED}, None),
        # What is in a dynamic set follows the traffic.
        (
            {
                "ours": _TABLE.format(
                    "\t\telements = { 192.0.2.101 }\n", "\t\tip daddr 192.0.2.10 notrack\n"
                ),
                "loaded": _LISTED,
            },
            None,
        ),
        (
            {"ours": _TABLE.format("", ""), "loaded": _LISTED},
            "our table of nft was changed after it was loaded",
        ),
        ({"ours": _LISTED, "loaded": None}, "our table of nft was changed after it was loaded"),
        ({"ours": None, "loaded": _LISTED}, "our table of nft is not loaded"),
        ({"ours": None, "loaded": None}, "our table of nft is not loaded"),
        (None, "our table of nft is not loaded"),
    ],
)
def test_the_table_of_nft(seen: dict[str, str | None] | None, text: str | None) -> None:
    case = Case()
    case.service["mark"] = 7
    site = Site(case.plan())
    site.seen["lb1"]["nftables"] = seen

    expected = [] if text is None else [Difference("nftables", text)]
    assert differences(site, "lb1") == expected


def test_a_table_of_nft_that_is_not_planned_is_not_missed() -> None:
    site = Site()
    site.seen["lb1"]["nftables"] = {"ours": None, "loaded": None, "ruleset": None}

    assert differences(site, "lb1") == []


# Files of earlier deployments.


def test_files_that_are_no_longer_planned_are_stale() -> None:
    site = Site()
    site.seen["web1"]["managed"] = ["/etc/two", *site.seen["web1"]["managed"], "/etc/one"]

    assert differences(site, "web1") == [
        Difference("stale", "/etc/one is not needed any more", "/etc/one"),
        Difference("stale", "/etc/two is not needed any more", "/etc/two"),
    ]


@pytest.mark.parametrize("managed", [None, []])
def test_before_the_first_deployment_no_file_is_stale(managed: list[str] | None) -> None:
    site = Site()
    site.seen["web1"]["managed"] = managed

    assert differences(site, "web1") == []


# What the kernel changes itself.


@pytest.mark.parametrize("name", ["drop_entry", "drop_packet", "secure_tcp"])
@pytest.mark.parametrize(
    ("planned", "found", "same"),
    [
        ("0", "0", True),
        ("0", "1", False),
        # IPVS says 2 while memory is short, and 1 again afterwards.
        ("1", "2", True),
        ("2", "1", True),
        ("1", "3", False),
        ("1", "0", False),
        ("3", "2", False),
        ("2", None, False),
    ],
)
def test_a_defence_that_the_kernel_has_switched_on_is_as_planned(
    name: str, planned: str, found: str | None, same: bool
) -> None:
    site = Site()
    key = f"net/ipv4/vs/{name}"
    site.plan["hosts"]["lb1"]["sysctls"][key] = planned
    site.seen["lb1"]["sysctls"][key] = found

    expected = [] if same else [Difference("sysctls", f"sysctl {key} is {found}, not {planned}")]
    assert differences(site, "lb1") == expected


def test_no_other_sysctl_may_be_1_for_2() -> None:
    site = Site()
    site.seen["web1"]["sysctls"]["net/ipv4/conf/eth0/arp_announce"] = "1"

    assert [one.kind for one in differences(site, "web1")] == ["sysctls"]
