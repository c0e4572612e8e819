"""Break nodes, and mend them: power, cables, freezes, orderly stops, bad lines, services.

Killing a container is no power loss: the kernel keeps its addresses and goes on forwarding until the
namespace is gone. So power loss takes the links down first. A freeze silences the node's bridge ports and
keeps its links up: nobody pulled a cable, and a thawed machine must not see one come back.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import LabError, NodeOffError
from lab.progress import say
from lab.runner import Result

if TYPE_CHECKING:
    from lab.lab import Lab


@dataclass(frozen=True)
class Verb:
    """One kind of fault as the command line knows it."""

    name: str
    argument: str
    meaning: str


class Faults:
    """The faults of a lab; every method takes a node's name first and raises LabError for an unknown one."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def power_off(self, node: str) -> None:
        """Pull the plug: its links go down, then everything in it is killed. Its disk keeps its state."""
        known = self._lab.known(node)
        self._lab.forget(node)
        self._act(node, "power-off", node, str(known.slot), *known.interfaces.values())

    def power_on(self, node: str, *, wait: bool = True) -> None:
        """Boot a node that is off, with the disk that it had, all cables in.

        Args:
            node: its name.
            wait: until it answers ssh and systemd has finished.

        """
        known = self._lab.known(node)
        self._act(node, "start", node, known.image, str(known.slot))
        if wait:
            self._lab.wait_ready([node])

    def stop(self, node: str, *, seconds: int = 90) -> None:
        """Shut a node down in order: systemd stops its units; after `seconds` it is killed."""
        known = self._lab.known(node)
        self._lab.forget(node)
        self._act(node, "stop", node, str(known.slot), str(seconds), timeout=seconds + 60.0)

    def start(self, node: str, *, wait: bool = True) -> None:
        """Boot a node that was stopped; the same as power_on."""
        self.power_on(node, wait=wait)

    def cable_out(self, node: str, network: str = "") -> None:
        """Pull the cable of `network`, or all cables: the node sees its carrier go. ssh still reaches it."""
        self._link(node, network, "down")

    def cable_in(self, node: str, network: str = "") -> None:
        """Put the cable of `network`, or all cables, back."""
        self._link(node, network, "up")

    def freeze(self, node: str) -> None:
        """Stop the node's clockwork: nothing in it runs and nothing answers for it, until it is thawed."""
        known = self._lab.known(node)
        self._act(node, "freeze", node, str(known.slot), *known.interfaces.values())

    def thaw(self, node: str) -> None:
        """Let a frozen node run on from where it was."""
        known = self._lab.known(node)
        self._act(node, "thaw", node, str(known.slot), *known.interfaces.values())

    def drop(self, node: str, what: str) -> None:
        """Drop what the node sends and gets of one kind, on one network or all; everything else flows.

        Args:
            node: its name.
            what: `vrrp`, `icmp`, an IP protocol's number, or `tcp/PORT` or `udp/PORT` (destination port);
                then `@NETWORK` for one network only. `vrrp@front` cuts a heartbeat line while data flows.

        """
        kind, _, network = what.partition("@")
        self._impair(node, "drop", _flower(kind), network)

    def delay(self, node: str, what: str) -> None:
        """Let whatever comes to the node be late: MILLISECONDS[@NETWORK]. Takes the place of a loss there."""
        text, _, network = what.partition("@")
        # The default limit of 1000 frames (tc-netem(8)) would lose some of a fast transfer.
        self._impair(node, "netem", f"delay {_number(text, 60000)}ms limit 100000", network)

    def loss(self, node: str, what: str) -> None:
        """Lose a part of what comes to the node: PERCENT[@NETWORK]. Takes the place of a delay there."""
        text, _, network = what.partition("@")
        self._impair(node, "netem", f"loss {_number(text, 100)}%", network)

    def undrop(self, node: str) -> None:
        """End every drop, delay and loss of the node."""
        known = self._lab.known(node)
        self._act(node, "relieve", str(known.slot), *known.interfaces.values())

    def service_stop(self, node: str, unit: str) -> Result:
        """Stop a systemd unit on the node."""
        return self._lab.run(node, f"systemctl stop -- {shlex.quote(unit)}", timeout=120, check=True)

    def service_start(self, node: str, unit: str) -> Result:
        """Start a systemd unit on the node."""
        return self._lab.run(node, f"systemctl start -- {shlex.quote(unit)}", timeout=120, check=True)

    def _link(self, node: str, network: str, state: str) -> None:
        chosen = self._interfaces(node, network)
        self._act(node, "link", state, str(self._lab.known(node).slot), *chosen)

    def _impair(self, node: str, kind: str, words: str, network: str) -> None:
        chosen = self._interfaces(node, network)
        self._act(node, "impair", str(self._lab.known(node).slot), kind, words, *chosen)

    def _interfaces(self, node: str, network: str) -> list[str]:
        """Return the node's interface on `network`, or all when it is empty."""
        known = self._lab.known(node)
        if network and network not in known.interfaces:
            raise LabError(
                f"{node} is on no network called {network!r}", f"Known ones: {', '.join(known.interfaces)}."
            )
        return [known.interfaces[network]] if network else list(known.interfaces.values())

    def _act(self, node: str, verb: str, *arguments: str, timeout: float = 180.0) -> None:
        """Run a verb on the podman host, and show what it says, such as `off already`."""
        try:
            said = self._lab.nodes().act(verb, *arguments, timeout=timeout).stdout.strip()
        except NodeOffError as exc:
            raise NodeOffError(f"{node}: {exc}", f"Boot it: python -m lab fault power-on {node}") from exc
        if said:
            say(f"{node}: {said}")

    def apply(self, verb: str, node: str, argument: str = "") -> None:
        """Do what the command line says: `verb` as in VERBS, with its argument where it takes one.

        Raises:
            LabError: an unknown verb, or an argument too many or missing.

        """
        known = {item.name: item for item in VERBS}
        if verb not in known:
            raise LabError(f"no fault is called {verb!r}", f"Known ones: {', '.join(known)}.")
        wanted = known[verb].argument
        if argument and not wanted:
            raise LabError(f"{verb} takes no argument, and got {argument!r}")
        if wanted and not wanted.startswith("[") and not argument:
            raise LabError(f"{verb} wants {wanted}")
        method: Callable[..., object] = getattr(self, verb.replace("-", "_"))
        method(node, argument) if argument else method(node)


def _flower(kind: str) -> str:
    """Return tc-flower(8)'s words for a kind of packets; it reads protocol numbers as hexadecimal ones."""
    protocol, slash, port = kind.partition("/")
    if slash and protocol in ("tcp", "udp") and port.isdigit() and 0 < int(port) < 65536:
        return f"ip_proto {protocol} dst_port {port}"
    number = {"vrrp": "112", "icmp": "1"}.get(kind, kind)
    if not number.isdigit() or int(number) > 255:
        raise LabError(
            f"{kind!r} is nothing that can be dropped", "Say vrrp, icmp, 0 to 255, tcp/PORT or udp/PORT."
        )
    return f"ip_proto {int(number):#04x}"


def _number(text: str, most: int) -> int:
    if not text.isdigit() or not 0 < int(text) <= most:
        raise LabError(f"{text!r} is not a whole number from 1 to {most}")
    return int(text)


def _verb(name: str, argument: str = "") -> Verb:
    text = inspect.getdoc(getattr(Faults, name.replace("-", "_"))) or ""
    return Verb(name, argument, text.splitlines()[0])


VERBS = (
    _verb("power-off"),
    _verb("power-on"),
    _verb("cable-out", "[NETWORK]"),
    _verb("cable-in", "[NETWORK]"),
    _verb("freeze"),
    _verb("thaw"),
    _verb("stop"),
    _verb("start"),
    _verb("drop", "PROTOCOL[@NETWORK]"),
    _verb("delay", "MILLISECONDS[@NETWORK]"),
    _verb("loss", "PERCENT[@NETWORK]"),
    _verb("undrop"),
    _verb("service-stop", "UNIT"),
    _verb("service-start", "UNIT"),
)
"""Every fault of the command line."""
