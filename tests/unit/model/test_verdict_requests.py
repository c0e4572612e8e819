"""The client's view: requests answered, every real server reached, the split as promised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .builders import Case, Site
from .judged import KEY, TITLE, VIP, checks, findings
from .pretended import Raw, answers


@pytest.mark.parametrize(
    "probes", [{}, {"client1": {}}, {"client1": {"unreachable": True, "msg": "no route"}}]
)
def test_without_a_client_its_view_is_unproven(probes: dict[str, Raw]) -> None:
    found = findings(Site(), probes)

    assert found["unproven"] == [
        "the client's view: no host of the group 'probes' was reachable or there is none"
    ]
    assert not [one for one in found["proven"] if one.startswith(TITLE)]


def result(probes: dict[str, Raw]) -> dict[str, Any]:
    first: dict[str, Any] = probes["client1"]["results"][0]
    return first


def test_failed_requests_are_a_failure_with_the_first_reason() -> None:
    site = Site()
    probes = answers(site.plan)
    result(probes).update(failed=2, answered=58, first_error="request 3, 0.412 s after the start: refused")

    found = findings(site, probes)

    assert found["failed"] == [
        f"{TITLE}: 2 of 60 requests failed (request 3, 0.412 s after the start: refused)"
    ]
    # A split with holes proves nothing.
    assert not [one for one in found["proven"] if "split" in one]


PROMISED = {"web1": 30, "web2": 20, "web3": 10}


@pytest.mark.parametrize(
    ("by_server", "status"),
    [
        # Three standard deviations, sqrt(60 p (1 - p)): 11.6, 11.0 and 8.7 requests.
        ({"web1": 41, "web2": 12, "web3": 7}, "proven"),
        ({"web1": 42, "web2": 12, "web3": 6}, "failed"),
        ({"web1": 20, "web2": 30, "web3": 10}, "proven"),
        ({"web1": 19, "web2": 31, "web3": 10}, "failed"),
        ({"web1": 33, "web2": 25, "web3": 2}, "proven"),
        ({"web1": 34, "web2": 25, "web3": 1}, "failed"),
        ({"web1": 20, "web2": 20, "web3": 20}, "failed"),
    ],
)
def test_a_split_right_or_wrong(by_server: dict[str, int], status: str) -> None:
    site = Site()

    found = findings(site, answers(site.plan, www=by_server))

    split = ", ".join(f"{name} {count} ({PROMISED[name]} promised)" for name, count in by_server.items())
    assert f"{TITLE}: the split is {split}" in found[status]
    assert len(found["failed"]) == (status == "failed")


@pytest.mark.parametrize(
    ("by_server", "silent"), [({"web1": 35, "web2": 25}, "web3"), ({"web1": 60}, "web2, web3")]
)
def test_a_server_that_no_request_reached_is_named(by_server: dict[str, int], silent: str) -> None:
    site = Site()

    assert findings(site, answers(site.plan, www=by_server))["failed"] == [
        f"{TITLE}: no answer from {silent}"
    ]


def test_rr_promises_the_same_to_all() -> None:
    case = Case()
    case.service["scheduler"] = "rr"
    site = Site(case.plan())

    found = findings(site, answers(site.plan, www={"web1": 20, "web2": 20, "web3": 20}))

    assert found["failed"] == []
    assert (
        f"{TITLE}: the split is web1 20 (20 promised), web2 20 (20 promised), web3 20 (20 promised)"
        in (found["proven"])
    )


@pytest.mark.parametrize(
    ("by_server", "status"),
    [
        # The longer one asks, the nearer a split must come to what is promised: 36 of 600, not 10 %.
        ({"web1": 300, "web2": 200, "web3": 100}, "proven"),
        ({"web1": 336, "web2": 182, "web3": 82}, "proven"),
        ({"web1": 337, "web2": 182, "web3": 81}, "failed"),
    ],
)
def test_more_requests_prove_a_split_closer(by_server: dict[str, int], status: str) -> None:
    case = Case()
    case.service["probe"]["requests"] = 600
    site = Site(case.plan())

    split = [
        text for text in findings(site, answers(site.plan, www=by_server))[status] if "the split is" in text
    ]
    assert len(split) == 1


@pytest.mark.parametrize(
    "prepare",
    [
        lambda case: case.hostvars["web3"].update(lvs_state="drained"),
        lambda case: case.hostvars["web3"].update(lvs_state="disabled"),
    ],
)
def test_an_answer_from_a_server_that_should_get_none_is_a_failure(prepare: Callable[[Case], None]) -> None:
    case = Case()
    prepare(case)
    site = Site(case.plan())

    failed = findings(site, answers(site.plan, www={"web1": 36, "web2": 23, "web3": 1}))["failed"]

    assert len(failed) == 1
    assert failed[0].startswith(f"{TITLE}: answers from web3")


@pytest.mark.parametrize(
    ("scheduler", "probe", "unproven"),
    [
        ("wlc", {"header": "X"}, "every real server and the split: one client does not see it under wlc"),
        ("sh", {"header": "X"}, "every real server and the split: one client does not see it under sh"),
        (
            "wrr",
            {},
            "which real server answered: give the service's probe a header that names the real server",
        ),
    ],
)
def test_what_one_client_cannot_prove_is_said(scheduler: str, probe: dict[str, str], unproven: str) -> None:
    case = Case()
    case.service.update(scheduler=scheduler, probe=probe)
    site = Site(case.plan())

    found = findings(site, answers(site.plan, www={"web1": 60}))

    assert found["unproven"] == [f"{TITLE}: {unproven}"]
    assert found["failed"] == []
    assert f"{TITLE}: 60 requests answered" in found["proven"]


@pytest.mark.parametrize(
    ("minimum", "failed"),
    [
        (2, []),
        (
            3,
            [
                *(
                    f"{host}: {KEY}: its checks leave 2 of 3 real servers, fewer than min_servers 3"
                    for host in ("lb1", "lb2")
                ),
                f"{TITLE}: 2 real servers serve, fewer than min_servers",
            ],
        ),
    ],
)
def test_a_pool_below_its_minimum_is_a_failure(minimum: int, failed: list[str]) -> None:
    case = Case()
    case.service["min_servers"] = minimum
    site = Site(case.plan())
    checks(site, {"192.0.2.23:80": (False, True)})

    assert findings(site, answers(site.plan, www={"web1": 36, "web2": 24}))["failed"] == failed


def test_a_server_dead_for_one_service_still_serves_another() -> None:
    case = Case()
    case.add_service("tls", ports=[443])
    site = Site(case.plan())
    checks(site, {"192.0.2.21:443": (False, True)}, key=f"TCP {VIP}:443")

    found = findings(site, answers(site.plan, tls={"web2": 40, "web3": 20}))

    assert found["failed"] == []


def test_a_server_dead_on_one_port_still_serves_another() -> None:
    case = Case()
    case.service["ports"] = [80, 443]
    site = Site(case.plan())
    checks(site, {"192.0.2.21:443": (False, True)}, key=f"TCP {VIP}:443")
    probes = answers(site.plan)
    probes["client1"]["results"][1]["by_server"] = {"web2": 40, "web3": 20}

    assert findings(site, probes)["failed"] == []


def test_what_the_standbys_checks_find_dead_may_serve_through_the_owner() -> None:
    site = Site()
    checks(site, {"192.0.2.21:80": (False, True)}, "lb2")

    assert findings(site)["failed"] == []


def test_a_dead_server_leaves_a_round_incomplete_and_that_is_allowed_for() -> None:
    """A whole round of 300 + 151, and the 149 requests of the next one, all to the heaviest: 449 and 151.

    Dice alone would allow 399 + 35.
    """
    case = Case()
    for name, weight in (("web1", 300), ("web2", 151), ("web3", 149)):
        case.hostvars[name]["lvs_weight"] = weight
    site = Site(case.plan())
    checks(site, {"192.0.2.23:80": (False, True)})

    assert findings(site, answers(site.plan, www={"web1": 449, "web2": 151}))["failed"] == []
    assert findings(site, answers(site.plan, www={"web1": 590, "web2": 10}))["failed"] != []
