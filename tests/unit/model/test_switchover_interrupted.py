"""What a switchover that was killed has left in keepalived's tracked files is found and mended."""

from __future__ import annotations

from typing import Any

import pytest

from .builders import Case, Site
from .changes import Change
from .compared import work
from .namespace import Bottle, unusable
from .test_switchover import FILE, decided, demoted, failback, fault, numbers, refused, site, third

SCRIPT = "/usr/local/lib/lvs-toolkit/keepalived-demoted"


def left(found: Site, host: str, number: int, age_s: float = 90.0) -> None:
    found.seen[host]["demotions"] = {FILE: {"number": number, "age_s": age_s}}


@pytest.mark.parametrize(
    ("changes", "recorded", "number"),
    [((), 0, -254), ((failback,), -55, -254), ((failback,), -55, 0), ((third,), 0, -60)],
)
def test_a_switchover_to_the_owner_mends_it(changes: tuple[Change, ...], recorded: int, number: int) -> None:
    found = site(*changes, owner="lb2")
    if recorded:
        demoted(found, "lb1", {FILE: recorded})
    left(found, "lb1", number)

    done = decided(found, "lb2")

    assert (numbers(done, "before"), done["leave"]) == ({"lb1": {FILE: recorded}}, {})
    assert f"lb1 was left at {number} in the election of edge: mended" in done["summary"]


def test_one_that_is_out_cannot_take_over_and_it_is_said_why() -> None:
    found = site()
    fault(found)
    left(found, "lb2", -254, age_s=5)

    assert refused(found, "lb2") == [
        "host lb2: a switchover that was interrupted has left it outside the election VI_edge: site.yml "
        "puts it back, or a switchover to the owner; then run this again"
    ]


@pytest.mark.parametrize("recorded", [0, -55])
def test_a_deployment_mends_it(recorded: int) -> None:
    found = site(failback, owner="lb2")
    if recorded:
        demoted(found, "lb1", {FILE: recorded})
    left(found, "lb1", -254)

    mended = work(found)["hosts"]

    assert list(mended) == ["lb1"]
    assert mended["lb1"]["changes"] == [
        f"{FILE} holds -254, not {recorded} as recorded: a switchover was interrupted here"
    ]
    assert [one["argv"] for one in mended["lb1"]["actions"] if one["force"]] == [[SCRIPT]]


def test_a_lost_file_counts_as_nought() -> None:
    found = site(failback, owner="lb2")
    demoted(found, "lb1", {FILE: -55})
    found.seen["lb1"]["demotions"] = {}

    assert work(found)["hosts"]["lb1"]["changes"][0].startswith(f"{FILE} holds 0, not -55 as recorded")


@pytest.mark.parametrize(
    "demotions",
    [
        {},
        {FILE: {"number": 0, "age_s": 90.0}},
        # Under way.
        {FILE: {"number": -254, "age_s": 20.0}},
        # An instance of former times.
        {"/run/lvs-toolkit.demoted.VI_gone": {"number": -5, "age_s": 90.0}},
    ],
)
def test_what_is_as_it_shall_be_is_no_difference(demotions: dict[str, Any]) -> None:
    found = site()
    found.seen["lb1"]["demotions"] = demotions

    assert work(found)["hosts"] == {}


@pytest.mark.skipif(bool(unusable()), reason=str(unusable()))
@pytest.mark.parametrize(("age", "after"), [("30 seconds", "-254"), ("90 seconds", "0")])
def test_the_timer_puts_back_what_is_older_than_a_minute(tmp_path: Any, age: str, after: str) -> None:  # noqa: ANN401
    planned = Case().plan()["hosts"]["lb1"]
    (unit,) = (one["content"] for one in planned["files"] if one["path"].endswith("/lvs-override.service"))
    (command,) = (line for line in unit.splitlines() if line.startswith(f"ExecStart={SCRIPT}"))
    (condition,) = (line for line in unit.splitlines() if line.startswith("ExecCondition="))
    bottle = Bottle(tmp_path, planned["files"], planned["interfaces"])

    looks, does = (line.partition("=")[2] for line in (condition, command))
    script = f"""
    {looks} && echo "looks without a file"; echo 0 > {FILE}; {looks} && echo "looks at nothing"
    echo -254 > {FILE}; touch -d '{age} ago' {FILE}; {looks} && {does}; cat {FILE}"""

    assert bottle.told(script) == f"{after}\n"
