"""The role switch of directors under a cluster manager: what follows the owner's role beside VIPs and table.

A director that is a real server too delivers the VIP by a local route of low priority (docs/decisions/0011),
in both roles: no address moves, and a request that arrives on the standby finds no IPVS table there, so that
nothing goes back and forth. What is left to switch are the daemons of connection sync (ipvsadm(8)). They are
one script, which heartbeat takes as a resource (its resource.d) and pacemaker as an OCF resource agent.

ldirectord is the next resource, behind a script of its own: its stop returns before it has ended, and knows
nothing of the checkers and the table of one that has died (ld_init, ld_stop, run_child).
"""

from __future__ import annotations

from lvs_model.components import network
from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory
from lvs_model.parts import Action, File
from lvs_model.render import render
from lvs_model.topology import all_sync_ids

# Templates lie in the role of the manager that had it first.
_COMPONENT = "heartbeat"
SCRIPT = "/usr/local/lib/lvs-toolkit/lvs-role"
NAME = "lvs-role"
LDIRECTORD = "/usr/local/lib/lvs-toolkit/lvs-ldirectord"
"""ldirectord as the managers need it, with its own arguments."""
# Ends with the boot, like the daemons.
_MARKER = "/run/lvs-toolkit/owner"


def lvs_role(cluster: Cluster, host: Host, inventory: Inventory) -> File:
    """The script itself, for one director."""
    daemon = daemon_options(cluster, host, inventory)
    both = cluster.connection_sync is not None and cluster.connection_sync.daemons == "both"
    context = {
        "marker": _MARKER,
        "ldirectord": LDIRECTORD if cluster.services else None,
        "network": network.UNIT,
        "daemon": " ".join(daemon),
        "owner": ("master backup" if both else "master") if daemon else "",
        "standby": ("master backup" if both else "backup") if daemon else "",
    }
    return render(_COMPONENT, SCRIPT, context, mode="0755")


def lvs_ldirectord() -> File:
    """The script that runs ldirectord, the same on every director."""
    return render(_COMPONENT, LDIRECTORD, {}, mode="0755")


def refresh() -> Action:
    """Start the daemons anew when the script has changed: to go before the manager's own actions.

    Also for a host whose manager does not run yet: it stands by.
    """
    return Action("Set the sync daemons of this director's role", (SCRIPT, "refresh"), on=(SCRIPT,))


def daemon_options(cluster: Cluster, host: Host, inventory: Inventory) -> list[str]:
    """Options of ipvsadm(8) for a sync daemon; none without connection sync, or without any table."""
    sync = cluster.connection_sync
    if sync is None or not cluster.services:
        return []
    words = ["--mcast-interface", host.interface_on(cluster, sync.network)]
    words += ["--syncid", str(all_sync_ids(inventory)[cluster.name])]
    if sync.longest is not None:
        words += ["--sync-maxlen", str(sync.longest)]
    if sync.port != 8848:
        words += ["--mcast-port", str(sync.port)]
    if sync.ttl != 1:
        words += ["--mcast-ttl", str(sync.ttl)]
    if sync.group is not None:
        words += ["--mcast-group", str(sync.group)]
    return words
