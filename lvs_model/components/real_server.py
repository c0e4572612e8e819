"""A real server's end of direct routing: the VIPs on lo, and silence about them in ARP.

arp_ignore and arp_announce must hold on the interface where requests arrive (kernel,
Documentation/networking/ip-sysctl.rst; on lo alone they do nothing), and before a VIP is on lo:
otherwise the real server answers for the VIP and takes traffic from the director. IPv6 needs none of this:
neighbour discovery answers for addresses of the asked interface only (net/ipv6/ndisc.c).
"""

from __future__ import annotations

from lvs_model.document import Cluster
from lvs_model.inventory import Host
from lvs_model.parts import Action, Part
from lvs_model.render import render

_COMPONENT = "real_server"
_UNIT = "lvs-real-server.service"
_SCRIPT = "/usr/local/lib/lvs-toolkit/real-server"


def real_server(cluster: Cluster, host: Host, vips: list[str]) -> Part:
    """A real server's addresses and ARP settings.

    ``vips`` are those of its services under direct routing, in the document's order. Without any it needs
    nothing: other forwarding methods are not set up on real servers yet. What it may still hold from a time
    with direct routing, the unit and the script of that time take away.
    """
    if not vips:
        return Part(component=_COMPONENT, actions=_farewell())
    interfaces = sorted(
        {
            host.interface_on(cluster, name)
            for name, network in cluster.networks.items()
            if host.address_in(network) is not None
        }
    )
    sysctls = {}
    # They are IPv4's alone.
    for interface in interfaces if any(":" not in vip for vip in vips) else []:
        sysctls[f"net/ipv4/conf/{interface}/arp_ignore"] = "1"
        sysctls[f"net/ipv4/conf/{interface}/arp_announce"] = "2"
    context = {"interfaces": interfaces, "vips": vips, "sysctls": sysctls, "script": _SCRIPT}
    part = Part(
        component=_COMPONENT,
        packages=["iproute2", "procps"],
        sysctls=sysctls,
        files=[
            render(_COMPONENT, _SCRIPT, context, mode="0755"),
            render(_COMPONENT, "/etc/lvs-toolkit/real-server.conf", context),
            render(_COMPONENT, "/etc/sysctl.d/90-lvs-real-server.conf", context),
            render(_COMPONENT, f"/etc/systemd/system/{_UNIT}", context),
        ],
        units=[_UNIT],
        labelled=vips,
    )
    unit_file = part.path_of(_UNIT)
    part.actions = [
        Action(
            "Read the units anew",
            ("systemctl", "daemon-reload"),
            on=(unit_file,),
            heals=frozenset({"reload"}),
        ),
        Action(
            "Start the real server's addresses at boot",
            ("systemctl", "enable", _UNIT),
            on=(unit_file,),
            heals=frozenset({f"enabled {_UNIT}"}),
        ),
        # The unit's start and reload do the same: set the sysctls, then add what is missing.
        Action(
            "Set the ARP settings, then add the VIPs",
            ("systemctl", "reload-or-restart", _UNIT),
            on=tuple(file.path for file in part.files),
            heals=frozenset({"sysctls", "addresses", f"active {_UNIT}"}),
        ),
        # Contracting has no file to be triggered by: it comes after the directors have switched.
        Action(
            "Remove VIPs that nobody forwards any more", (_SCRIPT, "contract"), heals=frozenset({"contract"})
        ),
    ]
    return part


def _farewell() -> list[Action]:
    """End direct routing on a host that has VIPs of ours on lo and shall have none, now and at boot.

    The unit's stop removes the VIPs; the script does it where the unit did not run.
    """
    return [
        Action(
            "Stop the real server's addresses, and start them no more at boot",
            ("systemctl", "disable", "--now", _UNIT),
            heals=frozenset({"contract"}),
        ),
        Action("Remove the VIPs", (_SCRIPT, "remove"), heals=frozenset({"contract"})),
    ]
