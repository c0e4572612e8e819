"""One client's requests and long connections during a series of operations, and what each of these cost.

    with Watch("client1", request, {"address": "192.0.2.10", "port": 7}) as watch:
        watch.hold(12)
        with watch.during("switchover"):
            ...
        tolls = watch.stop()
    tolls["switchover"].failed, tolls["switchover"].broken

Requests go on from construction to stop(), at a fixed rate; connections are held from hold() to stop(). An
operation owns all that fails from its beginning to that of the next one: nothing is lost between them.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from lab.errors import LabError
from lab.flows import Flows
from lab.survival import Flow, FlowLedger
from lab.traffic import Ledger, Traffic
from module_utils.lvs_traffic import Request

__all__ = ["BEFORE", "Toll", "Watch", "tolls"]

BEFORE = "before the first operation"
INTERVAL_S = 0.2
"""Between requests: five a second beside all that an emulated CPU has to do."""
TIMEOUT_S = 3.0
"""A request without an answer for so long has failed. A SYN that nobody answered is sent again after 1 s
(RFC 6298), and a client that would not wait for that would lose requests on any network."""
MESSAGE_S = 0.5
"""Between the messages of a held connection."""
_OPENED_PER_S = 5.0
_SETTLE_S = 1.5
"""At the end of an operation: longer than a held connection is silent between two messages and their echo."""
_LONGEST_S = 3600.0


@dataclass(frozen=True)
class Toll:
    """What an operation cost: requests `asked` during it, those that `failed` (error by error), and
    connections that `broke` (the real server's name, empty if it was never opened, and how each ended).
    """  # noqa: D205 -- one sentence

    asked: int = 0
    failed: tuple[str, ...] = ()
    broke: tuple[tuple[str, str], ...] = ()


def tolls(
    marks: Sequence[tuple[str, float]],
    requests: Sequence[tuple[float, Request]],
    flows: Sequence[tuple[float, Flow]],
) -> dict[str, Toll]:
    """Give each failed request and each broken connection to the operation during which it happened.

    marks: (operation, its beginning), in order of time; one may come again, and then has the sum. requests,
    flows: each with the zero of its own times, on the clock of the marks. What was before the first mark is
    BEFORE's.

    A connection broke between its last message that was echoed and the next one; the moment taken is just
    after that.
    """
    begins = [begin for _, begin in marks]
    names = [BEFORE, *(name for name, _ in marks)]
    asked = dict.fromkeys(names, 0)
    failed: dict[str, list[str]] = {name: [] for name in names}
    broke: dict[str, list[tuple[str, str]]] = {name: [] for name in names}

    def owner(moment: float) -> str:
        return names[bisect.bisect_right(begins, moment)]

    for zero, row in requests:
        name = owner(zero + row["started"])
        asked[name] += 1
        if not row["ok"]:
            failed[name].append(f"at {row['started']:.1f} s: {row['error']}")
    for zero, flow in flows:
        if flow["how"] == "alive":
            continue
        if flow["opened"] is None:
            broke[owner(zero + flow["started"])].append(("", flow["how"]))
        else:
            last = flow["opened"] if flow["answered"] is None else flow["answered"]
            broke[owner(zero + last + 2 * MESSAGE_S)].append((flow["server"] or "", flow["how"]))
    return {name: Toll(asked[name], tuple(failed[name]), tuple(broke[name])) for name in names}


class Watch:
    """The client, from construction to stop().

    client: the node. request: what lvs_traffic shall ask for (address, port, path …). connection: address and
    port of an echo server. traffic, flows: replaceable for tests.

    Raises LabError if the node cannot start it.
    """

    def __init__(
        self,
        client: str,
        request: Mapping[str, Any],
        connection: Mapping[str, Any],
        *,
        traffic: Callable[..., Traffic] = Traffic,
        flows: Callable[..., Flows] = Flows,
    ) -> None:
        self._client, self._connection, self._flows = client, connection, flows
        self._held: list[Flows] = []
        self._marks: list[tuple[str, float]] = []
        options = {**request, "interval": INTERVAL_S, "timeout": TIMEOUT_S, "duration": _LONGEST_S}
        self._traffic = traffic(client, options)

    def __enter__(self) -> Watch:
        """Return itself: requests are being sent."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        self._traffic.__exit__(kind, value, trace)
        for one in self._held:
            one.__exit__(kind, value, trace)

    def hold(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Open so many connections, and hold them from now on; LabError if they are not open in time."""
        options = {
            **self._connection,
            "rate": _OPENED_PER_S,
            # The last one is opened well before the time for it is over.
            "duration": (count - 0.5) / _OPENED_PER_S,
            "interval": MESSAGE_S,
        }
        held = self._flows(self._client, options)
        self._held.append(held)
        if not held.wait(lambda progress: progress.answering >= count, timeout_s=timeout_s):
            raise LabError(
                f"{self._client} does not hold {count} connections within {timeout_s:.0f} s: {held.progress}",
                "See ipvsadm -Ln on the directors, and lab-backend on the real servers.",
            )

    @contextmanager
    def during(self, operation: str) -> Iterator[None]:
        """Do an operation inside the with block. Raises LabError before the first hold()."""
        if not self._held:
            raise LabError("nothing is held yet", "Call hold() first: its clock is the watch's.")
        self._marks.append((operation, self._held[0].now().earliest))
        try:
            yield
        finally:
            time.sleep(_SETTLE_S)

    def stop(self) -> dict[str, Toll]:
        """End requests and connections, and give what each operation cost, by its name."""
        ledgers: list[FlowLedger] = [held.stop() for held in self._held]
        asked: Ledger = self._traffic.stop()
        if not ledgers:
            raise LabError("nothing was held", "Call hold() first.")
        # Each run counts from its own start, and tells when that was by the client's clock of the day.
        zeros = [float(ledger.header["epoch"]) for ledger in ledgers]
        marks = [(name, zeros[0] + begin) for name, begin in self._marks]
        return tolls(
            marks,
            [(float(asked.header["epoch"]), row) for row in asked.rows],
            [(zero, flow) for zero, ledger in zip(zeros, ledgers, strict=True) for flow in ledger.flows],
        )
