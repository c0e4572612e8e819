"""What nodes and networks are defined by, and the way from those that are there to those that are wanted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.errors import LabError
from lab.guest import SLOTS
from lab.inventory import Network, Node, Topology
from lab.node_files import own_files

FORMAT = 4
"""Raised when nodes made by an older lab have to be made anew."""

PREPARED = ("keepalived", "ipvsadm", "nftables", "conntrack", "tcpdump", "curl")
"""Packages of a node with `lab_prepared: true`, installed by apt once a release and podman host."""


@dataclass(frozen=True)
class Found:
    """A node that podman knows.

    Attributes:
        name: of the node.
        state: podman's word: running, paused, exited, created …
        slot: which management port it has; -1 when unknown.
        digest: of the definition it was made from.

    """

    name: str
    state: str
    slot: int
    digest: str


@dataclass(frozen=True)
class Inventory:
    """What is on the podman host: nodes, and networks with the digests of their definitions."""

    nodes: dict[str, Found] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What has to be done to get from what is there to what is wanted.

    Attributes:
        remove: nodes.
        remove_networks: bridges whose definition changed or that nobody wants.
        create: nodes, each with its slot.
        start: nodes that are there but not running.
        keep: nodes that are right as they are.

    """

    remove: tuple[str, ...]
    remove_networks: tuple[str, ...]
    create: dict[str, int]
    start: dict[str, int]
    keep: dict[str, int]

    @property
    def slots(self) -> dict[str, int]:
        """Every wanted node's slot."""
        return {**self.create, **self.start, **self.keep}


def network_digest(network: Network) -> str:
    """Return a digest of all that a podman network is made from."""
    return _digest([FORMAT, network.name, network.interface, [str(subnet) for subnet in network.subnets]])


def node_digest(node: Node, image: str, host_key: bytes) -> str:
    """Return a digest of all that a node is made from.

    Args:
        node: its definition.
        image: digest of its root file system.
        host_key: its public host key.

    """
    places = [
        [network_digest(place.network), place.mac(node.name), [str(address) for address in place.addresses]]
        for place in node.attachments
    ]
    files = {
        path: [hashlib.sha256(file.content).hexdigest(), file.mode, file.link]
        for path, file in own_files(node).items()
    }
    return _digest([FORMAT, node.name, image, places, files, host_key.decode("ascii")])


def snapshot_name(node: Node, images: Mapping[str, str]) -> str:
    """Return the name of what the node has between its image and its own disk; empty for a bare node.

    Args:
        node: its definition.
        images: root file system → digest.

    """
    if not node.settings.prepared:
        return ""
    return f"{node.image}-{_digest([FORMAT, images[node.image], PREPARED])}"


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def make_plan(topology: Topology, digests: Mapping[str, str], found: Inventory, *, fresh: bool) -> Plan:
    """Compare what is wanted with what is there.

    Args:
        topology: what the inventory wants.
        digests: node → digest of its definition.
        found: what is on the podman host.
        fresh: make every node anew.

    Raises:
        LabError: more nodes than slots.

    """
    if len(topology.nodes) > SLOTS:
        raise LabError(f"the inventory has {len(topology.nodes)} nodes, the lab has room for {SLOTS}")
    networks = {network.bridge: network_digest(network) for network in topology.networks}
    wanted = {node.name for node in topology.nodes}
    good = {
        name: node
        for name, node in found.nodes.items()
        if name in wanted
        and not fresh
        and node.digest == digests[name]
        and 0 <= node.slot < SLOTS
        # Made, but never started: an interrupted creation.
        and node.state in ("running", "paused", "exited", "stopped")
    }
    free = iter(sorted(set(range(SLOTS)) - {node.slot for node in good.values()}))
    return Plan(
        remove=tuple(sorted(set(found.nodes) - set(good))),
        remove_networks=tuple(sorted(n for n, digest in found.networks.items() if networks.get(n) != digest)),
        create={node.name: next(free) for node in topology.nodes if node.name not in good},
        start={name: node.slot for name, node in good.items() if node.state not in ("running", "paused")},
        keep={name: node.slot for name, node in good.items() if node.state in ("running", "paused")},
    )
