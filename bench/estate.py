"""An estate of any size: one cluster, two directors, many services over the hosts of many pools.

Addresses are those of RFC 2544's benchmarks, 198.18.0.0/15, and of RFC 3849.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from math import ceil
from typing import Any

Hostvars = dict[str, dict[str, Any]]
Groups = dict[str, list[str]]

_VIPS = IPv4Address("198.18.0.0")
_HOSTS = IPv4Address("198.19.0.0")
DIRECTORS = ("lb1", "lb2")


@dataclass(frozen=True)
class Size:
    """How many services there are, real servers in each one's pool, and hosts with both directors."""

    services: int
    servers: int
    hosts: int

    def __post_init__(self) -> None:
        """Refuse what cannot be built, with ValueError."""
        if self.hosts < self.servers + len(DIRECTORS) or min(self.services, self.servers) < 1:
            raise ValueError(f"{self}: give at least one of each, and hosts for directors and a pool")
        if max(self.services, self.hosts) >= 2**16:
            raise ValueError(f"{self}: the benchmark's networks have addresses for 65535 services and hosts")

    def __str__(self) -> str:
        """As figures name it."""
        return f"{self.services} services x {self.servers} real servers, {self.hosts} hosts"


def inventory(size: Size) -> dict[str, Any]:
    """The estate as an inventory file has it, in the form of Ansible's yaml inventory plugin."""
    names = [f"rs{number}" for number in range(size.hosts - len(DIRECTORS))]
    # As many blocks as hold all of them; the last one overlaps its neighbour where hosts are left over.
    blocks = ceil(len(names) / size.servers)
    starts = [min(block * size.servers, len(names) - size.servers) for block in range(blocks)]
    pools = {
        f"pool{number}": names[starts[number % blocks] :][: size.servers] for number in range(size.services)
    }
    hosts: dict[str, Any] = {name: {} for name in DIRECTORS}
    for number, name in enumerate(names):
        # A pool says the same of all its hosts, so the two overlapping blocks count as one here.
        hosts[name] = _load(number, min(number // size.servers, max(blocks - 2, 0)))
    for number, own in enumerate(hosts.values()):
        own["lvs_addresses"] = [str(_HOSTS + number + 1)]
    children: dict[str, Any] = {"bench_directors": {"hosts": _members(DIRECTORS)}}
    children |= {pool: {"hosts": _members(own)} for pool, own in pools.items()}
    cluster = {"children": children, "vars": {"lvs_cluster": _document(size)}}
    return {"all": {"hosts": hosts, "children": {"bench": cluster}}}


def inputs(tree: dict[str, Any]) -> tuple[Hostvars, Groups]:
    """What compile_plan takes, from such an inventory: the hosts share the document, as under Ansible."""
    top = tree["all"]
    cluster = top["children"]["bench"]
    groups = {name: list(group["hosts"]) for name, group in cluster["children"].items()}
    members = {host for group in groups.values() for host in group}
    hostvars = {
        name: own | (cluster["vars"] if name in members else {}) for name, own in top["hosts"].items()
    }
    return hostvars, {
        "all": list(top["hosts"]),
        "bench": [name for name in hostvars if name in members],
    } | groups


def _members(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A group's hosts in an inventory file, with no variables here."""
    return {name: {} for name in names}


def _load(number: int, block: int) -> dict[str, Any]:
    """What a host can bear: some pools say weights, some capacities, some nothing."""
    return [{}, {"lvs_weight": 1 + number % 7}, {"lvs_capacity": 8 * (1 + number % 4)}][block % 3]


def _document(size: Size) -> dict[str, Any]:
    checks = [{"type": "http", "path": "/healthz"}, {"type": "tcp"}]
    return {
        "name": "bench",
        "directors": "bench_directors",
        "networks": {"front": {"segment": "bench", "interface": "eth0", "subnets": ["198.18.0.0/15"]}},
        "failover": {"network": "front"},
        "services": [
            {
                "name": f"service{number}",
                "vips": [str(_VIPS + number + 1)],
                "ports": [80],
                "scheduler": ("wrr", "wlc", "sed")[number % 3],
                "pool": f"pool{number}",
                "check": checks[number % len(checks)],
            }
            for number in range(size.services)
        ],
    }
