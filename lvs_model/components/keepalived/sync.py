"""What sees to it that connection sync runs under keepalived.

keepalived starts the kernel's daemons when it takes a role, once: where the sync interface is down or has no
address just then, the kernel refuses (net/netfilter/ipvs/ip_vs_sync.c, make_send_sock), and connections are
not synced until the next change of roles. So a timer looks each half minute.
"""

from __future__ import annotations

from lvs_model.components.keepalived.instances import Election, owned_addresses
from lvs_model.components.keepalived.words import host_prefix
from lvs_model.components.role_switch import daemon_options
from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory
from lvs_model.parts import Action, Part
from lvs_model.render import render

_COMPONENT = "keepalived"
TOOL = "/usr/local/lib/lvs-toolkit/keepalived-sync"
TIMER = "lvs-sync.timer"
_TIMER_FILE = f"/etc/systemd/system/{TIMER}"
_UNIT_FILE = "/etc/systemd/system/lvs-sync.service"
DRIFT = "connection sync"
"""The kind of difference where no sync daemon runs."""


def watch_over_sync(
    part: Part, cluster: Cluster, host: Host, inventory: Inventory, elections: list[Election]
) -> None:
    """Give a director's keepalived the timer that starts sync daemons which keepalived could not start.

    ``elections`` are those in which it takes part: the first one's role is that of the daemons.
    """
    options = daemon_options(cluster, host, inventory)
    if not options or not elections or cluster.connection_sync is None:
        return
    anchor, interface = owned_addresses(cluster, host, elections[0])[0]
    context = {
        "unit": part.units[0],  # keepalived's own
        "tool": TOOL,
        "both": cluster.connection_sync.daemons == "both",
        "anchor": {"prefix": host_prefix(anchor), "interface": interface},
        "options": " ".join(options),
    }
    part.files += [
        render(_COMPONENT, TOOL, context, mode="0755"),
        render(_COMPONENT, _UNIT_FILE, context),
        render(_COMPONENT, _TIMER_FILE, context),
    ]
    part.units.append(TIMER)
    part.actions += [
        Action(
            "Read the units of connection sync anew",
            ("systemctl", "daemon-reload"),
            on=(_UNIT_FILE, _TIMER_FILE),
        ),
        Action(
            "Look for connection sync each half minute, from boot on",
            ("systemctl", "enable", TIMER),
            on=(_TIMER_FILE,),
            heals=frozenset({f"enabled {TIMER}"}),
        ),
        Action(
            "Look for connection sync each half minute",
            ("systemctl", "reload-or-restart", TIMER),
            on=(_TIMER_FILE,),
            heals=frozenset({f"active {TIMER}"}),
        ),
        # The options are in it. A reload of keepalived's leaves those that the kernel has.
        Action("Have connection sync use its options", (TOOL, "renew"), on=(TOOL,)),
        Action("Start connection sync", (TOOL,), heals=frozenset({DRIFT})),
    ]
