"""lvs-network where it fails, is cut off, runs twice at once, or finds its record or its devices gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .namespace import show, unusable
from .network_tool import RECORD, TOOL, configure, held, host, told

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

ARP = ["sysctl net/ipv4/conf/eth0/arp_ignore 1", "sysctl net/ipv4/conf/eth0/arp_announce 2"]
DR = ["interface eth0", *ARP, "address 192.0.2.10 lo", "address 192.0.2.20 lo"]
TUN = ["up tunl0", "address 192.0.2.10 tunl0", "address 2001:db8::10 tunl0"]
NAT = [
    "route 8840 203.0.113.1 eth0",
    "rule 30000 8840 from 203.0.113.22 tcp 80-80",
    "rule 30000 8840 from 203.0.113.23",
]
MEND = ": mend that and run it again\n"
IGNORE = "cat /proc/sys/net/ipv4/conf/eth0/arp_ignore"
# Runs a command of its own once, before the first batch of ip's.
ONCE = 'case "$*" in *-batch*) if [ ! -e once ]; then touch once; {} ; fi ;; esac; real "$@"'


@pytest.mark.parametrize("verbs", ["apply", "apply contract", "apply remove"])
def test_arp_is_silent_whenever_a_vip_is_on_lo(tmp_path: Path, verbs: str) -> None:
    """Each batch is looked at before and after: addresses there, and arp_ignore at that moment."""
    bottle = host(tmp_path, DR)
    look = f"echo $(ip -4 -oneline address show dev lo | grep -c lo:lvs) $({IGNORE}) >> seen"
    bottle.shadow(
        "ip",
        f'case "$*" in *-batch*) {look.replace("ip ", "real ")}; real "$@"; code=$?; '
        f'{look.replace("ip ", "real ")}; exit $code ;; esac; real "$@"',
    )
    contract = configure(*ARP) if "contract" in verbs else ""

    first, *others = verbs.split()
    told(bottle, f"{TOOL} {first}; {contract}" + "; ".join(f"{TOOL} {verb}" for verb in others))

    seen = (bottle.work / "seen").read_text().splitlines()
    assert seen == (["0 1", "2 1"] if not others else ["0 1", "2 1", "2 1", "0 1"])


def test_sysctls_come_back_after_the_addresses_in_whatever_order_they_were_set(tmp_path: Path) -> None:
    """A later run has added another link's: taken back in the record's order, it would answer for the VIP."""
    bottle = host(tmp_path, DR)
    more = [line.replace("eth0", "tunl0") for line in ARP]
    ignores = "/proc/sys/net/ipv4/conf/eth0/arp_ignore /proc/sys/net/ipv4/conf/tunl0/arp_ignore"
    bottle.shadow("ip", f'case "$*" in *-batch*) cat {ignores} >> seen ;; esac; real "$@"')

    removed = told(
        bottle, f"{TOOL} apply; {configure(*DR, *more)} {TOOL} apply; rm seen; {TOOL} remove; cat {ignores}"
    )

    assert (bottle.work / "seen").read_text().split() == ["1", "1"]
    assert removed.split() == ["0", "0"]


def test_nothing_is_set_behind_an_interface_that_does_not_come(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["sysctl net/ipv4/ip_forward 1", *DR])
    bottle.interfaces = ["tunl0"]

    done = bottle.run(
        f"""sed -i 's/^WAIT = 30.0 /WAIT = 0.3 /' {TOOL}
        code=0; {TOOL} apply || code=$?; {show("lo")}; exit $code"""
    )

    assert done.returncode == 1
    why = "interface eth0: did not appear within 0.3 s, nothing behind it is set"
    assert done.stderr == f"lvs-network apply: {why}{MEND}"
    assert done.stdout.splitlines() == ["127.0.0.1/8 lo"]


def test_an_interface_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    bottle = host(tmp_path, DR)
    bottle.interfaces = ["tunl0"]
    late = "{ sleep 0.5; ip link add eth0 type veth peer name late; } &"

    assert held(bottle, f"{late} {TOOL} apply") == DR[1:]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("sysctl net/ipv4/conf/eth9/arp_ignore 1", "No such file or directory"),
        ("sysctl net/ipv4/ping_group_range x", "Invalid argument"),
        ("up eth9", "Cannot find device"),
        ("address 192.0.2.30 eth9", "Cannot find device"),
        ("address 192.0.2.300 lo", "192.0.2.300"),
        ("route 8840 203.0.113.1 eth9", "Cannot find device"),
        ("rule 30000 8840 from 203.0.113.22 tcp 9-8", "sport range"),
    ],
)
def test_what_cannot_be_set_is_named_and_what_comes_behind_it_is_not_set(
    tmp_path: Path, broken: str, reason: str
) -> None:
    before, behind = ["up tunl0", "address 192.0.2.10 lo"], ["address 192.0.2.20 lo"]
    bottle = host(tmp_path, [*before, broken, *behind])

    done = bottle.run(f"ip link set tunl0 down; code=0; {TOOL} apply || code=$?; {TOOL} held; exit $code")

    assert done.returncode == 1
    (error,) = done.stderr.splitlines()
    assert error.startswith(f"lvs-network apply: {broken}: ")
    assert reason in error
    assert error.endswith(MEND.strip("\n"))
    assert done.stdout.splitlines() == before
    # And what was set is known: mended or removed, nothing of it stays.
    left = told(bottle, f"state; echo ====; {TOOL} apply || :; {TOOL} remove; state").split("====\n")
    assert left[0] == left[1]


def test_every_copy_of_a_rule_is_removed(tmp_path: Path) -> None:
    bottle = host(tmp_path, NAT)
    twice = [
        "ip rule add pref 30000 from 203.0.113.22 ipproto 6 sport 80 lookup 8840 protocol 99",
        "ip rule add pref 30000 from 203.0.113.23 lookup 8840",
    ]

    before, after = told(
        bottle, f"state; echo ====; {TOOL} apply; {'; '.join(twice)}; {TOOL} remove; state"
    ).split("====\n")

    assert before == after


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("then", ["remove", "apply remove"])
def test_a_run_that_was_killed_leaves_nothing_behind(tmp_path: Path, when: str, then: str) -> None:
    bottle = host(tmp_path, ["sysctl net/ipv4/ip_forward 1", *DR, *TUN, *NAT])
    do = {"before": "kill -9 $PPID; exit 1", "after": 'real "$@"; kill -9 $PPID; exit 1'}[when]
    bottle.shadow("ip", ONCE.format(do))
    verbs = "; ".join(f"{TOOL} {verb}" for verb in then.split())

    before, after = told(bottle, f"state; echo ====; ! {TOOL} apply; {verbs}; {TOOL} held >&2; state").split(
        "====\n"
    )

    assert before == after
    assert (bottle.work / "once").exists()


def test_a_killed_removal_is_gone_on_with(tmp_path: Path) -> None:
    bottle = host(tmp_path, [*DR, *TUN, *NAT])
    bottle.shadow("ip", ONCE.format('[ ! -e armed ] || { real "$@"; kill -9 $PPID; exit 1; }'))

    before, after = told(
        bottle,
        f"state; echo ====; {TOOL} apply; touch armed; rm once; ! {TOOL} remove; {TOOL} remove; state",
    ).split("====\n")

    assert before == after


def test_two_runs_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["address 192.0.2.10 lo"])
    bottle.shadow("ip", 'case "$*" in *-batch*) sleep 0.5; echo batch >> batches ;; esac; real "$@"')

    told(bottle, f"{TOOL} apply & first=$!; {TOOL} apply; wait $first")

    # The second one finds nothing left to do.
    assert (bottle.work / "batches").read_text() == "batch\n"


def test_looking_does_not_wait_for_a_run(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["address 192.0.2.10 lo"])
    bottle.shadow("ip", 'case "$*" in *-batch*) echo busy >> order; sleep 1 ;; esac; real "$@"')

    told(
        bottle,
        f"""{TOOL} apply & first=$!
        until [ -e order ]; do sleep 0.05; done
        {TOOL} held; echo looked >> order; wait $first; echo done >> order""",
    )

    assert (bottle.work / "order").read_text().split() == ["busy", "looked", "done"]


@pytest.mark.parametrize("text", ["", "{", "{}x", '[{"item": "up"}]', '[{"item": "up tunl0"}]', "[1]", "7"])
def test_a_broken_record_is_an_empty_one_and_said_so(tmp_path: Path, text: str) -> None:
    items = [*DR[1:], *NAT]
    bottle = host(tmp_path, items)
    broken = f"{TOOL} apply; printf '%s' '{text}' > {RECORD}"

    done = bottle.run(f"{broken}; {TOOL} held")
    assert (done.returncode, done.stdout.splitlines()) == (0, items)
    (warning,) = done.stderr.splitlines()
    assert warning.startswith(f"lvs-network: {RECORD} is broken (")
    assert warning.endswith(", taken for empty: what is configured no more stays until the next boot")

    again = json.loads(told(bottle, f"{broken}; {TOOL} apply; cat {RECORD}"))
    # Sysctls were right already: what they were before is lost with the record.
    assert [entry["item"] for entry in again] == [item for item in items if not item.startswith("sysctl ")]


@pytest.mark.parametrize("record", ["rm", "echo broken >"])
def test_what_is_configured_goes_without_a_record(tmp_path: Path, record: str) -> None:
    bottle = host(tmp_path, ["address 192.0.2.10 lo", "local 192.0.2.20", *NAT])

    before, after = told(
        bottle, f"state; echo ====; {TOOL} apply; {record} {RECORD}; {TOOL} remove; state"
    ).split("====\n")

    assert before == after


def test_a_device_that_vanished_is_missing_and_nothing_to_undo(tmp_path: Path) -> None:
    kept = ["address 192.0.2.20 lo"]
    bottle = host(tmp_path, [*kept, *TUN, "sysctl net/ipv4/conf/tunl0/rp_filter 0"])
    vanish = f"echo 1 > /proc/sys/net/ipv4/conf/tunl0/rp_filter; {TOOL} apply; ip link delete tunl0"

    assert held(bottle, vanish) == kept
    contracted = told(bottle, f"{vanish}; {configure(*kept)} {TOOL} contract; cat {RECORD}")
    assert [entry["item"] for entry in json.loads(contracted)] == kept


def test_a_device_that_came_back_is_set_anew(tmp_path: Path) -> None:
    bottle = host(tmp_path, TUN)
    renew = "ip link delete tunl0; ip link add tunl0 type veth peer name renewed"

    assert held(bottle, f"{TOOL} apply; {renew}; {TOOL} apply") == TUN
