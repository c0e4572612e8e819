"""The directors as they are: who owns the VIP, and whose IPVS table is as planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lab.errors import LabError
from lab.promise import Promise
from lab.runner import Result
from lvs_model.differences import planned_table
from lvs_model.ipvs_table import diff, parse_table

__all__ = ["Directors", "Nodes"]


class Nodes(Protocol):
    """Whatever runs commands on nodes; lab.Lab does."""

    def run(self, node: str, argv: Sequence[str], *, timeout: float = 60.0, check: bool = True) -> Result:
        """Run a command on a node, within timeout seconds; check: raise if its exit code is not 0."""


class Directors:
    """The directors of the promised cluster, asked on the nodes themselves."""

    def __init__(self, nodes: Nodes, promise: Promise) -> None:
        self._lab, self._promise = nodes, promise

    def owners(self, *, without: str | None = None) -> list[str]:
        """Return the directors that have the VIP now; who does not answer has not. `without` is not asked."""
        owners = []
        for director in (name for name in self._promise.directors if name != without):
            argv = ["ip", "-o", "address", "show", "to", self._promise.vip]
            try:
                found = self._lab.run(director, argv, timeout=20, check=False).stdout
            except LabError:
                continue
            if found.strip():
                owners.append(director)
        return owners

    def active(self) -> str:
        """Return the one director that owns the VIP; LabError if it is not exactly one."""
        owners = self.owners()
        if len(owners) != 1:
            raise LabError(
                f"{self._promise.vip} is on {' and '.join(owners) or 'no director'}, not on exactly one",
                "See journalctl on the directors, of keepalived, heartbeat or pacemaker.",
            )
        return owners[0]

    def lacking(self, director: str) -> str:
        """Say what the director still lacks of the plan, or the cluster of an owner; empty if nothing."""
        try:
            found = self._lab.run(director, ["ipvsadm", "-Sn"], timeout=20, check=False)
            if found.code != 0:
                return found.stderr.strip()[-100:] or "no IPVS table yet"
            owners = self.owners()
            idle = self._promise.owner_only and owners != [director]
            planned = planned_table({"ipvs": {} if idle else self._promise.tables[director]})
            differences = diff(planned, parse_table(found.stdout))
        except LabError as exc:
            return exc.problem
        except ValueError as exc:
            return str(exc)
        if differences:
            return differences[0].text
        return "" if len(owners) == 1 else f"the VIP is on {len(owners)} directors"
