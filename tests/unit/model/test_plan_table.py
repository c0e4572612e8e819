"""The planned IPVS table: keys and options as ipvsadm writes them, for everything that a service can be."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.ipvs_table import diff, parse_table, read_table

from .builders import Case
from .cases import plan


def entries(case: str, host: str = "lb1") -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = plan(case)["hosts"][host]["ipvs"]
    return table


def words(entry: dict[str, Any]) -> str:
    """A service's options, then each real server's, as ipvsadm(8) takes them."""
    servers = (
        " ".join([name, one["method"], str(one["weight"]), *one["extra"]])
        for name, one in entry["servers"].items()
    )
    return " | ".join([" ".join([entry["scheduler"], *entry["extra"]]), *servers])


# The lower half is from the name: crc32("stream") ends so.
MARK = 0x4C56BE1C


@pytest.mark.parametrize(
    ("case", "key", "options"),
    [
        # Weights, thresholds and states of single hosts are their own.
        (
            "services",
            "TCP 192.0.2.10:443",
            "wrr -p 300 -M 255.255.255.0 | 192.0.2.31:443 dr 5 -x 50 -y 0 "
            "| 192.0.2.32:443 dr 2 -x 1000 -y 800",
        ),
        ("services", "UDP 192.0.2.11:53", "rr -o | 192.0.2.31:53 dr 0 | 192.0.2.32:53 dr 2"),
        ("services", "TCP 192.0.2.12:0", "wlc -p 60 | 192.0.2.31:0 dr 3"),
        (
            "services",
            "TCP 192.0.2.13:8002",
            "mh -b mh-fallback,mh-port | 192.0.2.31:8002 dr 3 | 192.0.2.32:8002 dr 2",
        ),
        ("services", "SCTP 192.0.2.14:2905", "wlc | 192.0.2.31:2905 dr 3 | 192.0.2.32:2905 dr 2"),
        ("services", "TCP 192.0.2.15:80", "wlc | 203.0.113.31:80 tun 1 | 203.0.113.32:80 tun 1"),
        (
            "services",
            "TCP 192.0.2.16:80",
            "wlc | 203.0.113.31:80 tun 1 --tun-type gue --tun-port 5555 "
            "| 203.0.113.32:80 tun 1 --tun-type gue --tun-port 5555",
        ),
        (
            "services",
            "TCP 192.0.2.17:80",
            "wlc | 203.0.113.31:80 tun 1 --tun-type gre | 203.0.113.32:80 tun 1 --tun-type gre",
        ),
        # Masquerading is NAT for the table, and only translation changes ports.
        ("services", "TCP 192.0.2.18:80", "wlc | 192.0.2.31:8080 nat 3 | 192.0.2.32:8181 nat 2"),
        ("marks", f"FWM {MARK}", "wlc -p 600 | 192.0.2.31:0 dr 1 | 192.0.2.32:0 dr 2"),
        (
            "marks",
            f"FWM {MARK} IPv6",
            "wlc -p 600 -M 64 | [2001:db8::31]:0 dr 1 | [2001:db8::32]:0 dr 2",
        ),
        ("marks", "FWM 7", "wlc | 192.0.2.31:0 dr 1 | 192.0.2.32:0 dr 2"),
    ],
)
def test_an_entry(case: str, key: str, options: str) -> None:
    assert words(entries(case)[key]) == options


def test_ipv6_endpoints_stand_in_brackets() -> None:
    table = entries("ipv6", "s1")

    assert list(table) == ["TCP [2001:db8:a::10]:80", "TCP [2001:db8:a::10]:443"]
    assert list(table["TCP [2001:db8:a::10]:443"]["servers"]) == [
        "[2001:db8:a::31]:443",
        "[2001:db8:a::32]:443",
    ]


@pytest.mark.parametrize(
    ("case", "host", "key", "fallback"),
    [
        ("services", "lb1", "TCP 192.0.2.10:443", ("192.0.2.99:8443", "nat")),
        ("services", "lb1", "UDP 192.0.2.11:53", None),
        ("ipv6", "s1", "TCP [2001:db8:a::10]:443", ("[2001:db8:a::99]:443", "dr")),
        ("marks", "lb1", "FWM 7", ("192.0.2.99:0", "dr")),
    ],
)
def test_who_stands_in_below_the_quorum(
    case: str, host: str, key: str, fallback: tuple[str, str] | None
) -> None:
    found = entries(case, host)[key]["fallback"]

    assert (found and (found["server"], found["method"])) == fallback


@pytest.mark.parametrize(("case", "host"), [("services", "lb1"), ("marks", "lb2"), ("ipv6", "d1")])
def test_a_planned_table_is_one_that_ipvsadm_could_print(case: str, host: str) -> None:
    """Both readers of tables agree on it: the one of plain data, and the one of ipvsadm's words."""
    options = {"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service", "FWM": "-f"}
    methods = {"dr": "-g", "nat": "-m", "tun": "-i"}
    lines = []
    for key, entry in entries(case, host).items():
        protocol, endpoint = key.split(" ", 1)
        service = f"{options[protocol]} {endpoint.replace(' IPv6', ' -6')}"
        lines.append(" ".join(["-A", service, "-s", entry["scheduler"], *entry["extra"]]))
        for server, one in entry["servers"].items():
            more = " ".join([methods[one["method"]], "-w", str(one["weight"]), *one["extra"]])
            lines.append(f"-a {service} -r {server} {more}")

    assert lines
    assert diff(read_table(entries(case, host)), parse_table("\n".join(lines))) == []


@pytest.mark.parametrize(
    ("check", "dynamic"),
    [
        ({"type": "tcp"}, False),
        ({"type": "script", "command": "/usr/bin/true"}, False),
        ({"type": "script", "command": "/usr/bin/true", "dynamic_weight": True}, True),
        ([{"type": "tcp"}, {"type": "file"}], True),
    ],
)
def test_a_weight_is_dynamic_where_a_check_may_change_it(check: Any, dynamic: bool) -> None:  # noqa: ANN401
    case = Case()
    case.service["check"] = check
    plan = case.plan()
    table = plan["hosts"]["lb1"]["ipvs"]["TCP 192.0.2.10:80"]

    assert [one["dynamic"] for one in table["servers"].values()] == [dynamic] * 3
    why = plan["clusters"]["edge"]["services"][0]["split_unprovable"]
    assert why == ("its checks change the weights" if dynamic else None)


def test_without_a_service_there_is_no_ipvs_at_all() -> None:
    planned = plan("vrrp-only")["hosts"]["lb1"]

    assert "ipvs" not in planned
    assert "table_bits" not in planned
    assert (planned["modules"], planned["sysctls"]) == ([], {})
    assert planned["items"] == ["keep eth0"]
    assert planned["packages"] == {
        "network": ["iproute2", "kmod", "procps"],
        "ipvs": [],
        "firewall": [],
        "keepalived": ["keepalived"],
        "overrides": [],
        "holds": [],
    }
    configuration = next(
        file["content"] for file in planned["files"] if file["path"].endswith("keepalived.conf")
    )
    assert "virtual_server" not in configuration
    assert "lvs_" not in configuration.replace("lvs-toolkit", "")
