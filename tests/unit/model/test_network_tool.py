"""lvs-network against a real kernel: it sets what is missing, and takes back all that it set."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from .cases import ROOT
from .namespace import show, unusable
from .network_tool import CONFIGURATION, LINKS, TOOL, configure, held, host, told

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

ARP = ["sysctl net/ipv4/conf/eth0/arp_ignore 1", "sysctl net/ipv4/conf/eth0/arp_announce 2"]
ALL = [
    *ARP,
    "sysctl net/ipv4/ip_forward 1",
    "sysctl net/ipv6/conf/all/forwarding 1",
    "sysctl net/ipv4/ping_group_range 0 10",
    "up tunl0",
    "address 192.0.2.10 lo",
    "address 192.0.2.11 tunl0",
    "address 2001:db8::10 lo",
    "address 2001:db8::11 tunl0",
    "local 192.0.2.12",
    "local 2001:db8::12",
    "link 8840 203.0.113.0/24 eth0",
    "link 8840 2001:db8:1::/64 eth0",
    "route 8840 203.0.113.1 eth0",
    "route 8840 2001:db8:1::1 eth0",
    "rule 30000 8840 from 203.0.113.22 tcp 8080-8080",
    "rule 30000 8840 from 203.0.113.22 6 8082-8085",
    "rule 30000 8840 from 203.0.113.22 udp 8080-8080",
    "rule 30000 8840 from 203.0.113.22",
    "rule 30000 8840 from 2001:db8:1::22 132 1-65534",
    "rule 30000 8840 from 2001:db8:1::22",
]


def rendered(folder: Path) -> Path:
    return host(folder, []).tree / TOOL.lstrip("/")


def test_the_tool_is_good_python_of_the_oldest_version(tmp_path: Path) -> None:
    tool = rendered(tmp_path)
    ast.parse(tool.read_text(), feature_version=(3, 9))
    script = tool.rename(tmp_path / "lvs_network.py")
    # The module's own imports are few for its start's sake: os, not pathlib.
    ruff = ["ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--target-version", "py39"]

    for command in ([*ruff, "--ignore", "PTH"], ["mypy", "--strict"]):
        checked = subprocess.run(
            [sys.executable, "-m", *command, str(script)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nothing_is_held_before_and_everything_afterwards(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["interface eth0", *ALL])

    assert held(bottle, ":") == []
    assert held(bottle, f"{TOOL} apply") == ALL


@pytest.mark.parametrize("item", ALL)
def test_an_item_that_drifted_is_missing_and_set_again(tmp_path: Path, item: str) -> None:
    """The others are left in peace: the second run does no more than that item's command."""
    undo = {
        "sysctl": "echo 0 > /proc/sys/{0}" if "range" not in item else "echo 1 0 > /proc/sys/{0}",
        "up": "ip link set {0} down; ip address add 192.0.2.11/32 dev tunl0 label tunl0:lvs || :",
        "address": "ip address delete {0} dev {1}",
        "local": "ip route delete local {0} dev lo table local metric 4096",
        "link": "ip route delete {1} dev {2} table 8840",
        "route": "ip route delete default via {1} table 8840",
        "rule": "ip rule delete pref 30000 from {3}",
    }
    kind, *words = item.split()
    command = undo[kind].format(*words)
    if kind == "rule":
        numbers = {"tcp": "6", "udp": "17"}
        ports = f"ipproto {numbers.get(words[4], words[4])} sport {words[5]}" if words[4:] else ""
        command += f" {ports} protocol {'84' if ports else '85'}"
    if ":" in item and kind != "sysctl":
        command = command.replace("ip ", "ip -6 ", 1)
    bottle = host(tmp_path, ALL)
    script = f"{TOOL} apply; {command}; echo 1 > /proc/sys/net/ipv4/conf/all/accept_redirects"

    lost = set(ALL) - set(held(bottle, script))
    # A link that goes down takes its IPv6 addresses along.
    assert lost == {item} | ({"address 2001:db8::11 tunl0"} if kind == "up" else set())
    assert held(bottle, f"{script}; {TOOL} apply") == ALL


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    bottle = host(tmp_path, ALL)
    bottle.shadow("ip", 'case "$*" in *-batch*) echo changed >> changes ;; esac; real "$@"')

    first, second = told(bottle, f"{TOOL} apply; state; echo ====; {TOOL} apply; state").split("====\n")

    assert first == second
    # One batch for each of: link, IPv4 and IPv6 addresses by turns, routes, rules; none the second time.
    changes = len((bottle.work / "changes").read_text().splitlines())
    told(bottle, f"{TOOL} apply")
    assert len((bottle.work / "changes").read_text().splitlines()) == 2 * changes


def test_addresses_are_labelled_or_never_a_source(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["address 192.0.2.10 lo", "address 2001:db8::10 lo"])

    v4 = told(bottle, f"{TOOL} apply; {show('lo')}").splitlines()
    v6 = told(bottle, f"{TOOL} apply; ip -6 -oneline address show dev lo scope global")

    assert v4 == ["127.0.0.1/8 lo", "192.0.2.10/32 lo:lvs"]
    assert "2001:db8::10/128 scope global nodad deprecated" in v6


def test_what_was_set_is_taken_back(tmp_path: Path) -> None:
    bottle = host(tmp_path, ALL)

    before, after = told(bottle, f"state; echo ====; {TOOL} apply; {TOOL} remove; state").split("====\n")

    assert before == after


PORTED, PLAIN = "rule 30000 8840 from 203.0.113.22 tcp 8080-8080", "rule 30000 8840 from 203.0.113.22"
GATEWAY = ["route 8840 203.0.113.1 eth0", "route 8840 2001:db8:1::1 eth0"]
DR = ["address 192.0.2.10 lo", "address 2001:db8::10 lo"]
TUN = ["up tunl0", "address 192.0.2.10 tunl0", "address 2001:db8::10 tunl0"]
LOCAL = ["local 192.0.2.10", "local 2001:db8::10"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ALL, []),
        ([], ALL),
        ([*ARP, *DR], [*ARP, *TUN]),
        (TUN, DR),
        (DR, LOCAL),
        (LOCAL, DR),
        (LOCAL, TUN),
        ([*DR, *TUN], TUN),
        ([*DR, *TUN], DR),
        ([PORTED, PLAIN], [PORTED]),
        ([PLAIN, PORTED], [PORTED]),
        ([PLAIN, PORTED], [PLAIN]),
        (["rule 30000 8840 from 2001:db8::1", "rule 30000 8840 from 2001:db8::1 6 1-2"],
         ["rule 30000 8840 from 2001:db8::1 6 1-2"]),
        (GATEWAY, [line.replace(":1 ", ":2 ").replace(".1 ", ".2 ") for line in GATEWAY]),
        (["sysctl net/ipv4/conf/all/rp_filter 1"], ["sysctl net/ipv4/conf/all/rp_filter 2"]),
        (["sysctl net/ipv4/conf/all/rp_filter 1", "sysctl net/ipv4/conf/eth0/rp_filter 1"],
         ["sysctl net/ipv4/conf/eth0/rp_filter 1"]),
        (["address 192.0.2.10 lo"], ["address 192.0.2.1 lo"]),
    ],
)  # fmt: skip
def test_a_changed_host_is_as_if_it_had_never_been_another(
    tmp_path: Path, old: list[str], new: list[str]
) -> None:
    """Also when the old state is taken back before the new one is set, and twice."""
    fresh = told(host(tmp_path / "fresh", new), f"{TOOL} apply; state")
    bottle = host(tmp_path / "changed", old)
    change = f"{TOOL} apply; {configure(*new)}"

    assert told(bottle, f"{change} {TOOL} apply; {TOOL} contract; state") == fresh
    assert told(bottle, f"{change} {TOOL} contract; {TOOL} apply; {TOOL} contract; state") == fresh


def test_contract_takes_back_nothing_that_is_configured(tmp_path: Path) -> None:
    bottle = host(tmp_path, ALL)

    assert held(bottle, f"{TOOL} apply; {TOOL} contract") == ALL


def test_applying_takes_back_nothing(tmp_path: Path) -> None:
    bottle = host(tmp_path, DR)
    script = f"{TOOL} apply; {configure(*TUN)} {TOOL} apply"

    assert sorted(held(bottle, script)) == sorted([*DR, *TUN])


NAT = [
    "route 8840 203.0.113.1 eth0",
    "rule 30000 8840 from 203.0.113.22",
    "rule 30000 8840 from 203.0.113.23",
]
# /proc/uptime cuts off all below a hundredth of a second: without the first sleep, what was set just before
# would be set "since".
NOW = "sleep 0.02; now=$(cut -d' ' -f1 /proc/uptime); sleep 0.02"


def test_routes_alone_are_undone(tmp_path: Path) -> None:
    bottle = host(tmp_path, ALL)
    routes = [item for item in ALL if item.split()[0] in ("link", "route", "rule")]

    undone = f"{NOW}; {TOOL} apply; {TOOL} undo-routes $now"
    assert held(bottle, undone) == [item for item in ALL if item not in routes]
    # The guard of a change that a rollback has already taken out of the configuration.
    gone = f"{NOW}; {TOOL} apply; {configure(*ARP)} {TOOL} undo-routes $now"
    assert not set(held(bottle, gone)) & set(routes)


@pytest.mark.parametrize("again", ["", f"{TOOL} apply;"])
def test_routes_that_were_there_before_are_not_undone(tmp_path: Path, again: str) -> None:
    """Set by an earlier run, or by somebody else's hand: what the guarded run found is none of its doing."""
    bottle = host(tmp_path, NAT[:2])
    by_hand = "ip rule add pref 30000 from 203.0.113.24 lookup 8840 protocol 85"
    more = [*NAT, "rule 30000 8840 from 203.0.113.24", "rule 30000 8840 from 203.0.113.25"]
    script = (
        f"{TOOL} apply; {by_hand}; {NOW}; {configure(*more)} {TOOL} apply; {again} {TOOL} undo-routes $now"
    )

    assert held(bottle, script) == [*NAT[:2], "rule 30000 8840 from 203.0.113.24"]


def test_what_was_missing_and_is_set_again_is_undone(tmp_path: Path) -> None:
    """A drift that a run heals may cut the controller off as well."""
    bottle = host(tmp_path, NAT)
    drift = f"ip rule delete pref 30000 from 203.0.113.22; {NOW}; {TOOL} apply"

    assert held(bottle, f"{TOOL} apply; {drift}; {TOOL} undo-routes $now") == [
        item for item in NAT if "203.0.113.22" not in item
    ]


def test_forwarding_is_given_back_with_all_that_changed_along(tmp_path: Path) -> None:
    """net/ipv4/devinet.c, inet_forward_change: forwarding of every link, and accept_redirects of all."""
    bottle = host(tmp_path, ["sysctl net/ipv4/ip_forward 1", "sysctl net/ipv6/conf/all/forwarding 1"])
    own = """
    echo 1 > /proc/sys/net/ipv4/conf/eth0/forwarding
    echo 1 > /proc/sys/net/ipv6/conf/eth0/forwarding
    echo 0 > /proc/sys/net/ipv4/conf/all/accept_redirects
    """

    before, after = told(bottle, f"{own} state; echo ====; {TOOL} apply; {TOOL} remove; state").split(
        "====\n"
    )

    assert before == after
    assert "ipv4/conf/eth0/forwarding:1" in before


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("adress 192.0.2.10 lo", "'adress 192.0.2.10 lo' is no item"),
        ("address 192.0.2.10", "'address 192.0.2.10' is no item"),
        ("sysctl net/ipv4/ip_forward", "'sysctl net/ipv4/ip_forward' is no item"),
        ("rule 30000 8840 from 203.0.113.22 tcp", "'rule 30000 8840 from 203.0.113.22 tcp' is no item"),
    ],
)
@pytest.mark.parametrize("verb", ["apply", "contract", "held"])
def test_a_broken_configuration_is_refused_before_anything_changes(
    tmp_path: Path, verb: str, line: str, reason: str
) -> None:
    bottle = host(tmp_path, ["address 192.0.2.10 lo", line])

    done = bottle.run(f"code=0; {TOOL} {verb} || code=$?; {show('lo')}; exit $code")

    assert done.returncode == 1
    (error,) = done.stderr.splitlines()
    # Two lines of header, and one item before it.
    assert error.startswith(f"lvs-network {verb}: {CONFIGURATION}, line 4: {reason} of module, interface, ")
    assert "deploy this host" in error
    assert done.stdout.splitlines() == ["127.0.0.1/8 lo"]


@pytest.mark.parametrize(("verb", "code"), [("apply", 1), ("contract", 1), ("held", 0), ("remove", 0)])
def test_a_missing_configuration_is_not_an_empty_one(tmp_path: Path, verb: str, code: int) -> None:
    bottle = host(tmp_path, DR)

    done = bottle.run(f"{TOOL} apply; rm {CONFIGURATION}; code=0; {TOOL} {verb} || code=$?; exit $code")

    assert done.returncode == code
    assert done.stdout.splitlines() == (DR if verb == "held" else [])
    missing = (
        f"lvs-network {verb}: {CONFIGURATION} is missing: deploy this host: mend that and run it again\n"
    )
    assert done.stderr == (missing if code else "")


def test_what_is_recorded_goes_without_a_configuration(tmp_path: Path) -> None:
    bottle = host(tmp_path, ALL)

    before, after = told(
        bottle, f"state; echo ====; {TOOL} apply; rm {CONFIGURATION}; {TOOL} remove; state"
    ).split("====\n")

    assert before == after


@pytest.mark.parametrize("arguments", ["", "start", "apply contract"])
def test_an_unknown_verb_changes_nothing(tmp_path: Path, arguments: str) -> None:
    done = host(tmp_path, DR).run(f"code=0; {TOOL} {arguments} || code=$?; {show('lo')}; exit $code")

    assert done.returncode == 2
    assert "Usage: lvs-network VERB" in done.stderr
    assert done.stdout.splitlines() == ["127.0.0.1/8 lo"]


def test_links_are_those_of_the_host() -> None:
    assert {word for item in ALL for word in item.split() if word in LINKS} == set(LINKS)
