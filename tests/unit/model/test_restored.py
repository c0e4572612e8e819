"""A director that went back to a configuration of former times: what its own engine tells is what counts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from lvs_model.restored import restored_work

from .builders import Case, Site
from .compared import KEY
from .pretended import checker_dump, state_json, table_text
from .rule_cases.engines import UNDER

WEIGHTS = {"192.0.2.21:80": 3, "192.0.2.22:80": 2, "192.0.2.23:80": 1}
Change = Callable[[dict[str, Any]], None]


def dumped(*dead: str, waiting: str = "", **weights: int) -> str:
    """A dump of keepalived's for the service; ``weights`` by the last number of a real server's address."""
    states = {name: (name not in dead, name != waiting) for name in WEIGHTS}
    given = {f"192.0.2.{last.removeprefix('to')}:80": weight for last, weight in weights.items()}
    return checker_dump({KEY: states}, {(KEY, name): one for name, one in (WEIGHTS | given).items()})


def left(
    change: Change, *, host: str = "lb2", site: Site | None = None, before: Change = lambda _: None
) -> list[str]:
    """What is not well on a director after a change of what is seen of it."""
    site = site or Site()
    was, now = copy.deepcopy(site.seen[host]), copy.deepcopy(site.seen[host])
    before(was)
    change(now)
    found = restored_work(site.plan["hosts"][host], host, now, was)
    assert found["actions"] == []
    changes: list[str] = found["changes"]
    return changes


def kept(key: str, value: Any) -> Change:  # noqa: ANN401
    """Keepalived tells something else."""
    return lambda seen: seen["keepalived"].update({key: value})


def in_kernel(change: Change) -> Change:
    """The kernel's table is another one than planned."""

    def do(seen: dict[str, Any]) -> None:
        table = copy.deepcopy(Site().plan["hosts"]["lb2"]["ipvs"])
        change(table)
        seen["ipvs"]["table"] = table_text(table)

    return do


def both(*changes: Change) -> Change:
    """One change after the other."""

    def do(seen: dict[str, Any]) -> None:
        for change in changes:
            change(seen)

    return do


def lacks(*servers: str) -> Change:
    """The kernel's table is without real servers."""

    def do(table: dict[str, Any]) -> None:
        for server in servers:
            del table[KEY]["servers"][server]

    return in_kernel(do)


def weight(server: str, value: int) -> Change:
    return in_kernel(lambda table: table[KEY]["servers"][server].update(weight=value))


def stranger(table: dict[str, Any]) -> None:
    table["TCP 192.0.2.99:80"] = copy.deepcopy(table[KEY])


DEAD = "192.0.2.22:80"
ALL = tuple(WEIGHTS)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        # Not as planned, and well: weights, and a real server, of another time.
        both(kept("data", dumped(to21=7)), weight("192.0.2.21:80", 7)),
        both(kept("data", dumped(DEAD)), lacks(DEAD)),
        # With weight 0 where the service inhibits what is dead.
        both(kept("data", dumped(DEAD)), weight(DEAD, 0)),
        # A VIP of another time, and no service at all then.
        both(kept("data", None), kept("checker", None), lambda seen: seen["ipvs"].update(table="")),
    ],
)
def test_what_the_kernel_has_as_keepalived_has_it_is_well(change: Change) -> None:
    assert left(change) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lacks("192.0.2.21:80"), f"{KEY}: real server 192.0.2.21:80 is missing in the kernel's table"),
        (weight("192.0.2.21:80", 9), f"{KEY}: real server 192.0.2.21:80 has weight 9, and 3 by keepalived"),
        (
            in_kernel(
                lambda table: table[KEY]["servers"].update({"192.0.2.99:80": table[KEY]["servers"][DEAD]})
            ),
            f"{KEY}: real server 192.0.2.99:80 is in the kernel's table, and keepalived does not have it",
        ),
        (
            kept("data", dumped(DEAD)),
            f"{KEY}: real server {DEAD} is dead by its checks, and still in the table",
        ),
        (
            kept("data", dumped(waiting=DEAD)),
            f"{KEY}: real server {DEAD}: its checks have not had a result yet",
        ),
        (
            in_kernel(stranger),
            "TCP 192.0.2.99:80 is in the kernel's table, and keepalived has no such service",
        ),
        (in_kernel(dict.clear), f"{KEY} is missing in the kernel's table"),
        (
            both(kept("data", dumped(*ALL)), lacks(*ALL)),
            f"{KEY}: its checks leave fewer real servers than its quorum",
        ),
        (kept("data", None), "keepalived has not told what its checks found"),
        (lambda seen: seen["ipvs"].update(table=None), "the kernel's IPVS table could not be read"),
        (
            lambda seen: seen["units"]["keepalived.service"].update(ActiveState="failed"),
            "keepalived.service does not run",
        ),
        (kept("json", state_json("FAULT")), "its VRRP instance VI_edge is in fault, and takes no VIP"),
        (kept("json", state_json("MASTER")), "it stood by, and has taken the VIPs of VI_edge since"),
    ],
)
def test_what_is_not_well_is_told(change: Change, text: str) -> None:
    assert text in left(change)


def test_a_host_that_cannot_be_observed_is_not_well() -> None:
    planned = Site().plan["hosts"]["lb2"]
    assert restored_work(planned, "lb2", {}, {})["changes"] == ["it could not be observed: it is unreachable"]
    assert restored_work(planned, "lb2", {"failed": "no room"}, {})["changes"] == [
        "it could not be observed: no room"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        both(kept("data", dumped(*ALL)), lacks(*ALL)),
        in_kernel(stranger),
        weight("192.0.2.21:80", 9),
        kept("json", state_json("FAULT")),
    ],
)
def test_what_was_wrong_in_the_same_way_before_is_no_reason_to_stay(wrong: Change) -> None:
    assert left(wrong, before=wrong) == []


def test_a_check_without_a_result_is_waited_for_all_the_same() -> None:
    waiting = kept("data", dumped(waiting=DEAD))
    assert left(waiting, before=waiting) == [
        f"{KEY}: real server {DEAD}: its checks have not had a result yet"
    ]


def test_an_owner_stays_the_owner() -> None:
    assert left(lambda _: None, host="lb1") == []
    # Who has the VIPs then is not for one host to say: another one may have won the election.
    assert left(kept("json", state_json("BACKUP")), host="lb1") == []


def told(key: str, value: Any) -> Change:  # noqa: ANN401
    return lambda seen: seen["ldirectord"].update({key: value})


@pytest.mark.parametrize(
    ("host", "change", "texts"),
    [
        ("lb1", lambda _: None, []),
        ("lb2", lambda _: None, []),
        # As another time wanted it: nobody knows better.
        ("lb1", weight("192.0.2.21:80", 9), []),
        ("lb1", told("pid", None), ["ldirectord does not run beside the VIPs"]),
        ("lb1", lambda seen: seen["ipvs"].update(table=""), ["the kernel's table is empty beside the VIPs"]),
        ("lb1", lacks(*ALL), [f"{KEY}: no real server is left in the table"]),
        ("lb2", told("pid", 710), ["ldirectord runs, and no VIP is here"]),
        ("lb2", weight("192.0.2.21:80", 9), [f"{KEY} is in the table of a director without VIPs"]),
    ],
)
def test_ldirectord_runs_where_the_vips_are_and_leaves_real_servers(
    host: str, change: Change, texts: list[str]
) -> None:
    case = Case()
    UNDER(case)
    assert left(change, host=host, site=Site(case.plan())) == texts
