"""Chains of nft for hosts of a changed inventory, and nft itself where this machine has it."""

from __future__ import annotations

import shutil
from typing import Any

from lvs_model.components.firewall import director_chains, merge_chains, real_server_chains
from lvs_model.components.keepalived import elections
from lvs_model.components.keepalived.instances import Election
from lvs_model.components.nftables import RULES, nftables
from lvs_model.document import Cluster
from lvs_model.inventory import Inventory, read_inventory
from lvs_model.serving import Serving, serving
from lvs_model.topology import all_router_ids, marks

from .builders import Case
from .namespace import unusable

Chains = dict[str, list[str]]


def compiled(case: Case) -> tuple[Cluster, Inventory, list[Serving], list[Election]]:
    """What the components take, of the cluster ``edge``."""
    inventory, problems = read_inventory(*case.inputs())
    assert not problems
    cluster = inventory.clusters["edge"]
    services = serving(cluster, inventory, marks(inventory))
    return cluster, inventory, services, elections(cluster, inventory, all_router_ids(inventory))


def chains_of(case: Case, host: str) -> Chains:
    """A host's chains in all of its roles."""
    cluster, inventory, services, elected = compiled(case)
    own = inventory.hosts[host]
    roles = [real_server_chains(cluster, own, inventory, services)]
    if own in inventory.directors(cluster):
        roles.insert(0, director_chains(cluster, own, inventory, services, elected))
    return merge_chains(*roles)


def rules_file(chains: Chains) -> str:
    """The file that loads them."""
    part = nftables(chains)
    return next(file.content for file in part.files if file.path == RULES)


def with_nat(**options: Any) -> Case:  # noqa: ANN401 - the service's
    """Real servers behind the directors, on eth2."""
    case = Case()
    case.document["networks"]["back"] = {"interface": "eth2", "subnets": ["10.0.0.0/24"]}
    case.document["failover"]["vips"] = ["10.0.0.1"]
    for number, name in enumerate(("lb1", "lb2"), 11):
        case.hostvars[name]["lvs_addresses"].append(f"10.0.0.{number}")
    for number in (1, 2, 3):
        case.hostvars[f"web{number}"]["lvs_addresses"] = [f"10.0.0.2{number}"]
    case.service.update(forwarding="nat", **options)
    return case


def with_tunnel(
    kind: str = "ipip", vip: str = "192.0.2.10", rip: str = "203.0.113.21", **network: int
) -> Case:
    """One real server at the end of a tunnel."""
    case = Case()
    subnets = ["203.0.113.0/24", "2001:db8:f::/64"]
    case.document["networks"]["far"] = {"interface": "eth0", "subnets": subnets, **network}
    case.groups["edge_web"] = ["web1"]
    case.hostvars["web1"]["lvs_addresses"] = [rip]
    tunnel = {"type": kind, **({"port": 6080} if kind == "gue" else {})}
    case.service.update(forwarding="tun", tunnel=tunnel, vips=[vip])
    for number in (1, 2):
        case.hostvars[f"lb{number}"]["lvs_addresses"].append(f"2001:db8::1{number}")
    return case


def elements(chains: Chains, name: str) -> list[str] | None:
    """The elements of a set, or None where it is not declared."""
    for text in chains.get("sets", []):
        if text.startswith(f"set {name} "):
            inside = text.partition("elements = {")[2].partition("}")[0]
            return [one.strip() for one in inside.split(",")]
    return None


def everything() -> Case:
    """Every forwarding method in both families, directors that serve, and the whole packet filter."""
    case = Case()
    networks = case.document["networks"]
    networks["front"]["subnets"].append("2001:db8::/64")
    networks["back"] = {"interface": "eth2", "subnets": ["10.0.0.0/24", "fd00::/64"]}
    networks["far"] = {"interface": "eth0", "subnets": ["203.0.113.0/24", "2001:db8:f::/64"]}
    case.document["failover"]["vips"] = ["10.0.0.1", "fd00::1"]
    case.document["firewall"] = {"flood": {"rate": 100}}
    for number in (1, 2):
        own = [f"10.0.0.1{number}", f"fd00::1{number}", f"2001:db8::1{number}"]
        case.hostvars[f"lb{number}"]["lvs_addresses"] += own
        case.add_host(f"app{number}", "app", lvs_addresses=[f"10.0.0.2{number}", f"fd00::2{number}"])
        case.add_host(f"far{number}", "far", lvs_addresses=[f"203.0.113.2{number}", f"2001:db8:f::2{number}"])
    case.groups["both"] = ["lb1", "lb2", "web1"]
    pair = {"address": "192.0.2.77"}
    for name, options in _SERVICES.items():
        case.add_service(name, **options)
    case.document["services"][3]["fallback"] = {**pair, "forwarding": "nat"}
    case.document["services"][4]["fallback"] = {**pair, "forwarding": "masquerade"}
    return case


_SERVICES: dict[str, dict[str, Any]] = {
    "nat": {
        "vips": ["192.0.2.40", "2001:db8::40"],
        "ports": [80, "8000-8010"],
        "forwarding": "nat",
        "pool": "app",
    },
    "ftp": {"vips": ["192.0.2.41"], "ports": [21], "forwarding": "nat", "pool": "app"},
    "masq": {"vips": ["192.0.2.42"], "ports": [80, "90-95"], "forwarding": "masquerade", "pool": "app"},
    "need": {"vips": ["192.0.2.43"]},
    "tun": {"vips": ["192.0.2.44", "2001:db8::44"], "ports": [80, 443], "forwarding": "tun", "pool": "far"},
    "gue": {
        "vips": ["192.0.2.45"],
        "ports": ["53/udp", "53/tcp"],
        "forwarding": "tun",
        "tunnel": {"type": "gue", "port": 6080},
        "pool": "far",
    },
    "gre": {"vips": ["192.0.2.46"], "forwarding": "tun", "tunnel": {"type": "gre"}, "pool": "far"},
    "own": {"vips": ["192.0.2.47", "2001:db8::47"], "ports": [80, "53/udp"], "pool": "both"},
    "all": {"vips": ["192.0.2.48"], "ports": "all", "persistence": 30},
}


def without_nft() -> str | None:
    """Why nft cannot be asked here; None where it can."""
    return unusable() or (None if shutil.which("nft") else "needs nft")
