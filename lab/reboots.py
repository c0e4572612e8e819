"""Nodes that boot anew by themselves, as a machine does whose system asks for it: podman leaves them off."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    from lab.lab import Lab

__all__ = ["Reboots"]

_EVERY_S = 2.0


class Reboots:
    """In the with block, whatever node is off is booted again; `seen` has their names, in order.

    Nodes of this lab's inventory only. Raises LabError at the end of the block where that has failed.
    """

    def __init__(self, lab: Lab, *, every_s: float = _EVERY_S) -> None:
        self.seen: list[str] = []
        self._lab, self._every_s = lab, every_s
        self._over = threading.Event()
        self._failed: LabError | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True, name="reboots")

    def __enter__(self) -> Reboots:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, once what is being done is done."""
        self._over.set()
        self._thread.join()
        if self._failed is not None and value is None:
            raise self._failed

    def _watch(self) -> None:
        try:
            while not self._over.wait(self._every_s):
                for name, found in self._lab.nodes().look().nodes.items():
                    if found.state == "exited":
                        # The connection led to the machine as it was.
                        self._lab.forget(name)
                        self._lab.faults.power_on(name, wait=False)
                        self.seen.append(name)
        except LabError as exc:
            self._failed = exc
