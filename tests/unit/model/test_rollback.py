"""What a rollback makes of what hosts keep: the same kind of work as a deployment's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.problems import ModelError
from lvs_model.rollback import rollback
from lvs_model.rollout import STEPS, standing

from .builders import Case, Site
from .compared import KEY, TOOL, work
from .pretended import checker_dump

HOSTS = ("lb1", "lb2", "web1", "web2", "web3")
RUNS = ("run1", "run2")


def kept(*runs: str) -> dict[str, Any]:
    """What lvs_generations returns on a host that these runs have changed; run3 was later than run2."""
    return {
        "generations": [
            {
                "generation": f"{number:06}",
                "started": f"2026-11-23T0{run[-1]}:00:00Z",
                "stamp": {"run": run if run.startswith("run") else None},
                "digest": run,
                "changed": [],
                "paths": [TOOL],
                "election": "same",
            }
            for number, run in enumerate(runs, 1)
        ]
    }


def back(
    seen: dict[str, Any] | None = None, generation: str = "previous", *accepted: str, site: Site | None = None
) -> dict[str, Any]:
    """The work of a rollback; all hosts have two runs behind them."""
    site = site or Site()
    told = {host: kept(*RUNS) for host in HOSTS} | (seen or {})
    found = rollback(site.plan, told, generation, list(accepted), site.seen)
    json.dumps(found)  # it becomes an Ansible fact
    return found


def test_it_has_all_that_the_plays_of_a_deployment_ask_for() -> None:
    site = Site()
    site.seen["lb1"]["files"] = dict.fromkeys(site.seen["lb1"]["files"])
    deployment = work(site)
    found = back()
    assert set(STEPS) | {
        "hosts",
        "batches",
        "watchers",
        "batch_s",
        "serving",
        "locks",
        "again",
        "summary",
    } <= set(found)
    assert {"install", "actions", "health", "prepare", "begins_later", "stop", "remove"} <= set(
        found["hosts"]["lb1"]
    ) & set(deployment["hosts"]["lb1"])
    assert {host: one["restore"] for host, one in found["hosts"].items()} == found["targets"]


def test_real_servers_go_in_batches_and_the_owner_last() -> None:
    found = back()
    assert (found["expand"], found["batches"], found["watchers"]) == (
        ["web1", "web2", "web3"],
        [2, 1],
        ["lb1"],
    )
    assert found["directors"] == ["lb2", "lb1"]
    assert found["locks"] == {"lb1": "edge", "lb2": "edge"}

    site = Site()
    site.owner["edge"] = "lb2"
    site.look()
    assert back(site=site)["directors"] == ["lb1", "lb2"]


def test_what_is_dead_now_counts_for_no_pool() -> None:
    site = Site()
    states = {f"192.0.2.{last}:80": (last != 23, True) for last in (21, 22, 23)}
    site.seen["lb1"]["keepalived"]["data"] = checker_dump({KEY: states})
    # One of the two that live stays; the dead one may go with any.
    assert (back(site=site)["expand"], back(site=site)["batches"]) == (["web1", "web3", "web2"], [2, 1])


def test_one_real_server_is_looked_at_alone() -> None:
    site = Site()
    found = rollback(site.plan, {"web1": kept(*RUNS)}, "1", [], {})
    assert (found["expand"], found["batches"], found["watchers"]) == (["web1"], [1], [])
    assert found["locks"] == {"lb1": "edge", "lb2": "edge"}
    assert "-e host=web1 -e generation=1;" in found["next"]


def test_an_accepted_director_is_not_locked() -> None:
    found = back({"lb2": {}}, "previous", "lb2")
    assert (found["directors"], found["locks"]) == (["lb1"], {"lb1": "edge"})


@pytest.mark.parametrize(("raw", "why"), [({}, "it is unreachable"), ({"failed": "no room"}, "no room")])
def test_a_director_that_cannot_be_observed_forbids_it(raw: dict[str, Any], why: str) -> None:
    site = Site()
    site.seen["lb2"] = raw
    with pytest.raises(ModelError) as error:
        back(site=site)
    assert [str(one) for one in error.value.problems] == [
        f"host lb2: it could not be observed ({why}): mend that first"
    ]


@pytest.mark.parametrize(
    ("seen", "generation", "on"),
    [
        ({}, "previous", " -e generation=run1;"),
        # By then the last run is this rollback: the one before the last may have changed others only.
        ({"lb1": kept("run1", "run3"), "web3": kept("run1", "run2")}, "previous", " -e generation=run2;"),
        ({}, "run1", " -e generation=run1;"),
        ({host: kept("none0", "run2") for host in HOSTS}, "previous", ", which lists what there is to name;"),
    ],
)
def test_it_says_how_to_go_on(seen: dict[str, Any], generation: str, on: str) -> None:
    assert f"go on: playbooks/rollback.yml -e cluster=edge{on}" in back(seen, generation)["next"]


def test_where_it_has_stopped_is_told_in_its_own_words() -> None:
    found = back()
    new = {"files": {"/etc/x": "changed"}, "generation": "000003", "previous": "000002"}
    lines = standing(found, {"web1": {"applied": new}, "lb2": {"applied": new, "undone": new}})
    assert "web1: it has the former version, generation 000003" in lines
    assert "lb2: it did not become well, and went back to generation 000002" in lines
    assert lines[-1] == found["next"]


def test_without_a_generation_there_is_nothing_to_do() -> None:
    site = Site(Case().plan())
    found = rollback(site.plan, {host: kept(*RUNS) for host in HOSTS}, "", [], {})
    assert len(found["summary"]) == 10
    assert [found[step] for step in STEPS] == [[]] * len(STEPS)
    assert found["locks"] == {}
