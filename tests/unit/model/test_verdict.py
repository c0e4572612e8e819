"""Proof: each promise is proven, failed or unproven, and whoever breaks it is named."""

from __future__ import annotations

import pytest

from lvs_model.verdict import judge

from .builders import Case, Site
from .compared import holds
from .judged import KEY, TITLE, VIP, checks, findings, stands
from .pretended import Raw, answers, link, mac


def test_a_cluster_as_promised_is_proven() -> None:
    assert findings(Site()) == {
        "proven": [
            f"exactly one director owns VIP {VIP}: lb1",
            "lb1 runs the master sync daemon",
            "lb2 runs the backup sync daemon",
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
        stands(site, host, "MASTER" if vips else "BACKUP")


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


@pytest.mark.parametrize(("lb2", "status"), [("seen", "failed"), ("away", "unproven")])
def test_what_should_be_gone_may_stay_for_a_director_that_was_not_seen(lb2: str, status: str) -> None:
    site = Site()
    holds(site, "web3", "address 192.0.2.20 lo")
    site.seen["web3"]["managed"].append("/etc/old")
    if lb2 == "away":
        site.seen["lb2"] = {}

    found = findings(site)

    assert {
        "web3: VIP 192.0.2.20 on lo is not needed any more",
        "web3: /etc/old is not needed any more",
    } <= set(found[status])
    assert (found["failed"] == []) is (lb2 == "away")


@pytest.mark.parametrize("raw", [{}, {"failed": "No space left on device"}])
def test_a_host_that_was_not_seen_is_unproven(raw: Raw) -> None:
    site = Site()
    site.seen["web2"] = raw

    assert findings(site)["unproven"] == ["web2 was not seen"]


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


def test_each_cluster_is_judged_for_itself() -> None:
    case = Case()
    case.add_cluster("two", 3)
    site = Site(case.plan())
    site.owner["two"] = None
    site.look()

    found = judge(site.plan, site.seen, answers(site.plan))

    assert {one["cluster"] for one in found if one["status"] == "failed"} == {"two"}
    assert len([one for one in found if one["cluster"] == "edge"]) == 11
