"""The lab as a Python object: what the command line does, and what tests and the demonstration import."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from lab import host as hosts
from lab import inventory, ssh
from lab.errors import CommandError, LabError, Unreachable
from lab.faults import Faults
from lab.home import PROJECT, Home, write_atomically
from lab.images import Images
from lab.inventory import Node, Topology
from lab.keys import Keys
from lab.managers import DIRECTORY
from lab.node_plan import make_plan
from lab.nodes import Nodes
from lab.parallel import all_together, together
from lab.progress import say, step
from lab.runner import Result, SshRunner

DEFAULT_INVENTORY = PROJECT / "inventories" / "lab"

READY_LIMIT = 300.0
"""Seconds within which a node has to answer ssh and finish its boot."""


@dataclass(frozen=True)
class Known:
    """What the lab remembers of a node it has brought up.

    Attributes:
        slot: its management port.
        image: its root file system.
        interfaces: network → interface.
        addresses: network → addresses.

    """

    slot: int
    image: str
    interfaces: dict[str, str]
    addresses: dict[str, list[str]]


@dataclass(frozen=True)
class NodeStatus:
    """A node's state and health.

    Attributes:
        name: of the node.
        state: running, paused (frozen), exited (off).
        addresses: network → addresses.
        ssh_port: on 127.0.0.1.
        health: systemd's word (running, degraded, …), or why there is none.

    """

    name: str
    state: str
    addresses: dict[str, list[str]]
    ssh_port: int
    health: str


@dataclass(frozen=True)
class Status:
    """The whole lab's state: the podman host, as `Host.describe` has it, and the nodes."""

    host: dict[str, object]
    nodes: list[NodeStatus]


class Lab:
    """The lab of one cache directory, seen through an inventory.

    Args:
        inventory_path: directory or file of the inventory, or several: later ones over earlier ones, as with
            Ansible. The project's inventories/lab by default.
        home: the cache directory; LVS_LAB_HOME by default.

    Example:
        >>> lab = Lab()
        >>> lab.up()
        >>> lab.run("lb1", ["ip", "-brief", "address"]).stdout
        >>> lab.faults.power_off("lb1")

    """

    def __init__(self, inventory_path: Path | Sequence[Path] | None = None, home: Home | None = None) -> None:
        several = [inventory_path] if isinstance(inventory_path, Path) else inventory_path
        self.inventories: tuple[Path, ...] = tuple(several or [DEFAULT_INVENTORY])
        self.home = home or Home()
        self.keys = Keys(self.home)
        self.faults = Faults(self)
        self._host: hosts.Host | None = None
        self._runners: dict[str, SshRunner] = {}

    @property
    def host(self) -> hosts.Host:
        """The podman host, chosen at first use and again after the lab was taken down."""
        if self._host is None:
            self._host = hosts.choose(self.home, self.keys, os.environ, self._recorded()[0])
        return self._host

    def up(self, *, fresh: bool = False) -> None:
        """Bring host and nodes to what the inventory wants; ends when every node is ready.

        Args:
            fresh: make every node anew from a clean root file system.

        Raises:
            LabError: the inventory, a tool, an image, the guest or a node is at fault; it says which.

        """
        topology = inventory.load(*self.inventories)
        with self.home.lock():
            hosts.refuse_another(self.host, os.environ)
            # The second time on a guest that has just booted: it has nothing to let go of.
            if not self._bring_up(topology, fresh=fresh):
                self._bring_up(topology, fresh=fresh)
        say(f"the lab is up: {len(topology.nodes)} nodes, ssh -F {_short(ssh.DIRECTORY / 'ssh_config')} NODE")

    def _bring_up(self, topology: inventory.Topology, *, fresh: bool) -> bool:
        """Do what `up` promises; False where the guest had to be ended before there was a node."""
        images = self.images()
        built = self.host.ensure(images, topology.images)
        nodes = self.nodes()
        nodes.mount_images({name: self.host.source(image) for name, image in built.items()})
        image_digests = {name: image.digest for name, image in built.items()}
        snapshots = nodes.prepare(topology, image_digests)
        digests = nodes.digests(topology, image_digests)
        found = nodes.look()
        plan = make_plan(topology, digests, found, fresh=fresh)
        if plan.remove or plan.remove_networks:
            with step(f"removing {', '.join(plan.remove) or 'networks'}"):
                if not self._remove(plan.remove, plan.remove_networks):
                    return False
        nodes.make_networks(topology, set(found.networks) - set(plan.remove_networks))
        nodes.lay_out(topology, plan.create, plan.keep, snapshots)
        self._remember(topology, plan.slots)
        self.write_ssh_config()
        self._runners.clear()
        with step(_described(plan.create, plan.start, plan.keep)):
            by_name = {node.name: node for node in topology.nodes}
            all_together(
                {
                    **{n: partial(nodes.create, by_name[n], s, digests[n]) for n, s in plan.create.items()},
                    **{n: partial(nodes.start, n, by_name[n].image, s) for n, s in plan.start.items()},
                    **{n: partial(self._mend, by_name[n], s) for n, s in plan.keep.items()},
                }
            )
        self.wait_ready(node.name for node in topology.nodes)
        return True

    def down(self) -> bool:
        """End everything: nodes, networks, guest. Whether there was anything."""
        with self.home.lock():
            if isinstance(self.host, hosts.LocalHost):
                self._remove_nodes()
            stopped = self.host.stop()
            self._forget_all()
            self._host = None
        return stopped

    def nodes_down(self) -> int:
        """Remove the nodes and leave the guest running; how many there were."""
        with self.home.lock():
            count = self._remove_nodes() if self.host.identity() else 0
            self._forget_all()
        return count

    def _mend(self, node: Node, slot: int) -> None:
        """End a fault that someone has left in a running node: it is thawed, and its cables are in."""
        done = self.nodes().act("mend", node.name, str(slot), *node.interfaces.values()).stdout.split("\n")
        if any(done):
            say(f"{node.name} is mended: {', '.join(filter(None, done))}")

    def _remove_nodes(self) -> int:
        found = self.nodes().look()
        self._remove(found.nodes, tuple(found.networks))
        return len(found.nodes)

    def _remove(self, names: Iterable[str], networks: Sequence[str]) -> bool:
        """Remove nodes and networks; False where that took the whole guest with it.

        Linux 6.12 has been seen to wait for ever for the network of a node that is gone
        («unregister_netdevice: waiting for eth0 to become free»): nothing but a new boot helps.
        """
        try:
            self.nodes().remove(names, networks)
        except LabError as exc:
            if isinstance(self.host, hosts.LocalHost):
                raise
            say(f"the guest does not let go of its nodes, and is ended with them: {exc}")
            self.host.stop()
            self._forget_all()
            self._host = None
            return False
        return True

    def build_images(self, names: Iterable[str] | None = None) -> None:
        """Build the images that the inventory needs, or those named, and nothing else."""
        with self.home.lock():
            wanted = set(names) if names is not None else {"guest", *inventory.load(*self.inventories).images}
            self.images().ensure(sorted(wanted))

    def status(self) -> Status:
        """Look at the host and at every node, and ask each running one for its health."""
        description = self.host.describe()
        if not self.host.identity():
            return Status(description, [])
        try:
            found = self.nodes().look().nodes
        except Unreachable:
            return Status({**description, "state": "silent"}, [])
        known = self._known()
        states = {name: found[name].state if name in found else "missing" for name in known}
        health = all_together({name: partial(self._health, name, states[name]) for name in known})
        return Status(
            description,
            [
                NodeStatus(name, states[name], node.addresses, self.host.port(node.slot), health[name])
                for name, node in known.items()
            ],
        )

    def _health(self, name: str, state: str) -> str:
        if state != "running":
            return {"paused": "frozen", "missing": "missing"}.get(state, "off")
        try:
            return self.run(name, "systemctl is-system-running", timeout=30).stdout.strip() or "unknown"
        except LabError as exc:
            return f"unreachable ({exc.problem})"

    def run(
        self, node: str, command: str | Sequence[str], *, timeout: float = 60.0, check: bool = False
    ) -> Result:
        """Run a command on a node over the lab's own ssh connection.

        Args:
            node: its name.
            command: a text for the node's shell, or a list of arguments that no shell interprets.
            timeout: seconds.
            check: raise when the exit code is not 0.

        Raises:
            CommandError: exit code not 0, with `check`.
            Unreachable: no connection, or it broke.
            LabError: an unknown node, a lab that is down, or no end within `timeout`.

        """
        text = command if isinstance(command, str) else shlex.join(command)
        result = self.runner(node).shell(text, timeout=timeout)
        if check and result.code != 0:
            raise CommandError(f"{text} on {node}", result.code, result.stderr or result.stdout)
        return result

    def adopt_network_manager(self, node: str) -> None:
        """Hand the node's interfaces to its `lab_network_manager`, for good: installed, started, and checked.

        The interfaces are bare for a moment; what else holds addresses on them (keepalived) should come
        later. Where the manager has them already, nothing happens.

        Raises:
            CommandError: the manager does not manage them; it has the manager's own words.
            LabError: the node has no such manager.

        """
        if self.run(node, ["test", "-e", f"/{DIRECTORY}/adopt"]).code != 0:
            raise LabError(
                f"{node} has no network manager", "Set lab_network_manager for it, and run: python -m lab up"
            )
        self.run(node, ["sh", f"/{DIRECTORY}/adopt"], timeout=600, check=True)

    def runner(self, node: str) -> SshRunner:
        """Return the connection to a node; it opens at the first command, and threads may share it."""
        if node not in self._runners:
            port = self.host.port(self.known(node).slot)
            self._runners[node] = SshRunner(node, port, self.keys.identity, self.keys.host(node)[1].decode())
        return self._runners[node]

    def forget(self, node: str) -> None:
        """Drop the connection to a node that is about to go away."""
        runner = self._runners.pop(node, None)
        if runner is not None:
            runner.close()

    def wait_ready(self, names: Iterable[str], limit: float = READY_LIMIT) -> None:
        """Wait until each node answers ssh and its systemd has finished booting.

        Raises:
            LabError: one did not within `limit` seconds; it names them all.

        """
        waiting = set(names)
        problems = []
        with step("waiting for ssh and systemd") as progress:
            progress.detail = f"still {', '.join(sorted(waiting))}"
            for name, result in together({name: partial(self._ready, name, limit) for name in waiting}):
                waiting.discard(name)
                progress.detail = f"still {', '.join(sorted(waiting))}" if waiting else ""
                if isinstance(result, LabError):
                    problems.append(f"{name}: {result}")
                else:
                    say(f"{name} is {result}")
        if problems:
            raise LabError("; ".join(problems))

    def _ready(self, name: str, limit: float) -> str:
        deadline = time.monotonic() + limit
        while True:
            try:
                state = self.run(name, "systemctl is-system-running --wait", timeout=limit).stdout.strip()
                if state == "degraded":
                    failed = self.run(
                        name, "systemctl --failed --plain --no-legend | cut -d' ' -f1"
                    ).stdout.split()
                    return f"degraded (failed: {', '.join(failed)})"
                if state == "running":
                    return state
                reason: object = f"systemd is {state}"
            except Unreachable as exc:
                reason = exc
            if time.monotonic() > deadline:
                raise LabError(f"not ready within {limit:.0f} s: {reason}", "Make it anew: up --fresh")
            time.sleep(1)

    def nodes(self) -> Nodes:
        """Return what handles the nodes on the podman host.

        Raises:
            LabError: the lab is down.

        """
        return Nodes(self.host.runner(), self.host.base, self.keys)

    def images(self) -> Images:
        """Return what builds the images."""
        return Images(self.home, self.keys.authorized, self.keys.host("guest"))

    def known(self, node: str) -> Known:
        """Return what the lab remembers of `node`.

        Raises:
            LabError: the lab is down, or no node is called so; it lists the known ones.

        """
        known = self._known()
        if not known:
            raise LabError("the lab has no nodes", "Bring it up: python -m lab up")
        if node not in known:
            raise LabError(f"no node is called {node!r}", f"Known ones: {', '.join(known)}.")
        return known[node]

    def write_ssh_config(self) -> Path:
        """Write build/lab/ssh_config for the nodes that are there, and return its path."""
        ports = {name: self.host.port(node.slot) for name, node in self._known().items()}
        return ssh.write(ports, self.keys)

    def _remember(self, topology: Topology, slots: dict[str, int]) -> None:
        nodes = {
            node.name: asdict(
                Known(
                    slots[node.name],
                    node.image,
                    node.interfaces,
                    {place.network.name: [str(a) for a in place.addresses] for place in node.attachments},
                )
            )
            for node in topology.nodes
        }
        content = json.dumps({"host": self.host.identity(), "nodes": nodes}, indent=1)
        write_atomically(self.home.path / "nodes.json", content.encode())

    def _known(self) -> dict[str, Known]:
        """Return the nodes of the host that runs now; a record of an earlier one is not believed."""
        identity, known = self._recorded()
        return known if identity and identity == self.host.identity() else {}

    def _recorded(self) -> tuple[str, dict[str, Known]]:
        """Return the recorded nodes, and the identity of the host that they were made on."""
        try:
            content = json.loads((self.home.path / "nodes.json").read_text(encoding="utf-8"))
            return str(content["host"]), {name: Known(**node) for name, node in content["nodes"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return "", {}

    def _forget_all(self) -> None:
        for node in list(self._runners):
            self.forget(node)
        (self.home.path / "nodes.json").unlink(missing_ok=True)


def _described(create: Iterable[str], start: Iterable[str], keep: Iterable[str]) -> str:
    parts = [
        f"{verb} {', '.join(names)}"
        for verb, names in (("creating", list(create)), ("starting", list(start)), ("keeping", list(keep)))
        if names
    ]
    return "; ".join(parts) or "nothing to do"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
