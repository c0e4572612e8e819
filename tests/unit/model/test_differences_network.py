"""One host against its plan: items of the network, our table of nft, and files of earlier deployments."""

from __future__ import annotations

import pytest

from lvs_model.differences import Difference, host_differences
from lvs_model.observation import Observation

from .builders import Case, Site


def differences(site: Site, host: str) -> list[Difference]:
    return host_differences(site.plan["hosts"][host], Observation(host, site.seen[host]))


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
