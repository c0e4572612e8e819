"""lvs-network watch: what others take away comes back at once, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from .namespace import Bottle, unusable
from .network_tool import TOOL, configure, host, told

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

ITEMS = [
    "interface eth0",
    "sysctl net/ipv4/conf/eth0/arp_ignore 1",
    "sysctl net/ipv4/ip_forward 1",
    "up tunl0",
    "address 192.0.2.10 lo",
    "address 192.0.2.11 tunl0",
    "address 2001:db8::10 lo",
    "local 192.0.2.12",
    "local 2001:db8::12",
    "link 8840 203.0.113.0/24 eth0",
    "route 8840 203.0.113.1 eth0",
    "route 8840 2001:db8:1::1 eth0",
    "rule 30000 8840 from 203.0.113.22 tcp 80-80",
    "rule 30000 8840 from 2001:db8:1::22",
]
HELD = ITEMS[1:]
# A second is what users may notice; the machine of the tests may be busy with others' work.
WATCH = f"""
{TOOL} watch & watch=$!
cpu() {{ cut -d' ' -f14-17 /proc/$watch/stat; }}
all_held() {{ {TOOL} held | cmp -s - {{wanted}}; }}
within() {{ # TENTHS: all is held within as many tenths of a second
    for _ in $(seq $1); do all_held && return; sleep 0.1; done
    echo "missing:"; {TOOL} held | diff - {{wanted}} || :
}}
"""


def watching(bottle: Bottle, script: str, items: list[str] = HELD) -> str:
    """What a script printed with the watch beside it, which had begun before."""
    wanted = bottle.work / "wanted"
    wanted.write_text("".join(f"{item}\n" for item in items))
    return told(bottle, f"{TOOL} apply{WATCH.replace('{wanted}', str(wanted))} sleep 0.5; {script}")


@pytest.mark.parametrize(
    "taken",
    [
        "ip address delete 192.0.2.10/32 dev lo",
        "ip address delete 192.0.2.11/32 dev tunl0",
        "ip address flush dev tunl0; ip -6 address delete 2001:db8::10/128 dev lo",
        "ip route flush table 8840",
        "ip route delete local 192.0.2.12 dev lo table local metric 4096",
        "ip -6 route delete local 2001:db8::12 dev lo table local metric 4096",
        "ip rule delete pref 30000",
        "ip -6 rule delete pref 30000",
        "ip link set tunl0 down",
        # As ifupdown does it: routes go without a message of their own.
        "ip link set eth0 down; ip address flush dev eth0; ip link set eth0 up",
        "echo 0 > /proc/sys/net/ipv4/ip_forward",
        "ip link delete tunl0; ip link add tunl0 type veth peer name again",
    ],
)
def test_what_is_taken_away_is_back_within_a_second(tmp_path: Path, taken: str) -> None:
    assert watching(host(tmp_path, ITEMS), f"{taken}; within 10") == ""


def test_a_setting_that_changes_without_a_message_is_found_by_and_by(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    changed = "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore"
    assert (
        watching(
            bottle,
            f"sed -i 's/^TICK = 10.0/TICK = 0.3/' {TOOL}; kill $watch; {TOOL} watch & {changed}; within 20",
        )
        == ""
    )


def test_what_goes_while_the_link_is_down_is_back_when_it_is_up(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = "ip link set eth0 down; sleep 1.5; ip route show table 8840; ip link set eth0 up; within 15"
    assert watching(bottle, script) == ""


def test_what_was_lost_while_nobody_watched_is_put_back_at_its_start(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = f"kill $watch; ip rule delete pref 30000; {TOOL} watch & within 10"
    assert watching(bottle, script) == ""


@pytest.mark.parametrize(
    ("verb", "left"),
    [
        (f"{TOOL} remove", ""),
        (f"{configure(*HELD[:3])} {TOOL} contract", "".join(f"{item}\n" for item in HELD[:3])),
    ],
    ids=["remove", "contract"],
)
def test_what_is_taken_back_by_the_tool_stays_away(tmp_path: Path, verb: str, left: str) -> None:
    bottle = host(tmp_path, ITEMS)
    looks = f"{TOOL} held; ip rule delete pref 31000; sleep 1; {TOOL} held"
    assert watching(bottle, f"ip rule add pref 31000 lookup 8840; {verb}; {looks}") == left * 2


def test_nothing_is_put_back_that_was_not_applied(tmp_path: Path) -> None:
    """Between new files and the action that loads them its guard is not armed yet."""
    bottle = host(tmp_path, ITEMS[:5])
    new = "rule 30000 8840 from 203.0.113.22"
    shown = "ip rule show pref 30000"
    script = f"{configure(*ITEMS[:5], new)} ip address delete 192.0.2.10/32 dev lo; within 10; {shown}"
    assert watching(bottle, f"{script}; {TOOL} apply; {shown}", HELD[:4]) == (
        "30000:\tfrom 203.0.113.22 lookup 8840 proto 85\n"
    )


def test_it_rests_where_others_have_nothing_to_do_with_it(tmp_path: Path) -> None:
    """Neither its own changes nor those of others that concern no item make it ask."""
    bottle = host(tmp_path, ITEMS)
    bottle.shadow("ip", 'echo "$*" >> asked; real "$@"')
    others = """
    for n in $(seq 20); do
        for what in "address VERB 198.18.0.$n/32 dev lo" "route VERB 198.18.1.$n/32 dev lo table 99"; do
            for verb in add delete; do /sbin/ip $(echo "$what" | sed "s/VERB/$verb/"); done
        done
    done"""
    script = f"/sbin/ip rule delete pref 30000; sleep 1; : > asked; {others}; sleep 1; cat asked"
    assert watching(bottle, script) == ""


def test_who_takes_away_for_ever_is_not_answered_for_ever(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = f"""
    sed -i "s/^REST, LONGEST, PATIENCE, CALM = .*/REST, LONGEST, PATIENCE, CALM = 0.1, 30.0, 2, 60.0/" {TOOL}
    kill $watch; {TOOL} watch 2> said & watch=$!
    sleep 0.5
    for n in $(seq 60); do ip rule delete pref 30000 2>/dev/null || :; sleep 0.1; done
    kill $watch; grep -c 'put back: rule' said"""
    # 0.1 s of rest three times, then 0.2, 0.4, 0.8, 1.6 and 3.2: nine times in more than six seconds.
    assert 4 <= int(watching(bottle, script)) <= 9


def test_it_waits_for_a_run_that_is_under_way(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = """
    exec 9> /run/lvs-toolkit/network.lock; flock 9
    ip rule delete pref 30000; sleep 1; ip rule show pref 30000
    exec 9>&-; within 10"""
    assert watching(bottle, script) == ""


def test_a_broken_configuration_ends_nothing(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = f"""
    echo broken > /etc/lvs-toolkit/network.conf; ip rule delete pref 30000; sleep 1; kill -0 $watch
    {configure(*ITEMS)} ip -6 rule delete pref 30000; within 10"""
    assert watching(bottle, script) == ""


@pytest.mark.parametrize(("now", "then"), [("1", "2"), ("2", "1"), ("3", "3")])
def test_what_ipvs_does_in_its_own_defense_is_left_alone(tmp_path: Path, now: str, then: str) -> None:
    """The name stands for net/ipv4/vs/drop_entry, which not every kernel of the tests has."""
    name = "net/ipv6/conf/eth0/drop_entry"
    bottle = host(tmp_path, [f"sysctl {name} {now}"])
    script = f"""
    mkdir -p {bottle.work}/sys; sed -i 's#/proc/sys/#{bottle.work}/sys/#g' {TOOL}
    mkdir -p {bottle.work}/sys/net/ipv6/conf/eth0; echo {then} > {bottle.work}/sys/{name}
    {TOOL} held"""
    assert told(bottle, script) == f"sysctl {name} {now}\n"


def test_what_a_guard_has_undone_stays_away(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = f"""
    ip rule delete pref 30000; ip -6 rule delete pref 30000; within 10
    {TOOL} undo-routes 0.001; sleep 1; {TOOL} held"""
    left = [item for item in HELD if item.split()[0] not in ("link", "route", "rule")]
    assert watching(bottle, script).splitlines() == left
