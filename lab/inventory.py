"""Read the lab's topology from an Ansible inventory: networks, nodes, addresses."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import nodevars
from lab.errors import LabError
from lab.nodevars import Address, Settings, Subnet
from lab.recipes import SUITES

_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
# The bridge is called lvslab-NAME, and IFNAMSIZ allows 15 characters (linux/if.h).
_NETWORK = re.compile(r"^[a-z0-9]{1,8}$")
_INTERFACE = re.compile(r"^[a-z][a-z0-9]{1,14}$")


@dataclass(frozen=True)
class Network:
    """A segment of the lab.

    Attributes:
        name: `front`, `sync`, …
        interface: its name in every node.
        subnets: one, or one of each address family.

    """

    name: str
    interface: str
    subnets: tuple[Subnet, ...]

    @property
    def bridge(self) -> str:
        """The bridge on the podman host, and podman's network."""
        return f"lvslab-{self.name}"


@dataclass(frozen=True)
class Attachment:
    """A node's place on a network: at most one address of each family."""

    network: Network
    addresses: tuple[Address, ...]

    @property
    def cidrs(self) -> list[str]:
        """The addresses, each with the length of its subnet's prefix, as in `ip address add`."""
        lengths = {subnet.version: subnet.prefixlen for subnet in self.network.subnets}
        return [f"{address}/{lengths[address.version]}" for address in self.addresses]

    def mac(self, node: str) -> str:
        """Return the node's hardware address there: always the same, as a machine's is, for ARP caches."""
        digest = hashlib.sha256(f"{node} {self.network.name}".encode()).digest()
        # 0x02: locally administered, unicast (IEEE 802).
        return ":".join(f"{octet:02x}" for octet in (0x02, *digest[:5]))


@dataclass(frozen=True)
class Node:
    """A machine of the lab.

    Attributes:
        name: of the inventory, and its host name.
        debian: 12 or 13.
        attachments: in the order of `lab_networks`.
        settings: what else its `lab_*` variables say.

    """

    name: str
    debian: int
    attachments: tuple[Attachment, ...]
    settings: Settings

    @property
    def image(self) -> str:
        """The root file system it starts from."""
        return f"debian{self.debian}"

    @property
    def interfaces(self) -> dict[str, str]:
        """Network name → interface name."""
        return {place.network.name: place.network.interface for place in self.attachments}


@dataclass(frozen=True)
class Topology:
    """All that an inventory wants of the lab."""

    networks: tuple[Network, ...]
    nodes: tuple[Node, ...]

    @property
    def images(self) -> set[str]:
        """The root file systems that the nodes start from."""
        return {node.image for node in self.nodes}

    def node(self, name: str) -> Node:
        """Return the node `name`.

        Raises:
            LabError: there is none; it lists the known ones.

        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise LabError(f"no node is called {name!r}", f"Known ones: {', '.join(n.name for n in self.nodes)}.")

    def hosts_file(self) -> str:
        """Return /etc/hosts, the same for all nodes."""
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
        for node in self.nodes:
            first = True
            for place in node.attachments:
                # The name itself is the node's address on its first network; elsewhere it is NAME-NETWORK.
                name = node.name if first else f"{node.name}-{place.network.name}"
                lines.extend(f"{address} {name}" for address in place.addresses)
                first = False
        return "\n".join(lines) + "\n"


def load(*inventories: Path) -> Topology:
    """Read inventories (directories or files) with ansible-inventory: later ones over earlier ones.

    Raises:
        LabError: one is not there, Ansible refuses it, or the lab cannot build it; it names the host.

    """
    for inventory in inventories:
        if not inventory.exists():
            raise LabError(f"there is no inventory {inventory}")
    tool = Path(sys.executable).with_name("ansible-inventory")
    sources = [word for inventory in inventories for word in ("-i", str(inventory))]
    command = [str(tool) if tool.exists() else "ansible-inventory", *sources, "--list"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as exc:
        raise LabError(
            "ansible-inventory is missing", "Make the virtual environment first: make venv"
        ) from exc
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        names = " with ".join(map(str, inventories))
        raise LabError(f"Ansible cannot read the inventory {names}: {' '.join(lines)[:300]}")
    return topology(json.loads(done.stdout)["_meta"]["hostvars"])


def topology(hostvars: Mapping[str, Mapping[str, Any]]) -> Topology:
    """Build the topology from `ansible-inventory --list`'s hostvars.

    A host without `lvs_addresses` (localhost, say) is no node of the lab.

    Raises:
        LabError: with all problems in one message.

    """
    problems: list[str] = []
    networks: dict[str, Network] = {}
    nodes: list[Node] = []
    taken: dict[Address, str] = {}
    for name, variables in hostvars.items():
        if "lvs_addresses" not in variables:
            continue
        own = _networks(name, variables.get("lab_networks"), problems)
        for network in own:
            if networks.setdefault(network.name, network) != network:
                problems.append(f"{name}: lab_networks.{network.name} differs from another host's")
        nodes.append(_node(name, variables, own, taken, problems))
    if not nodes and not problems:
        problems.append("no host has lvs_addresses")
    if problems:
        raise LabError("the inventory cannot be built in the lab: " + "; ".join(problems))
    return Topology(tuple(networks.values()), tuple(nodes))


def _networks(host: str, value: object, problems: list[str]) -> list[Network]:
    if not isinstance(value, dict) or not value:
        problems.append(f"{host}: lab_networks is missing (it maps a network to its interface and subnet)")
        return []
    found = []
    for name, item in value.items():
        where = f"{host}: lab_networks.{name}"
        if not _NETWORK.match(str(name)):
            problems.append(f"{where}: a network's name has one to eight letters and digits")
            continue
        if not isinstance(item, dict) or not _INTERFACE.match(str(item.get("interface", ""))):
            problems.append(f"{where}.interface is missing or not an interface's name")
            continue
        texts = item.get("subnets") or [item.get("subnet")]
        try:
            subnets = tuple(ipaddress.ip_network(str(text)) for text in texts)
        except ValueError as exc:
            problems.append(f"{where}.subnet: {exc}")
            continue
        if len({subnet.version for subnet in subnets}) != len(subnets):
            problems.append(f"{where}.subnets: at most one of each address family")
            continue
        found.append(Network(str(name), str(item["interface"]), subnets))
    return found


def _node(
    name: str,
    variables: Mapping[str, Any],
    networks: list[Network],
    taken: dict[Address, str],
    problems: list[str],
) -> Node:
    if not _NAME.match(name):
        problems.append(f"{name}: a node's name has lower-case letters, digits and hyphens only")
    debian = variables.get("lab_debian", 13)
    if debian not in SUITES:
        problems.append(f"{name}: lab_debian is {debian}, known ones: {', '.join(map(str, SUITES))}")
    places: dict[str, list[Address]] = {}
    for text in variables["lvs_addresses"] or []:
        try:
            address = ipaddress.ip_address(str(text))
        except ValueError:
            problems.append(f"{name}: {text!r} in lvs_addresses is not an address")
            continue
        subnet, network = next(((s, n) for n in networks for s in n.subnets if address in s), (None, None))
        if subnet is None or network is None:
            problems.append(f"{name}: {address} lies in no network of lab_networks")
            continue
        if address in (subnet.network_address, subnet.network_address + 1):
            problems.append(f"{name}: {address} is taken by the lab's own gateway or the network itself")
        if address in taken:
            problems.append(f"{name}: {address} belongs to {taken[address]} already")
        taken[address] = name
        there = places.setdefault(network.name, [])
        if any(other.version == address.version for other in there):
            problems.append(
                f"{name}: two IPv{address.version} addresses on network {network.name}; the lab gives one"
            )
        there.append(address)
    if not places:
        problems.append(f"{name}: no address on any network")
    attachments = tuple(
        Attachment(network, tuple(places[network.name])) for network in networks if network.name in places
    )
    # Only where the host has an address of that family can it reach a neighbour.
    reach = {
        subnet: place.network.interface
        for place in attachments
        for subnet in place.network.subnets
        if any(address in subnet for address in place.addresses)
    }
    own = {address for place in attachments for address in place.addresses}
    return Node(
        name,
        debian if isinstance(debian, int) else 13,
        attachments,
        nodevars.settings(name, variables, reach, own, problems),
    )
