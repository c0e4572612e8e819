"""lvs-heartbeat: a changed group, an orderly switch, what stays behind, and what is refused, in a bottle."""

from __future__ import annotations

from pathlib import Path

import pytest

from .builders import Case
from .namespace import Bottle, unusable

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

TOOL = "/usr/local/lib/lvs-toolkit/lvs-heartbeat"
ROLE = "/etc/ha.d/resource.d/lvs-role"
# A resource as heartbeat has them: what it does is kept by its name and arguments.
RESOURCE = """#!/bin/sh
name=$(echo "${0##*/} $*" | sed 's/ [a-z]*$//; s%[ /]%_%g')
for verb; do :; done
case $verb in
start) [ ! -e "broken_$name" ] || exit 1; echo "start $name" >> did; : > "is_$name" ;;
stop) echo "stop $name" >> did; rm -f "is_$name" ;;
status) if [ -e "is_$name" ]; then echo "INFO: Running OK"; else echo "not running"; exit 7; fi ;;
esac
"""


@pytest.fixture
def bottle(tmp_path: Path) -> Bottle:
    """lb1 of a cluster under heartbeat with two VIPs, and pretended tools around it."""
    return pretended(tmp_path, "lb1")


def pretended(tmp_path: Path, name: str) -> Bottle:
    """The same for a director by its name."""
    case = Case()
    del case.document["connection_sync"]
    case.document["engine"] = "ldirectord"
    case.document["failover"].update(
        method="heartbeat",
        heartbeat={
            "key": {"secret": "s3cret-key"},
            "ping": ["192.0.2.253"],
            "ping_groups": [{"name": "gateways", "addresses": ["192.0.2.1", "192.0.2.2"]}],
        },
    )
    case.service["vips"] = ["192.0.2.10", "192.0.2.20"]
    files = case.plan()["hosts"][name]["files"]
    bottle = Bottle(tmp_path, [file for file in files if not file["path"].endswith("ldirectord.cf")])
    for resource in ("IPaddr2", "lvs-ldirectord"):
        bottle.write(f"/etc/ha.d/resource.d/{resource}", RESOURCE, 0o755)
    for tool in ("ipvsadm", "systemctl", "logger"):
        bottle.shadow(tool, ":")
    bottle.shadow("sleep", "echo waited >> waits")
    # Nobody answers but those whose names lie there.
    bottle.shadow("ping", 'for last; do :; done; echo "$last" >> asked; [ -e "answers_$last" ]')
    bottle.shadow("uname", "cat name 2> /dev/null || echo lb1")
    return bottle


def group(*vips: str) -> str:
    """Write another group, as a deployment would."""
    resources = " ".join(f"IPaddr2::{vip}/32/eth0" for vip in vips)
    return f'echo "lb1 lvs-role lvs-ldirectord::ldirectord.cf {resources}" > /etc/ha.d/haresources'


def take(bottle: Bottle) -> str:
    """What heartbeat does to take the group, in its order."""
    vips = " ".join(f"/etc/ha.d/resource.d/IPaddr2 192.0.2.{last}/32/eth0 start;" for last in (10, 20))
    return f"{ROLE} start; /etc/ha.d/resource.d/lvs-ldirectord ldirectord.cf start; {vips} : > did"


def test_the_owner_drops_what_has_left_and_starts_what_has_come(bottle: Bottle) -> None:
    bottle.told(f"{take(bottle)}; {group('192.0.2.20', '192.0.2.30')}; {TOOL} apply; {TOOL} apply")

    assert (bottle.work / "did").read_text().splitlines() == [
        "stop IPaddr2_192.0.2.10_32_eth0",
        "start IPaddr2_192.0.2.30_32_eth0",
    ]


def test_a_standby_takes_nothing(bottle: Bottle) -> None:
    bottle.told(f"{ROLE} stop; : > did; {group('192.0.2.30')}; {TOOL} apply")

    assert (bottle.work / "did").read_text() == ""


def test_a_vip_that_does_not_start_fails_and_is_dropped_when_the_old_group_is_back(bottle: Bottle) -> None:
    new = group("192.0.2.10", "192.0.2.20", "192.0.2.30", "192.0.2.40")
    told = bottle.told(
        f"""
        {take(bottle)}
        cp /etc/ha.d/haresources old
        : > broken_IPaddr2_192.0.2.40_32_eth0
        {new}; {TOOL} apply 2> said || echo "exit code $?"
        cp old /etc/ha.d/haresources; {TOOL} apply
        """
    )

    assert told == "exit code 1\n"
    said = (bottle.work / "said").read_text()
    assert said == "IPaddr2::192.0.2.40/32/eth0 does not start; see heartbeat's journal\n"
    assert (bottle.work / "did").read_text().splitlines() == [
        "start IPaddr2_192.0.2.30_32_eth0",
        "stop IPaddr2_192.0.2.30_32_eth0",
        "stop IPaddr2_192.0.2.40_32_eth0",
    ]


def test_who_lets_go_stops_what_it_took_whatever_the_file_says_now(bottle: Bottle) -> None:
    bottle.told(f"{take(bottle)}; {group('192.0.2.20')}; {ROLE} stop")

    assert (bottle.work / "did").read_text() == "stop IPaddr2_192.0.2.10_32_eth0\n"


def heartbeat(bottle: Bottle, status: int) -> str:
    """Put heartbeat's program into the bottle, which says of itself whether it runs (heartbeat -s)."""
    bottle.write("/run/pretended", f'#!/bin/sh\n[ "$*" = -s ] && exit {status}\nexit 9\n', 0o755)
    place = "/usr/libexec/heartbeat"
    return f"mount -t tmpfs tmpfs /usr/libexec && mkdir {place} && cp /run/pretended {place}/heartbeat;"


@pytest.mark.parametrize(
    ("name", "peer", "takes"),
    [
        ("lb1", "dead", True),
        ("lb1", "", True),
        ("lb1", "active", False),
        ("lb1", "up", False),
        # heartbeat takes for its own only what it prefers itself.
        ("lb2", "dead", False),
    ],
)
def test_the_preferred_director_takes_the_group_at_once_where_it_is_alone(
    tmp_path: Path, name: str, peer: str, takes: bool
) -> None:
    bottle = pretended(tmp_path, name)
    bottle.shadow("cl_status", f'[ "$1" != nodestatus ] || echo "{peer}"')

    told = bottle.told(f"{heartbeat(bottle, 0)} : > did; {TOOL} take; {TOOL} take; {ROLE} status || :")

    assert told == ("running\n" if takes else "stopped\n")
    assert (bottle.work / "did").read_text().splitlines() == (
        [
            "start lvs-ldirectord_ldirectord.cf",
            "start IPaddr2_192.0.2.10_32_eth0",
            "start IPaddr2_192.0.2.20_32_eth0",
        ]
        if takes
        else []
    )
    if takes:  # three seconds, twice: two keepalives of one second, and a look
        assert len((bottle.work / "waits").read_text().splitlines()) == 6


def test_nothing_is_taken_without_a_heartbeat_that_runs(bottle: Bottle) -> None:
    bottle.shadow("journalctl", "echo ERROR: Cannot open keyfile")

    done = bottle.run(f"{heartbeat(bottle, 1)} : > did; {TOOL} take")

    assert (done.returncode, (bottle.work / "did").read_text()) == (1, "")
    assert "ERROR: Cannot open keyfile" in done.stderr


MANAGER = "/usr/share/heartbeat"


def managed(bottle: Bottle, name: str, script: str) -> str:
    """Put a program of heartbeat's into the bottle, at its place, which the machine lacks."""
    bottle.write(f"/run/heartbeat-share/{name}", f"#!/bin/sh\n{script}\n", 0o755)
    return f"mount -t tmpfs tmpfs /usr/share && mkdir {MANAGER} && cp /run/heartbeat-share/* {MANAGER};"


def test_an_owner_goes_only_where_somebody_stands_by(bottle: Bottle) -> None:
    share = managed(bottle, "hb_standby", f'echo "$*" >> asked_standby; {ROLE} stop')
    bottle.shadow("cl_status", '[ "$*" != "nodestatus lb2" ] || cat lb2_is')
    told = bottle.told(
        f"""{share}
        {ROLE} start
        echo dead > lb2_is; {TOOL} standby 2> said || echo "exit code $?"
        echo active > lb2_is; {TOOL} standby && {ROLE} status || echo "exit code $?"
        {TOOL} standby
        """
    )

    assert told.splitlines() == ["exit code 1", "stopped", "exit code 3"]
    assert (bottle.work / "said").read_text() == "lb2 is not there to take over\n"
    assert (bottle.work / "asked_standby").read_text() == "all\n", "a standby has nothing to give away"


def test_an_owner_that_does_not_let_go_is_told(bottle: Bottle) -> None:
    share = managed(bottle, "hb_standby", ":")
    bottle.shadow("cl_status", "echo active")

    done = bottle.run(f"{share} {ROLE} start; {TOOL} standby")

    assert done.returncode == 1
    assert done.stderr == "it still owns the VIPs after 60 s; see heartbeat's journal\n"
    assert len((bottle.work / "waits").read_text().splitlines()) == 60


@pytest.mark.parametrize(("owns", "given"), [("start", "givegroup lvs-role\n"), ("stop", "")])
def test_after_a_crash_nothing_of_the_group_stays_behind(bottle: Bottle, owns: str, given: str) -> None:
    share = managed(bottle, "ResourceManager", f'echo "$*" >> gave; {ROLE} stop')
    told = bottle.told(
        f"""{share}
        {ROLE} {owns}; : > gave
        {TOOL} release; {TOOL} release
        {ROLE} status || :"""
    )

    assert told == "stopped\n"
    assert (bottle.work / "gave").read_text() == given


@pytest.mark.parametrize(
    ("answering", "said"),
    [
        (["192.0.2.253", "192.0.2.2"], ""),
        (
            ["192.0.2.253"],
            "ping group gateways: nobody answers ping from here: mend that, or take what always answers\n",
        ),
        (
            ["192.0.2.1"],
            "ping 192.0.2.253: nobody answers ping from here: mend that, or take what always answers\n",
        ),
    ],
)
def test_a_ping_group_of_which_nobody_answers_is_refused(
    bottle: Bottle, answering: list[str], said: str
) -> None:
    for address in answering:
        (bottle.work / f"answers_{address}").touch()

    done = bottle.run(f"{TOOL} hears")

    assert (done.returncode, done.stderr) == (int(said != ""), said)


def test_a_host_of_another_name_is_refused_before_heartbeat_is_asked(bottle: Bottle) -> None:
    (bottle.work / "name").write_text("loadbalancer\n")
    bottle.shadow("unshare", "echo heartbeat was asked >> asked")

    done = bottle.run(f"{TOOL} check /run/stage")

    assert (done.returncode, (bottle.work / "asked").exists()) == (1, False)
    assert done.stderr == (
        "this host's name is 'loadbalancer' (uname -n), and heartbeat's configuration calls it 'lb1': say so "
        "in failover.heartbeat.node_names, or rename the host\n"
    )


@pytest.mark.parametrize(
    ("change", "peer", "refused"),
    [
        ("s/nothing/changes/", "active", False),
        # A line that comes, and one that goes while another stays.
        ("s/^udpport 694/&\\nucast eth2 10.1.1.2/", "active", False),
        ("/^ucast eth1/d", "active", False),
        ("s/^deadtime .*/deadtime 30/", "active", False),
        ("s/^udpport .*/udpport 695/", "active", True),
        ("s/^ucast \\(eth.\\) .*/mcast \\1 225.0.0.1 694 1 0/", "active", True),
        ("s/s3cret-key/an0ther-key/", "active", True),
        # Alone it may change what it likes.
        ("s/s3cret-key/an0ther-key/", "dead", False),
        ("s/^udpport .*/udpport 695/", "", False),
        # It is about to be heard.
        ("s/s3cret-key/an0ther-key/", "up", True),
        ("s/s3cret-key/an0ther-key/", "init", True),
    ],
)
def test_a_director_does_not_become_deaf_to_the_other_one(
    bottle: Bottle, change: str, peer: str, refused: bool
) -> None:
    bottle.shadow("cl_status", f'[ "$*" != "nodestatus lb2" ] || echo {peer}')
    bottle.shadow("unshare", "exit 0")

    done = bottle.run(
        f"""
        mkdir -p /run/stage/etc/ha.d && cp /etc/ha.d/ha.cf /etc/ha.d/authkeys /run/stage/etc/ha.d
        sed -i '{change}' /run/stage/etc/ha.d/*
        {TOOL} check /run/stage"""
    )

    said = (
        "lb2 would not hear this director any more (another key or port, or no line that stays), and both "
        "would take the VIPs: stop heartbeat on the standby (systemctl stop heartbeat), then deploy\n"
    )
    assert (done.returncode, done.stderr) == ((1, said) if refused else (0, ""))


@pytest.mark.parametrize("runs", [True, False])
def test_a_heartbeat_that_waits_for_the_other_one_at_its_start_is_none_that_does_not_run(
    bottle: Bottle, runs: bool
) -> None:
    """Until initdead cl_status says of both that heartbeat is stopped."""
    bottle.shadow("cl_status", "exit 1")
    bottle.shadow("unshare", "exit 0")

    done = bottle.run(
        f"""{heartbeat(bottle, int(not runs))}
        mkdir -p /run/stage/etc/ha.d && cp /etc/ha.d/ha.cf /etc/ha.d/authkeys /run/stage/etc/ha.d
        {TOOL} check /run/stage || exit 8
        sed -i s/s3cret-key/an0ther-key/ /run/stage/etc/ha.d/authkeys
        {TOOL} check /run/stage"""
    )

    said = (
        "lb2 would not hear this director any more (another key or port, or no line that stays), and both "
        "would take the VIPs: heartbeat has just started here, and neither heard it nor given it up yet: "
        "deploy again when it has\n"
    )
    assert (done.returncode, done.stderr) == ((1, said) if runs else (0, ""))


@pytest.mark.parametrize(("key", "code"), [("sha1 right", 0), ("sha256 wrong", 1)])
def test_heartbeat_judges_the_staged_files_and_not_the_live_ones(bottle: Bottle, key: str, code: int) -> None:
    bottle.write("/usr/local/lib/stage/etc/ha.d/authkeys", f"auth 1\n1 {key}\n", 0o600)
    # The package's program, as far as this is concerned.
    judge = (
        "#!/bin/sh\n[ ! -e /run/heartbeat.pid ] || exit 9\n"
        "grep -q sha256 /etc/ha.d/authkeys || exit 0\n"
        "echo 'ERROR: Invalid authtype [sha256]' >&2; exit 6\n"
    )
    bottle.write("/run/judge", judge, 0o755)
    done = bottle.run(
        f"""
        mount -t tmpfs tmpfs /usr/libexec && mkdir /usr/libexec/heartbeat
        cp /run/judge /usr/libexec/heartbeat/heartbeat
        echo 1 > /run/heartbeat.pid
        before=$(cat /etc/ha.d/authkeys)
        {TOOL} check /usr/local/lib/stage || code=$?
        [ "$before" = "$(cat /etc/ha.d/authkeys)" ] || exit 8
        exit ${{code:-0}}"""
    )

    said = "ERROR: Invalid authtype [sha256]\nheartbeat refuses its configuration\n" if code else ""
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize("runs", [True, False])
def test_a_heartbeat_that_does_not_run_is_told_with_its_journals_last_lines(
    bottle: Bottle, runs: bool
) -> None:
    # It answers cl_status only when it has heard the other director, or given it up.
    bottle.shadow("cl_status", "exit 1")
    bottle.shadow("journalctl", 'echo "$*" >> asked; echo "ERROR: Cannot open keyfile"')

    done = bottle.run(f"{heartbeat(bottle, int(not runs))} {TOOL} ready")

    if runs:
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert (done.returncode, done.stderr) == (
        1,
        "heartbeat does not run. Its journal's last lines:\nERROR: Cannot open keyfile\n",
    )
    asked = (bottle.work / "asked").read_text().split()
    assert {"--lines=20", "--unit=heartbeat.service"} <= set(asked)


def test_an_ipv6_vip_gets_its_colons_back(tmp_path: Path) -> None:
    case = Case()
    case.document["engine"] = "ldirectord"
    case.document["networks"]["front"]["subnets"].append("2001:db8::/64")
    for number, name in enumerate(("lb1", "lb2", "web1", "web2", "web3")):
        case.hostvars[name]["lvs_addresses"].append(f"2001:db8::1{number}")
    case.document["failover"].update(method="heartbeat", heartbeat={"key": {"secret": "s3cret-key"}})
    case.service["vips"] = ["2001:db8::10"]
    case.hostvars["lb1"]["lvs_addresses"][-1] = "2001:db8::99"
    bottle = Bottle(tmp_path, case.plan()["hosts"]["lb1"]["files"])
    # The package's functions, as far as this is concerned.
    told_by = "ip cidr_netmask nic nodad preferred_lft"
    functions = (
        "LEGAL_ACTIONS='(start|stop)'\n"
        f"ra_execocf() {{ for one in {told_by}; do\n"
        'eval "echo $one=\\$OCF_RESKEY_$one"; done; echo "$1 $OCF_TYPE"; }\n'
    )
    bottle.write("/etc/ha.d/resource.d/hto-mapfuncs", functions)

    # As ResourceManager takes an argument apart: at '::'.
    told = bottle.told(
        """
        resource=$(tr ' ' '\\n' < /etc/ha.d/haresources | grep lvs-vip6)
        arguments=$(echo "$resource" | sed 's%[^:]*::%%' | sed 's%::% %g')
        /etc/ha.d/resource.d/lvs-vip6 $arguments start"""
    )

    assert told.splitlines() == [
        *("ip=2001:db8::10", "cidr_netmask=128", "nic=eth0", "nodad=true", "preferred_lft=0"),
        "start IPaddr2",
    ]
