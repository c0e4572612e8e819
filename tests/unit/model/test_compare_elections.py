"""A running election that is not the planned one: directors reloaded one by one would both own its VIPs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .builders import Case, Site
from .compared import KEEPALIVED_CONF, changed, problems, work

FIRST, SECOND = "192.0.2.10", "192.0.2.20"
UNIT = "keepalived.service"


def case(router_id: int = 51, **failover: Any) -> Case:  # noqa: ANN401
    """One instance by default, or those of ``failover``."""
    one = Case()
    one.document["failover"].update(failover or {"router_id": router_id})
    return one


def two(first: list[str], second: list[str]) -> Case:
    """Two instances and two services, with these VIPs each."""
    one = case(
        instances=[
            {"name": "a", "router_id": 51, "vips": first, "directors": ["lb1", "lb2"]},
            {"name": "b", "router_id": 52, "vips": second, "directors": ["lb2", "lb1"]},
        ]
    )
    one.service["vips"] = sorted([*first, *second])
    return one


def site(running: Case, wanted: Case) -> Site:
    """A site whose directors still run one plan, and shall run another."""
    before, found = Site(running.plan()), Site(wanted.plan())
    for host in ("lb1", "lb2"):
        found.seen[host]["keepalived"] = before.seen[host]["keepalived"]
        found.seen[host]["addresses"] = before.seen[host]["addresses"]
    changed(found, "lb1", "lb2")
    return found


def refused(host: str, vips: str, what: str) -> str:
    return (
        f"host {host}: keepalived.conf: the running election of {vips} has {what}: directors that are "
        "reloaded one by one would both own what it elects: stop keepalived on all directors of the cluster, "
        "then run again"
    )


@pytest.mark.parametrize(
    ("running", "wanted", "refusals"),
    [
        pytest.param(
            case(182),
            case(105),
            [refused(host, FIRST, "router id 182, the plan 105") for host in ("lb1", "lb2")],
            id="another router id",
        ),
        pytest.param(
            case(version=2, router_id=51),
            case(version=3, router_id=51),
            [refused(host, FIRST, "VRRP version 2, the plan 3") for host in ("lb1", "lb2")],
            id="another version",
        ),
        pytest.param(
            case(network="front", router_id=51),
            case(network="sync", router_id=51),
            [refused(host, FIRST, "interface eth0, the plan eth1") for host in ("lb1", "lb2")],
            id="another interface",
        ),
        pytest.param(
            two([FIRST, "192.0.2.30"], [SECOND]),
            two([FIRST], [SECOND, "192.0.2.30"]),
            [refused(host, "192.0.2.30", "router id 51, the plan 52") for host in ("lb1", "lb2")],
            id="a VIP that moves to another instance",
        ),
    ],
)
def test_another_election_for_vips_that_have_an_owner_is_refused(
    running: Case, wanted: Case, refusals: list[str]
) -> None:
    assert problems(site(running, wanted)) == refusals


@pytest.mark.parametrize(
    ("running", "wanted"),
    [
        pytest.param(case(), case(), id="the same"),
        pytest.param(case(), two([FIRST], [SECOND]), id="a second instance with new VIPs"),
        pytest.param(two([FIRST], [SECOND]), two([FIRST, "192.0.2.30"], [SECOND]), id="a new VIP"),
        pytest.param(two([FIRST], [SECOND]), case(), id="an instance that goes with its VIPs"),
    ],
)
def test_what_leaves_each_vip_its_election_is_no_danger(running: Case, wanted: Case) -> None:
    assert sorted(work(site(running, wanted))["directors"]) == ["lb1", "lb2"]


def test_authentication_on_one_side_only_is_refused() -> None:
    """Adverts with another authentication are discarded (vrrp.c, vrrp_in_chk)."""
    secret = {"type": "pass", "password": "abcd1234"}
    found = site(case(version=2, router_id=51), case(version=2, router_id=51, authentication=secret))

    assert problems(found) == [
        refused(host, FIRST, "authentication none, the plan pass") for host in ("lb1", "lb2")
    ]


def test_a_keepalived_that_does_not_run_elects_nobody() -> None:
    found = site(case(182), case(105))
    for host in ("lb1", "lb2"):
        found.seen[host]["units"][UNIT]["ActiveState"] = "inactive"

    assert sorted(work(found)["directors"]) == ["lb1", "lb2"]


def test_one_director_that_runs_is_enough_to_refuse() -> None:
    found = site(case(182), case(105))
    found.seen["lb1"]["units"][UNIT]["ActiveState"] = "inactive"

    assert problems(found) == [refused("lb2", FIRST, "router id 182, the plan 105")]


@pytest.mark.parametrize("field", ["vrid", "evips"])
def test_what_keepalived_did_not_tell_is_not_guessed(field: str) -> None:
    found = site(case(182), case(105))
    for host in ("lb1", "lb2"):
        told = json.loads(found.seen[host]["keepalived"]["json"])
        for entry in told:
            del entry["data"][field]
        found.seen[host]["keepalived"]["json"] = json.dumps(told)

    assert sorted(work(found)["directors"]) == ["lb1", "lb2"]


def test_of_a_foreign_configuration_only_that_is_said() -> None:
    found = site(case(182), case(105))
    del found.seen["lb2"]
    found.seen["lb1"]["files"][KEEPALIVED_CONF]["marked"] = False

    (problem,) = problems(found)
    assert "that is not the toolkit's" in problem
