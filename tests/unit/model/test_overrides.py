"""What operators have set aside: read from observations, and taken into account by every comparison."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.compare import host_work
from lvs_model.overrides import Demotion, Drain, Lock, Overrides, merged, overrides, unequal, with_drains
from lvs_model.verdict import judge

from .builders import Case, Site
from .compared import work
from .judged import KEY, findings
from .pretended import Raw, answers, table_text

WEB1 = "192.0.2.21:80"
BY = {"reason": "new disk", "operator": "ana"}
DRAIN = Drain("web1", None, "new disk", "ana", 1000.0, None)


def record(host: str = "web1", **changes: Any) -> Raw:  # noqa: ANN401
    """A drain as lvs_facts gives it."""
    own = {"file": f"drained/{host}.json", "host": host, "services": None, **BY, "since": 1000, "until": None}
    return own | {"weight": 0} | changes


def drained(site: Site, *hosts: str, **changes: Any) -> None:  # noqa: ANN401
    """Let directors have web1's drain, and the table that follows from it."""
    for host in hosts or ("lb1", "lb2"):
        site.seen[host]["overrides"] = [record(**changes)]
        entries = with_drains(site.plan["hosts"][host]["ipvs"], overrides(site.seen[host]).drains)
        site.seen[host]["ipvs"]["table"] = table_text(entries)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, Overrides()),
        ({"overrides": None, "locks": None}, Overrides()),
        ({"overrides": [record()]}, Overrides(drains=(DRAIN,))),
        (
            {"overrides": [record("web2", services=["b", "a"], until=2000, weight=25), record()]},
            Overrides(drains=(DRAIN, Drain("web2", ("a", "b"), "new disk", "ana", 1000.0, 2000.0, 25))),
        ),
        (
            {"overrides": [{"file": "demoted.json", **BY, "since": 7}]},
            Overrides(demotion=Demotion("new disk", "ana", 7.0)),
        ),
        (
            {
                "locks": [
                    {
                        "file": "cluster-lock-edge.json",
                        **BY,
                        "run": "4f1c",
                        "controller": "c1",
                        "pid": 812,
                        "since": 9,
                    }
                ]
            },
            Overrides(locks=(Lock("edge", "4f1c", "ana", "c1", 812, 9.0, "new disk"),)),
        ),
        # A file that a later version may put there.
        ({"overrides": [{"file": "other.json", "x": 1}]}, Overrides()),
    ],
)
def test_records_are_read(raw: Raw, expected: Overrides) -> None:
    assert overrides(raw) == expected


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"file": "drained/web1.json"}, "it lacks 'host'"),
        (record(weight=101), "weight 101 is no percentage"),
        (record(services="www"), "'www' is no list of names"),
        (record(since="yesterday"), "could not convert string to float: 'yesterday'"),
        (record(since=None), "float() argument must be a string or a real number, not 'NoneType'"),
    ],
)
def test_a_damaged_record_is_told_and_has_no_effect(record: Raw, told: str) -> None:
    found = overrides({"overrides": [record]})

    assert found.drains == ()
    assert found.damaged == (
        f"/var/lib/lvs-toolkit/overrides/drained/web1.json is not understood ({told}): "
        "remove it, or run its verb again",
    )


@pytest.mark.parametrize(
    ("percent", "planned", "left"),
    [
        (0, 3, 0),
        (0, 65535, 0),
        (25, 4, 1),
        (25, 3, 1),
        (50, 3, 1),
        (1, 3, 1),
        (50, 0, 0),
        (100, 3, 3),
        (99, 1, 1),
    ],
)
def test_what_is_left_of_a_weight(percent: int, planned: int, left: int) -> None:
    assert Drain("web1", None, "r", "o", 0, None, percent).weight_of(planned) == left


@pytest.mark.parametrize(
    ("services", "expected"),
    [(None, {"www": 0, "two": 0}), (("two",), {"www": 3, "two": 0}), ((), {"www": 3, "two": 3})],
)
def test_a_drain_covers_its_services_only(services: tuple[str, ...] | None, expected: dict[str, int]) -> None:
    case = Case()
    case.add_service("two", vips=["192.0.2.20"])
    entries = case.plan()["hosts"]["lb1"]["ipvs"]

    found = with_drains(entries, [Drain("web1", services, "r", "o", 0, None)])

    assert {one["service"]: one["servers"][WEB1]["weight"] for one in found.values()} == expected
    assert {one["servers"][WEB1]["weight"] for one in entries.values()} == {3}, "the plan was changed"
    assert {one["servers"]["192.0.2.22:80"]["weight"] for one in found.values()} == {2}


@pytest.mark.parametrize(("minimum", "expected"), [(1, 1), (2, 2), (3, 2)])
def test_a_forced_drain_lowers_the_minimum_to_what_is_left(minimum: int, expected: int) -> None:
    case = Case()
    case.service["min_servers"] = minimum

    entries = with_drains(case.plan()["hosts"]["lb1"]["ipvs"], [DRAIN])

    assert entries[KEY]["min_servers"] == expected


@pytest.mark.parametrize(
    ("old", "new", "services"),
    [
        ([], ("www",), ("www",)),
        ([Drain("web2", None, "r", "o", 0, None)], ("www",), ("www",)),
        ([Drain("web1", ("a",), "r", "o", 0, None)], ("www",), ("a", "www")),
        ([Drain("web1", None, "r", "o", 0, None)], ("www",), None),
        ([Drain("web1", ("a",), "r", "o", 0, None)], None, None),
    ],
)
def test_a_second_drain_adds_to_the_first(
    old: list[Drain], new: tuple[str, ...] | None, services: tuple[str, ...] | None
) -> None:
    assert merged(old, Drain("web1", new, "r", "o", 0, None)).services == services


def test_a_drained_server_is_no_drift_and_the_split_is_proven_without_it() -> None:
    site = Site()
    drained(site)

    assert work(site)["hosts"] == {}
    found = findings(site, answers(site.plan, www={"web2": 40, "web3": 20}))
    assert found["failed"] == []
    assert (
        "edge/www 192.0.2.10:80: the split is web2 40 (40 promised), web3 20 (20 promised)" in found["proven"]
    )


def test_a_drained_server_that_answers_is_a_failure() -> None:
    site = Site()
    drained(site)

    found = findings(site)

    assert "edge/www 192.0.2.10:80: answers from web1: drained, dead or not in the pool" in found["failed"]


def test_a_drain_without_effect_is_drift() -> None:
    site = Site()
    drained(site)
    site.seen["lb2"]["ipvs"]["table"] = table_text(site.plan["hosts"]["lb2"]["ipvs"])
    told = f"{KEY}: real server has -r {WEB1} -g -w 3, not -r {WEB1} -g -w 0"

    assert host_work(site.plan["hosts"]["lb2"], "lb2", site.seen["lb2"])["changes"] == [told]
    assert work(site)["hosts"]["lb2"]["changes"] == [told]


def test_an_effect_without_a_drain_is_drift() -> None:
    site = Site()
    drained(site)
    site.seen["lb1"]["overrides"] = []

    assert list(work(site)["hosts"]) == ["lb1"]


def test_a_director_that_lacks_a_drain_is_named() -> None:
    site = Site()
    drained(site, "lb1")
    assert unequal(site.plan, {host: overrides(site.seen[host]) for host in ("lb1", "lb2")}) == [
        ("lb2", DRAIN)
    ]
    failed = [one["text"] for one in judge(site.plan, site.seen, {}) if one["status"] == "failed"]
    assert failed == [
        "lb2 does not know that web1 is drained by ana: new disk: "
        "run playbooks/drain.yml -e host=web1 again, or playbooks/restore.yml"
    ]


def test_a_damaged_record_fails_the_proof() -> None:
    site = Site()
    site.seen["lb1"]["overrides"] = [{"file": "drained/web1.json"}]

    (failed,) = findings(site)["failed"]

    assert failed.startswith("lb1: /var/lib/lvs-toolkit/overrides/drained/web1.json is not understood")


RECORD = "/var/lib/lvs-toolkit/overrides/drained/web9.json"


def left(*hosts: str) -> Site:
    """Directors that have the record of a real server which is in no pool any more."""
    site = Site()
    for host in hosts:
        site.seen[host]["overrides"] = [record("web9")]
    return site


def test_the_record_of_a_server_that_has_left_goes_when_no_director_can_go_back() -> None:
    found = work(left("lb1", "lb2"))

    assert found["contract"] == ["lb1", "lb2"]
    assert (found["expand"], found["directors"]) == ([], [])
    for host in ("lb1", "lb2"):
        assert found["hosts"][host]["changes"] == ["the record that web9 is drained is not needed any more"]
        assert found["hosts"][host]["remove"] == [{"path": RECORD, "state": "absent"}]


def test_it_stays_while_a_director_was_not_seen() -> None:
    site = left("lb1")
    site.seen["lb2"] = {}

    assert work(site, "lb2")["contract"] == []


def test_it_is_no_reason_to_take_a_change_back() -> None:
    site = left("lb1")

    assert host_work(site.plan["hosts"]["lb1"], "lb1", site.seen["lb1"])["changes"] == []


def test_without_services_there_is_nothing_to_drain() -> None:
    case = Case()
    case.document["services"] = []
    case.document["failover"]["vips"] = ["192.0.2.10"]
    del case.document["connection_sync"]
    site = Site(case.plan())
    site.seen["lb1"]["overrides"] = [record("web9")]

    assert "lb1" not in work(site)["hosts"]
