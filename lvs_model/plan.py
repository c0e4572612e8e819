"""Compiles the inventory into the plan: what every host must look like, down to its files' bytes.

The plan is plain data (it travels as an Ansible fact)::

    {"clusters": {name: {...}},        # what the cluster is: for people, verify and comparisons
     "hosts": {name: {"cluster", "role", "observe", "transaction parts" ...}},
     "probes": {name: {"requests": [...]}},
     "warnings": [...],                  # what would work, and is hardly meant so
     "summary": [...]}                   # the clusters as text

No host is contacted, and the same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lvs_model.check_times import first_result_s
from lvs_model.components import ipvs
from lvs_model.components.firewall import director_chains, merge_chains, real_server_chains
from lvs_model.components.holds import holds
from lvs_model.components.keepalived.demotion import SCRIPT as DEMOTED_SCRIPT
from lvs_model.components.network import items_of, network
from lvs_model.components.nftables import nftables
from lvs_model.components.overrides import overrides
from lvs_model.components.real_server import interfaces_of, real_server
from lvs_model.document import Cluster
from lvs_model.engines import KINDS, Engine, engine_of
from lvs_model.expected_packets import expected_packets
from lvs_model.inventory import Host, Inventory, network_of, read_inventory
from lvs_model.parts import Part, merge
from lvs_model.problems import ModelError, Problem
from lvs_model.render import MANAGED
from lvs_model.report import plan_lines
from lvs_model.rules import check
from lvs_model.service_plan import requests_for, service_plan
from lvs_model.serving import Member, Serving, serving, table
from lvs_model.topology import Address, all_router_ids, all_sync_ids, all_vips, marks


def compile_plan(
    hostvars: dict[str, dict[str, Any]],
    groups: dict[str, list[str]],
    plain_secrets: Collection[str] = (),
) -> dict[str, Any]:
    """Validate everything and compile the plan of all clusters of the inventory.

    ``hostvars`` gives each host's ``lvs_*`` variables as plain data, ``groups`` each group's hosts in
    inventory order, ``plain_secrets`` the paths of secrets that are no vault's, as rules.check wants them.
    Raises ModelError with every problem found.
    """
    inventory, problems = read_inventory(hostvars, groups)
    warnings: list[Problem] = []
    if not problems:
        problems, warnings = check(inventory, plain_secrets)
    if problems:
        raise ModelError(problems)
    return compile_inventory(inventory, [str(warning) for warning in warnings])


def compile_inventory(inventory: Inventory, warnings: list[str]) -> dict[str, Any]:
    """Compile an inventory that every rule has passed; ``warnings`` are what the rules said nonetheless."""
    router_ids, sync_ids, service_marks = all_router_ids(inventory), all_sync_ids(inventory), marks(inventory)
    plan: dict[str, Any] = {"clusters": {}, "hosts": {}, "probes": {}, "warnings": warnings}
    for name, cluster in inventory.clusters.items():
        services = serving(cluster, inventory, service_marks)
        engine = engine_of(cluster, inventory, router_ids, sync_ids.get(name), services)
        _add_cluster(plan, cluster, inventory, engine)
    plan["hosts"] |= {
        name: retired() | {"may_elect": _may_elect(inventory, inventory.hosts[name])}
        for name in inventory.retired
    }
    plan["summary"] = plan_lines(plan["clusters"])
    return plan


def _add_cluster(plan: dict[str, Any], cluster: Cluster, inventory: Inventory, common: Engine) -> None:
    planned = cluster_plan(cluster, [host.name for host in inventory.directors(cluster)], common)
    plan["clusters"][cluster.name] = planned
    entries = table(common.services)
    served = _served(cluster, inventory, common.services)
    for host in inventory.directors(cluster):
        parts = [ipvs.director(cluster, host, common.services)]
        chains = director_chains(cluster, host, inventory, common.services, common.elections)
        if host.name in served:
            parts.append(real_server(cluster, host, served[host.name][1], director=True))
            chains = merge_chains(chains, real_server_chains(cluster, host, inventory, common.services))
        filters = nftables(chains)
        engine = common.parts(host, filtered=bool(filters.files))
        demoted = any(file.path == DEMOTED_SCRIPT for part in engine for file in part.files)
        aside = overrides(cluster, common.services, demoted=demoted)
        parts += [filters, aside, *engine, holds(engine)]
        roles = ["director", *(["real_server"] if host.name in served else [])]
        found = _host(cluster, host, roles, parts) | common.told(host)
        # What waits until another engine has ended (engine_change.py): the marks of its services among it.
        waits = [filters, engine[-1]]
        found["engine_actions"] = [
            one.name
            for part in waits
            for one in part.actions
            if part is engine[-1] or "nftables" in one.heals
        ]
        found["engine_health"] = [one.name for part in waits for one in part.health]
        found["packets"] = expected_packets(cluster, host, inventory, common.services, common.elections)
        found["observe"] |= _engine_questions(cluster, host, common)
        if common.services:
            found |= {"ipvs": entries, "table_bits": cluster.ipvs.table_bits}
        plan["hosts"][host.name] = found
    for name, (host, services) in served.items():
        if name not in plan["hosts"]:
            parts = [
                real_server(cluster, host, services, director=False),
                nftables(real_server_chains(cluster, host, inventory, common.services)),
            ]
            own = [one for one, _ in services]
            plan["hosts"][name] = _host(cluster, host, ["real_server"], parts) | {
                "packets": expected_packets(cluster, host, inventory, own, common.elections)
            }
    for name in inventory.probes[:1]:
        # The first host of the group asks for every service.
        probe = plan["probes"].setdefault(name, {"requests": []})
        probe["requests"] += requests_for(cluster.name, planned["services"])


def _served(
    cluster: Cluster, inventory: Inventory, services: list[Serving]
) -> dict[str, tuple[Host, list[tuple[Serving, Member]]]]:
    """By real server, the host and its services with what it is there; a disabled one has none."""
    found: dict[str, tuple[Host, list[tuple[Serving, Member]]]] = {}
    for one in services:
        for name in inventory.groups.get(one.service.pool, []):
            if name in inventory.hosts:
                found.setdefault(name, (inventory.hosts[name], []))
        for member in one.members:
            found[member.name][1].append((one, member))
    directors = {host.name for host in inventory.directors(cluster)}
    return {name: entry for name, entry in found.items() if entry[1] or name not in directors}


def cluster_plan(cluster: Cluster, directors: list[str], common: Engine) -> dict[str, Any]:
    """What a cluster is, in plain data; times are in seconds, ``directors`` in order of preference."""
    instances = common.instances()
    times = [one["failover_s"] for one in instances if one["failover_s"] is not None]
    sync = cluster.connection_sync
    return {
        # The priority in the first instance in which a director takes part; 0 in none.
        "directors": {
            name: next((one["priorities"][name] for one in instances if name in one["priorities"]), 0)
            for name in directors
        },
        "router_id": instances[0]["router_id"],
        "instances": instances,
        "vips": [str(vip) for vip in all_vips(cluster)],
        "anchors": [one["anchor"] for one in instances if one["anchor"] is not None],
        "services": [service_plan(cluster, one) for one in common.services],
        "failback": cluster.failover.failback,
        # Whether all of it shall go (playbooks/teardown.yml).
        "teardown": False,
        # The slowest instance's.
        "failover_s": max(times, key=lambda one: one["crash_worst"], default=None),
        "settle_s": max(one["settle_s"] for one in instances),
        "sync": sync is not None and bool(cluster.services),
        # Which sync daemons a director runs: that of its role ("follow"), or both; null: none.
        "sync_daemons": sync.daemons if sync is not None and cluster.services else None,
        # Seconds until every check under a new configuration has had its say.
        "gate_s": max(
            (
                first_result_s(cluster, check)
                for one in common.services
                for member in one.members
                for check in member.checks
            ),
            default=0,
        ),
    }


def _engine_questions(cluster: Cluster, host: Host, common: Engine) -> dict[str, Any]:
    """What lvs_facts asks on a director about its engine.

    In ARP it asks its segments who answers for each IPv4 VIP, on the interface that has it.
    """
    questions = []
    for vip, interface in common.places(host):
        network = network_of(cluster, vip) or _elects(common, host, vip)
        source = host.address_in(cluster.networks[network], 4)
        if vip.version == 4 and source is not None:
            questions.append({"interface": interface, "address": str(vip), "source": str(source)})
    own = cluster.engine == "ldirectord" and bool(common.services)
    return {
        "arp": questions,
        "keepalived": cluster.engine == "keepalived",
        "ldirectord": own,
        "pacemaker": cluster.failover.method == "pacemaker",
        "adverts": sorted(set(common.told(host)["elections"].values())),
        # At least one of each router arrives; the longest intervals are not waited for.
        "adverts_s": min(round(1.2 * float(cluster.failover.advert_interval), 2), 5.0),
    }


def _elects(common: Engine, host: Host, vip: Address) -> str:
    """The network on which the owner of a VIP is agreed upon that lies in none of the cluster's networks."""
    (found,) = (str(one["network"]) for one in common.instances() if str(vip) in one["vips"])
    return found


def _host(cluster: Cluster, host: Host, roles: list[str], parts: list[Part]) -> dict[str, Any]:
    # The network's items come before keepalived, which fills IPVS's table, and behind the rules of nft, which
    # keep networks closed when forwarding is switched on.
    filters = [part for part in parts if part.component == "firewall"]
    others = [part for part in parts if part.component != "firewall"]
    parts = [*filters, network(parts, interfaces_of(cluster, host)), *others]
    merged = merge(parts)
    merged |= {
        "cluster": cluster.name,
        "role": roles[0],
        "roles": roles,
        "items": items_of(parts),
        # Where each of the host's own addresses must be; null where no network of the cluster holds it.
        "addresses": {
            str(address): host.interface_on(cluster, name) if (name := network_of(cluster, address)) else None
            for address in host.variables.lvs_addresses
        },
        "interfaces": interfaces_of(cluster, host),
        "observe": _observe(parts, merged, roles),
    }
    return merged


def retired() -> dict[str, Any]:
    """A host that shall hold nothing of ours any more."""
    merged = merge([])
    return merged | {
        "cluster": None,
        "role": "retired",
        "roles": [],
        "items": [],
        "addresses": {},
        "interfaces": [],
        "packets": [],
        "observe": _observe([], merged, []) | {"keepalived": True},
    }


def _may_elect(inventory: Inventory, host: Host) -> list[str]:
    """The clusters of which a retired host may have been a director: those on whose networks it is.

    All of them where its addresses are not given.
    """
    return [
        name
        for name, cluster in inventory.clusters.items()
        if not host.variables.lvs_addresses
        or any(host.address_in(network) for network in cluster.networks.values())
    ]


def _observe(parts: list[Part], merged: dict[str, Any], roles: list[str]) -> dict[str, Any]:
    """The arguments of lvs_facts: all that differences.py will ask about this host."""
    return {
        "packages": [name for part in parts for name in part.packages],
        # A real server that was a director may still run its engine, and a director another one.
        "units": list(
            dict.fromkeys(
                [*merged["units"], *merged["idle_units"], *(unit for kind in KINDS for unit in kind.units)]
            )
        ),
        "modules": merged["modules"],
        "sysctls": list(merged["sysctls"]),
        "files": [file["path"] for file in merged["files"]],
        "keepalived": False,
        "ldirectord": False,
        "pacemaker": False,
        "users": [user for part in parts for user in part.users],
        "marker": MANAGED,
        "arp": [],
        "network": True,
        "nftables": True,
        "managed": True,
        # Only playbooks/status.yml asks for these: where it listens for VRRP, and for how many seconds.
        "status": False,
        "adverts": [],
        "adverts_s": 0,
    }
