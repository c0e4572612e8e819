"""Which flows survived a fault, by their age then: the judgement of a ledger that lab.flows brought."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from lab.errors import LabError

__all__ = ["Bucket", "Flow", "FlowLedger", "Instant", "Kept", "Silence", "kept", "survival"]

EDGES = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 60.0, math.inf)


class Flow(TypedDict):
    """What became of a flow. Times: s since the start of the run, on the client's clock.

    started, opened: when it was begun, when the handshake was over (None: never). server: the real server's
    name. answered: when the latest message that was echoed had been sent; echo: when that echo came.
    how: "alive" (it echoed the message sent to it at the stop), "reset", "closed", "silent" (a message had no
    echo within the patience), "connect: …" or another error's text.
    """

    n: int
    started: float
    opened: float | None
    server: str | None
    answered: float | None
    echo: float | None
    ended: float
    how: str


class Silence(TypedDict):
    """No flow had an echo for a while. Times as in Flow.

    began, ended: the last echo before it, the first after it. after: when the latest message that was echoed
    before it had been sent; first: when the first one after that was sent, which had to wait for its echo.
    """

    after: float
    first: float
    began: float
    ended: float


@dataclass(frozen=True)
class Instant:
    """A point of time that is known to lie between two, in s since the start of the run, both included."""

    earliest: float
    latest: float

    def until(self, other: Instant) -> Instant:
        """Return when something happened that was begun at this instant and was over at the other."""
        return Instant(self.earliest, other.latest)


@dataclass(frozen=True)
class FlowLedger:
    """A whole run: what was asked for and when, each flow in order of its start, and the silences."""

    header: Mapping[str, Any]
    flows: Sequence[Flow]
    silences: Sequence[Silence]

    def narrowed(self, fault: Instant, transit_s: float = 0.05) -> Instant:
        """Tell more exactly when the fault was, if all flows fell silent then.

        The last message that was echoed before the longest silence left before the fault had come, and the
        next one did not get through, or its echo did not: it was on its way for transit_s seconds at most.
        An action over ssh takes seconds, the messages come each few milliseconds. Without a silence in the
        span the fault stays as given.
        """
        spans = [
            (silence["ended"] - silence["began"], Instant(silence["after"], silence["first"] + transit_s))
            for silence in self.silences
        ]
        fitting = [s for s in spans if s[1].earliest <= fault.latest and s[1].latest >= fault.earliest]
        if not fitting:
            return fault
        found = max(fitting, key=lambda item: item[0])[1]
        return Instant(max(fault.earliest, found.earliest), min(fault.latest, found.latest))


@dataclass(frozen=True)
class Bucket:
    """Flows whose age at the fault was from `age_from` (included) to `age_to` s, and how many survived it."""

    age_from: float
    age_to: float
    flows: int
    survived: int


@dataclass(frozen=True)
class Kept:
    """A promise: of the flows at least `age` s old a share `promised` (0…1) survives. And what was found."""

    age: float
    promised: float
    flows: int
    survived: int

    @property
    def holds(self) -> bool:
        """Whether it was kept; of no flow at all nothing is known, so it was not."""
        return self.flows > 0 and self.survived >= self.promised * self.flows

    def __str__(self) -> str:
        """Say it for people."""
        found = f"{self.survived} of {self.flows} flows of {self.age:g} s or more survived"
        return f"{found}, {self.promised:.1%} must"


def survival(ledger: FlowLedger, fault: Instant | float, edges: Sequence[float] = EDGES) -> list[Bucket]:
    """Count the flows that were open at the fault by their age (s) then, and those of them that survived.

    edges: the buckets' limits, rising. A flow whose age lies on both sides of an edge, because the instant
    of the fault is not known well enough, is in no bucket. A flow that had ended before the fault had begun
    is in none either. Buckets without flows are left out.

    Raises LabError if the run ended too early to tell.
    """
    fates = _fates(ledger, fault)
    buckets = []
    for low, high in itertools.pairwise(edges):
        inside = [survived for (least, most), survived in fates if least >= low and most < high]
        buckets.append(Bucket(low, high, len(inside), sum(inside)))
    return [bucket for bucket in buckets if bucket.flows]


def kept(ledger: FlowLedger, fault: Instant | float, promises: Mapping[float, float]) -> list[Kept]:
    """Judge promises, {least age in s: least share that survives}; only flows that surely were so old count.

    Raises LabError if the run ended too early to tell.
    """
    fates = _fates(ledger, fault)
    results = []
    for age, share in promises.items():
        old = [survived for (least, _most), survived in fates if least >= age]
        results.append(Kept(age, share, len(old), sum(old)))
    return results


def _fates(ledger: FlowLedger, fault: Instant | float) -> list[tuple[tuple[float, float], bool]]:
    """Return (least and most possible age at the fault, survived) of each flow that the fault could hit."""
    instant = fault if isinstance(fault, Instant) else Instant(fault, fault)
    fates = []
    for flow in ledger.flows:
        opened, alive = flow["opened"], flow["how"] == "alive"
        if opened is None or opened > instant.latest:
            continue
        if alive and (flow["answered"] is None or flow["answered"] <= instant.latest):
            raise LabError(
                f"flow {flow['n']} was stopped before it could show that it survived",
                "Stop the flows later than the fault, and leave them time.",
            )
        if alive or flow["ended"] >= instant.earliest:
            fates.append(((instant.earliest - opened, instant.latest - opened), alive))
    return fates
