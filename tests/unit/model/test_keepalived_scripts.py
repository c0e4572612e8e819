"""keepalived-leave and keepalived-release, the two ends of an orderly stop, against real addresses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .builders import Case
from .cases import plan
from .namespace import Bottle, show, unusable

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

LEAVE = "/usr/local/lib/lvs-toolkit/keepalived-leave"
RELEASE = "/usr/local/lib/lvs-toolkit/keepalived-release"
VIPS = ["192.0.2.10", "192.0.2.20"]
# In the adverts stands an anchor instead of the VIPs; its last byte is the virtual router id.
ANCHOR = "169.254.255.7"
LEAVING = "/run/lvs-toolkit.leaving"


@pytest.fixture
def bottle(tmp_path: Path) -> Bottle:
    """lb1 of a cluster with two VIPs."""
    case = Case()
    case.service["vips"] = VIPS
    case.document["failover"]["router_id"] = 7
    planned = case.plan()["hosts"]["lb1"]
    return Bottle(tmp_path, planned["files"], planned["interfaces"])


def test_leave_waits_until_the_vip_is_gone_and_then_for_the_peer(bottle: Bottle) -> None:
    # keepalived lets the VIP go at the third look.
    bottle.shadow(
        "sleep",
        f"""echo "$1" >> sleeps
        cat {LEAVING} > leaving
        [ "$(wc -l < sleeps)" -lt 3 ] || ip address flush dev eth0""",
    )

    bottle.told(f"ip address add {ANCHOR}/32 dev eth0; {LEAVE}")

    assert (bottle.work / "leaving").read_text() == "1\n"
    # A quarter of a second of skew at priority 150 is 0.41 s at 1 s, and 0.5 s for the adverts' jitter.
    assert (bottle.work / "sleeps").read_text().split() == ["0.1", "0.1", "0.1", "0.914"]


def test_leave_gives_up_on_a_keepalived_that_hangs(bottle: Bottle) -> None:
    bottle.shadow("sleep", 'echo "$1" >> sleeps')

    bottle.told(f"ip address add {ANCHOR}/32 dev eth0; {LEAVE}")

    assert (bottle.work / "sleeps").read_text().split() == ["0.1"] * 30


def test_leave_of_a_standby_waits_for_the_peer_only(bottle: Bottle) -> None:
    bottle.shadow("sleep", 'echo "$1" >> sleeps')

    assert bottle.told(f"{LEAVE}; cat {LEAVING}") == "1\n"

    assert (bottle.work / "sleeps").read_text().split() == ["0.914"]


def test_release_removes_the_vips_that_stayed_behind_and_nothing_else(bottle: Bottle) -> None:
    own = "192.0.2.11/24"
    told = bottle.told(
        f"""
        ip address add {own} dev eth0
        ip address add {ANCHOR}/32 dev eth0
        ip address add {VIPS[1]}/32 dev eth0
        ip address add {VIPS[0]}/32 dev eth1
        {RELEASE}; {RELEASE}
        {show("eth0")}; {show("eth1")}
        """
    )

    assert told.splitlines() == [f"{own} eth0", f"{VIPS[0]}/32 eth1"]


# Waits (5 s at most) until an address is on eth0, or no longer; then says so.
UNTIL = """
until_vip() { # there|gone
    for _ in $(seq 100); do
        now=gone
        ip -4 -oneline address show to 192.0.2.10/32 dev eth0 | grep -q . && now=there
        [ "$now" != "$1" ] || break
        real_sleep 0.05
    done
    echo "$now"
}
"""


@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
def test_a_director_that_left_in_order_takes_the_vips_again_when_it_starts(tmp_path: Path) -> None:
    """The real daemon, without IPVS: the leaving file makes it let go, and is reset by its start."""
    case = Case()
    case.document["failover"]["advert_interval"] = 0.02
    del case.document["connection_sync"]  # it needs IPVS in the kernel
    planned = case.plan()["hosts"]["lb1"]
    bottle = Bottle(tmp_path, planned["files"], planned["interfaces"])
    sleep = shutil.which("sleep")
    bottle.shadow("real_sleep", f'exec {sleep} "$@"')
    bottle.shadow("sleep", f"exec {sleep} 0.05")

    told = bottle.told(
        f"""{UNTIL}
        ip address add 192.0.2.11/24 dev eth0
        start="keepalived --vrrp --dont-fork --log-console"
        $start > first.log 2>&1 &
        until_vip there
        {LEAVE}
        until_vip gone
        kill $! && wait $! || true
        cat {LEAVING}
        $start > second.log 2>&1 &
        until_vip there
        cat {LEAVING}
        """
    )

    logs = "\n".join(path.read_text() for path in sorted(bottle.work.glob("*.log")))
    assert told.split() == ["there", "gone", "1", "there", "0"], logs


def test_a_director_of_several_elections_leaves_when_it_owns_nothing_any_more(tmp_path: Path) -> None:
    planned = plan("ipv6")["hosts"]["s1"]
    (instance,) = plan("ipv6")["clusters"]["six"]["instances"]
    bottle = Bottle(tmp_path, planned["files"], planned["interfaces"])
    bottle.shadow(
        "sleep", 'echo "$1" >> sleeps; [ "$(wc -l < sleeps)" -lt 2 ] || ip address flush dev eth0 scope link'
    )

    bottle.told(f"ip address add {instance['anchor']}/128 dev eth0; {LEAVE}")

    assert (bottle.work / "sleeps").read_text().split() == ["0.1", "0.1", "0.914"]


def test_release_removes_addresses_of_both_families_from_their_interfaces(tmp_path: Path) -> None:
    planned = plan("ipv6")["hosts"]["d1"]
    (instance,) = plan("ipv6")["clusters"]["dual"]["instances"]
    bottle = Bottle(tmp_path, planned["files"], planned["interfaces"])

    told = bottle.told(
        f"""
        ip address add {instance["anchor"]}/32 dev eth0
        ip address add 203.0.113.10/32 dev eth1
        ip address add 2001:db8:d::10/128 dev eth1 nodad
        ip address add 2001:db8:d::2/64 dev eth1 nodad
        {RELEASE}
        {show("eth0")}; {show("eth1")}
        ip -6 -oneline address show dev eth1 scope global
        """
    )

    assert [line for line in told.splitlines() if "2001:db8:d::2/64" not in line] == []


ENSURE = "/usr/local/lib/lvs-toolkit/ensure-process"


@pytest.mark.parametrize(
    ("command", "code", "calls"),
    [
        ("nap 30 & sleep 0.2;", 0, 0),  # it runs: nothing to do
        ("", 0, 1),  # it does not run, and the restart helps
        ("touch broken;", 1, 1),  # it does not help
    ],
)
def test_a_process_is_restarted_before_its_absence_counts(
    tmp_path: Path, command: str, code: int, calls: int
) -> None:
    bottle = Bottle(tmp_path, plan("vrrp-only")["hosts"]["lb1"]["files"])
    shutil.copy(str(shutil.which("sleep")), bottle.work / "bin" / "nap")
    bottle.shadow("restart", "echo $1 >> calls; [ -e broken ] || { nap 30 & sleep 0.2; }")

    done = bottle.run(f"{command} {ENSURE} nap restart nap.service")

    assert done.returncode == code, done.stderr
    seen = bottle.work / "calls"
    assert (seen.read_text() if seen.exists() else "") == "nap.service\n" * calls
