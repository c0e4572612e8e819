"""lvs-network with commands of the test's own, for what no test machine needs to have: modules, GUE, no IPv6.

The outputs of ip are those of iproute2 6.1 (Debian 12) and 6.15 (Debian 13).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .namespace import Bottle, unusable
from .network_tool import CONFIGURATION, RECORD, TOOL, configure, held, host, told

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

MEND = ": mend that and run it again\n"
# Keeps ports as files and knows nothing of others; everything else is the real ip's.
FOU = """
family=inet; [ "$1" = -6 ] && family=inet6
case "$*" in
*"fou show")
    echo "["; cat ports-* 2>/dev/null | paste -sd,; echo "]" ;;
*-batch*)
    while read -r object verb port number gue; do
        echo "$1 $object $verb $port $number $gue" >> commands
        case "$object $verb $gue" in
        "fou add gue")
            printf '{"port":%s,"gue":null,"family":"%s"}\\n' $number $family > ports-$family-$number ;;
        "fou del ") rm ports-$family-$number ;;
        *) echo "$object $verb $port $number $gue" | real "$1" -batch - ;;
        esac
    done ;;
*) real "$@" ;;
esac
"""


def commands(bottle: Bottle) -> list[str]:
    file = bottle.work / "commands"
    return [line.strip() for line in file.read_text().splitlines()] if file.exists() else []


def modules(bottle: Bottle, script: str) -> None:
    """A modprobe that runs a script; /sys/module is of the bottle's own."""
    bottle.shadow("modprobe", f'echo "$*" >> commands\n{script}')


MODULES = "mount -t tmpfs tmpfs /sys/module;"


def test_modules_are_loaded_at_once_and_before_what_needs_them(tmp_path: Path) -> None:
    items = ["module ipip", "module ip6-tunnel", "up ipip0", "address 192.0.2.10 ipip0"]
    bottle = host(tmp_path, items)
    load = "mkdir /sys/module/ipip /sys/module/ip6_tunnel; ip link add ipip0 type veth peer name q0"
    modules(bottle, load)

    assert held(bottle, f"{MODULES} {TOOL} apply; {TOOL} apply") == items
    assert commands(bottle) == ["-a -- ipip ip6-tunnel"]


def test_a_loaded_module_is_not_loaded_again_and_never_unloaded(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["module ipip"])
    modules(bottle, "mkdir -p /sys/module/ipip")

    script = f"{MODULES} mkdir /sys/module/ipip; {TOOL} apply; {configure()} {TOOL} contract; {TOOL} remove"
    assert told(bottle, f"{script}; ls /sys/module") == "ipip\n"
    assert commands(bottle) == []


def test_a_module_that_is_missing_stops_what_comes_behind(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["module ip_vs_none", "address 192.0.2.10 lo"])
    modules(bottle, "echo 'modprobe: FATAL: Module ip_vs_none not found.' >&2; exit 1")

    done = bottle.run(f"code=0; {TOOL} apply || code=$?; {TOOL} held; exit $code")

    assert (done.returncode, done.stdout) == (1, "")
    why = "module ip_vs_none: modprobe: FATAL: Module ip_vs_none not found."
    assert done.stderr == f"lvs-network apply: {why}{MEND}"


def test_a_module_that_is_built_in_is_held(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["module ip-vs-wrr", "module ip_vs_rr"])
    built = (
        "mount -t tmpfs tmpfs /lib/modules; mkdir /lib/modules/$(uname -r);"
        "printf 'kernel/net/ipvs/ip_vs_wrr.ko\\nkernel/net/xip_vs_rr.ko\\n'"
        "> /lib/modules/$(uname -r)/modules.builtin;"
    )
    bottle.interfaces = []

    assert bottle.told(f"mkdir -p /lib/modules; {MODULES} {built} {TOOL} held") == "module ip-vs-wrr\n"


def test_udev_is_waited_for_before_sysctls_of_new_links_are_set(tmp_path: Path) -> None:
    """It runs systemd-sysctl for each (99-systemd.rules), which would set them back."""
    bottle = host(tmp_path, ["sysctl net/ipv4/conf/eth0/rp_filter 1"])
    rp_filter = "cat /proc/sys/net/ipv4/conf/eth0/rp_filter"
    bottle.shadow("udevadm", f'echo "$* $({rp_filter})" >> commands; echo 2 > {rp_filter.split()[1]}')

    script = f"mkdir /run/udev; touch /run/udev/control; {TOOL} apply; {TOOL} apply; {rp_filter}"
    assert told(bottle, script) == "1\n"
    assert commands(bottle) == ["settle --timeout=10 0"]
    assert told(bottle, f"{TOOL} apply; {rp_filter}") == "1\n"
    assert len(commands(bottle)) == 1


def test_ports_of_gue_by_family(tmp_path: Path) -> None:
    items = ["fou 4 6080 gue", "fou 6 6080 gue", "fou 4 6081 gue"]
    bottle = host(tmp_path, items)
    bottle.shadow("ip", FOU)

    assert held(bottle, f"{TOOL} apply; {TOOL} apply") == items
    added = ["-4 fou add port 6080 gue", "-6 fou add port 6080 gue", "-4 fou add port 6081 gue"]
    assert commands(bottle) == added

    (bottle.work / "commands").unlink()
    assert held(bottle, f"{TOOL} apply; {configure(items[1])} {TOOL} contract") == [items[1]]
    assert sorted(commands(bottle)) == ["-4 fou del port 6080", "-4 fou del port 6081"]


@pytest.mark.parametrize(
    "other",
    [
        '{"port":6080,"ipproto":4,"family":"inet"}',
        '{"port":6080,"gue":null,"family":"inet6"}',
        '{"port":608,"gue":null}',
    ],
)
def test_a_port_of_another_kind_is_not_held(tmp_path: Path, other: str) -> None:
    bottle = host(tmp_path, ["fou 4 6080 gue"])
    bottle.shadow("ip", f"case \"$*\" in *'fou show') echo '[{other}]' ;; *) real \"$@\" ;; esac")

    assert held(bottle, ":") == []


def test_without_the_module_no_port_is_held_and_removing_is_no_error(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["fou 4 6080 gue"])
    absent = "echo 'RTNETLINK answers: No such file or directory' >&2; exit 1"
    bottle.shadow("ip", f'case "$*" in *\'fou show\') {absent} ;; *) real "$@" ;; esac')

    assert held(bottle, f"{TOOL} remove") == []


def test_a_kernel_without_ipv6_serves_ipv4_and_refuses_the_rest_by_name(tmp_path: Path) -> None:
    ours = ["address 192.0.2.10 lo", "local 192.0.2.20"]
    six = ["local 2001:db8::20", "rule 30000 8840 from 2001:db8::22"]
    bottle = host(tmp_path, [*ours, *six])
    bottle.shadow(
        "ip",
        'case "$*" in *-6*) echo "RTNETLINK answers: Operation not supported" >&2; exit 2 ;; esac; real "$@"',
    )
    without = f"sed -i s,/proc/net/if_inet6,/proc/net/none, {TOOL}"

    done = bottle.run(f"{without}; code=0; {TOOL} apply || code=$?; {TOOL} held; exit $code")
    assert (done.returncode, done.stdout.splitlines()) == (1, ours)
    assert done.stderr == f"lvs-network apply: {six[0]}: RTNETLINK answers: Operation not supported{MEND}"
    assert bottle.told(f"{without}; {TOOL} apply 2>&1 || {TOOL} remove; {TOOL} held").splitlines() == [
        f"lvs-network apply: {six[0]}: RTNETLINK answers: Operation not supported{MEND.strip()}"
    ]


PREFIX = '{"priority":30000,"src":"203.0.113.22",'
RULES = ["rule 30000 8840 from 203.0.113.22 tcp 8080-8080", "rule 30000 8840 from 203.0.113.22"]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        # iproute2 6.1 with -N, and without /etc/protocols.
        ('"ipproto":"ipproto-6","sport":8080,"table":"8840","protocol":"84"}', RULES[:1]),
        # A newer one, on a kernel that tells the mask of a single port.
        ('"ipproto":"6","sport":8080,"sport_mask":"0xffff","table":"8840","protocol":"84"}', RULES[:1]),
        ('"ipproto":"ipproto-6","sport_start":8080,"sport_end":8080,"table":"8840"}', RULES[:1]),
        ('"table":"8840","protocol":"85"}', RULES[1:]),
        ('"table":"8841","protocol":"85"}', []),
        ('"ipproto":"ipproto-17","sport":8080,"table":"8840","protocol":"84"}', []),
        ('"ipproto":"ipproto-6","sport_start":8080,"sport_end":8081,"table":"8840"}', []),
        ('"goto":32000,"protocol":"0"}', []),
    ],
)  # fmt: skip
def test_rules_as_versions_of_ip_print_them(tmp_path: Path, printed: str, expected: list[str]) -> None:
    bottle = host(tmp_path, RULES)
    bottle.shadow("ip", f'case "$*" in *rule) echo \'[{PREFIX}{printed}]\' ;; *) real "$@" ;; esac')

    assert held(bottle, ":") == expected


def test_an_ip_that_fails_is_told_and_nothing_changes(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["address 192.0.2.10 lo"])
    bottle.shadow("ip", 'case "$*" in *-j*) echo "Cannot open netlink socket" >&2; exit 1 ;; esac; real "$@"')

    done = bottle.run(
        f"code=0; {TOOL} apply || code=$?; ls {RECORD} {CONFIGURATION} 2>/dev/null || :; exit $code"
    )

    assert (done.returncode, done.stdout) == (1, f"{CONFIGURATION}\n")
    assert done.stderr == f"lvs-network apply: ip address: Cannot open netlink socket{MEND}"
