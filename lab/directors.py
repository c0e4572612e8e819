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

    def taken_out(self, director: str, address: str) -> float | None:
        """Tell when a director was seen to begin no connections to a real server's address; None if it does.

        The address is not in its table, or there with weight 0 (quiescent). The time is that of the clock
        that all nodes have in common, in seconds since the epoch, taken behind the look: what begins later
        goes elsewhere. Raises LabError where the director does not answer.
        """
        argv = ["sh", "-c", "ipvsadm -Sn && date +%s.%N"]
        *table, now = self._lab.run(director, argv, timeout=20, check=True).stdout.splitlines()
        weights = [
            server.weight
            for service in parse_table("\n".join(table)).values()
            for place, server in service.servers.items()
            if place.rpartition(":")[0].strip("[]") == address
        ]
        return None if any(weights) else float(now)
