"""One host against its plan: what differs, by kind, and what keepalived will mend by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lvs_model.differences import Difference, down_servers, host_differences, planned_table
from lvs_model.observation import Observation

from .builders import Case, Site
from .pretended import Raw, checker_dump, link, table_text

KEY = "TCP 192.0.2.10:80"
WEB1, WEB2, WEB3 = (f"192.0.2.{last}:80" for last in (21, 22, 23))
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
        units={"lvs-real-server.service": {"LoadState": "not-found", "ActiveState": "inactive"}},
    )
    site.links("web1", link("web1", "lo"), link("web1", "eth0", ["192.0.2.21"]))

    assert {one.kind for one in differences(site, "web1")} == {
        "package",
        "file",
        "sysctls",
        "enabled lvs-real-server.service",
        "active lvs-real-server.service",
        "addresses",
    }


@pytest.mark.parametrize(
    ("on_lo", "found"),
    [
        ({"lo:lvs": ["192.0.2.10"]}, []),
        ({"lo": ["192.0.2.10"]}, []),  # somebody else put it there, and it serves
        ({}, [("addresses", "VIP 192.0.2.10 is not on lo")]),
        ({"lo:lvs": ["192.0.2.10", "192.0.2.20"]}, [("contract", "VIP 192.0.2.20 is still on lo")]),
        ({"lo:lvs": ["192.0.2.10"], "lo": ["192.0.2.20"]}, []),  # not ours
        (
            {"lo:lvs": ["192.0.2.20"]},
            [("addresses", "VIP 192.0.2.10 is not on lo"), ("contract", "VIP 192.0.2.20 is still on lo")],
        ),
    ],
)
def test_vips_on_lo(on_lo: dict[str, list[str]], found: list[tuple[str, str]]) -> None:
    site = Site()
    links = [link("web1", "lo", addresses, label) for label, addresses in on_lo.items()]
    site.links("web1", *links, link("web1", "eth0", ["192.0.2.21"]))

    assert [(one.kind, one.text) for one in differences(site, "web1")] == found


def director(without: list[str], checks: dict[str, tuple[bool, bool]]) -> Site:
    """A site whose lb1 lacks real servers in its table; its checks found (alive, checked) where not good."""
    site = Site()
    planned = site.plan["hosts"]["lb1"]["ipvs"]
    site.seen["lb1"]["ipvs"]["table"] = table_text(planned, [(KEY, server) for server in without])
    states = dict.fromkeys((WEB1, WEB2, WEB3), (True, True)) | checks
    site.seen["lb1"]["keepalived"]["data"] = checker_dump({KEY: states})
    return site


@pytest.mark.parametrize(
    ("without", "checks", "found"),
    [
        # Deleted by hand: keepalived believes that it is there, and will not add it again.
        ([WEB1], {}, [("table", f"{KEY}: real server {WEB1} is missing")]),
        # Taken out by its checks: as it must be.
        ([WEB1], {WEB1: (False, True)}, []),
        # Not yet checked: it comes by itself.
        (
            [WEB1],
            {WEB1: (False, False)},
            [("pending", f"{KEY}: real server {WEB1} is missing: its checks have not had a result yet")],
        ),
        # Each for itself.
        (
            [WEB1, WEB2, WEB3],
            {WEB2: (False, True), WEB3: (False, False)},
            [
                ("table", f"{KEY}: real server {WEB1} is missing"),
                ("pending", f"{KEY}: real server {WEB3} is missing: its checks have not had a result yet"),
            ],
        ),
    ],
)
def test_a_real_server_that_is_missing_in_the_table(
    without: list[str], checks: dict[str, tuple[bool, bool]], found: list[tuple[str, str]]
) -> None:
    assert [(one.kind, one.text) for one in differences(director(without, checks), "lb1")] == found


def test_a_dead_server_that_is_still_in_the_table_is_keepaliveds_business() -> None:
    site = director([], {WEB1: (False, True)})

    assert differences(site, "lb1") == []
    planned = site.plan["hosts"]["lb1"]
    assert down_servers(planned, Observation("lb1", site.seen["lb1"])) == {KEY: {WEB1}}


@pytest.mark.parametrize("weight", [0, 7])
def test_a_changed_weight_is_mended_by_ipvsadm(weight: int) -> None:
    site = Site()
    table = site.seen["lb1"]["ipvs"]["table"]
    site.seen["lb1"]["ipvs"]["table"] = table.replace("-w 3", f"-w {weight}")

    (difference,) = differences(site, "lb1")

    assert difference.kind == "table"
    assert difference.fix == ("-e", "-t", "192.0.2.10:80", "-r", WEB1, "-g", "-w", "3")


def test_a_flushed_table_is_mended_entry_by_entry_without_the_dead() -> None:
    site = director([], {WEB2: (False, True)})
    site.seen["lb1"]["ipvs"]["table"] = ""

    fixes = [one.fix for one in differences(site, "lb1")]

    assert fixes == [
        ("-A", "-t", "192.0.2.10:80", "-s", "wrr"),
        ("-a", "-t", "192.0.2.10:80", "-r", WEB1, "-g", "-w", "3"),
        ("-a", "-t", "192.0.2.10:80", "-r", WEB3, "-g", "-w", "1"),
    ]


def test_a_foreign_entry_is_removed() -> None:
    site = Site()
    site.seen["lb1"]["ipvs"]["table"] += "-A -u 203.0.113.1:53 -s rr\n"

    (difference,) = differences(site, "lb1")

    assert (difference.kind, difference.fix) == ("table", ("-D", "-u", "203.0.113.1:53"))


@pytest.mark.parametrize("keepalived", [None, {"data": None}])
def test_without_keepaliveds_view_the_table_is_not_judged(keepalived: dict[str, Any] | None) -> None:
    """Which server is rightly missing is for its checks to say."""
    site = Site()
    site.seen["lb1"]["ipvs"]["table"] = ""
    site.seen["lb1"]["keepalived"] = keepalived

    assert differences(site, "lb1") == [
        Difference("pending", "keepalived has not told what its checks found")
    ]


def test_without_ipvsadm_the_table_is_not_judged() -> None:
    site = Site()
    site.seen["lb1"]["packages"]["ipvsadm"] = None
    site.seen["lb1"]["ipvs"]["table"] = None

    assert [one.kind for one in differences(site, "lb1")] == ["package"]


def test_the_planned_table_is_in_the_kernels_terms() -> None:
    case = Case()
    case.hostvars["web1"]["lvs_state"] = "drained"
    plan = case.plan()

    assert planned_table(plan["hosts"]["lb1"])[KEY].servers[WEB1].weight == 0
    assert planned_table(plan["hosts"]["web1"]) == {}
