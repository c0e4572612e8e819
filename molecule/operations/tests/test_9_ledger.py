"""What each operation cost the client that was there all the while: nothing but what an operation ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from lab.watch import BEFORE, Toll

ENDED: Mapping[str, Mapping[str, int]] = {
    "two at once: a weight, a real server, a VIP and a service": {},
    "drain": {},
    "switchover": {},
    "a deployment while one is drained": {},
    "switchover back": {},
    "restore": {},
    "a broken document": {},
    "a daemon that does not become healthy": {},
    "update of all packages": {},
    "a boot of both directors": {},
    # All that are held: they do not end by themselves, and the update may cut them off.
    "a boot of the real servers": {"web1": 14, "web2": 2},
    "a deployment after the boots": {},
    # Of the held connections those of the real server that goes: nobody has drained it before.
    "removals": {"web2": 2},
    "a weight and its rollback": {},
    "killed inside a transaction": {},
    "power cut of the standby inside a transaction": {},
}
"""By operation the connections that it ends itself, by real server; docs/operations.md has the same table."""


def test_every_operation_was_done_and_has_its_line(tolls: Mapping[str, Toll]) -> None:
    assert set(tolls) == {BEFORE, *ENDED}


@pytest.mark.parametrize("operation", ENDED)
def test_no_request_failed_and_no_other_connection_broke(
    tolls: Mapping[str, Toll], operation: str, note: Callable[[str], None]
) -> None:
    toll = tolls[operation]
    note(f"{operation}: {len(toll.failed)} of {toll.asked} requests failed, connections ended: {toll.broke}")
    assert toll.asked > 0, "there were requests during it"
    assert toll.failed == ()
    assert Counter(server for server, _ in toll.broke) == Counter(ENDED[operation])


def test_nothing_was_broken_before(tolls: Mapping[str, Toll]) -> None:
    """Else the client itself, or the lab, would be at fault."""
    assert (tolls[BEFORE].failed, tolls[BEFORE].broke) == ((), ())
