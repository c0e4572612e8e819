"""A real server that is drained under ldirectord: out of the table or in it with weight 0, and no drift."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.compare import compare
from lvs_model.drain import work
from lvs_model.drain_asked import Asked
from lvs_model.overrides import overrides, with_drains
from lvs_model.verdict import judge

from .builders import Site
from .pretended import answers, table_text
from .test_overrides import record
from .test_owner_table import FIRST, KEY, log, site

OUT = log(f"Deleted real server: {FIRST}")
QUIET = log(f"Quiescent real server: {FIRST}")


def drained(one: Site, *without: tuple[str, str], text: str = "") -> Site:
    """Both directors know that web1 is drained; the owner has it in its table unless it is left out."""
    for host in ("lb1", "lb2"):
        one.seen[host]["overrides"] = [record()]
    entries = with_drains(one.plan["hosts"]["lb1"]["ipvs"], overrides(one.seen["lb1"]).drains)
    one.seen["lb1"]["ipvs"]["table"] = table_text(entries, without)
    told = bool(without) or entries[KEY]["inhibit"]
    one.seen["lb1"]["ldirectord"] |= {"log": text, "maintenance": ["192.0.2.21"] if told else []}
    return one


@pytest.mark.parametrize(
    ("options", "without", "text"),
    [
        # Its connections have not ended.
        ({}, [], ""),
        ({}, [(KEY, FIRST)], OUT),
        ({}, [(KEY, FIRST)], ""),
        ({"on_failure": "inhibit"}, [], QUIET),
        ({"on_failure": "inhibit"}, [], ""),
    ],
)
def test_a_drained_server_is_no_drift(
    options: dict[str, Any], without: list[tuple[str, str]], text: str
) -> None:
    one = drained(site(**options), *without, text=text)

    found = compare(one.plan, one.seen)
    assert found["hosts"] == {}
    assert [line for line in found["summary"] if "dead" in line] == []
    probes = answers(one.plan, www={"web2": 40, "web3": 20})
    assert [line["text"] for line in judge(one.plan, one.seen, probes) if line["status"] == "failed"] == []


def test_one_that_is_still_forwarded_to_is_drift() -> None:
    one = drained(site())
    one.seen["lb1"]["ipvs"]["table"] = table_text(one.plan["hosts"]["lb1"]["ipvs"])

    assert list(compare(one.plan, one.seen)["hosts"]) == ["lb1"]


def test_a_dead_server_is_told_beside_a_drained_one() -> None:
    second = "192.0.2.22:80"
    text = OUT + log(f"Deleted real server: {second}")
    one = drained(site(), (KEY, FIRST), (KEY, second), text=text)

    dead = [line for line in compare(one.plan, one.seen)["summary"] if "dead" in line]
    assert dead == [f"note: lb1: its checks find real server {second} of {KEY} dead"]


def test_the_owner_is_the_one_to_wait_for() -> None:
    one = site()

    found = work("drain", one.plan, one.seen, Asked("web1"), operator="ana", now=0)

    assert list(found["steps"][0]["arguments"]) == ["lb1", "lb2"]
    assert list(found["owners"]) == ["lb1"]
