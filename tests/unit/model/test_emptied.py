"""A deployment that would leave a service with drained real servers only."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.compare import compare
from lvs_model.problems import ModelError

from .builders import Case, Site
from .compared import KEY
from .pretended import checker_dump

DRAIN = {"host": "web1", "services": None, "reason": "disk", "operator": "ana", "since": 1, "until": None}


def smaller(*left: str) -> Case:
    """The inventory with these real servers only."""
    case = Case()
    for name in {"web1", "web2", "web3"}.difference(left):
        case.groups = {group: [one for one in hosts if one != name] for group, hosts in case.groups.items()}
        del case.hostvars[name]
    return case


def as_it_is(case: Case, *drained: str) -> dict[str, dict[str, Any]]:
    """What the hosts of a case look like while all three real servers are deployed; some are drained."""
    site = Site(Case().plan())
    for host in ("lb1", "lb2"):
        raw = site.seen[host]
        raw["overrides"] = [
            DRAIN | {"file": f"drained/{name}.json", "host": name, "weight": 0} for name in drained
        ]
        for name, weight in {"web1": 3, "web2": 2, "web3": 1}.items():
            if name in drained:
                raw["ipvs"]["table"] = raw["ipvs"]["table"].replace(f"-w {weight}", "-w 0")
    return {host: site.seen[host] for host in case.plan()["hosts"]}


def test_who_serves_is_not_taken_away_beside_drained_ones() -> None:
    case = smaller("web1")
    with pytest.raises(ModelError) as caught:
        compare(case.plan(), as_it_is(case, "web1"))

    (problem,) = caught.value.problems
    assert str(problem) == (
        "edge/www: this would take 192.0.2.22:80, 192.0.2.23:80 away from TCP 192.0.2.10:80 on lb1, which "
        "serve now, and leave only real servers that are drained or dead: restore one first: "
        "playbooks/restore.yml -e host=web1"
    )


def test_a_dead_one_that_stays_does_not_serve() -> None:
    case = smaller("web1", "web2")
    seen = as_it_is(case, "web1")
    for host in ("lb1", "lb2"):
        states = {f"192.0.2.2{number}:80": (number != 2, True) for number in (1, 2, 3)}
        seen[host]["keepalived"]["data"] = checker_dump({KEY: states})

    with pytest.raises(ModelError) as caught:
        compare(case.plan(), seen)

    assert "this would take 192.0.2.23:80 away from" in str(caught.value)


def test_a_fallback_that_goes_is_nobody_who_serves() -> None:
    case = smaller("web1", "web2")
    seen = as_it_is(case, "web1", "web2", "web3")
    for host in ("lb1", "lb2"):
        seen[host]["ipvs"]["table"] += "-a -t 192.0.2.10:80 -r 192.0.2.99:80 -g -w 1\n"

    assert compare(case.plan(), seen)["directors"] == ["lb2", "lb1"]


@pytest.mark.parametrize(
    ("left", "drained"),
    [
        (("web1",), ()),
        (("web1", "web2"), ("web1",)),
        # Nobody serves before, either: that was asked when they were drained.
        (("web1", "web2"), ("web1", "web2", "web3")),
    ],
)
def test_else_it_goes_on(left: tuple[str, ...], drained: tuple[str, ...]) -> None:
    case = smaller(*left)
    assert compare(case.plan(), as_it_is(case, *drained))["directors"] == ["lb2", "lb1"]
