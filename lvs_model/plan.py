"""Compiles the inventory into the plan: what every host must look like, down to its files' bytes.

The plan is plain data (it travels as an Ansible fact)::

    {"clusters": {name: {...}},        # what the cluster is: for people, verify and comparisons
     "hosts": {name: {"cluster", "role", "observe", "transaction parts" ...}},
     "probes": {name: {"requests": [...]}},
     "summary": [...]}                   # the clusters as text

No host is contacted, and the same input gives the same bytes.
"""

from __future__ import annotations

from typing import Any

from lvs_model.components import ipvs, keepalived, real_server
from lvs_model.document import Cluster, Service
from lvs_model.estate import failover_segments, sync_segments
from lvs_model.inventory import Host, Inventory, network_of, read_inventory
from lvs_model.parts import Part, merge
from lvs_model.problems import ModelError
from lvs_model.relations import check_relations, director_priorities
from lvs_model.render import MANAGED
from lvs_model.report import plan_lines
from lvs_model.vrrp import crash_takeover_s, orderly_takeover_s, router_ids
from lvs_model.weights import ROUND_ROBIN, expected_shares, whole_rounds

# A whole round of large weights without a common divisor is longer than anybody wants to wait.
_MOST_REQUESTS = 10_000


def compile_plan(hostvars: dict[str, dict[str, Any]], groups: dict[str, list[str]]) -> dict[str, Any]:
    """Validate everything and compile the plan of all clusters of the inventory.

    ``hostvars`` gives each host's ``lvs_*`` variables as plain data, ``groups`` each group's hosts in
    inventory order. Raises ModelError with every problem found.
    """
    inventory, problems = read_inventory(hostvars, groups)
    if not problems:
        problems = check_relations(inventory)
    if problems:
        raise ModelError(problems)
    routers, syncs = router_ids(failover_segments(inventory)), router_ids(sync_segments(inventory))
    plan: dict[str, Any] = {"clusters": {}, "hosts": {}, "probes": {}}
    for name, cluster in inventory.clusters.items():
        # Without connection sync the sync id is never printed.
        _add_cluster(plan, cluster, inventory, keepalived.Ids(routers[name], syncs.get(name, 0)))
    plan["summary"] = plan_lines(plan["clusters"])
    return plan


def _add_cluster(plan: dict[str, Any], cluster: Cluster, inventory: Inventory, ids: keepalived.Ids) -> None:
    directors = inventory.directors(cluster)
    order = director_priorities(cluster, inventory)
    services = [_service(cluster, service, inventory) for service in cluster.services]
    plan["clusters"][cluster.name] = {
        "directors": order,
        "router_id": ids.router,
        "vips": keepalived.cluster_vips(cluster),
        "anchor": keepalived.anchor(ids),
        "services": services,
        "failback": cluster.failover.failback,
        "failover_s": _failover_times(cluster, order),
        # Seconds until an owner is elected where there is none, with a second for jitter.
        "settle_s": crash_takeover_s(cluster.failover.advert_interval, min(order.values()))[1] + 1,
        "sync": cluster.connection_sync is not None,
        # Seconds until every check under a new configuration has had its say.
        "gate_s": max(service.check.first_result_s for service in cluster.services),
    }
    for host in directors:
        parts = [ipvs.director(cluster), keepalived.director(cluster, host, inventory, ids, order)]
        plan["hosts"][host.name] = _host(cluster, host, "director", parts) | {
            "ipvs": _table(services),
            # A change of these changes the table.
            "table_files": [keepalived.CONFIGURATION],
            "table_bits": cluster.ipvs.table_bits,
        }
    for host, vips in _real_servers(cluster, inventory):
        parts = [real_server.real_server(cluster, host, vips)]
        plan["hosts"][host.name] = _host(cluster, host, "real_server", parts)
    _add_probes(plan, cluster, inventory, services)


def _failover_times(cluster: Cluster, order: dict[str, int]) -> dict[str, float] | None:
    """Theoretical takeover times in seconds by the second director; None when there is none."""
    if len(order) < 2:
        return None
    second = sorted(order.values(), reverse=True)[1]
    best, worst = crash_takeover_s(cluster.failover.advert_interval, second)
    orderly = orderly_takeover_s(cluster.failover.advert_interval, second)
    return {"crash_best": best, "crash_worst": worst, "orderly": orderly}


def _service(cluster: Cluster, service: Service, inventory: Inventory) -> dict[str, Any]:
    weights = inventory.pool_weights(service.pool)
    rounds = whole_rounds(service.scheduler, weights, service.probe.requests)
    shares = expected_shares(service.scheduler, weights)
    return {
        "name": service.name,
        "vips": [str(vip) for vip in service.vips],
        "ports": service.ports,
        "protocol": service.protocol,
        "scheduler": service.scheduler,
        "forwarding": service.forwarding,
        "min_servers": service.min_servers,
        # Why a client's requests cannot prove the split; null where they can.
        "split_unprovable": _why_unprovable(service, rounds),
        "real_servers": [
            {
                "name": host.name,
                "address": keepalived.server_address(cluster, host),
                "weight": weights[host.name],
                "share": None if shares is None else float(shares[host.name]),
            }
            for host in inventory.pool(service.pool)
        ],
        "requests": rounds if rounds <= _MOST_REQUESTS else service.probe.requests,
        "probe": {"header": service.probe.header, "request": _request(service)},
        "detection_s": service.check.detection_s,
    }


def _request(service: Service) -> dict[str, Any]:
    """What a client asks of the service, in the words of lvs_probe: by default what its check asks."""
    probe, check = service.probe, service.check
    http = check.type == "http"
    return {
        # Only an http answer can name its real server.
        "protocol": "http" if probe.header or http else "tcp",
        "path": probe.path or (check.path if http else "/"),
        "host": probe.virtual_host or (check.virtual_host if http else None),
        "status": [probe.status or (check.status if http else 200)],
        "header": probe.header,
        "identify": "header" if probe.header else "none",
    }


def _why_unprovable(service: Service, rounds: int) -> str | None:
    if service.probe.header is None:
        return "give the service's probe a header that names the real server"
    if service.scheduler not in ROUND_ROBIN:
        return f"one client does not see it under {service.scheduler}"
    if rounds > _MOST_REQUESTS:
        return f"a whole round of these weights takes {rounds} requests"
    return None


def _table(services: list[dict[str, Any]]) -> dict[str, Any]:
    """The IPVS table of a director; differences.py reads it into ipvs_table.Table."""
    return {
        f"{service['protocol'].upper()} {vip}:{port}": {
            "scheduler": service["scheduler"],
            "min_servers": service["min_servers"],
            "servers": {
                f"{server['address']}:{port}": {"weight": server["weight"], "method": service["forwarding"]}
                for server in service["real_servers"]
            },
        }
        for service in services
        for vip in service["vips"]
        for port in service["ports"]
    }


def _real_servers(cluster: Cluster, inventory: Inventory) -> list[tuple[Host, list[str]]]:
    """Every real server of the cluster with the VIPs of the services whose pools it is in."""
    hosts: dict[str, Host] = {}
    vips: dict[str, list[str]] = {}
    for service in cluster.services:
        for host in inventory.pool(service.pool):
            hosts[host.name] = host
            own = vips.setdefault(host.name, [])
            own += [str(vip) for vip in service.vips if str(vip) not in own]
    return [(hosts[name], vips[name]) for name in hosts]


def _host(cluster: Cluster, host: Host, role: str, parts: list[Part]) -> dict[str, Any]:
    merged = merge(parts)
    interface = host.interface_on(cluster, cluster.failover.network)
    merged |= {
        "cluster": cluster.name,
        "role": role,
        # Where each of the host's own addresses must be; null where no network of the cluster holds it.
        "addresses": {
            str(address): host.interface_on(cluster, network)
            if (network := network_of(cluster, address))
            else None
            for address in host.variables.lvs_addresses
        },
        "interfaces": sorted(
            {
                host.interface_on(cluster, name)
                for name, network in cluster.networks.items()
                if host.address_in(network) is not None
            }
        ),
        # The arguments of lvs_facts: all that differences.py will ask about this host.
        "observe": {
            "packages": [name for part in parts for name in part.packages],
            "units": [unit for part in parts for unit in part.units],
            "modules": merged["modules"],
            "sysctls": list(merged["sysctls"]),
            "files": [file["path"] for file in merged["files"]],
            "keepalived": role == "director",
            "users": [user for part in parts for user in part.users],
            "marker": MANAGED,
            "arp": [
                {"interface": interface, "address": vip, "source": str(source)}
                for vip in keepalived.cluster_vips(cluster)
                if (source := host.address_in(cluster.networks[cluster.failover.network])) is not None
            ]
            if role == "director"
            else [],
        },
    }
    return merged


def _add_probes(
    plan: dict[str, Any], cluster: Cluster, inventory: Inventory, services: list[dict[str, Any]]
) -> None:
    """The requests that clients send: the first probe host of the inventory asks for every service."""
    for name in inventory.probes[:1]:
        probe = plan["probes"].setdefault(name, {"requests": []})
        for service in services:
            options = service["probe"]["request"]
            for vip in service["vips"]:
                for port in service["ports"]:
                    probe["requests"].append(
                        {
                            "name": f"{cluster.name}/{service['name']} {vip}:{port}",
                            "address": vip,
                            "port": port,
                            **options,
                            "count": service["requests"],
                            # As fast as a client that does not wait for answers, and bounded when
                            # none comes: all time out together.
                            "interval": 0.02,
                            "irregular": True,
                            "timeout": 5,
                        }
                    )
