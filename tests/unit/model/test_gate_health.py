"""What a change is judged by at the gate: not by real servers that were dead before it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lvs_model.compare import host_work

from .builders import Case, Site
from .compared import KEY
from .pretended import checker_dump, table_text

SERVERS = ("192.0.2.21:80", "192.0.2.22:80", "192.0.2.23:80")


def seen(site: Site, *dead: str) -> dict[str, Any]:
    raw = copy.deepcopy(site.seen["lb2"])
    planned = site.plan["hosts"]["lb2"]["ipvs"]
    raw["keepalived"]["data"] = checker_dump({KEY: {name: (name not in dead, True) for name in SERVERS}})
    raw["ipvs"]["table"] = table_text(planned, [(KEY, name) for name in dead])
    return raw


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [
        pytest.param(SERVERS, SERVERS, False, id="dead before and now"),
        pytest.param(SERVERS, SERVERS[:2], False, id="a part of the repair"),
        pytest.param(SERVERS[:2], SERVERS[:2], False, id="one left, as before"),
        pytest.param(SERVERS[:2], SERVERS, True, id="the last one has died since"),
        pytest.param(SERVERS[:1], SERVERS[:2], True, id="enough before, too few now"),
        pytest.param(None, SERVERS, True, id="what was before is not known"),
    ],
)
def test_health_is_held_against_a_change_only_where_it_has_become_worse(
    before: tuple[str, ...] | None, now: tuple[str, ...], refused: bool
) -> None:
    case = Case()
    case.service["min_servers"] = 2
    site = Site(case.plan())
    planned = site.plan["hosts"]["lb2"]
    had = {} if before is None else seen(site, *before)

    changes = host_work(planned, "lb2", seen(site, *now), had)["changes"]
    assert any("fewer than min_servers 2" in line for line in changes) is refused
    assert len(changes) == int(refused)


def test_a_service_that_is_new_has_no_before() -> None:
    site = Site()
    had = seen(site)
    had["keepalived"]["data"] = checker_dump({})

    changes = host_work(site.plan["hosts"]["lb2"], "lb2", seen(site, *SERVERS), had)["changes"]
    assert changes == [f"{KEY}: its checks leave 0 of 3 real servers, fewer than min_servers 1"]
