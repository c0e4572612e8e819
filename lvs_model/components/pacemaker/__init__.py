"""pacemaker on a director: corosync tells who is there, pacemaker where the VIPs and ldirectord run.

Sources: corosync.conf(5), votequorum(5), corosync-cfgtool(8), pacemakerd(8), cibadmin(8), crm_diff(8). The
directors' files are corosync's configuration and key, and the resources as a file of ours, which
lvs-pacemaker compares with the cluster's live configuration: only what differs is changed, so that nothing
else moves.
"""

from __future__ import annotations

from typing import Any

from lvs_model.components import network, nftables, role_switch
from lvs_model.components.pacemaker.links import key_text, links, node_ids
from lvs_model.components.pacemaker.resources import as_text, configuration
from lvs_model.components.pacemaker.timing import (
    consensus_s,
    options_of,
    orderly_s,
    settle_s,
    takeover_s,
)
from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory
from lvs_model.parts import Action, File, Health, Part, Validation
from lvs_model.render import render
from lvs_model.serving import Serving

__all__ = [
    "CONFIGURATION",
    "COROSYNC_UNIT",
    "DRIFT",
    "MOVE",
    "OWN_FILES",
    "TOOL",
    "UNIT",
    "director",
    "links",
    "orderly_s",
    "settle_s",
    "takeover_s",
]

_COMPONENT = "pacemaker"
UNIT = "pacemaker.service"
COROSYNC_UNIT = "corosync.service"
CONFIGURATION = "/etc/corosync/corosync.conf"
RESOURCES = "/etc/lvs-toolkit/pacemaker.cib"
TOOL = "/usr/local/lib/lvs-toolkit/lvs-pacemaker"
MOVE = (TOOL, "move")
"""The command that moves the VIPs to the director that is named behind it (roles/pacemaker)."""
DRIFT = "pacemaker"
"""The kind of drift that `lvs-pacemaker apply` heals: what `lvs-pacemaker held` says differs."""
_KEY = "/etc/corosync/authkey"
OWN_FILES = (CONFIGURATION, RESOURCES, _KEY)
"""What corosync and pacemaker themselves read, and take up without moving what did not change."""
_AGENT = "/usr/lib/ocf/resource.d/lvs-toolkit/lvs-role"
_DROP_INS = tuple(f"/etc/systemd/system/{unit}.d/lvs-toolkit.conf" for unit in (COROSYNC_UNIT, UNIT))
# The key lies with the staged files; -t reads the one that the configuration names.
_ACCEPTS = f'sed "s,keyfile: ,&$1," "$1{CONFIGURATION}" | corosync -t -c /dev/stdin'
# Our first line is no XML. What it does not understand it quotes, with devices' passwords in it.
_VERIFIES = f"""\
said=$(sed '/^#/d' "$1{RESOURCES}" | crm_verify --xml-pipe --verbose 2>&1)
code=$?
echo "$said" | grep -v '<' >&2
exit "$code"
"""


def director(
    cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving], *, filtered: bool = False
) -> Part:
    """A director's corosync and pacemaker; ``services`` are the whole cluster's.

    ``filtered``: it has a table of nft, without which pacemaker must not start.
    """
    context = _context(cluster, host, inventory)
    context |= {"needed": nftables.NEEDED if filtered else None}
    secret = options_of(cluster).key
    if secret is None:
        raise ValueError(f"cluster {cluster.name} has no key for corosync")  # rules/pacemaker.py says it
    part = Part(
        component=_COMPONENT,
        packages=_packages(cluster),
        files=[
            # corosync reads it as it is: no line of ours in it, and no line end.
            File(_KEY, key_text(cluster, secret), "0400", secret=True),
            render(_COMPONENT, CONFIGURATION, context),
            # Devices' passwords are in it.
            render(_COMPONENT, RESOURCES, context, mode="0600", secret=_has_passwords(cluster)),
            render(_COMPONENT, TOOL, context, mode="0755"),
            render(_COMPONENT, _AGENT, context, mode="0755"),
            *(render(_COMPONENT, path, context) for path in _DROP_INS),
            role_switch.lvs_role(cluster, host, inventory),
            *([role_switch.lvs_ldirectord()] if cluster.services else []),
        ],
        units=[COROSYNC_UNIT, UNIT],
    )
    part.validate = [
        Validation(
            "corosync accepts its configuration", ("sh", "-c", _ACCEPTS, "sh", "{stage}"), (CONFIGURATION,)
        ),
        Validation(
            "pacemaker accepts the resources",
            ("sh", "-c", _VERIFIES, "sh", "{stage}"),
            (RESOURCES,),
        ),
    ]
    part.actions = _actions(tuple(file.path for file in part.files))
    part.health = [Health("corosync and pacemaker run", (TOOL, "running"), 10, 0.5)]
    return part


def _actions(paths: tuple[str, ...]) -> list[Action]:
    return [
        Action(
            "Read the units anew", ("systemctl", "daemon-reload"), on=_DROP_INS, heals=frozenset({"reload"})
        ),
        Action(
            "Start corosync and pacemaker at boot",
            ("systemctl", "enable", COROSYNC_UNIT, UNIT),
            on=_DROP_INS,
            heals=frozenset({f"enabled {COROSYNC_UNIT}", f"enabled {UNIT}"}),
        ),
        role_switch.refresh(),
        # What runs goes on: lvs-pacemaker has corosync read its configuration anew once all directors have
        # it.
        Action(
            "Start corosync and pacemaker where they do not run",
            (TOOL, "start"),
            on=paths,
            heals=frozenset({f"active {COROSYNC_UNIT}", f"active {UNIT}"}),
        ),
        Action(
            "Have the cluster keep the resources as planned",
            (TOOL, "apply"),
            on=paths,
            heals=frozenset({f"active {COROSYNC_UNIT}", f"active {UNIT}", DRIFT}),
        ),
    ]


def _packages(cluster: Cluster) -> list[str]:
    """resource-agents has IPaddr2 in Debian 12 and 13, ldirectord brings its own agent."""
    packages = ["corosync", "pacemaker", "pacemaker-cli-utils", "resource-agents"]
    options = options_of(cluster)
    if options.ping is not None:
        packages.append("iputils-ping")
    if options.fencing is not None and options.fencing.devices:
        packages.append("fence-agents")
    return packages


def _has_passwords(cluster: Cluster) -> bool:
    fencing = options_of(cluster).fencing
    return fencing is not None and any(device.password is not None for device in fencing.devices)


def _context(cluster: Cluster, host: Host, inventory: Inventory) -> dict[str, Any]:
    """Everything the templates print."""
    options = options_of(cluster)
    names = [one.name for one in inventory.directors(cluster)]
    ids = node_ids(names)
    found = links(cluster, inventory)
    return {
        "cluster": cluster.name,
        "host": host.name,
        "names": sorted(names),
        "node_id": ids[host.name],
        "nodes": [
            {
                "name": name,
                "id": ids[name],
                "addresses": [{"link": link.number, "address": link.addresses[name]} for link in found],
            }
            for name in names
        ],
        "links": [
            # The first one is preferred (corosync.conf(5), knet_link_priority: the highest number).
            {"number": link.number, "port": link.port, "priority": len(found) - link.number}
            for link in found
        ],
        "votes": len(names),
        "token_ms": round(options.token * 1000),
        "consensus_ms": round(consensus_s(cluster) * 1000),
        "two_node": int(len(names) == 2),
        # Of three it is their majority that serves.
        "wait_for_all": int(options.wait_for_all and len(names) == 2),
        "cib": as_text(configuration(cluster, inventory)),
        "resources": RESOURCES,
        "configuration": CONFIGURATION,
        "key_file": _KEY,
        "role": role_switch.SCRIPT,
        "network_unit": network.UNIT,
        "filter_unit": nftables.UNIT,
    }
