"""Break nodes, and mend them: power, cables, freezes, orderly stops, services.

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

    def service_stop(self, node: str, unit: str) -> Result:
        """Stop a systemd unit on the node."""
        return self._lab.run(node, f"systemctl stop -- {shlex.quote(unit)}", timeout=120, check=True)

    def service_start(self, node: str, unit: str) -> Result:
        """Start a systemd unit on the node."""
        return self._lab.run(node, f"systemctl start -- {shlex.quote(unit)}", timeout=120, check=True)

    def _link(self, node: str, network: str, state: str) -> None:
        known = self._lab.known(node)
        if network and network not in known.interfaces:
            raise LabError(
                f"{node} is on no network called {network!r}", f"Known ones: {', '.join(known.interfaces)}."
            )
        chosen = [known.interfaces[network]] if network else list(known.interfaces.values())
        self._act(node, "link", state, str(known.slot), *chosen)

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
    _verb("service-stop", "UNIT"),
    _verb("service-start", "UNIT"),
)
"""Every fault of the command line."""
