"""The nodes on the podman host: what there is, what the inventory wants, and the way there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from lab.archive import File, tar
from lab.errors import CommandError, LabError, NodeOffError
from lab.guest import SLOTS
from lab.home import FILES
from lab.inventory import Network, Node, Topology
from lab.keys import Keys
from lab.parallel import all_together
from lab.recipes import shipped
from lab.runner import Result, Runner

FORMAT = 3
"""Raised when nodes made by an older lab have to be made anew."""

RUN = "/run/lvs-lab"

NODE_IS_OFF = 3
"""Exit code of files/node.sh."""


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
    return _digest([FORMAT, node.name, image, places, node.backend_port, host_key.decode("ascii")])


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


def network_arguments(network: Network, *, routed: bool) -> list[str]:
    """Return the arguments of `podman network create`.

    Args:
        network: what to make.
        routed: the nodes' default route leads here, to the podman host (which leads nowhere).

    """
    arguments = ["--driver", "bridge", "--interface-name", network.bridge, "--disable-dns"]
    arguments += ["--label", f"lvslab.digest={network_digest(network)}"]
    if any(subnet.version == 6 for subnet in network.subnets):
        arguments.append("--ipv6")
    for subnet in network.subnets:
        arguments += ["--subnet", str(subnet)]
    if not routed:
        arguments.append("--internal")
    return arguments


def run_command(node: Node, slot: int, digest: str, root: str) -> list[str]:
    """Return the podman command that makes and boots a node.

    Args:
        node: its definition.
        slot: its management port.
        digest: of its definition, kept as a label.
        root: its root directory on the podman host.

    """
    argv = ["podman", "run", "--detach", "--name", f"lvslab-{node.name}", "--hostname", node.name]
    argv += ["--label", f"lvslab.digest={digest}", "--label", f"lvslab.slot={slot}"]
    # The node does to the kernel what a server does: modules, sysctls, IPVS, addresses.
    argv += ["--privileged", "--systemd=always", "--cgroupns=private", "--pids-limit=-1", "--restart=no"]
    argv += ["--volume", "/lib/modules:/lib/modules:ro"]
    argv += ["--no-hosts", "--dns=none", "--log-driver=k8s-file", "--log-opt=max-size=1mb"]
    argv += ["--stop-timeout=60", "--pidfile", f"{RUN}/slots/{slot}.pid"]
    for place in node.attachments:
        options = [f"interface_name={place.network.interface}", f"mac={place.mac(node.name)}"]
        options += [f"{'ip' if address.version == 4 else 'ip6'}={address}" for address in place.addresses]
        argv += ["--network", f"{place.network.bridge}:{','.join(options)}"]
    return [*argv, "--rootfs", root, "/sbin/init"]


def node_files(node: Node, hosts: str, host_key: tuple[bytes, bytes]) -> dict[str, File]:
    """Return what a node has that its image has not."""
    private, public = host_key
    # The same identity at every boot; without one systemd takes each boot for a new machine's first.
    machine_id = hashlib.sha256(b"lvs-lab " + public + node.name.encode()).hexdigest()[:32]
    files = {
        "etc/hostname": File(f"{node.name}\n".encode()),
        "etc/hosts": File(hosts.encode()),
        "etc/machine-id": File(f"{machine_id}\n".encode(), 0o444),
        "etc/ssh/ssh_host_ed25519_key": File(private, 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": File(public),
    }
    if node.backend_port is not None:
        unit = shipped("lab-backend.service").content.replace(b"@PORT@", str(node.backend_port).encode())
        files["etc/systemd/system/lab-backend.service"] = File(unit)
        files["etc/systemd/system/multi-user.target.wants/lab-backend.service"] = File(
            link="/etc/systemd/system/lab-backend.service"
        )
    return files


class Nodes:
    """The nodes on one podman host.

    Args:
        runner: runs commands there.
        base: directory there for root file systems and the nodes' disks.
        keys: for the host keys.

    """

    def __init__(self, runner: Runner, base: str, keys: Keys) -> None:
        self._runner = runner
        self._base = base
        self._keys = keys
        self._script = (FILES / "node.sh").read_bytes()

    def act(self, verb: str, *arguments: str, timeout: float = 120.0) -> Result:
        """Run one verb of files/node.sh on the podman host.

        Raises:
            CommandError: it failed.
            NodeOffError: the verb wants a running node, and it is off.

        """
        command = ["sh", "-s", "--", self._base, verb, *arguments]
        result = self._runner.run(command, stdin=self._script, timeout=timeout, check=False)
        if result.code == NODE_IS_OFF:
            raise NodeOffError(f"the node is off, and {verb} wants a running one")
        if result.code != 0:
            raise CommandError(
                f"{verb} {' '.join(arguments[:2])}", result.code, result.stderr or result.stdout
            )
        return result

    def look(self) -> Inventory:
        """Return what there is on the podman host."""
        result = self._runner.run(
            ["sh", "-c", "podman ps --all --format json; echo; echo ===; podman network ls --format json"],
            timeout=120,
        )
        containers, networks = result.stdout.split("===")
        nodes = {}
        for item in json.loads(containers or "[]"):
            name = str(item["Names"][0])
            if name.startswith("lvslab-"):
                labels = item.get("Labels") or {}
                found = Found(
                    name.removeprefix("lvslab-"),
                    str(item["State"]),
                    int(labels.get("lvslab.slot", -1)),
                    str(labels.get("lvslab.digest", "")),
                )
                nodes[found.name] = found
        return Inventory(
            nodes,
            {
                item["name"]: str((item.get("labels") or {}).get("lvslab.digest", ""))
                for item in json.loads(networks or "[]")
                if item["name"].startswith("lvslab-")
            },
        )

    def digests(self, topology: Topology, images: Mapping[str, str]) -> dict[str, str]:
        """Return the digest of every node's definition; `images` has the digests of the root file systems."""
        return {
            node.name: node_digest(node, images[node.image], self._keys.host(node.name)[1])
            for node in topology.nodes
        }

    def mount_images(self, sources: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        """Mount the root file systems; `sources` has for each what to mount and with which options.

        Returns:
            The directory of each below the base.

        """
        for name, (source, options) in sources.items():
            self.act("mount-image", name, source, options)
        return {name: f"{self._base}/images/{name}" for name in sources}

    def remove(self, names: Iterable[str], networks: Sequence[str] = ()) -> None:
        """Remove nodes with their disks, side by side, then networks."""
        all_together({name: partial(self.act, "remove", name) for name in names})
        if networks:
            self._runner.run(["podman", "network", "rm", "--force", *networks])

    def make_networks(self, topology: Topology, present: Container[str]) -> None:
        """Make the networks that are not there; the nodes' default route lies on the first one."""
        for number, network in enumerate(topology.networks):
            if network.bridge not in present:
                arguments = network_arguments(network, routed=number == 0)
                self._runner.run(["podman", "network", "create", *arguments, network.bridge])

    def lay_out(self, topology: Topology, create: Iterable[str], keep: Iterable[str]) -> None:
        """Put the files of new nodes in place, and tell the others about a changed /etc/hosts."""
        hosts = topology.hosts_file()
        create = list(create)
        if create:
            self.act("clear", *create)
        archives = [
            tar(node_files(topology.node(name), hosts, self._keys.host(name)), f"nodes/{name}/upper")
            for name in create
        ]
        known = self._runner.run(["cat", f"{self._base}/hosts"], check=False).stdout
        if known != hosts:
            archives += [tar({"etc/hosts": File(hosts.encode())}, f"nodes/{name}/root") for name in keep]
            archives.append(tar({"hosts": File(hosts.encode())}))
        content = b"".join(archives)
        if content:
            self._runner.run(["mkdir", "-p", self._base])
            # Several archives one after the other: tar reads on behind the end of each.
            self._runner.run(
                ["tar", "--extract", "--ignore-zeros", "--no-same-owner", "--directory", self._base],
                stdin=content,
            )

    def create(self, node: Node, slot: int, digest: str) -> None:
        """Make a node and boot it."""
        command = run_command(node, slot, digest, f"{self._base}/nodes/{node.name}/root")
        self.act("create", node.name, node.image, str(slot), *command, timeout=180)

    def start(self, name: str, image: str, slot: int) -> None:
        """Boot a node that is there."""
        self.act("start", name, image, str(slot), timeout=180)
