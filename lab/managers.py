"""Hand a node's interfaces to a network manager: its configuration, and the script that makes the change.

podman sets a node's addresses up at each boot, as a data centre's installer would. A node with
`lab_network_manager` has the configuration of that manager lying ready; `Lab.adopt_network_manager` installs
the manager, and from then on, over reboots too, podman's addresses and routes are taken away before the
manager starts: it finds bare interfaces, as it does on a real machine.

No node has a udev. systemd-networkd and NetworkManager wait for udev's word on each link unless /sys is
read-only, by which they know a container (systemd: CONTAINER_INTERFACE.md; NetworkManager:
nm_linux_platform_new), so it becomes that. For the whole node: in a container systemd 257 gives a unit with
`ReadOnlyPaths=/sys` a writable one.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.archive import File

if TYPE_CHECKING:
    from lab.inventory import Attachment, Node
    from lab.nodevars import Route

DIRECTORY = "etc/lvs-lab"
"""The lab's own files on a node."""

ADOPTED = f"/{DIRECTORY}/adopted"
"""Exists on a node whose interfaces belong to its network manager."""

UNITS = {
    "networkd": "systemd-networkd.service",
    "ifupdown": "networking.service",
    "networkmanager": "NetworkManager.service",
}
PACKAGES = {"ifupdown": "ifupdown", "networkmanager": "network-manager"}

_RELEASE = f"""\
[Unit]
Description=Bare interfaces for the network manager, and no udev: podman's addresses go
DefaultDependencies=no
Before=network-pre.target {" ".join(UNITS.values())}
Wants=network-pre.target
ConditionPathExists={ADOPTED}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/mount -o remount,bind,ro /sys
ExecStart=/sbin/ip -batch /{DIRECTORY}/release

[Install]
WantedBy=multi-user.target
"""


def files(node: Node) -> dict[str, File]:
    """Return the files of a node that has a network manager; none for another."""
    manager = node.settings.manager
    if not manager:
        return {}
    interfaces = [place.network.interface for place in node.attachments]
    release = [
        f"{words}\n"
        for name in interfaces
        for words in (f"address flush dev {name} scope global", f"link set dev {name} down")
    ]
    own: Callable[[Node], dict[str, File]] = {
        "networkd": _networkd,
        "ifupdown": _ifupdown,
        "networkmanager": _networkmanager,
    }[manager]
    return {
        f"{DIRECTORY}/release": File("".join(release).encode()),
        f"{DIRECTORY}/adopt": File(script(node).encode(), 0o755),
        "etc/systemd/system/lvs-lab-release.service": File(_RELEASE.encode()),
        "etc/systemd/system/multi-user.target.wants/lvs-lab-release.service": File(
            link="/etc/systemd/system/lvs-lab-release.service"
        ),
        **own(node),
    }


def _through(node: Node, place: Attachment) -> list[Route]:
    return [route for route in node.settings.routes if route.interface == place.network.interface]


def _networkd(node: Node) -> dict[str, File]:
    """Return systemd.network(5) files, one an interface."""
    found: dict[str, File] = {}
    for place in node.attachments:
        name = place.network.interface
        lines = ["[Match]", f"Name={name}", "", "[Network]", "DHCP=no", "IPv6AcceptRA=no"]
        lines += [f"Address={cidr}" for cidr in place.cidrs]
        for route in _through(node, place):
            lines += ["", "[Route]", f"Destination={route.to}", f"Gateway={route.via}"]
        found[f"etc/systemd/network/10-lvs-lab-{name}.network"] = _text(lines)
    return found


def _ifupdown(node: Node) -> dict[str, File]:
    """Return interfaces(5)."""
    lines = ["auto lo", "iface lo inet loopback"]
    for place in node.attachments:
        name = place.network.interface
        lines += ["", f"auto {name}"]
        for address, cidr in zip(place.addresses, place.cidrs, strict=True):
            lines += [f"iface {name} inet{'' if address.version == 4 else '6'} static", f"    address {cidr}"]
            lines += [
                f"    up ip route replace {route.to} via {route.via} dev {name}"
                for route in _through(node, place)
                if route.to.version == address.version
            ]
    return {"etc/network/interfaces": _text(lines)}


def _networkmanager(node: Node) -> dict[str, File]:
    """Return NetworkManager.conf(5) and keyfiles, nm-settings-keyfile(5), one an interface."""
    names = ",".join(f"interface-name:{place.network.interface}" for place in node.attachments)
    main = ["[main]", "plugins=keyfile", "no-auto-default=*", "dns=none", "auth-polkit=false"]
    # NetworkManager leaves veth devices alone unless told otherwise; ours are veth devices.
    main += ["", "[device-lvs-lab]", f"match-device={names}", "managed=1"]
    found = {
        "etc/NetworkManager/conf.d/90-lvs-lab.conf": _text(main),
        # It would hold every boot up.
        "etc/systemd/system/NetworkManager-wait-online.service": File(link="/dev/null"),
    }
    for place in node.attachments:
        name = place.network.interface
        identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{node.name} {name}")
        lines = ["[connection]", f"id=lvs-lab-{name}", f"uuid={identity}", "type=ethernet"]
        lines += [f"interface-name={name}", "autoconnect=true"]
        for version, without in ((4, "disabled"), (6, "link-local")):
            lines += ["", f"[ipv{version}]"]
            pairs = zip(place.addresses, place.cidrs, strict=True)
            cidr = next((cidr for address, cidr in pairs if address.version == version), "")
            lines.append(f"method={'manual' if cidr else without}")
            routes = [route for route in _through(node, place) if route.to.version == version]
            gateway = next((f",{route.via}" for route in routes if route.default), "")
            lines += [f"address1={cidr}{gateway}"] if cidr else []
            others = [route for route in routes if not route.default]
            lines += [f"route{number}={route.to},{route.via}" for number, route in enumerate(others, 1)]
        # It reads no keyfile that others may read.
        path = f"etc/NetworkManager/system-connections/lvs-lab-{name}.nmconnection"
        found[path] = File(_text(lines).content, 0o600)
    return found


def _text(lines: list[str]) -> File:
    return File(("\n".join(lines) + "\n").encode())


def script(node: Node) -> str:
    """Return the shell script that hands the node's interfaces over; it may be run again at any time.

    It ends with exit code 0 when the manager says that every interface is its own and every address is
    there; otherwise, after half a minute, with the manager's own words on standard error.
    """
    manager = node.settings.manager
    unit = UNITS[manager]
    interfaces = [place.network.interface for place in node.attachments]
    conditions: list[str] = []
    for place in node.attachments:
        name = place.network.interface
        conditions.append(
            {
                "networkd": f"networkctl --no-legend --no-pager list {name} | grep -qw configured",
                "ifupdown": f'[ "$(ifquery --state {name})" = {name}={name} ]',
                "networkmanager": "nmcli -t -f DEVICE,STATE,CONNECTION device "
                f"| grep -qx {name}:connected:lvs-lab-{name}",
            }[manager]
        )
        for cidr in place.cidrs:
            words = f"ip -o address show dev {name} to {cidr.split('/')[0]}"
            # Not yet usable: duplicate address detection, RFC 4862.
            conditions.append(f"{words} | grep -q . && ! {words} | grep -qw tentative")
    said = {
        "networkd": f"networkctl --no-pager status {' '.join(interfaces)}",
        "ifupdown": "systemctl --no-pager --full status networking.service",
        "networkmanager": "nmcli device",
    }[manager]
    install = "systemctl unmask systemd-networkd.service"
    if manager in PACKAGES:
        install = f"apt-get -qq -y --no-install-recommends install {PACKAGES[manager]} >/dev/null"
    # `enable` would also enable what waits until everything is online; that is masked here.
    enable = "add-wants multi-user.target" if manager == "networkd" else "enable"
    checks = "\n".join(f"    {{ {condition}; }} || return 1" for condition in conditions)
    return f"""\
#!/bin/sh
# Hands this node's interfaces to {manager}. Written by the lab.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

adopted() {{
    systemctl -q is-active {unit} || return 1
{checks}
}}

if adopted 2>/dev/null; then exit 0; fi
: > {shlex.quote(ADOPTED)}
systemctl stop {unit} 2>/dev/null || true
systemctl restart lvs-lab-release.service
{install}
systemctl daemon-reload
systemctl {enable} {unit}
systemctl restart {unit}
for _ in $(seq 30); do
    if adopted 2>/dev/null; then exit 0; fi
    sleep 1
done
{{
    echo "{manager} does not manage {" ".join(interfaces)}:"
    {said} || true
    ip -brief address
}} >&2
exit 1
"""
