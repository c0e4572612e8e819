"""lvs-network beside other hands: what is theirs stays, and what they do meanwhile is no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from .namespace import show, unusable
from .network_tool import TOOL, configure, held, host, told

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

TUN = ["up tunl0", "address 192.0.2.10 tunl0", "address 2001:db8::10 tunl0"]
NAT = [
    "route 8840 203.0.113.1 eth0",
    "rule 30000 8840 from 203.0.113.22 tcp 80-80",
    "rule 30000 8840 from 203.0.113.23",
]
# Runs a command of its own once, before the first batch of ip's.
ONCE = 'case "$*" in *-batch*) if [ ! -e once ]; then touch once; {} ; fi ;; esac; real "$@"'
ALL = ["sysctl net/ipv4/conf/eth0/arp_ignore 1", "address 192.0.2.10 lo", *TUN, "local 203.0.113.8", *NAT]


@pytest.mark.parametrize(
    "other",
    [
        "ip address add 203.0.113.201/32 dev lo label lo:lvs",
        "ip address add 203.0.113.201/32 dev tunl0 label tunl0:x",
        "ip address add 2001:db8::1/128 dev tunl0",
        # The same address, but with its subnet, is another one.
        "ip address add 192.0.2.10/24 dev tunl0",
        "ip rule add pref 30000 from 203.0.113.24 lookup 8840 protocol 85",
        "ip rule add pref 30001 from 203.0.113.23 lookup 8840 protocol 85",
        "ip rule add pref 30000 from 203.0.113.23 lookup 8841 protocol 85",
        "ip rule add pref 30000 from 203.0.113.0/24 lookup 8840 protocol 85",
        "ip route add local 203.0.113.9 dev lo table local",
        "ip route add 198.51.100.0/24 via 203.0.113.1 dev eth0 onlink table 8840",
    ],
)
def test_what_is_not_ours_stays(tmp_path: Path, other: str) -> None:
    bottle = host(tmp_path, ALL)
    # The link is up before: taking it down would take others' routes and IPv6 addresses along.
    other = f"ip link set tunl0 up; {other}"

    fresh, left = told(bottle, f"{other}; state; echo ====; {TOOL} apply; {TOOL} remove; state").split(
        "====\n"
    )

    assert left == fresh


def test_a_link_stays_up_for_addresses_of_others(tmp_path: Path) -> None:
    bottle = host(tmp_path, TUN)
    up = "cat /sys/class/net/tunl0/flags"

    assert told(bottle, f"{TOOL} apply; {TOOL} remove; {up}") == "0x1002\n"
    added = "ip address add 203.0.113.201/32 dev tunl0"
    assert told(bottle, f"{TOOL} apply; {added}; {TOOL} remove; {up}") == "0x1003\n"


def test_what_was_there_before_becomes_ours_when_it_is_configured(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["address 192.0.2.10 lo", "address 2001:db8::10 lo"])
    own = "ip address add 192.0.2.10/32 dev lo; ip address add 2001:db8::10/128 dev lo"

    # An IPv6 address that may be a source is not what is wanted, an IPv4 one cannot be told from ours.
    assert held(bottle, own) == ["address 192.0.2.10 lo"]
    assert held(bottle, f"{own}; {TOOL} apply") == ["address 192.0.2.10 lo", "address 2001:db8::10 lo"]
    assert (
        told(bottle, f"{own}; {TOOL} apply; {configure()} {TOOL} contract; {show('lo')}")
        == "127.0.0.1/8 lo\n"
    )


def test_what_was_right_before_stays_so(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["sysctl net/ipv4/ip_forward 1", "up tunl0"])
    own = "echo 1 > /proc/sys/net/ipv4/ip_forward; ip link set tunl0 up"

    before, after = told(bottle, f"{own}; state; echo ====; {TOOL} apply; {TOOL} remove; state").split(
        "====\n"
    )

    assert before == after


@pytest.mark.parametrize("between", ["", f"{TOOL} contract;"])
def test_a_sysctl_of_another_value_is_the_same_one(tmp_path: Path, between: str) -> None:
    """It is given back what it was before the first value, and the first one is held by nobody any more."""
    name = "net/ipv4/conf/eth0/rp_filter"
    bottle = host(tmp_path, [f"sysctl {name} 1"])
    own = f"echo 0 > /proc/sys/{name}; {TOOL} apply; {configure(f'sysctl {name} 2')} {between}"

    assert held(bottle, own) == []
    assert held(bottle, f"{own} {TOOL} apply") == [f"sysctl {name} 2"]
    assert told(bottle, f"{own} {TOOL} apply; {TOOL} remove; cat /proc/sys/{name}") == "0\n"


def test_a_subnet_behind_a_gateway_is_not_on_the_link(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["link 8840 198.51.100.0/24 eth0"])
    behind = "ip route add 198.51.100.0/24 via 203.0.113.1 dev eth0 onlink table 8840"

    assert held(bottle, behind) == []


def test_a_sysctl_that_somebody_else_changed_stays(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["sysctl net/ipv4/conf/eth0/rp_filter 1"])
    rp_filter = "/proc/sys/net/ipv4/conf/eth0/rp_filter"

    assert told(bottle, f"{TOOL} apply; echo 2 > {rp_filter}; {TOOL} remove; cat {rp_filter}") == "2\n"


@pytest.mark.parametrize(
    "meanwhile",
    [
        "real rule add pref 30000 from 203.0.113.22 ipproto 6 sport 80 lookup 8840 protocol 84",
        "real route add default via 203.0.113.1 dev eth0 onlink table 8840",
        "real address add 192.0.2.10/32 dev lo label lo:lvs",
    ],
)
def test_what_another_hand_sets_at_the_same_moment_is_no_error(tmp_path: Path, meanwhile: str) -> None:
    items = ["address 192.0.2.10 lo", *NAT]
    bottle = host(tmp_path, items)
    bottle.shadow("ip", ONCE.format(meanwhile))

    assert held(bottle, f"{TOOL} apply") == items
    assert (bottle.work / "once").exists()


@pytest.mark.parametrize(
    "meanwhile",
    [
        "real address delete 192.0.2.10/32 dev lo",
        "real rule delete pref 30000",
        "real route flush table 8840",
    ],
)
def test_what_another_hand_takes_at_the_same_moment_is_no_error(tmp_path: Path, meanwhile: str) -> None:
    bottle = host(tmp_path, ["address 192.0.2.10 lo", *NAT])
    arm = f"rm once; {TOOL} remove"
    bottle.shadow("ip", ONCE.format(f"[ ! -e armed ] || {meanwhile}"))

    before, after = told(bottle, f"state; echo ====; {TOOL} apply; touch armed; {arm}; state").split("====\n")

    assert before == after
