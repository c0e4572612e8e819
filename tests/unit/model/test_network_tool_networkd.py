"""lvs-network beside a real systemd-networkd: what that takes off when it is restarted, and what not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .namespace import unusable
from .network_tool import TOOL, host, told

_DAEMON = "/lib/systemd/systemd-networkd"
pytestmark = pytest.mark.skipif(
    unusable() is not None or not os.access(_DAEMON, os.X_OK), reason=f"needs root, namespaces and {_DAEMON}"
)

NAT = ["link 8840 203.0.113.0/24 eth0", "route 8840 203.0.113.1 eth0", "rule 30000 8840 from 203.0.113.22"]
# As on a host with udev, whose links are configured when everything on them is known; in a container, where
# /sys is read-only, networkd configures them before it looks, and takes off nothing.
NETWORKD = f"""
mkdir -p /run/udev/data /run/systemd/netif/links /run/systemd/netif/leases /etc/systemd/network
for link in /sys/class/net/*/ifindex; do
    printf 'I:1\\nG:systemd\\nQ:systemd\\nV:1\\n' > /run/udev/data/n$(cat $link)
done
echo 'systemd-network:x:998:998::/:/usr/sbin/nologin' >> /etc/passwd
chown -R 998:998 /run/systemd/netif
printf '[Match]\\nName=eth0\\n[Network]\\nAddress=203.0.113.22/24\\n' \\
    > /etc/systemd/network/10-eth0.network
printf 'IPv6AcceptRA=no\\nKeepConfiguration=no\\n' >> /etc/systemd/network/10-eth0.network
networkd() {{
    if [ "${{daemon:-}}" ]; then kill $daemon; wait $daemon || :; fi
    setpriv --reuid 998 --regid 998 --clear-groups --inh-caps +net_admin,+net_raw \\
        --ambient-caps +net_admin,+net_raw {_DAEMON} > networkd.log 2>&1 & daemon=$!
    for _ in $(seq 100); do
        grep -qs ADMIN_STATE=configured /run/systemd/netif/links/$(cat /sys/class/net/eth0/ifindex) && return
        sleep 0.1
    done
    cat networkd.log >&2; return 1
}}
foreign() {{ ip -o address show dev eth0 | grep -o '192.0.2.10/32\\|2001:db8::10/128' || :; }}
keepalived() {{
    ip address add 192.0.2.10/32 dev eth0; ip address add 2001:db8::10/128 dev eth0 preferred_lft 0 nodad
}}
networkd
"""
FILE = "/run/systemd/network/10-eth0.network.d/lvs-toolkit.conf"


def test_without_us_it_takes_off_what_is_not_its_own(tmp_path: Path) -> None:
    """Otherwise the tests below would prove nothing."""
    bottle = host(tmp_path, NAT)
    script = f"{TOOL} apply; keepalived; networkd; sleep 1; foreign; {TOOL} held"
    assert told(bottle, NETWORKD + script) == ""


def test_a_kept_link_keeps_its_vips(tmp_path: Path) -> None:
    bottle = host(tmp_path, ["keep eth0"])
    looked = "ip monitor address > seen & seen=$!; sleep 0.2; networkd; sleep 1; foreign; kill $seen"
    looked += "; grep Deleted seen || :"
    assert (
        told(bottle, f"{NETWORKD} {TOOL} apply; keepalived; {looked}") == "192.0.2.10/32\n2001:db8::10/128\n"
    )


def test_what_it_takes_off_is_back_before_the_next_tick(tmp_path: Path) -> None:
    bottle = host(tmp_path, NAT)
    script = f"""
    {TOOL} apply; {TOOL} watch 2> said & sleep 0.5; networkd
    for _ in $(seq 60); do
        [ "$({TOOL} held | wc -l)" = 3 ] && grep -q 'put back' said && break
        sleep 0.1
    done
    {TOOL} held"""
    assert told(bottle, NETWORKD + script).splitlines() == NAT
    assert "put back: link 8840" in (bottle.work / "said").read_text()


def test_a_link_that_it_begins_to_manage_is_kept_by_and_by(tmp_path: Path) -> None:
    """At boot it comes after us."""
    bottle = host(tmp_path, ["keep eth0"])
    early = (
        f"sed -i 's/^TICK = 10.0/TICK = 0.3/' {TOOL}; {TOOL} apply; {TOOL} held; {TOOL} watch 2>/dev/null & "
    )
    later = f"{NETWORKD} sleep 1.5; head -n 1 {FILE}"
    assert told(bottle, early + later) == "keep eth0\n# Set by lvs-network, until the next boot.\n"


@pytest.mark.parametrize("others", ["", "50-own.conf"])
def test_the_order_is_taken_back(tmp_path: Path, others: str) -> None:
    bottle = host(tmp_path, ["keep eth0"])
    folder = FILE.rpartition("/")[0]
    own = f"mkdir -p {folder}; touch {folder}/{others};" if others else ""
    script = f"{own} {TOOL} apply; ls {FILE}; {TOOL} remove; ls {folder} 2>&1 || :; {TOOL} held"
    left = f"{others}\n" if others else f"ls: cannot access '{folder}': No such file or directory\n"
    assert told(bottle, f"{NETWORKD} export LC_ALL=C; {script}") == f"{FILE}\n{left}"
