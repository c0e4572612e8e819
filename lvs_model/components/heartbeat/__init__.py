"""heartbeat on a director: which of two directors owns the VIPs, and runs ldirectord beside them.

Sources: heartbeat(8) and the package's commented ha.cf, authkeys and haresources; its shell programs
(ResourceManager, hb_standby, mach_down), and how 3.0.6 behaved when it was tried: docs/heartbeat.md.

- A changed ha.cf or authkeys takes effect by a reload: heartbeat starts itself anew under the same process id
  and keeps its resources. haresources is read when a group is taken: an owner must be told of a change.
- A resource whose `stop` fails makes heartbeat reboot the host (ResourceManager, RecoverFromFailedStop).
- When directors hear each other again that were both owners, both let go, start anew, and one takes the VIPs
  some 20 seconds later.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from lvs_model.components import ldirectord, network, nftables
from lvs_model.components.heartbeat.nodes import guards, media, node_name, options, pings, seconds
from lvs_model.components.keepalived.words import host_prefix
from lvs_model.components.role_switch import LDIRECTORD, NAME, SCRIPT, lvs_ldirectord, lvs_role, refresh
from lvs_model.document import Cluster
from lvs_model.document.heartbeat import Key
from lvs_model.inventory import Host, Inventory, network_of
from lvs_model.parts import Action, File, Health, Part, Validation
from lvs_model.render import render
from lvs_model.serving import Serving
from lvs_model.topology import Address, all_vips

__all__ = [
    "CONFIGURATION",
    "KEYS",
    "OWN_FILES",
    "STANDBY",
    "UNIT",
    "director",
    "orderly_s",
    "resources",
    "settle_s",
    "takeover_s",
]

_COMPONENT = "heartbeat"
UNIT = "heartbeat.service"
CONFIGURATION = "/etc/ha.d/ha.cf"
KEYS = "/etc/ha.d/authkeys"
_RESOURCES = "/etc/ha.d/haresources"
OWN_FILES = (CONFIGURATION, KEYS, _RESOURCES)
"""What heartbeat itself reads, and takes up without letting go of the VIPs."""
_ROLE = f"/etc/ha.d/resource.d/{NAME}"
_LDIRECTORD = f"/etc/ha.d/resource.d/{LDIRECTORD.rsplit('/', 1)[1]}"
_VIP6 = "/etc/ha.d/resource.d/lvs-vip6"
_DROP_IN = "/etc/systemd/system/heartbeat.service.d/lvs-toolkit.conf"
_TOOL = "/usr/local/lib/lvs-toolkit/lvs-heartbeat"
STANDBY = (_TOOL, "standby")
"""The command that gives an owner's VIPs to the other director in order."""
# How long a stop may take, once heartbeat does not wait for the other director any more: ldirectord ends its
# checks, and a resource that does not stop is tried ten times (ResourceManager, HA_STOPRETRYMAX).
_STOP_S = 60
# How long taking the group may take, addresses and ldirectord's start: two seconds on a server, 32 on an
# emulated CPU (measured).
_TAKE_S = 45
# Between its start beside a living peer and its first resources, whatever is configured (measured).
_JOIN_S = 10


def director(
    cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving], *, filtered: bool = False
) -> Part:
    """A director's heartbeat; ``filtered``: it has a table of nft, without which it must not start."""
    context = _context(cluster, host, inventory, services)
    context |= {"needed": nftables.NEEDED if filtered else None}
    files = [
        lvs_role(cluster, host, inventory),
        render(_COMPONENT, _TOOL, context, mode="0755"),
        render(_COMPONENT, CONFIGURATION, context),
        render(_COMPONENT, KEYS, context, mode="0600", secret=True),
        render(_COMPONENT, _RESOURCES, context),
        render(_COMPONENT, _ROLE, context, mode="0755"),
        *_further_files(cluster, context),
        render(_COMPONENT, _DROP_IN, context),
    ]
    watchdog = options(cluster).watchdog
    return Part(
        component=_COMPONENT,
        packages=["heartbeat", "ipvsadm"],
        modules=["softdog"] if watchdog is not None and watchdog.softdog else [],
        files=files,
        units=[UNIT],
        # The package makes it: without it the checker is not there either.
        users=["hacluster"],
        validate=_validations(),
        actions=_actions([file.path for file in files]),
        health=[Health("heartbeat runs", (_TOOL, "ready"), 10, 1)],
    )


def takeover_s(cluster: Cluster) -> tuple[float, float]:
    """Seconds after a crash until the other director takes the VIPs, at best and at worst.

    It counts ``deadtime`` from the last message, which came up to ``keepalive`` before the crash, and looks
    once a second (measured: with 2 and 6 s it took 4.4 to 6.1 s). Starting the resources comes on top.
    """
    wanted = options(cluster)
    return (wanted.deadtime - wanted.keepalive, wanted.deadtime + 1)


def orderly_s(cluster: Cluster) -> float:
    """Seconds for which nobody has the VIPs in an orderly switch.

    No timer is in it (hb_standby): the stop of the resources, a message and their start (measured: 0.3 to
    0.6 s).
    """
    return 1


def settle_s(cluster: Cluster) -> float:
    """Seconds until there is an owner after a start from nothing.

    A director that starts alone waits for ``initdead``. Two wait for each other, then for ten seconds.
    """
    wanted = options(cluster)
    return max(wanted.first_dead_s, _JOIN_S + 2 * wanted.keepalive) + 2


def resources(cluster: Cluster, host: Host) -> list[str]:
    """The group in its order: the role, ldirectord, and the VIPs that it serves.

    It stops in reverse: no VIP is here without a table that forwards what is sent to it. Otherwise this
    director would answer clients itself, with resets.
    """
    found = [NAME]
    if cluster.services:
        found.append("::".join(path.rsplit("/", 1)[1] for path in (_LDIRECTORD, ldirectord.CONFIGURATION)))
    found += [_vip(cluster, host, vip) for vip in all_vips(cluster)]
    return found


def _vip(cluster: Cluster, host: Host, vip: Address) -> str:
    """A VIP as a resource: '::' separates its arguments, and so cannot stand in an address."""
    network_name = network_of(cluster, vip) or cluster.failover.network
    place = f"{host_prefix(vip)}/{host.interface_on(cluster, network_name)}"
    return f"IPaddr2::{place}" if vip.version == 4 else f"lvs-vip6::{place.replace('::', ':-:')}"


def _context(cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving]) -> dict[str, Any]:
    """Everything the templates print: all decisions are made before."""
    wanted = options(cluster)
    names = [node_name(cluster, one) for one in inventory.directors(cluster)]
    own = node_name(cluster, host)
    return {
        "cluster": cluster.name,
        "times": [
            f"keepalive {seconds(wanted.keepalive)}",
            f"deadtime {seconds(wanted.deadtime)}",
            f"warntime {seconds(wanted.late_s)}",
            f"initdead {seconds(wanted.first_dead_s)}",
        ],
        "media": list(media(cluster, host, inventory)),
        "failback": "on" if cluster.failover.failback else "off",
        "nodes": names,
        "further": [*pings(cluster), *guards(cluster)],
        "key": _key(wanted.key),
        "preferred": names[0],
        "prefers": own == names[0],
        "resources": resources(cluster, host),
        "node": own,
        "peer": next((name for name in names if name != own), own),
        "pings": [
            *({"name": f"ping {one}", "addresses": str(one)} for one in wanted.ping),
            *(
                {"name": f"ping group {one.name}", "addresses": " ".join(map(str, one.addresses))}
                for one in wanted.ping_groups
            ),
        ],
        "unit": UNIT,
        "network": network.UNIT,
        "role": SCRIPT,
        "script": _TOOL,
        "stop_s": round(wanted.first_dead_s) + _STOP_S,
        "standby_s": _STOP_S,
        # Else 3.0.6 says "T_STARTING received during takeover" and "Both machines own our resources!".
        "restart_s": ceil(takeover_s(cluster)[1]) + _TAKE_S,
        # Two messages of the other director, had it begun, and the look for them.
        "heard_s": ceil(2 * wanted.keepalive) + 1,
    }


def _key(key: Key | None) -> str:
    """A key's words in authkeys; without any heartbeat does not start (rule heartbeat-without-key)."""
    return "" if key is None else f"{key.method} {key.secret or ''}".rstrip()


def _further_files(cluster: Cluster, context: dict[str, Any]) -> list[File]:
    """Files that only some documents ask for."""
    found = []
    if cluster.services:
        found += [lvs_ldirectord(), render(_COMPONENT, _LDIRECTORD, {"script": LDIRECTORD}, mode="0755")]
    if any(vip.version == 6 for vip in all_vips(cluster)):
        found.append(render(_COMPONENT, _VIP6, context, mode="0755"))
    return found


def _validations() -> list[Validation]:
    staged = "{stage}" + _TOOL
    return [
        Validation(
            "heartbeat accepts its configuration",
            ("sh", staged, "check", "{stage}"),
            (CONFIGURATION, KEYS, _RESOURCES),
        ),
        # Only with the lines themselves: a gateway that is down shall not keep from other changes.
        Validation("the hosts to be pinged answer", ("sh", staged, "hears"), (CONFIGURATION,)),
    ]


def _actions(paths: list[str]) -> list[Action]:
    """What makes a director's files effective; ``paths`` are all of them."""
    group = [path for path in paths if path.startswith(("/etc/ha.d/haresources", "/etc/ha.d/resource.d/"))]
    return [
        Action(
            "Read the units anew",
            ("systemctl", "daemon-reload"),
            on=(_DROP_IN,),
            heals=frozenset({"reload"}),
        ),
        Action(
            "Start heartbeat at boot",
            ("systemctl", "enable", UNIT),
            on=(_DROP_IN,),
            heals=frozenset({f"enabled {UNIT}"}),
        ),
        refresh(),
        # Starts it where it does not run; a running one keeps its resources.
        Action(
            "Reload heartbeat, or start it",
            ("systemctl", "reload-or-restart", UNIT),
            on=(CONFIGURATION, KEYS),
            heals=frozenset({f"active {UNIT}"}),
        ),
        Action("Have the owner take what is new in the group", (_TOOL, "apply"), on=tuple(group)),
        # Only when a director begins with heartbeat after another engine: nobody serves in between.
        Action("Take the VIPs at once where nobody else is there to", (_TOOL, "take")),
    ]
