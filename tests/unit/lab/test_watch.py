"""What each of several operations cost the clients that were there all the while: attributed by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lab import watch as watched
from lab.errors import LabError
from lab.flows import Progress
from lab.survival import Flow, FlowLedger, Instant
from lab.traffic import Ledger
from lab.watch import BEFORE, Toll, Watch, tolls
from module_utils.lvs_traffic import Request

MARKS = [("drain", 1000.0), ("switchover", 1060.0), ("drain", 1100.0)]


def _request(started: float, error: str | None = None) -> Request:
    return {
        "n": round(started * 5),
        "scheduled": started,
        "started": started,
        "ended": started + 0.1,
        "ok": error is None,
        "server": None if error else "web1",
        "error": error,
    }


def _flow(answered: float | None, how: str, *, opened: float | None = 1.0, server: str = "web3") -> Flow:
    return {
        "n": 0,
        "started": 0.9,
        "opened": opened,
        "server": server,
        "answered": answered,
        "echo": answered,
        # A silent one is given up only after its patience: later operations had nothing to do with it.
        "ended": (answered or 0.9) + 15,
        "how": how,
    }


@pytest.mark.parametrize(
    ("started", "owner"),
    [
        (9.9, BEFORE),
        (10.0, "drain"),
        (69.9, "drain"),
        (70.0, "switchover"),
        (110.0, "drain"),
        (900.0, "drain"),
    ],
)
def test_a_request_is_of_the_operation_during_which_it_began(started: float, owner: str) -> None:
    found = tolls(MARKS, [(990.0, _request(started, "timed out"))], [])
    assert found[owner] == Toll(1, (f"at {started:.1f} s: timed out",), ())
    assert {name for name, toll in found.items() if toll != Toll()} == {owner}


def test_good_requests_are_counted_alone() -> None:
    found = tolls(MARKS, [(990.0, _request(one / 5)) for one in range(600)], [])
    assert {name: toll.asked for name, toll in found.items()} == {BEFORE: 50, "drain": 350, "switchover": 200}
    assert not any(toll.failed for toll in found.values())


@pytest.mark.parametrize(
    ("answered", "owner"),
    [
        # The last echoed message left just before the operation began, and the next one found nobody.
        (69.5, "switchover"),
        (68.9, "drain"),
        (85.0, "switchover"),
        (None, BEFORE),
    ],
)
def test_a_connection_breaks_between_two_messages(answered: float | None, owner: str) -> None:
    found = tolls(MARKS, [], [(990.0, _flow(answered, "silent"))])
    assert found[owner].broke == (("web3", "silent"),)
    assert sum(len(toll.broke) for toll in found.values()) == 1


def test_runs_begin_at_times_of_their_own() -> None:
    flows = [(990.0, _flow(75.0, "reset")), (1050.0, _flow(15.0, "silent")), (1050.0, _flow(60.0, "alive"))]
    found = tolls(MARKS, [], flows)
    assert found["switchover"].broke == (("web3", "reset"), ("web3", "silent"))


def test_one_that_could_not_be_opened_is_broken_too() -> None:
    flow = _flow(None, "connect: Connection refused", opened=None)
    assert tolls(MARKS, [], [(1065.0, flow)])["switchover"].broke == (("", "connect: Connection refused"),)


class _Traffic:
    def __init__(self, _node: str, options: Mapping[str, Any]) -> None:
        self.options, self.ended = options, False

    def __exit__(self, *_: object) -> None:
        self.ended = True

    def stop(self) -> Ledger:
        return Ledger({"epoch": 5000.0}, [_request(3.0), _request(21.0, "refused"), _request(29.0)])


class _Flows:
    """Connections of which one breaks at 30 s of its own run, and its clock goes on by 20 s at each look."""

    late = 0.0

    def __init__(self, _node: str, options: Mapping[str, Any]) -> None:
        self.options, self.ended = options, False
        self.zero = 5000.0 + type(self).late
        self.progress = Progress(at=2.0, opened=12, alive=12, answering=12, lost=0)
        self.at = 0.0

    def __exit__(self, *_: object) -> None:
        self.ended = True

    def wait(self, until: Callable[[Progress], bool], *, timeout_s: float) -> bool:
        return until(self.progress)

    def now(self) -> Instant:
        self.at += 20.0
        return Instant(self.at, self.at + 0.1)

    def stop(self) -> FlowLedger:
        return FlowLedger({"epoch": self.zero}, [_flow(30.0, "reset"), _flow(99.0, "alive")], [])


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(watched, "_SETTLE_S", 0.0)
    monkeypatch.setattr(_Flows, "late", 0.0)
    request, connection = {"address": "192.0.2.10", "port": 80}, {"address": "192.0.2.10", "port": 7}
    return Watch("client1", request, connection, traffic=_Traffic, flows=_Flows)  # type: ignore[arg-type]


def test_all_clocks_are_brought_together(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.hold(12)
    with watch.during("drain"):  # at 5020
        pass
    # Those held later count from a later start: the same 30 s are of another operation there.
    monkeypatch.setattr(_Flows, "late", 15.0)
    watch.hold(6)
    with watch.during("switchover"):  # at 5040
        pass
    found = watch.stop()
    assert found[BEFORE] == Toll(asked=1)
    assert found["drain"] == Toll(2, ("at 21.0 s: refused",), (("web3", "reset"),))
    assert found["switchover"] == Toll(0, (), (("web3", "reset"),))


@pytest.mark.parametrize("count", [1, 6, 12])
def test_exactly_as_many_as_asked_for_are_opened(watch: Watch, count: int) -> None:
    watch.hold(count)
    (held,) = watch._held
    rate, duration = held.options["rate"], held.options["duration"]
    # As lab/files_client/flows.py counts: one at each multiple of the spacing that is before the end.
    assert sum(one * (1 / rate) < duration for one in range(100)) == count


def test_connections_that_do_not_open_are_told(watch: Watch) -> None:
    with pytest.raises(LabError, match="client1 does not hold 13 connections within 60 s"):
        watch.hold(13)


def test_without_anything_held_there_is_no_clock(watch: Watch) -> None:
    with pytest.raises(LabError, match="nothing is held yet"), watch.during("drain"):
        raise AssertionError("not begun")
    with pytest.raises(LabError, match="nothing was held"):
        watch.stop()


def test_leaving_ends_what_runs(watch: Watch) -> None:
    with watch:
        watch.hold(12)
    assert watch._traffic.ended and watch._held[0].ended  # type: ignore[attr-defined]
