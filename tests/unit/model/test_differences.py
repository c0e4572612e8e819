"""One host against its plan: what differs, by kind. The kernel's table: test_differences_table.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lvs_model.differences import Difference, host_differences
from lvs_model.observation import Observation

from .builders import Site
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
        "enabled lvs-network-watch.service",
        "active lvs-network-watch.service",
        "network",
    }


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
