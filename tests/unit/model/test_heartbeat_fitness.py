"""A pair of heartbeat's is not given another key or other lines while one of it is away."""

from __future__ import annotations

import pytest

from lvs_model.components.heartbeat import CONFIGURATION, KEYS

from .builders import Case, Site
from .compared import changed, problems, work
from .rule_cases.engines import UNDER


def site() -> Site:
    case = Case()
    UNDER(case)
    return Site(case.plan())


def differs(one: Site, host: str, *paths: str) -> None:
    for path in paths:
        one.seen[host]["files"][path]["sha256"] = "another"


@pytest.mark.parametrize("paths", [(KEYS,), (CONFIGURATION,), (KEYS, CONFIGURATION)])
@pytest.mark.parametrize("asked", [True, False], ids=["unreachable", "left out"])
def test_who_is_away_would_come_back_as_a_second_owner(paths: tuple[str, ...], asked: bool) -> None:
    one = site()
    differs(one, "lb1", *paths)
    if asked:
        one.seen["lb2"] = {}
    else:
        del one.seen["lb2"]

    assert problems(one, "lb2") == [
        f"cluster edge: {' and '.join(paths)} would change on lb1, and lb2 was not looked at: with another "
        "key, port or line it would come back deaf, and own the VIPs beside lb1: deploy both together, or "
        "leave these options of heartbeat as they are until lb2 is back"
    ]


def test_both_together_may_change_them() -> None:
    one = site()
    for host in ("lb1", "lb2"):
        differs(one, host, KEYS, CONFIGURATION)

    assert work(one)["directors"] == ["lb2", "lb1"]


def test_what_both_hear_each_other_by_stays_and_the_rest_may_change() -> None:
    one = site()
    one.seen["lb2"] = {}
    changed(one, "lb1")

    assert work(one, "lb2")["directors"] == ["lb1"]


@pytest.mark.parametrize("found", [None, {"marked": False}], ids=["none", "somebody else's"])
def test_a_first_deployment_waits_for_nobody(found: dict[str, bool] | None) -> None:
    one = site()
    one.seen["lb2"] = {}
    was = one.seen["lb1"]["files"][CONFIGURATION]
    one.seen["lb1"]["files"][CONFIGURATION] = None if found is None else was | found | {"sha256": "another"}

    assert "lb1" in work(one, "lb2")["directors"]
