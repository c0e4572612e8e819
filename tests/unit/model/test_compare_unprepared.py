"""Real servers that a director would newly check and forward to, although nobody has looked at them."""

from __future__ import annotations

from typing import Any

import pytest

from .builders import Case, Site
from .compared import KEEPALIVED_CONF, KEY, NETWORK_CONF, problems, work
from .pretended import checker_dump

UNLOOKED = (
    "host lb1: its services would change, and these real servers were not looked at: {}: leave out --limit, "
    "or let it name the real servers too"
)
UNPREPARED = (
    "note: {} was not prepared for {}, and gets requests as soon as its check passes: run this again before "
    "it is back, or set its lvs_state to disabled"
)


def knows(site: Site, host: str, *servers: str) -> None:
    """Let a director's keepalived run with the real servers of these last numbers, and no others."""
    known = {f"192.0.2.{last}:80": (True, True) for last in servers}
    site.seen[host]["keepalived"]["data"] = checker_dump({KEY: known})


def switching(**files: Any) -> Site:  # noqa: ANN401
    """A site where lb1's configuration differs, so far without web2 and web3."""
    site = Site()
    site.seen["lb1"]["files"] |= files or {KEEPALIVED_CONF: None}
    knows(site, "lb1", "21")
    return site


def unprepared(site: Site, *accepted: str) -> list[str]:
    return [line for line in work(site, *accepted)["summary"] if "was not prepared" in line]


@pytest.mark.parametrize("hidden", [["web2"], ["web2", "web3"]])
def test_a_limit_must_not_hide_real_servers_that_are_new_to_a_director(hidden: list[str]) -> None:
    site = switching()
    for host in hidden:
        del site.seen[host]

    assert problems(site) == [UNLOOKED.format(", ".join(hidden))]


def test_a_limit_may_hide_them_where_no_service_changes() -> None:
    site = Site()
    site.seen["lb1"]["files"][NETWORK_CONF] = None
    knows(site, "lb1", "21")
    del site.seen["web2"]

    assert work(site)["directors"] == ["lb1"]


def test_unreachable_ones_that_are_new_to_a_director_are_a_note() -> None:
    site = switching()
    site.seen.update(web2={}, web3={})

    assert unprepared(site) == [UNPREPARED.format("web2", KEY), UNPREPARED.format("web3", KEY)]
    assert work(site)["directors"] == ["lb1"]


@pytest.mark.parametrize("away", ["unreachable", "left out"])
def test_one_that_the_director_checks_already_is_neither(away: str) -> None:
    """Whatever is wrong with it, the change makes nothing worse."""
    site = switching()
    if away == "unreachable":
        site.seen["web1"] = {}
    else:
        del site.seen["web1"]

    assert unprepared(site) == []
    assert work(site)["directors"] == ["lb1"]


def test_a_service_on_a_new_port_is_new_on_a_known_server() -> None:
    case = Case()
    case.service["ports"] = [80, 443]
    site = Site(case.plan())
    site.seen["lb1"]["files"][KEEPALIVED_CONF] = None
    knows(site, "lb1", "21", "22", "23")
    site.seen["web1"] = {}

    assert unprepared(site) == [UNPREPARED.format("web1", "TCP 192.0.2.10:443")]


def test_to_a_director_that_does_not_run_every_server_is_new() -> None:
    site = Site()
    site.seen["lb2"]["files"][KEEPALIVED_CONF] = None
    site.seen["lb2"]["units"]["keepalived.service"]["ActiveState"] = "inactive"
    site.seen["lb2"]["keepalived"] = {"main": None, "checker": None, "vrrp": None, "json": None, "data": None}
    site.seen["web1"] = {}

    assert unprepared(site) == [UNPREPARED.format("web1", KEY)]


def test_each_unprepared_server_is_noted_once_for_all_directors() -> None:
    site = switching()
    site.seen["lb2"]["files"][KEEPALIVED_CONF] = None
    knows(site, "lb2", "21")
    site.seen["web3"] = {}

    assert unprepared(site) == [UNPREPARED.format("web3", KEY)]


def test_what_it_is_unprepared_for_is_said_of_all_directors_together() -> None:
    case = Case()
    case.service["ports"] = [80, 443]
    site = Site(case.plan())
    site.seen["web1"] = {}
    for host in ("lb1", "lb2"):
        site.seen[host]["files"][KEEPALIVED_CONF] = None
    knows(site, "lb1")
    knows(site, "lb2", "21", "22", "23")

    assert unprepared(site) == [UNPREPARED.format("web1", f"TCP 192.0.2.10:443, {KEY}")]


def test_a_drained_server_gets_no_requests_and_needs_no_preparing() -> None:
    case = Case()
    case.hostvars["web2"]["lvs_state"] = "drained"
    site = Site(case.plan())
    site.seen["lb1"]["files"][KEEPALIVED_CONF] = None
    knows(site, "lb1", "21", "23")
    del site.seen["web2"]

    assert work(site)["directors"] == ["lb1"]
    assert unprepared(site) == []
