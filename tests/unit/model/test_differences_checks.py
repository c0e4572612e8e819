"""What checks found is no difference: inhibited servers, dynamic weights, a fallback below the quorum."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.differences import host_differences
from lvs_model.observation import Observation

from .builders import Case, Site
from .cases import INVENTORIES, plan
from .pretended import checker_dump, table_text

KEY = "TCP 192.0.2.10:80"
WEB1, WEB2, WEB3 = SERVERS = tuple(f"192.0.2.{last}:80" for last in (21, 22, 23))
FALLBACK = "192.0.2.99:80"
GOOD = (True, True)
DEAD = (False, True)
NEW = (False, False)

States = dict[str, tuple[bool, bool]]


def found(service: dict[str, Any], states: States, servers: dict[str, int]) -> list[tuple[str, str]]:
    """Differences of lb1 where its checks found ``states`` and the kernel has these servers with weights."""
    case = Case()
    case.service.update(service)
    site = Site(case.plan())
    lines = [f"-A -t {KEY.split()[1]} -s wrr"]
    lines += [f"-a -t {KEY.split()[1]} -r {server} -g -w {weight}" for server, weight in servers.items()]
    seen = site.seen["lb1"]
    seen["ipvs"]["table"] = "\n".join(lines)
    seen["keepalived"]["data"] = checker_dump({KEY: dict.fromkeys(SERVERS, GOOD) | states})
    differences = host_differences(site.plan["hosts"]["lb1"], Observation("lb1", seen))
    return [(one.kind, one.text) for one in differences if one.kind != "health"]


INHIBIT = {"on_failure": "inhibit"}
DYNAMIC = {"check": [{"type": "tcp"}, {"type": "file"}]}
QUORUM = {"quorum": 4, "hysteresis": 1, "fallback": {"address": "192.0.2.99"}}
PLANNED = {WEB1: 3, WEB2: 2, WEB3: 1}


@pytest.mark.parametrize(
    ("service", "states", "servers"),
    [
        ({}, {}, PLANNED),
        ({}, {WEB1: DEAD}, {WEB2: 2, WEB3: 1}),
        (INHIBIT, {WEB1: DEAD}, {WEB1: 0, WEB2: 2, WEB3: 1}),
        # It was dead from the start, and has never been added.
        (INHIBIT, {WEB1: DEAD}, {WEB2: 2, WEB3: 1}),
        (DYNAMIC, {}, {WEB1: 0, WEB2: 9, WEB3: 1}),
        (QUORUM, {}, PLANNED),
        # 2 is below quorum - hysteresis: all are replaced.
        (QUORUM, {WEB1: DEAD, WEB3: DEAD}, {FALLBACK: 1}),
        # 3 and 4 are between the marks: whichever it was before.
        (QUORUM, {WEB1: DEAD}, {WEB2: 2, WEB3: 1}),
        (QUORUM, {WEB1: DEAD}, {FALLBACK: 1}),
        (QUORUM, {WEB2: DEAD}, {FALLBACK: 1}),
        # keepalived inhibits instead of removing: the living keep their places too, with weight 0.
        (QUORUM | INHIBIT, {WEB1: DEAD, WEB3: DEAD}, {FALLBACK: 1, WEB1: 0, WEB2: 0, WEB3: 0}),
        (QUORUM | INHIBIT, {WEB1: DEAD, WEB3: DEAD}, {FALLBACK: 1, WEB2: 0}),
        (QUORUM | INHIBIT, {WEB1: DEAD}, {FALLBACK: 1, WEB1: 0, WEB2: 0, WEB3: 0}),
        (QUORUM | INHIBIT, {WEB1: DEAD}, {WEB1: 0, WEB2: 2, WEB3: 1}),
    ],
)
def test_what_checks_found_is_no_difference(
    service: dict[str, Any], states: States, servers: dict[str, int]
) -> None:
    assert found(service, states, servers) == []


@pytest.mark.parametrize(
    ("service", "states", "servers", "texts"),
    [
        (
            INHIBIT,
            {WEB1: DEAD},
            PLANNED,
            [f"{KEY}: real server has -r {WEB1} -g -w 3, not -r {WEB1} -g -w 0"],
        ),
        (DYNAMIC, {}, {WEB1: 3, WEB2: 2}, [f"{KEY}: real server {WEB3} is missing"]),
        # Living servers enough: the fallback must be gone.
        (QUORUM, {}, PLANNED | {FALLBACK: 1}, [f"{KEY}: real server {FALLBACK} is not in the plan"]),
        # Too few, and nobody stands in.
        (
            QUORUM,
            {WEB1: DEAD, WEB2: DEAD},
            {WEB3: 1},
            [
                f"{KEY}: real server {WEB3} is dead by its checks, and still in the table",
                f"{KEY}: real server {FALLBACK} is missing",
            ],
        ),
        # Inhibited is what a real server must be beside the fallback.
        (
            QUORUM | INHIBIT,
            {WEB1: DEAD, WEB2: DEAD},
            {FALLBACK: 1, WEB1: 0, WEB3: 1},
            [f"{KEY}: real server has -r {WEB3} -g -w 1, not -r {WEB3} -g -w 0"],
        ),
        # What a service does not inhibit must be gone.
        (
            QUORUM,
            {WEB1: DEAD, WEB2: DEAD},
            {FALLBACK: 1, WEB1: 0},
            [f"{KEY}: real server {WEB1} is dead by its checks, and still in the table"],
        ),
    ],
)
def test_what_they_did_not_find_is_one(
    service: dict[str, Any], states: States, servers: dict[str, int], texts: list[str]
) -> None:
    assert found(service, states, servers) == [("table", text) for text in texts]


@pytest.mark.parametrize("there", [{}, {FALLBACK: 1}])
def test_while_results_are_missing_the_fallback_may_stand_in(there: dict[str, int]) -> None:
    pending = [
        ("pending", f"{KEY}: real server {server}: its checks have not had a result yet")
        for server in SERVERS
    ]

    assert found(QUORUM, dict.fromkeys(SERVERS, NEW), there) == pending


@pytest.mark.parametrize(
    ("case", "hosts"),
    [(case, tuple(plan(case)["hosts"])) for case in INVENTORIES],
)
def test_hosts_that_are_as_planned_do_not_differ(case: str, hosts: tuple[str, ...]) -> None:
    site = Site(plan(case))

    assert {
        host: host_differences(site.plan["hosts"][host], Observation(host, site.seen[host])) for host in hosts
    } == {host: [] for host in hosts}


def test_a_mark_of_one_family_that_is_missing_is_mended_with_the_family() -> None:
    site = Site(plan("marks"))
    planned = site.plan["hosts"]["lb1"]
    key = next(key for key in planned["ipvs"] if key.endswith(" IPv6"))
    left = {name: entry for name, entry in planned["ipvs"].items() if name != key}
    site.seen["lb1"]["ipvs"]["table"] = table_text(left)

    differences = host_differences(planned, Observation("lb1", site.seen["lb1"]))

    assert [one.fix[:4] for one in differences] == [
        ("-A", "-f", key.split()[1], "-6"),
        ("-a", "-f", key.split()[1], "-6"),
        ("-a", "-f", key.split()[1], "-6"),
    ]
