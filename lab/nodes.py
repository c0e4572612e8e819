"""The nodes on the podman host: looked at, made, booted, removed."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial

from lab.archive import File, tar
from lab.errors import CommandError, NodeOffError
from lab.home import FILES
from lab.inventory import Network, Node, Topology
from lab.keys import Keys
from lab.node_files import node_files
from lab.node_plan import PREPARED, Found, Inventory, network_digest, node_digest, snapshot_name
from lab.parallel import all_together
from lab.progress import step
from lab.runner import Result, Runner

RUN = "/run/lvs-lab"

NODE_IS_OFF = 3
"""Exit code of files/node.sh."""


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


def run_command(node: Node, slot: int, digest: str, base: str) -> list[str]:
    """Return the podman command that makes and boots a node.

    Args:
        node: its definition.
        slot: its management port.
        digest: of its definition, kept as a label.
        base: the lab's directory on the podman host.

    """
    argv = ["podman", "run", "--detach", "--name", f"lvslab-{node.name}", "--hostname", node.name]
    argv += ["--label", f"lvslab.digest={digest}", "--label", f"lvslab.slot={slot}"]
    # The node does to the kernel what a server does: modules, sysctls, IPVS, addresses.
    argv += ["--privileged", "--systemd=always", "--cgroupns=private", "--pids-limit=-1", "--restart=no"]
    # A new network namespace has that of the podman host, which turns it on with its first bridge.
    argv += ["--sysctl=net.ipv4.ip_forward=0"]
    argv += ["--volume", "/lib/modules:/lib/modules:ro"]
    # What one node's Python has compiled serves all of them: files/lab_bytecode.py.
    argv += ["--volume", f"{base}/python:/var/cache/lvs-lab-python"]
    argv += ["--no-hosts", "--dns=none", "--log-driver=k8s-file", "--log-opt=max-size=1mb"]
    argv += ["--stop-timeout=60", "--pidfile", f"{RUN}/slots/{slot}.pid"]
    for place in node.attachments:
        options = [f"interface_name={place.network.interface}", f"mac={place.mac(node.name)}"]
        options += [f"{'ip' if address.version == 4 else 'ip6'}={address}" for address in place.addresses]
        argv += ["--network", f"{place.network.bridge}:{','.join(options)}"]
    return [*argv, "--rootfs", f"{base}/nodes/{node.name}/root", "/sbin/init"]


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
            node.name: node_digest(
                node,
                f"{images[node.image]} {snapshot_name(node, images)}",
                self._keys.host(node.name)[1],
            )
            for node in topology.nodes
        }

    def prepare(self, topology: Topology, images: Mapping[str, str]) -> dict[str, str]:
        """Have the snapshots that the nodes want: for each release its image with PREPARED installed.

        Args:
            topology: what the inventory wants.
            images: root file system → digest.

        Returns:
            Node → its snapshot, only for nodes that have one.

        Raises:
            LabError: apt could not install them.

        """
        wanted = {node.name: snapshot_name(node, images) for node in topology.nodes}
        releases = {wanted[node.name]: node.image for node in topology.nodes if wanted[node.name]}
        if releases:
            with step(f"root file systems with {', '.join(PREPARED)}"):
                all_together(
                    {
                        name: partial(self.act, "prepare", name, image, *PREPARED, timeout=900)
                        for name, image in releases.items()
                    }
                )
        return {node: name for node, name in wanted.items() if name}

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
        all_together({name: partial(self.act, "remove", name, timeout=60) for name in names})
        if networks:
            self._runner.run(["podman", "network", "rm", "--force", *networks])

    def make_networks(self, topology: Topology, present: Container[str]) -> None:
        """Make the networks that are not there; the nodes' default route lies on the first one."""
        for number, network in enumerate(topology.networks):
            if network.bridge not in present:
                arguments = network_arguments(network, routed=number == 0)
                self._runner.run(["podman", "network", "create", *arguments, network.bridge])

    def lay_out(
        self, topology: Topology, create: Iterable[str], keep: Iterable[str], snapshots: Mapping[str, str]
    ) -> None:
        """Put the files of new nodes in place, and tell the others about a changed /etc/hosts.

        Args:
            topology: what the inventory wants.
            create: nodes to be made.
            keep: nodes that are there and run.
            snapshots: as `prepare` returns them.

        """
        hosts = topology.hosts_file()
        create = list(create)
        if create:
            self.act("clear", *create)
        archives = [
            tar(node_files(topology.node(name), hosts, self._keys.host(name)), f"nodes/{name}/upper")
            for name in create
        ]
        archives += [
            # Where files/node.sh looks when it mounts the node's root.
            tar({"snapshot": File(f"{snapshots[name]}\n".encode())}, f"nodes/{name}")
            for name in create
            if name in snapshots
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
        command = run_command(node, slot, digest, self._base)
        self.act("create", node.name, node.image, str(slot), *command, timeout=180)

    def start(self, name: str, image: str, slot: int) -> None:
        """Boot a node that is there."""
        self.act("start", name, image, str(slot), timeout=180)
