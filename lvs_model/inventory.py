"""The inventory as the model sees it: clusters and hosts, validated, with every problem collected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from pydantic import ValidationError

from lvs_model.document import Cluster, HostVariables, Network, Service, problems_of
from lvs_model.owner_turns import POLICIES
from lvs_model.problems import Problem
from lvs_model.weights import computed_weights

RUN_OPTIONS = (
    "lvs_accept_unreachable",
    "lvs_break_lock",
    "lvs_plan_dir",
    "lvs_reviewed",
    "lvs_switchover",
    "lvs_teardown",
    "lvs_update_dir",
)
"""Variables that say how a playbook runs; given with -e, every host has them."""

# Variables that begin with lvs_ and are no host's own.
_NOT_THE_HOSTS = {"lvs_cluster", *RUN_OPTIONS}
# A leading dot would hide it, or lead out of the directory of the plan (export.py).
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def network_of(cluster: Cluster, address: IPv4Address | IPv6Address) -> str | None:
    """The name of the cluster's network in whose subnets an address lies, or None."""
    for name, network in cluster.networks.items():
        if any(address in subnet for subnet in network.subnets):
            return name
    return None


@dataclass(frozen=True)
class Host:
    """A host of the inventory with its own ``lvs_*`` variables."""

    name: str
    variables: HostVariables

    def address_in(self, network: Network, family: int | None = None) -> IPv4Address | IPv6Address | None:
        """The host's first address in a network's subnets, of a family (4, 6) if asked for; or None."""
        for address in self.variables.lvs_addresses:
            if family in (None, address.version) and any(address in subnet for subnet in network.subnets):
                return address
        return None

    def interface_on(self, cluster: Cluster, network: str) -> str:
        """The host's interface on a network of the cluster."""
        return self.variables.lvs_interfaces.get(network, cluster.networks[network].interface)


@dataclass
class Inventory:
    """All clusters and hosts of an inventory.

    ``groups`` maps a group's name to its hosts' names in inventory order; ``probes`` are the hosts
    that stand for clients.
    """

    clusters: dict[str, Cluster] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)

    @property
    def probes(self) -> list[str]:
        """Hosts of the group ``probes``: clients, from which verify sends its requests."""
        return self.groups.get("probes", [])

    @property
    def retired(self) -> list[str]:
        """Hosts of the group ``retired``: they shall hold nothing of the toolkit's any more."""
        return [name for name in self.groups.get("retired", []) if name in self.hosts]

    def directors(self, cluster: Cluster) -> list[Host]:
        """The cluster's directors in order of preference."""
        return [self.hosts[name] for name in self.groups.get(cluster.directors, []) if name in self.hosts]

    def pool(self, service: Service) -> list[Host]:
        """The real servers of a service in inventory order, without the disabled ones."""
        hosts = [self.hosts[name] for name in self.groups.get(service.pool, []) if name in self.hosts]
        return [host for host in hosts if _state(host, service) != "disabled"]

    def weights(self, cluster: Cluster, service: Service) -> dict[str, int]:
        """IPVS weight by real server of a service; drained ones have 0.

        Raises ValueError where weights cannot be computed from the capacities, with what to do.
        """
        pool = self.pool(service)
        given = {host.name: _weight(host, service) for host in pool}
        drained = {host.name for host in pool if _state(host, service) == "drained"}
        capacities = {
            host.name: host.variables.lvs_capacity
            for host in pool
            if host.variables.lvs_capacity is not None and given[host.name] is None
        }
        computed = (
            computed_weights(
                capacities, error=cluster.weight_error, scheduler=service.scheduler, drained=drained
            )
            if capacities
            else {}
        )
        return {
            name: 0 if name in drained else computed.get(name, 1) if weight is None else weight
            for name, weight in given.items()
        }


def _state(host: Host, service: Service) -> str:
    own = host.variables.lvs_services.get(service.name)
    return own.state if own and own.state else host.variables.lvs_state


def _weight(host: Host, service: Service) -> int | None:
    own = host.variables.lvs_services.get(service.name)
    return own.weight if own and own.weight is not None else host.variables.lvs_weight


def read_inventory(
    hostvars: dict[str, dict[str, Any]], groups: dict[str, list[str]]
) -> tuple[Inventory, list[Problem]]:
    """Validate every document and every host's variables.

    ``hostvars`` gives by host its variables; those whose names begin with ``lvs_`` are the toolkit's.
    Returns what is valid and all problems; with any problem the inventory is incomplete and only good
    for finding more of them.
    """
    problems: list[Problem] = []
    inventory = Inventory(groups={name: list(hosts) for name, hosts in groups.items()})
    for document in _documents(hostvars):
        root = f"lvs_cluster[{document['name']}]" if _named(document) else "lvs_cluster"
        try:
            cluster = Cluster.model_validate(document)
        except ValidationError as error:
            problems += problems_of(error, root, Cluster, document)
            continue
        if cluster.name in inventory.clusters:
            problems.append(
                Problem(root, "two different clusters have this name", "give one of them another name")
            )
        inventory.clusters[cluster.name] = _with_common_fallback(cluster)
    for name, variables in hostvars.items():
        if not _HOST_NAME.fullmatch(name):
            problems.append(
                Problem(
                    f"host {name!r}",
                    "this name would break configurations",
                    "use A-Z, a-z, 0-9, '.', '_', '-', and no dot at its beginning",
                )
            )
        own = {
            key: value
            for key, value in variables.items()
            if key.startswith("lvs_") and key not in _NOT_THE_HOSTS
        }
        try:
            inventory.hosts[name] = Host(name, HostVariables.model_validate(own))
        except ValidationError as error:
            problems += problems_of(error, f"host {name}: ", HostVariables, own)
    problems += _policies(hostvars)
    if not inventory.clusters and not problems:
        problems.append(
            Problem("lvs_cluster", "no host of the inventory has this variable", "describe a cluster in it")
        )
    return inventory, problems


def _policies(hostvars: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """What is no policy of switchovers; said once, since every host has it."""
    given = [own["lvs_switchover"] for own in hostvars.values() if "lvs_switchover" in own]
    wrong = next((one for one in given if one not in POLICIES), None)
    if wrong is not None:
        yield Problem("lvs_switchover", f"{wrong!r} is not allowed", f"use {', '.join(POLICIES)}")


def _with_common_fallback(cluster: Cluster) -> Cluster:
    """Give every service that names no fallback the one that ldirectord has for all."""
    # Its own global one is not enough: it has none for firewall marks (fallback_find knows tcp and udp only).
    common = cluster.ldirectord.fallback if cluster.ldirectord else None
    if common is None or cluster.engine != "ldirectord":
        return cluster
    services = [
        # A mark has no port of its own, and its fallback none either.
        one.model_copy(
            update={"fallback": common if one.mark is None else common.model_copy(update={"port": None})}
        )
        if one.fallback is None and any(vip.version == common.address.version for vip in one.vips)
        else one
        for one in cluster.services
    ]
    return cluster.model_copy(update={"services": services})


def _named(document: object) -> bool:
    return isinstance(document, dict) and isinstance(document.get("name"), str)


def _documents(hostvars: dict[str, dict[str, Any]]) -> list[Any]:
    """The different cluster documents: the hosts of one cluster all carry the same one."""
    documents: list[Any] = []
    for variables in hostvars.values():
        document = variables.get("lvs_cluster")
        if document is not None and document not in documents:
            documents.append(document)
    return documents
