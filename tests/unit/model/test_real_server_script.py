"""The real server's script against a real lo: silent in ARP first, then the VIPs, nothing else touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from .builders import Case
from .namespace import Bottle, show, unusable

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

SCRIPT = "/usr/local/lib/lvs-toolkit/real-server"
CONFIGURATION = "/etc/lvs-toolkit/real-server.conf"
VIPS = ["192.0.2.10", "192.0.2.20"]

LO = show("lo")
ARP = "cat /proc/sys/net/ipv4/conf/eth0/arp_ignore /proc/sys/net/ipv4/conf/eth0/arp_announce"


@pytest.fixture
def bottle(tmp_path: Path) -> Bottle:
    """web1 of a cluster with two VIPs."""
    case = Case()
    case.service["vips"] = VIPS
    planned = case.plan()["hosts"]["web1"]
    return Bottle(tmp_path, planned["files"], planned["interfaces"])


def on_lo(*addresses: str) -> list[str]:
    return ["127.0.0.1/8 lo", *(f"{address}/32 lo:lvs" for address in addresses)]


def test_apply_adds_the_vips_and_silences_arp(bottle: Bottle) -> None:
    told = bottle.told(f"{SCRIPT} apply; {LO}; {ARP}").splitlines()

    assert told == [*on_lo(*VIPS), "1", "2"]


def test_apply_twice_is_apply_once(bottle: Bottle) -> None:
    once, twice = bottle.told(f"{SCRIPT} apply; {LO}; echo; {SCRIPT} apply; {LO}").split("\n\n")

    assert twice.splitlines() == once.splitlines() == on_lo(*VIPS)


def test_arp_is_silent_before_a_vip_is_added(bottle: Bottle) -> None:
    bottle.shadow("ip", f'case "$*" in *replace*) {ARP} >> seen; echo "$3" >> seen ;; esac; real "$@"')

    bottle.told(f"{SCRIPT} apply")

    seen = (bottle.work / "seen").read_text().split()
    assert seen == ["1", "2", f"{VIPS[0]}/32", "1", "2", f"{VIPS[1]}/32"]


@pytest.mark.parametrize("broken", ["sysctl", "interface"])
def test_nothing_is_added_when_arp_cannot_be_silenced(bottle: Bottle, broken: str) -> None:
    bottle.shadow("sleep", "echo waited >> waits")
    if broken == "interface":
        bottle.interfaces = []
    else:
        bottle.shadow("sysctl", "exit 1")

    done = bottle.run(f"code=0; {SCRIPT} apply || code=$?; {LO}; exit $code")

    assert done.returncode == 1
    assert done.stdout.splitlines() == on_lo()
    waits = bottle.work / "waits"
    if broken == "interface":
        assert done.stderr == "interface eth0 did not appear within 30 s: no VIP is added\n"
        # 30 s in steps of 0.1 s; the last try is not waited for.
        assert len(waits.read_text().splitlines()) == 299
    else:
        assert not waits.exists()


def test_an_interface_that_comes_late_is_waited_for(bottle: Bottle) -> None:
    bottle.interfaces = []
    bottle.shadow("sleep", "ip link add eth0 type veth peer name p0")

    assert bottle.told(f"{SCRIPT} apply; {LO}").splitlines() == on_lo(*VIPS)


def test_apply_removes_nothing_and_contract_removes_what_is_no_longer_configured(bottle: Bottle) -> None:
    told = bottle.told(
        f"""
        {SCRIPT} apply
        sed -i '/{VIPS[0]}/d' {CONFIGURATION}
        {SCRIPT} apply
        {LO}; echo
        {SCRIPT} contract
        {LO}; echo
        {SCRIPT} contract
        {LO}
        """
    )

    applied, contracted, again = (part.splitlines() for part in told.split("\n\n"))
    assert applied == on_lo(*VIPS)
    assert contracted == again == on_lo(VIPS[1])


@pytest.mark.parametrize("verb", ["contract", "remove"])
def test_a_foreign_address_on_lo_is_left_alone(bottle: Bottle, verb: str) -> None:
    told = bottle.told(
        f"""
        ip address add 203.0.113.1/32 dev lo
        ip address add 203.0.113.2/32 dev lo label lo:lvsx
        ip address add 203.0.113.3/32 dev lo label lo:lvs
        {SCRIPT} {verb}
        {LO}
        """
    )

    assert told.splitlines() == ["127.0.0.1/8 lo", "203.0.113.1/32 lo", "203.0.113.2/32 lo:lvsx"]


def test_contract_does_not_take_an_address_for_its_prefix(bottle: Bottle) -> None:
    """192.0.2.1 is no longer configured, 192.0.2.10 is; dots are no wildcards either."""
    told = bottle.told(
        f"""
        {SCRIPT} apply
        ip address add 192.0.2.1/32 dev lo label lo:lvs
        ip address add 192.0.212.0/32 dev lo label lo:lvs
        {SCRIPT} contract
        {LO}
        """
    )

    assert told.splitlines() == on_lo(*VIPS)


def test_remove_takes_all_of_ours_away(bottle: Bottle) -> None:
    told = bottle.told(f"{SCRIPT} apply; {SCRIPT} remove; {LO}; {SCRIPT} remove; {ARP}")

    # Still silent in ARP: a VIP may come back at any moment.
    assert told.splitlines() == [*on_lo(), "1", "2"]


@pytest.mark.parametrize("arguments", ["", "start", "apply-not"])
def test_an_unknown_verb_changes_nothing(bottle: Bottle, arguments: str) -> None:
    done = bottle.run(f"code=0; {SCRIPT} {arguments} || code=$?; {LO}; exit $code")

    assert done.returncode == 2
    assert done.stderr == f"usage: {SCRIPT} apply|contract|remove\n"
    assert done.stdout.splitlines() == on_lo()


def test_an_interface_with_a_dot_in_its_name_is_silenced(tmp_path: Path) -> None:
    case = Case()
    case.document["networks"]["front"]["interface"] = "bond0.120"
    planned = case.plan()["hosts"]["web1"]
    bottle = Bottle(tmp_path, planned["files"], planned["interfaces"])

    told = bottle.told(f"{SCRIPT} apply; {ARP.replace('eth0', 'bond0.120')}; {LO}")

    assert told.splitlines() == ["1", "2", *on_lo("192.0.2.10")]


def test_ipv6_vips_are_added_deprecated_and_told_apart_by_that(tmp_path: Path) -> None:
    case = Case()
    case.document["networks"]["front"]["subnets"].append("2001:db8::/64")
    case.service["vips"] = ["192.0.2.10", "2001:db8::10", "2001:db8::20"]
    for number, host in enumerate(("lb1", "lb2", "web1", "web2", "web3")):
        case.hostvars[host]["lvs_addresses"].append(f"2001:db8::{number + 1}")
    planned = case.plan()["hosts"]["web1"]
    bottle = Bottle(tmp_path, planned["files"], planned["interfaces"])
    show6 = r"ip -6 -oneline address show dev lo scope global | sed -E 's/.* inet6 ([^ ]+) (.*) \\.*/\1 \2/'"

    told = bottle.told(
        f"""
        ip address add 2001:db8::99/128 dev lo
        {SCRIPT} apply; {SCRIPT} apply; {LO}; {show6}
        echo
        sed -i /::20/d {CONFIGURATION}; {SCRIPT} contract; {LO}; {show6}
        echo
        {SCRIPT} remove; {LO}; {show6}
        """
    )

    ours = "scope global nodad deprecated"
    applied, contracted, removed = ([*part.splitlines()] for part in told.split("\n\n"))
    other = "2001:db8::99/128 scope global"
    assert sorted(applied) == sorted(
        [*on_lo("192.0.2.10"), f"2001:db8::10/128 {ours}", f"2001:db8::20/128 {ours}", other]
    )
    assert sorted(contracted) == sorted([*on_lo("192.0.2.10"), f"2001:db8::10/128 {ours}", other])
    assert sorted(removed) == sorted([*on_lo(), other])
