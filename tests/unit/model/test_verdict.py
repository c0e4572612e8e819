"""Proof: each promise is proven, failed or unproven, and whoever breaks it is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lvs_model.verdict import judge

from .builders import Case, Raw, Site, answers, checker_dump, link, mac, table_text

VIP = "192.0.2.10"
KEY = f"TCP {VIP}:80"
TITLE = f"edge/www {VIP}:80"


def findings(site: Site, probes: dict[str, Raw] | None = None) -> dict[str, list[str]]:
    """The texts of the findings by status."""
    found: dict[str, list[str]] = {"proven": [], "failed": [], "unproven": []}
    for one in judge(site.plan, site.seen, answers(site.plan) if probes is None else probes):
        assert one["line"] == f"{one['cluster']}: {one['status']}: {one['text']}"
        found[one["status"]].append(one["text"])
    return found


def test_a_cluster_as_promised_is_proven() -> None:
    assert findings(Site()) == {
        "proven": [
            f"exactly one director owns VIP {VIP}: lb1",
            "lb1's kernel table equals the plan",
            "lb2's kernel table equals the plan",
            "web1 is as planned",
            "web2 is as planned",
            "web3 is as planned",
            f"only lb1 answers ARP for VIP {VIP}, asked by lb2",
            f"{TITLE}: 60 requests answered",
            f"{TITLE}: the split is web1 30 (30 promised), web2 20 (20 promised), web3 10 (10 promised)",
        ],
        "failed": [],
        "unproven": [],
    }


# One owner a VIP.


def owns(site: Site, *hosts: str) -> None:
    """Let these directors, and no others, have the VIP."""
    for number, host in ((11, "lb1"), (12, "lb2")):
        vips = [VIP] if host in hosts else []
        site.links(
            host,
            link(host, "lo"),
            link(host, "eth0", [f"192.0.2.{number}", *vips]),
            link(host, "eth1", [f"198.51.100.{number}"]),
        )


@pytest.mark.parametrize(
    ("owners", "text"),
    [
        ([], f"VIP {VIP} has 0 owners (none), not one"),
        (["lb1", "lb2"], f"VIP {VIP} has 2 owners (lb1, lb2), not one"),
    ],
)
def test_two_owners_or_none_are_a_failure(owners: list[str], text: str) -> None:
    site = Site()
    owns(site, *owners)

    found = findings(site)

    assert found["failed"] == [text]
    # Who answers ARP rightly cannot be said then.
    assert not [one for one in found["proven"] if "ARP" in one or "owns" in one]


@pytest.mark.parametrize(
    ("away", "text"),
    [
        ("lb2", f"lb1 owns VIP {VIP}; lb2 was not seen"),
        ("lb1", f"who owns VIP {VIP}: none of the directors that were seen; lb1 was not"),
    ],
)
def test_a_director_that_was_not_seen_leaves_the_owner_unproven(away: str, text: str) -> None:
    site = Site()
    site.seen[away] = {}

    found = findings(site)

    assert found["failed"] == []
    assert text in found["unproven"]
    assert f"{away} was not seen" in found["unproven"]


def test_two_owners_are_a_failure_even_if_a_third_director_was_not_seen() -> None:
    case = Case()
    case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])
    site = Site(case.plan())
    owns(site, "lb1", "lb2")
    site.seen["lb3"] = {}

    assert findings(site)["failed"] == [f"VIP {VIP} has 2 owners (lb1, lb2), not one"]


# As planned.


def test_what_differs_on_a_host_is_a_failure_each() -> None:
    site = Site()
    site.seen["web1"]["sysctls"]["net/ipv4/conf/eth0/arp_ignore"] = "0"
    site.seen["lb2"]["ipvs"]["table"] = ""

    failed = findings(site)["failed"]

    assert failed[0] == f"lb2: {KEY} is missing"
    assert failed[-1] == "web1: sysctl net/ipv4/conf/eth0/arp_ignore is 0, not 1"
    assert len(failed) == 5


def test_a_host_that_was_not_seen_is_unproven() -> None:
    site = Site()
    site.seen["web2"] = {}

    assert findings(site)["unproven"] == ["web2 was not seen"]


def checks(site: Site, states: dict[str, tuple[bool, bool]], *hosts: str, key: str = KEY) -> None:
    """Let directors' checks find (alive, checked) where not good, and take the dead out of the table."""
    for host in hosts or ("lb1", "lb2"):
        planned = site.plan["hosts"][host]["ipvs"]
        dump = {one: dict.fromkeys(service["servers"], (True, True)) for one, service in planned.items()}
        dump[key] |= states
        gone = [(key, server) for server, (alive, _) in states.items() if not alive]
        site.seen[host]["keepalived"]["data"] = checker_dump(dump)
        site.seen[host]["ipvs"]["table"] = table_text(planned, gone)


def test_a_dead_server_is_named_with_the_proof() -> None:
    site = Site()
    checks(site, {"192.0.2.23:80": (False, True)})

    found = findings(site, answers(site.plan, www={"web1": 36, "web2": 24}))

    assert found["failed"] == []
    assert (
        "lb1's kernel table equals the plan, without 192.0.2.23:80 (found dead by its checks)"
        in found["proven"]
    )
    assert f"{TITLE}: the split is web1 36 (36 promised), web2 24 (24 promised)" in found["proven"]


def test_a_keepalived_that_does_not_tell_is_no_proof() -> None:
    site = Site()
    site.seen["lb1"]["keepalived"]["data"] = None

    found = findings(site)

    assert found["failed"] == ["lb1: keepalived has not told what its checks found"]
    assert "lb1's kernel table equals the plan" not in found["proven"]


# ARP.


def arp(site: Site, host: str, *macs: str, skipped: str | None = None) -> None:
    site.seen[host]["arp"][0].update(macs=list(macs), skipped=skipped)


@pytest.mark.parametrize(
    ("asker", "macs", "text"),
    [
        ("lb2", ["web1"], "web1 ({web1}) answers ARP for VIP {vip}, asked by lb2"),
        ("lb2", ["lb1", "web1"], "web1 ({web1}) answers ARP for VIP {vip}, asked by lb2"),
        ("lb1", ["web3"], "web3 ({web3}) answers ARP for VIP {vip}, asked by lb1"),
        ("lb2", ["stranger", "lb1"], "an unknown host ({stranger}) answers ARP for VIP {vip}, asked by lb2"),
        ("lb2", [], "nobody answers ARP for VIP {vip}, asked by lb2"),
    ],
)
def test_whoever_else_answers_arp_is_named(asker: str, macs: list[str], text: str) -> None:
    hardware = {name: mac(name, "eth0") for name in ("lb1", "web1", "web3", "stranger")}
    site = Site()
    arp(site, asker, *(hardware[name] for name in macs))

    found = findings(site)

    assert found["failed"] == [text.format(vip=VIP, **hardware)]
    assert (f"only lb1 answers ARP for VIP {VIP}, asked by lb2" in found["proven"]) is (asker == "lb1")


def test_every_stranger_is_named() -> None:
    site = Site()
    arp(site, "lb2", mac("web1", "eth0"), mac("lb1", "eth0"), mac("web2", "eth0"))

    failed = findings(site)["failed"]

    assert {text.split(" ")[0] for text in failed} == {"web1", "web2"}


def test_hardware_addresses_are_compared_in_any_case() -> None:
    site = Site()
    arp(site, "lb2", mac("lb1", "eth0").upper())

    assert findings(site)["failed"] == []


def test_what_could_not_be_asked_is_unproven() -> None:
    site = Site()
    arp(site, "lb2", skipped="eth0: Operation not permitted")

    found = findings(site)

    assert found["failed"] == []
    assert found["unproven"] == [f"who answers ARP for VIP {VIP}: lb2 could not ask"]


def test_without_a_second_director_nobody_can_ask() -> None:
    case = Case()
    case.groups["edge_directors"] = ["lb1"]

    assert findings(Site(case.plan()))["unproven"] == [
        f"who answers ARP for VIP {VIP}: there is no second director to ask from"
    ]


# The client's view.


@pytest.mark.parametrize(
    "probes", [{}, {"client1": {}}, {"client1": {"unreachable": True, "msg": "no route"}}]
)
def test_without_a_client_its_view_is_unproven(probes: dict[str, Raw]) -> None:
    found = findings(Site(), probes)

    assert found["unproven"] == [
        "the client's view: no host of the group 'probes' was reachable or there is none"
    ]
    assert not [one for one in found["proven"] if one.startswith(TITLE)]


def result(probes: dict[str, Raw]) -> dict[str, Any]:
    first: dict[str, Any] = probes["client1"]["results"][0]
    return first


def test_failed_requests_are_a_failure_with_the_first_reason() -> None:
    site = Site()
    probes = answers(site.plan)
    result(probes).update(failed=2, answered=58, first_error="request 3, 0.412 s after the start: refused")

    found = findings(site, probes)

    assert found["failed"] == [
        f"{TITLE}: 2 of 60 requests failed (request 3, 0.412 s after the start: refused)"
    ]
    # A split with holes proves nothing.
    assert not [one for one in found["proven"] if "split" in one]


PROMISED = {"web1": 30, "web2": 20, "web3": 10}


@pytest.mark.parametrize(
    ("by_server", "status"),
    [
        # 5 % of 60 requests, for other clients that move the round on between ours.
        ({"web1": 33, "web2": 18, "web3": 9}, "proven"),
        ({"web1": 34, "web2": 17, "web3": 9}, "failed"),
        ({"web1": 26, "web2": 23, "web3": 11}, "failed"),
        ({"web1": 20, "web2": 20, "web3": 20}, "failed"),
    ],
)
def test_a_split_right_or_wrong(by_server: dict[str, int], status: str) -> None:
    site = Site()

    found = findings(site, answers(site.plan, www=by_server))

    split = ", ".join(f"{name} {count} ({PROMISED[name]} promised)" for name, count in by_server.items())
    assert f"{TITLE}: the split is {split}" in found[status]
    assert len(found["failed"]) == (status == "failed")


@pytest.mark.parametrize(
    ("by_server", "silent"), [({"web1": 35, "web2": 25}, "web3"), ({"web1": 60}, "web2, web3")]
)
def test_a_server_that_no_request_reached_is_named(by_server: dict[str, int], silent: str) -> None:
    site = Site()

    assert findings(site, answers(site.plan, www=by_server))["failed"] == [
        f"{TITLE}: no answer from {silent}"
    ]


def test_rr_promises_the_same_to_all() -> None:
    case = Case()
    case.service["scheduler"] = "rr"
    site = Site(case.plan())

    found = findings(site, answers(site.plan, www={"web1": 20, "web2": 20, "web3": 20}))

    assert found["failed"] == []
    assert (
        f"{TITLE}: the split is web1 20 (20 promised), web2 20 (20 promised), web3 20 (20 promised)"
        in (found["proven"])
    )


@pytest.mark.parametrize(
    "prepare",
    [
        lambda case: case.hostvars["web3"].update(lvs_state="drained"),
        lambda case: case.hostvars["web3"].update(lvs_state="disabled"),
    ],
)
def test_an_answer_from_a_server_that_should_get_none_is_a_failure(prepare: Callable[[Case], None]) -> None:
    case = Case()
    prepare(case)
    site = Site(case.plan())

    failed = findings(site, answers(site.plan, www={"web1": 36, "web2": 23, "web3": 1}))["failed"]

    assert len(failed) == 1
    assert failed[0].startswith(f"{TITLE}: answers from web3")


@pytest.mark.parametrize(
    ("scheduler", "probe", "unproven"),
    [
        ("wlc", {"header": "X"}, "every real server and the split (not from one client under wlc)"),
        ("sh", {"header": "X"}, "every real server and the split (not from one client under sh)"),
        ("wrr", {}, "which real server answered (give the service's probe a header)"),
    ],
)
def test_what_one_client_cannot_prove_is_said(scheduler: str, probe: dict[str, str], unproven: str) -> None:
    case = Case()
    case.service.update(scheduler=scheduler, probe=probe)
    site = Site(case.plan())

    found = findings(site, answers(site.plan, www={"web1": 60}))

    assert found["unproven"] == [f"{TITLE}: {unproven}"]
    assert found["failed"] == []
    assert f"{TITLE}: 60 requests answered" in found["proven"]


def test_fewer_live_servers_than_the_minimum_are_a_failure() -> None:
    case = Case()
    case.service["min_servers"] = 3
    site = Site(case.plan())
    checks(site, {"192.0.2.23:80": (False, True)})

    failed = findings(site, answers(site.plan, www={"web1": 36, "web2": 24}))["failed"]

    assert failed == [f"{TITLE}: 2 real servers serve, fewer than min_servers"]


def test_a_server_dead_for_one_service_still_serves_another() -> None:
    case = Case()
    case.add_service("tls", ports=[443])
    site = Site(case.plan())
    checks(site, {"192.0.2.21:443": (False, True)}, key=f"TCP {VIP}:443")

    found = findings(site, answers(site.plan, tls={"web2": 40, "web3": 20}))

    assert found["failed"] == []


@pytest.mark.xfail(strict=True, reason="dead on one port counts for all")
def test_a_server_dead_on_one_port_still_serves_another() -> None:
    case = Case()
    case.service["ports"] = [80, 443]
    site = Site(case.plan())
    checks(site, {"192.0.2.21:443": (False, True)}, key=f"TCP {VIP}:443")
    probes = answers(site.plan)
    probes["client1"]["results"][1]["by_server"] = {"web2": 40, "web3": 20}

    assert findings(site, probes)["failed"] == []


@pytest.mark.xfail(strict=True, reason="the standby decides too")
def test_what_the_standbys_checks_find_dead_may_serve_through_the_owner() -> None:
    site = Site()
    checks(site, {"192.0.2.21:80": (False, True)}, "lb2")

    assert findings(site)["failed"] == []


def test_each_cluster_is_judged_for_itself() -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    site.owner["two"] = None
    site.look()

    found = judge(site.plan, site.seen, answers(site.plan))

    assert {one["cluster"] for one in found if one["status"] == "failed"} == {"two"}
    assert len([one for one in found if one["cluster"] == "edge"]) == 9
