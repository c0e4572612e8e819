"""The verdict on clusters of every kind: several elections, both families, marks, no IPVS at all."""

from __future__ import annotations

import pytest

from .builders import Plan, Site
from .cases import INVENTORIES, plan
from .judged import findings
from .pretended import daemons_text, states_json


@pytest.mark.parametrize("case", INVENTORIES)
def test_nothing_fails_where_all_is_as_planned(case: str) -> None:
    assert findings(Site(plan(case)))["failed"] == []


def test_each_instance_has_an_owner_of_its_own() -> None:
    site = Site(plan("active-active"))

    proven = findings(site)["proven"]

    assert [text for text in proven if text.startswith("exactly one")] == [
        "exactly one director owns VIP 192.0.2.10: lb1",
        "exactly one director owns VIP 192.0.2.11: lb2",
        "exactly one director owns VIP 198.51.100.1: lb2",
    ]
    assert [f"{host} runs the backup, master sync daemons" in proven for host in ("lb1", "lb2", "lb3")] == [
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("states", "failed"),
    [
        ({"VI_even": "FAULT"}, ["lb1 has VIPs of VI_even, and its VRRP instance is FAULT"]),
        ({"VI_odd": "MASTER"}, ["lb1 has no VIP of VI_odd, and its VRRP instance is MASTER"]),
        (
            {"VI_odd": "FAULT", "VI_inside": "FAULT"},
            [
                "lb1 has no VIP of VI_odd, and its VRRP instance is FAULT",
                "lb1 has no VIP of VI_inside, and its VRRP instance is FAULT",
            ],
        ),
    ],
)
def test_a_state_is_judged_instance_by_instance(states: dict[str, str], failed: list[str]) -> None:
    site = Site(plan("active-active"))
    right = {"VI_even": "MASTER", "VI_odd": "BACKUP", "VI_inside": "BACKUP"}
    site.seen["lb1"]["keepalived"]["json"] = states_json(right | states)

    assert findings(site)["failed"] == failed


def test_both_sync_daemons_must_run_where_both_are_planned() -> None:
    site = Site(plan("active-active"))
    site.seen["lb2"]["ipvs"]["daemons"] = daemons_text("MASTER")

    assert findings(site)["failed"] == ["lb2: connection sync daemons: master, not backup, master"]


def requests(planned: Plan) -> list[str]:
    return [one["name"] for one in planned["probes"]["client1"]["requests"]]


def test_a_client_asks_tcp_only_and_the_rest_is_said_to_be_unproven() -> None:
    planned = plan("marks")

    assert requests(planned) == [
        *(
            f"media/stream {vip}:{port}"
            for vip in ("192.0.2.10", "192.0.2.11", "[2001:db8::10]")
            for port in (554, 8554)
        ),
        *(f"media/mail 192.0.2.12:{port}" for port in (25, 110, 143)),
    ]
    unproven = findings(Site(planned))["unproven"]
    assert "media/stream: the client's view: udp is not asked by lvs_probe" in unproven
    assert "media/all: the client's view: of all ports none is known to answer" in unproven


def test_who_answers_for_an_ipv6_vip_is_said_to_be_unproven() -> None:
    unproven = findings(Site(plan("ipv6")))["unproven"]

    assert "who answers neighbour solicitations for VIP 2001:db8:a::10: lvs_facts asks ARP only" in unproven


def test_directors_without_ipvs_are_as_planned() -> None:
    proven = findings(Site(plan("vrrp-only")))["proven"]

    assert "lb1 is as planned" in proven
    assert "exactly one director owns VIP 192.0.2.11: lb1" in proven
