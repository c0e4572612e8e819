"""The semantic check: what is right field by field and would still fail later, rule by rule."""

from __future__ import annotations

import pytest
import yaml

from lvs_model.document import Cluster
from lvs_model.inventory import read_inventory
from lvs_model.problems import Problem
from lvs_model.rules import RULES, Rule, check
from lvs_model.rules.secrets import path_of, secret_paths
from tools.rules import index, page, parts

from .builders import Case
from .cases import ROOT
from .rule_cases import (
    EDGE,
    S0,
    S1,
    NearMiss,
    Trigger,
    addresses,
    checks,
    election,
    engines,
    firewall,
    forwarding,
    heartbeat,
    names,
    nat,
    pacemaker,
    pools,
    sync,
    tunnels,
    unused,
)

_MODULES = (
    *(names, addresses, election, sync, pools, forwarding, nat, tunnels, firewall, checks, unused),
    *(engines, heartbeat, pacemaker),
)
ROWS = [row for module in _MODULES for row in module.TABLE]
PAGES = ROOT / "docs" / "rules"
TRIGGERS = [row for row in ROWS if isinstance(row, Trigger)]
NEAR_MISSES = [row for row in ROWS if isinstance(row, NearMiss)]


def found(case: Case) -> dict[str, list[Problem]]:
    """What errors and warnings the rules find; the inventory's own problems must be none."""
    inventory, problems = read_inventory(*case.inputs())
    assert problems == []
    errors, warnings = check(inventory)
    return {"error": errors, "warning": warnings}


@pytest.mark.parametrize("row", TRIGGERS, ids=[row.rule for row in TRIGGERS])
def test_a_broken_rule_says_where_what_and_what_to_do(row: Trigger) -> None:
    case = Case()
    row.change(case)

    problems = found(case)

    own = [str(one) for one in problems[RULES[row.rule].severity] if one.rule == row.rule]
    assert own == [f"{text} [{row.rule}]" for text in row.said]
    others = {one.rule for group in problems.values() for one in group} - {row.rule}
    assert others == row.also


@pytest.mark.parametrize("row", NEAR_MISSES, ids=[row.rule for row in NEAR_MISSES])
def test_what_works_is_accepted(row: NearMiss) -> None:
    case = Case()
    row.change(case)

    assert {one.rule for group in found(case).values() for one in group} == row.also
    assert row.rule not in row.also


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (
            [f"{EDGE}.failover.authentication.password"],
            [
                f"{EDGE}.failover.authentication.password: this secret stands in plain text: put it into "
                "a vault"
            ],
        ),
        ([], []),
        (["lvs_cluster[two].failover.authentication.password"], []),
    ],
    ids=["in plain text", "in a vault", "of another cluster"],
)
def test_a_secret_in_plain_text_is_told_of(plain: list[str], said: list[str]) -> None:
    case = Case()
    case.document["failover"].update(version=2, authentication={"password": "s3cret"})
    inventory, _ = read_inventory(*case.inputs())

    errors, warnings = check(inventory, plain)

    assert errors == []
    assert [str(one) for one in warnings] == [f"{text} [secret-in-plain-text]" for text in said]


def test_the_places_of_secrets_are_those_that_are_given() -> None:
    case = Case()
    assert secret_paths(Cluster.model_validate(case.document)) == []
    case.document["failover"].update(version=2, authentication={"password": "s3cret"})

    cluster = Cluster.model_validate(case.document)

    assert secret_paths(cluster) == [("failover", "authentication", "password")]
    assert path_of(cluster, ("services", 0, "name")) == f"{EDGE}.services[0].name"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_cases_and_a_page(rule: str) -> None:
    if rule != "secret-in-plain-text":  # above
        assert rule in {row.rule for row in TRIGGERS}
        assert rule in {row.rule for row in NEAR_MISSES}
    assert (PAGES / f"{rule}.md").read_text() == page(RULES[rule]), (
        "run: python -m tools.rules --pages docs/rules"
    )


def test_the_index_is_current_and_no_page_is_left_over() -> None:
    assert (PAGES / "README.md").read_text() == index(), "run: python -m tools.rules > docs/rules/README.md"
    assert {path.stem for path in PAGES.glob("*.md")} == {*RULES, "README"}


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_page_has_a_reason_a_wrong_example_and_a_remedy(rule: Rule) -> None:
    why, wrong, mend = parts(rule)

    assert len(why) > 60
    assert len(mend) > 10
    assert yaml.safe_load(wrong) is not None
    assert "Wrong::" not in why + mend


def test_problems_of_all_kinds_and_clusters_come_at_once() -> None:
    case = Case()
    case.service.update(pool="web", vips=["203.0.113.10"])
    case.add_service("www", ports=[443])
    case.hostvars["lb1"]["lvs_addresses"] = []
    document = case.add_cluster("two", 3)
    document["services"][0]["min_servers"] = 2

    places = [problem.path for problem in found(case)["error"]]

    assert places == sorted(places)
    assert {
        "host lb1: lvs_addresses",
        f"{S0}.pool",
        f"{S0}.vips[0]",
        f"{S1}.name",
        "lvs_cluster[two].services[0].min_servers",
    } <= set(places)
