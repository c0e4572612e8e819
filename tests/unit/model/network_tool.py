"""A host in a bottle with lvs-network: its configuration as items, and the kernel's state as text."""

from __future__ import annotations

from pathlib import Path

from lvs_model.render import render

from .namespace import Bottle

TOOL = "/usr/local/lib/lvs-toolkit/lvs-network"
CONFIGURATION = "/etc/lvs-toolkit/network.conf"
RECORD = "/run/lvs-toolkit/network.json"
# eth0 is the network's, tunl0 stands for a tunnel's device: both are links like others to the tool.
LINKS = ("eth0", "tunl0")
# All that an item can change, without addresses that the kernel draws at random.
STATE = """
state() {
    ip -oneline -4 address; ip -oneline -6 address show scope global
    ip -4 route show table all; ip -6 route show table all | grep -v -e fe80: -e ff00: | sort
    ip -d -4 rule; ip -d -6 rule
    cat /sys/class/net/tunl0/flags
    for name in forwarding accept_redirects send_redirects rp_filter arp_ignore arp_announce; do
        grep -H . /proc/sys/net/ipv4/conf/*/$name
    done
    grep -H . /proc/sys/net/ipv4/ping_group_range /proc/sys/net/ipv6/conf/*/forwarding
}
"""


def host(folder: Path, items: list[str]) -> Bottle:
    """A host whose configuration has these items; tunl0 is down."""
    context = {"items": items, "tool": TOOL, "configuration": CONFIGURATION}
    files = [
        render("network", TOOL, context, mode="0755").as_argument(),
        render("network", CONFIGURATION, context).as_argument(),
    ]
    return Bottle(folder, files, LINKS)


def configure(*items: str) -> str:
    """A command that gives the host other items."""
    return f"cat > {CONFIGURATION} <<'ITEMS'\n" + "\n".join(items) + "\nITEMS\n"


def told(bottle: Bottle, script: str) -> str:
    """What a script printed that must succeed, with ``state`` in it and tunl0 down at its beginning."""
    return bottle.told(f"ip link set tunl0 down\n{STATE}\n{script}")


def held(bottle: Bottle, script: str) -> list[str]:
    """The items that the kernel has after a script."""
    return told(bottle, f"{{ {script}\n}} >&2; {TOOL} held").splitlines()
