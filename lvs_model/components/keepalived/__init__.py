"""keepalived on a director: the VRRP elections and the health-checked virtual services.

Sources: keepalived.conf(5) of 2.2.7 (Debian 12) and 2.3.3 (Debian 13), RFC 5798. What the blocks of the
configuration say is decided in this package's modules; the templates only print it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lvs_model.components import nftables
from lvs_model.components.keepalived.demotion import RECORD, SCRIPT, Demotion, demotion_of, demotions, room
from lvs_model.components.keepalived.drains import drain_blocks
from lvs_model.components.keepalived.global_defs import global_lines
from lvs_model.components.keepalived.instances import (
    Election,
    elections,
    instance_context,
    owned_addresses,
    sync_groups,
)
from lvs_model.components.keepalived.services import virtual_servers
from lvs_model.components.keepalived.sync import watch_over_sync
from lvs_model.components.keepalived.trackers import (
    ENSURE_PROCESS,
    LEAVING,
    WEIGHTS,
    has_weight_files,
    tracker_blocks,
)
from lvs_model.components.keepalived.words import host_prefix, number
from lvs_model.components.network import keep
from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory
from lvs_model.parts import Action, File, Health, Part, Preparation, Validation
from lvs_model.render import render, render_text
from lvs_model.serving import Serving
from lvs_model.topology import sync_group_of
from lvs_model.vrrp import orderly_takeover_s

__all__ = [
    "CONFIGURATION",
    "UNIT",
    "Election",
    "Shared",
    "director",
    "elections",
    "owned_addresses",
    "room",
    "shared",
]

_COMPONENT = "keepalived"
UNIT = "keepalived.service"
CONFIGURATION = "/etc/keepalived/keepalived.conf"
# No file of its own: a part of the configuration.
_SERVICES = "/etc/keepalived/_virtual_servers"
_DROP_IN = "/etc/systemd/system/keepalived.service.d/lvs-toolkit.conf"
_TEMPORARY = "/etc/tmpfiles.d/lvs-toolkit.conf"
_LEAVE = "/usr/local/lib/lvs-toolkit/keepalived-leave"
_RELEASE = "/usr/local/lib/lvs-toolkit/keepalived-release"


@dataclass(frozen=True)
class Shared:
    """What is the same on all directors of a cluster.

    ``sync_id`` is 0 to 255, or None without connection sync; ``services_text`` are the virtual_server
    blocks in their final bytes.
    """

    elections: list[Election]
    sync_id: int | None
    services: list[Serving]
    services_text: str


def shared(
    cluster: Cluster,
    inventory: Inventory,
    router_ids: dict[str, int],
    sync_id: int | None,
    services: list[Serving],
) -> Shared:
    """Compile what a cluster's directors share; ``router_ids`` by topology.instance_key."""
    context = {"virtual_servers": virtual_servers(cluster, services)}
    text = render_text(_COMPONENT, _SERVICES, context)
    return Shared(elections(cluster, inventory, router_ids), sync_id, services, text)


# A reload is a signal, and returns before anything is read; and keepalived itself goes on while its process
# for VRRP or the checks dies on the new configuration and is started again each time. So these ($1 of them)
# must be there, and the same ones a while later.
_RUNS = f"""\
processes() {{
    systemctl is-active --quiet {UNIT} || return 1
    main=$(systemctl show --property=MainPID --value {UNIT})
    set -- "$1" "$main" $(pgrep --parent "$main")
    [ $# -gt $(($1 + 1)) ] && shift && echo "$*"
}}
before=$(processes "$1") && sleep 2 && [ "$(processes "$1")" = "$before" ]
"""


def director(
    cluster: Cluster, host: Host, inventory: Inventory, common: Shared, *, filtered: bool = False
) -> Part:
    """A director's keepalived; ``filtered``: it has a table of nft, without which it must not start."""
    context = _context(cluster, host, inventory, common)
    context |= {"needed": nftables.NEEDED if filtered else None}
    secret = cluster.failover.authentication is not None
    part = Part(
        component=_COMPONENT,
        packages=["keepalived"],
        files=[
            render(_COMPONENT, CONFIGURATION, context, mode="0640", secret=secret),
            render(_COMPONENT, _DROP_IN, context),
            render(_COMPONENT, _LEAVE, context, mode="0755"),
            render(_COMPONENT, _RELEASE, context, mode="0755"),
            *_further_files(cluster, common, context),
        ],
        units=[UNIT],
        users=["keepalived_script"],
        items=_kept(cluster, host, common),
    )
    part.validate = [
        Validation(
            "keepalived accepts its configuration",
            # A process namespace of its own: keepalived 2.2.7 kills its own process group after -t
            # as root where script_user is not root (mended upstream in 2.2.8).
            ("unshare", "--pid", "--fork", "keepalived", "-t", "-f", "{stage}" + CONFIGURATION),
            (CONFIGURATION,),
        )
    ]
    part.actions = [
        *_places(context["demotions"]),
        Action(
            "Read the units anew",
            ("systemctl", "daemon-reload"),
            on=(_DROP_IN,),
            heals=frozenset({"reload"}),
        ),
        Action(
            "Start keepalived at boot",
            ("systemctl", "enable", UNIT),
            on=(_DROP_IN,),
            heals=frozenset({f"enabled {UNIT}"}),
        ),
        # Starts it where it does not run; a running one only reads its configuration anew.
        Action(
            "Reload keepalived, or start it",
            ("systemctl", "reload-or-restart", UNIT),
            on=(CONFIGURATION,),
            heals=frozenset({f"active {UNIT}"}),
        ),
    ]
    if has_weight_files(common.services):
        _make_weight_folder(part)
    mine = [one for one in common.elections if host.name in one.instance.directors]
    watch_over_sync(part, cluster, host, inventory, mine)
    processes = bool(mine) + bool(common.services)
    part.health = [Health("keepalived runs", ("sh", "-c", _RUNS, "sh", str(processes)), 5, 0.5)]
    return part


def _kept(cluster: Cluster, host: Host, common: Shared) -> list[str]:
    """The links of the elections, which must not lose an address.

    keepalived does not put a VIP back: it gives up all of its VIPs, and elects an owner anew after its skew
    time; without its own address it is in fault (2.2.7 and 2.3.3, core/keepalived_netlink.c, set_vrrp_backup,
    down_instance).
    """
    mine = [one for one in common.elections if host.name in one.instance.directors]
    return keep(link for one in mine for _, link in owned_addresses(cluster, host, one))


def _places(found: list[Demotion]) -> list[Action]:
    """What puts a director back where its record has it in the elections."""
    kinds = frozenset(f"demotion {one.file}" for one in found)
    return (
        [Action("Put the director where it belongs in its elections", (SCRIPT,), heals=kinds)]
        if found
        else []
    )


def _further_files(cluster: Cluster, common: Shared, context: dict[str, Any]) -> list[File]:
    """Files that only some documents ask for."""
    files = []
    if context["demotions"]:
        files.append(render(_COMPONENT, SCRIPT, context, mode="0755"))
    if any(one.restart is not None for one in cluster.failover.track.processes):
        files.append(render(_COMPONENT, ENSURE_PROCESS, context, mode="0755"))
    if has_weight_files(common.services):
        files.append(render(_COMPONENT, _TEMPORARY, context))
    return files


def _make_weight_folder(part: Part) -> None:
    """Keepalived -t refuses a tracked file whose folder is missing, so the folder is made before."""
    # Only that it is there: the action gives it its mode.
    part.prepare.append(
        Preparation("Make the folder of the weights' files", ("mkdir", "-p", WEIGHTS), _TEMPORARY)
    )
    part.actions.insert(
        0,
        Action(
            "Give the folder of the weights' files its mode",
            ("systemd-tmpfiles", "--create", _TEMPORARY),
            (_TEMPORARY,),
        ),
    )


def _context(cluster: Cluster, host: Host, inventory: Inventory, common: Shared) -> dict[str, Any]:
    """Everything the templates print: all decisions are made before."""
    mine = [one for one in common.elections if host.name in one.instance.directors]
    owned = [owned_addresses(cluster, host, one) for one in mine]
    return {
        "cluster": cluster.name,
        "host": host.name,
        "global_lines": global_lines(cluster, host, mine, common.sync_id),
        "trackers": [*drain_blocks(common.services), *tracker_blocks(cluster, common.services)],
        "top_lines": cluster.extra_lines.top,
        "instances": [_instance(cluster, host, inventory, one) for one in mine],
        "sync_groups": _groups(cluster, mine),
        "demotions": demotions(cluster, mine),
        "demoted": SCRIPT,
        "record": RECORD,
        "virtual_servers_text": common.services_text,
        "anchors": [{"prefix": host_prefix(own[0][0]), "interface": own[0][1]} for own in owned],
        "owned": [
            {"prefix": host_prefix(address), "interface": interface}
            for own in owned
            for address, interface in own
        ],
        "leaving": LEAVING,
        "leave": _LEAVE,
        "release": _RELEASE,
        "weights": WEIGHTS,
        # Seconds that the table outlives the VIPs on an orderly stop: until the slowest peer has
        # announced itself, and the adverts' jitter.
        "linger": number(max((_slowest_s(cluster, one) for one in mine), default=0) + 0.5),
    }


def _instance(cluster: Cluster, host: Host, inventory: Inventory, one: Election) -> dict[str, Any]:
    # A sync group's members are demoted with their group.
    own = demotion_of(cluster, one) if sync_group_of(cluster, one.instance) is None else None
    return instance_context(cluster, host, inventory, one) | {"demotion": own.name if own else None}


def _groups(cluster: Cluster, mine: list[Election]) -> list[dict[str, Any]]:
    names = {sync_group_of(cluster, one.instance): demotion_of(cluster, one) for one in mine}
    return [
        group | {"demotion": own.name if (own := names.get(group["name"].removeprefix("VG_"))) else None}
        for group in sync_groups(cluster, mine)
    ]


def _slowest_s(cluster: Cluster, one: Election) -> float:
    return orderly_takeover_s(
        cluster.failover.advert_interval, min(one.priorities.values()), version=one.version
    )
