"""keepalived on a director: the VRRP election and the health-checked virtual services.

Sources: keepalived.conf(5) of 2.2.7 (Debian 12) and 2.3.3 (Debian 13), RFC 5798.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lvs_model.document import Check, Cluster, HttpCheck, TcpCheck
from lvs_model.inventory import Host, Inventory
from lvs_model.parts import Action, Health, Part, Validation
from lvs_model.relations import real_server_network
from lvs_model.render import render
from lvs_model.topology import failback_delay_s
from lvs_model.vrrp import orderly_takeover_s

_COMPONENT = "keepalived"
_UNIT = "keepalived.service"
CONFIGURATION = "/etc/keepalived/keepalived.conf"
# Right under /run: keepalived -t wants the directory of a tracked file to exist before it ever ran.
_LEAVING = "/run/lvs-toolkit.leaving"
_LEAVE = "/usr/local/lib/lvs-toolkit/keepalived-leave"
_RELEASE = "/usr/local/lib/lvs-toolkit/keepalived-release"


@dataclass(frozen=True)
class Ids:
    """A cluster's numbers on the wire: VRRP router id (1 to 255) and connection sync id (0 to 255)."""

    router: int
    sync: int


def anchor(ids: Ids) -> str:
    """The one address in the adverts (docs/decisions/0007).

    RFC 3927 keeps 169.254.255.0/24 free of autoconfigured addresses, and the router id is the cluster's own
    on its segment.
    """
    return f"169.254.255.{ids.router}"


def director(
    cluster: Cluster, host: Host, inventory: Inventory, ids: Ids, priorities: dict[str, int]
) -> Part:
    """A director's keepalived."""
    context = _context(cluster, host, inventory, ids, priorities)
    part = Part(
        component=_COMPONENT,
        packages=["keepalived"],
        files=[
            render(_COMPONENT, CONFIGURATION, context, mode="0640"),
            render(_COMPONENT, "/etc/systemd/system/keepalived.service.d/lvs-toolkit.conf", context),
            render(_COMPONENT, _LEAVE, context, mode="0755"),
            render(_COMPONENT, _RELEASE, context, mode="0755"),
        ],
        units=[_UNIT],
        users=["keepalived_script"],
    )
    drop_in = part.path_of("lvs-toolkit.conf")
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
        Action(
            "Read the units anew", ("systemctl", "daemon-reload"), on=(drop_in,), heals=frozenset({"reload"})
        ),
        Action(
            "Start keepalived at boot",
            ("systemctl", "enable", _UNIT),
            on=(drop_in,),
            heals=frozenset({f"enabled {_UNIT}"}),
        ),
        # Starts it where it does not run; a running one only reads its configuration anew.
        Action(
            "Reload keepalived, or start it",
            ("systemctl", "reload-or-restart", _UNIT),
            on=(CONFIGURATION,),
            heals=frozenset({f"active {_UNIT}"}),
        ),
    ]
    part.health = [Health("keepalived runs", ("systemctl", "is-active", "--quiet", _UNIT), 10, 0.5)]
    return part


def _context(
    cluster: Cluster, host: Host, inventory: Inventory, ids: Ids, priorities: dict[str, int]
) -> dict[str, Any]:
    """Everything the templates print: all decisions are made here."""
    failover = cluster.failover
    network = cluster.networks[failover.network]
    instance = f"VI_{cluster.name}"
    sync = cluster.connection_sync
    weights = {service.name: inventory.weights(cluster, service) for service in cluster.services}
    return {
        "cluster": cluster.name,
        "host": host.name,
        "instance": instance,
        "interface": host.interface_on(cluster, failover.network),
        "router_id": ids.router,
        "priority": priorities[host.name],
        "advert_interval": _number(failover.advert_interval),
        "source": str(host.address_in(network)),
        "peers": [
            str(peer.address_in(network)) for peer in inventory.directors(cluster) if peer.name != host.name
        ],
        "failback": failover.failback,
        "failback_delay": _number(failback_delay_s(cluster)),
        "anchor": anchor(ids),
        "vips": cluster_vips(cluster),
        "sync": {"interface": host.interface_on(cluster, sync.network), "id": ids.sync} if sync else None,
        "leaving": _LEAVING,
        "leave": _LEAVE,
        # Seconds that the table outlives the VIPs on an orderly stop: until the slowest peer has
        # announced itself, and the adverts' jitter.
        "linger": _number(orderly_takeover_s(failover.advert_interval, min(priorities.values())) + 0.5),
        "release": _RELEASE,
        "virtual_servers": [
            {
                "service": service.name,
                "vip": str(vip),
                "port": port,
                "protocol": protocol.upper(),
                "scheduler": service.scheduler,
                "method": service.forwarding.upper(),
                "interval": _number(service.delay_loop_s),
                "real_servers": [
                    {
                        "name": server.name,
                        "address": server_address(cluster, server),
                        "weight": weights[service.name][server.name],
                        "check": _check(service.check[0], port),
                    }
                    for server in inventory.pool(service)
                ],
            }
            for service in cluster.services
            for vip in service.vips
            for protocol, port in service.endpoints()
        ],
    }


def _check(check: Check, port: int) -> dict[str, Any]:
    if not isinstance(check, TcpCheck | HttpCheck):
        raise TypeError(check)
    http = check if isinstance(check, HttpCheck) else None
    return {
        "keyword": {"http": "HTTP_GET", "tcp": "TCP_CHECK"}[check.type],
        "http": http is not None,
        "path": http and http.path,
        "status": http and http.expected_status,
        "virtual_host": http and http.virtual_host,
        "port": check.port or port,
        "timeout": _number(check.timeout),
        "retries": check.retries,
        "retry_delay": _number(check.delay_before_retry_s),
    }


def cluster_vips(cluster: Cluster) -> list[str]:
    """The VIPs of all services, each once, in the document's order."""
    return list(dict.fromkeys(str(vip) for service in cluster.services for vip in service.vips))


def server_address(cluster: Cluster, server: Host) -> str:
    """The RIP: the address at which the directors reach a real server."""
    network = real_server_network(cluster, server)
    if network is None:  # relations.py has refused this before
        raise ValueError(f"real server {server.name} has no address in reach of the directors")
    return str(server.address_in(cluster.networks[network]))


def _number(value: float) -> str:
    """A number as configuration files have it: no trailing zeros, no exponent."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
