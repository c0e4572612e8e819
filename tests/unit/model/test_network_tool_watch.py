"""lvs-network watch: what others take away comes back at once, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from .namespace import Bottle, unusable
from .network_tool import CONFIGURATION, TOOL, configure, host, told

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
# "At once" is before the next tick, 10 seconds away: the machine of the tests may be busy with others' work.
WATCH = f"""
{TOOL} watch & watch=$!
ready() {{ # it listens, and has looked once
    for _ in $(seq 100); do ls -l /proc/$watch/fd | grep -q socket && break; sleep 0.1; done; sleep 0.5
}}
cpu() {{ cut -d' ' -f14-17 /proc/$watch/stat; }}
all_held() {{ {TOOL} held | cmp -s - {{wanted}}; }}
at_once() {{ # all is held before the next tick
    begun=$(cut -d. -f1 /proc/uptime)
    while [ $(($(cut -d. -f1 /proc/uptime) - begun)) -lt 8 ]; do all_held && return; sleep 0.1; done
    echo "missing:"; {TOOL} held | diff - {{wanted}} || :
}}
"""


def watching(bottle: Bottle, script: str, items: list[str] = HELD) -> str:
    """What a script printed with the watch beside it, which had begun before."""
    wanted = bottle.work / "wanted"
    wanted.write_text("".join(f"{item}\n" for item in items))
    return told(bottle, f"{TOOL} apply{WATCH.replace('{wanted}', str(wanted))} ready; {script}")


def again(**constants: str) -> str:
    """A command that starts the watch anew, with other constants; what it says is in the file ``said``."""
    changes = [
        f"s/^{', '.join(names.split('_'))} = .*/{', '.join(names.split('_'))} = {values}/"
        for names, values in constants.items()
    ]
    edits = " ".join(f"-e '{change}'" for change in changes)
    return f"kill $watch; sed -i -e '' {edits} {TOOL}; {TOOL} watch 2> said & watch=$!; ready"


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
        "ip route replace default via 203.0.113.9 dev eth0 onlink table 8840",
        "ip -6 address change 2001:db8::10/128 dev lo preferred_lft forever",
    ],
)
def test_what_is_taken_away_is_back_at_once(tmp_path: Path, taken: str) -> None:
    assert watching(host(tmp_path, ITEMS), f"{taken}; at_once") == ""


@pytest.mark.parametrize(
    "taken",
    [
        "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore",
        # The last IPv4 address of a link takes its routes along, without a message of theirs.
        "ip address add 203.0.113.5/24 dev eth0 label eth0:x; ip address delete 203.0.113.5/24 dev eth0",
    ],
)
def test_what_changes_without_a_message_is_found_by_and_by(tmp_path: Path, taken: str) -> None:
    assert watching(host(tmp_path, ITEMS), f"{again(TICK_MINUTE='0.3, 0.6')}; {taken}; at_once") == ""


def test_what_goes_while_the_link_is_down_is_back_when_it_is_up(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = "ip link set eth0 down; sleep 1.5; ip route show table 8840; ip link set eth0 up; at_once"
    assert watching(bottle, script) == ""


def test_what_was_lost_while_nobody_watched_is_put_back_at_its_start(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = f"kill $watch; ip rule delete pref 30000; {TOOL} watch & at_once"
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
    script = f"{configure(*ITEMS[:5], new)} ip address delete 192.0.2.10/32 dev lo; at_once; {shown}"
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
    {again(REST_LONGEST_PATIENCE_CALM="0.1, 30.0, 2, 60.0")}
    for n in $(seq 60); do ip rule delete pref 30000 2>/dev/null || :; sleep 0.1; done
    kill $watch; grep -c 'put back: rule' said"""
    # 0.1 s of rest three times, then 0.2, 0.4, 0.8, 1.6 and 3.2: nine times in more than six seconds.
    assert 4 <= int(watching(bottle, script)) <= 9


def test_it_waits_for_a_run_that_is_under_way(tmp_path: Path) -> None:
    bottle = host(tmp_path, ITEMS)
    script = """
    exec 9> /run/lvs-toolkit/network.lock; flock 9
    ip rule delete pref 30000; sleep 1; ip rule show pref 30000
    exec 9>&-; at_once"""
    assert watching(bottle, script) == ""


def test_what_another_run_has_set_meanwhile_is_not_told(tmp_path: Path) -> None:
    """Between the first look and the lock."""
    script = f"""
    {again()}; exec 9> /run/lvs-toolkit/network.lock; flock 9
    ip -6 rule delete pref 30000; sleep 1
    ip -6 rule add pref 30000 from 2001:db8:1::22 lookup 8840 protocol 85
    exec 9>&-; sleep 1; cat said"""
    assert watching(host(tmp_path, ITEMS), script) == ""


def test_a_broken_configuration_ends_nothing(tmp_path: Path) -> None:
    """The items of before are held, and the error is told once."""
    script = f"""
    {again(TICK_MINUTE="0.2, 60.0")}
    echo broken > {CONFIGURATION}
    for n in 1 2; do ip rule delete pref 30000; sleep 1; ip rule show pref 30000 | wc -l; done
    grep -c "line 1: 'broken' is no item" said
    {configure(*ITEMS)} ip -6 rule delete pref 30000; at_once"""
    assert watching(host(tmp_path, ITEMS), script) == "1\n1\n1\n"


def test_a_broken_configuration_brings_nothing_back_that_a_guard_has_undone(tmp_path: Path) -> None:
    script = f"echo broken > {CONFIGURATION}; {TOOL} undo-routes 0.001; sleep 1; ip rule show pref 30000"
    assert watching(host(tmp_path, ITEMS), script) == ""


# A route through a link of its own among those of eth0, in one batch with them.
TWO_LINKS = [*ITEMS[:10], "link 8841 198.51.100.0/24 tunl0", *ITEMS[10:]]


@pytest.mark.parametrize(
    ("dead", "left"),
    [
        ("ip link set eth0 down", [item for item in TWO_LINKS[1:] if not item.endswith(" eth0")]),
        ("ip link delete eth0", [item for item in TWO_LINKS[1:] if "eth0" not in item]),
    ],
)
def test_a_dead_link_keeps_nothing_else_from_being_put_back(
    tmp_path: Path, dead: str, left: list[str]
) -> None:
    taken = "ip route flush table 8841; ip address delete 192.0.2.10/32 dev lo; ip -6 rule delete pref 30000"
    script = f"{dead}; {taken}; echo 0 > /proc/sys/net/ipv4/ip_forward; at_once"
    assert watching(host(tmp_path, TWO_LINKS), script, left) == ""


def test_no_address_comes_back_while_a_setting_is_refused(tmp_path: Path) -> None:
    """It may be the one that keeps others from seeing it."""
    bottle = host(tmp_path, ["sysctl net/ipv4/ip_forward none", "address 192.0.2.10 lo"])
    assert told(bottle, f"{TOOL} apply || :; {TOOL} watch & sleep 1; {TOOL} held") == ""


def test_a_link_that_was_down_for_long_is_served_at_once_and_refusals_are_told_once(tmp_path: Path) -> None:
    """What cannot be set is waited for, and makes no rest: that is for those who take away for ever."""
    constants = again(TICK_MINUTE="0.3, 60.0", REST_LONGEST_PATIENCE_CALM="5.0, 30.0, 8, 60.0")
    script = f"""
    {constants}; ip link set eth0 down
    until grep -q 'watch: link 8840' said; do sleep 0.1; done; sleep 1
    ip link set eth0 up; at_once; grep -c 'watch: link 8840' said"""
    assert watching(host(tmp_path, ITEMS), script) == "1\n"


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
    ip rule delete pref 30000; ip -6 rule delete pref 30000; at_once
    {TOOL} undo-routes 0.001; sleep 1; {TOOL} held"""
    left = [item for item in HELD if item.split()[0] not in ("link", "route", "rule")]
    assert watching(bottle, script).splitlines() == left


def test_what_is_put_back_is_as_old_as_it_was(tmp_path: Path) -> None:
    """A guard that was armed meanwhile must not undo it."""
    script = f"""
    now=$(cut -d' ' -f1 /proc/uptime); ip rule delete pref 30000; at_once
    {TOOL} undo-routes $now; sleep 1; at_once"""
    assert watching(host(tmp_path, ITEMS), script) == ""


def test_behind_a_guard_the_former_configuration_takes_back_all_that_was_new(tmp_path: Path) -> None:
    """What is older stays, configured or not: directors may still send packets for it."""
    older, new = "address 192.0.2.30 lo", ["up tunl0", *HELD[3:]]
    bottle = host(tmp_path, [older])
    script = f"""
    {TOOL} apply; sleep 0.1; since=$(cut -d' ' -f1 /proc/uptime); sleep 0.1
    {configure(*ITEMS[:3], *new)} {TOOL} apply; {TOOL} undo-routes $since
    {configure(HELD[0])} {TOOL} apply; {TOOL} held; cat /proc/sys/net/ipv4/ip_forward"""
    assert told(bottle, script).splitlines() == [HELD[0], older, "0"]
