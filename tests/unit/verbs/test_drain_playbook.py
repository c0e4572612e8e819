"""playbooks/drain.yml and restore.yml as an operator runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.model.builders import Site
from tests.unit.model.cases import ROOT
from tests.unit.model.test_overrides import record

from .simulated import Estate, Run

TOOL = "/usr/local/lib/lvs-toolkit/lvs-override"
COMMAND = "command"
DRAIN, RESTORE = "playbooks/drain.yml", "playbooks/restore.yml"


def command(**said: Any) -> dict[str, Any]:  # noqa: ANN401
    """What the module command returns when lvs-override says this."""
    return {"changed": True, "rc": 0, "stdout": json.dumps(said), "stderr": ""}


def left(active: int, weight: int = 0) -> dict[str, Any]:
    return command(weight=weight, active=active, inactive=2, done=weight == active == 0)


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """Directors whose tool does what it is told, on the owner with nothing left at the second look."""
    site = Site()
    made = Estate(tmp_path, site)
    made.answers("lb1", COMMAND, command(changed=True), left(3), left(0))
    made.answers("lb2", COMMAND, command(changed=True))
    return made


def drained(estate: Estate, **changes: Any) -> None:  # noqa: ANN401
    """Let both directors have a record of web1."""
    for host in ("lb1", "lb2"):
        observation = estate.site.seen[host] | {"overrides": [record(**changes)]}
        estate.answers(host, "lvs_facts", {"changed": False, "observation": observation})


def commands(estate: Estate, host: str) -> list[list[str]]:
    """What was run on a director, word for word."""
    return [list(map(str, one["argv"])) for one in estate.arguments(host, COMMAND)]


def changed(run: Run) -> dict[str, int]:
    return {host: recap.changed for host, recap in run.recap.items() if recap.changed}


def test_every_director_is_told_and_the_owner_is_watched(estate: Estate) -> None:
    run = estate.run(DRAIN, "-e", "host=web1", "-e", "reason='new disk'", "-e", "wait=60")

    assert run.returncode == 0, run.output
    # No real server and no client is asked anything: web1 may be off by now.
    assert run.executions == {"lb1": ["lvs_facts", *[COMMAND] * 3], "lb2": ["lvs_facts", COMMAND]}
    told, *looks = commands(estate, "lb1")
    assert told[:4] == [TOOL, "drain", "web1", "--reason=new disk"]
    assert commands(estate, "lb2") == [told]
    assert looks == [[TOOL, "wait", "web1", "--service", "www", "5"]] * 2
    assert changed(run) == {"lb1": 1, "lb2": 1}
    assert "edge: web1 is drained by" in run.text
    assert "web1 has weight 0, 3 active connections and 2 that are closing" in run.text
    assert "web1 has weight 0, 0 active connections and 2 that are closing" in run.text


def test_when_the_time_is_over_it_stays_drained(estate: Estate) -> None:
    estate.answers("lb1", COMMAND, command(changed=True), left(3))

    run = estate.run(DRAIN, "-e", "host=web1", "-e", "wait=12")

    assert run.returncode == 0, run.output
    assert [words[-1] for words in commands(estate, "lb1")[1:]] == ["5", "5", "2"]
    assert "the time is over, and it stays drained; to wait longer" in run.text


def test_a_director_that_goes_on_forwarding_fails_the_run(estate: Estate) -> None:
    estate.answers("lb1", COMMAND, command(changed=True), left(3, weight=3))

    run = estate.run(DRAIN, "-e", "host=web1", "-e", "wait=5")

    assert run.returncode == 2
    assert "lb1 still forwards new connections to web1: its engine does not follow lvs-override" in run.text


def test_no_wait_is_one_look(estate: Estate) -> None:
    estate.answers("lb1", COMMAND, command(changed=True), left(3))

    run = estate.run(DRAIN, "-e", "host=web1", "-e", "wait=0")

    assert run.returncode == 0, run.output
    assert [words[-1] for words in commands(estate, "lb1")[1:]] == ["0"]


@pytest.mark.parametrize("playbook", [DRAIN, RESTORE])
def test_check_mode_tells_and_changes_nothing(estate: Estate, playbook: str) -> None:
    if playbook == RESTORE:
        drained(estate)

    run = estate.run(playbook, "-e", "host=web1", "--check")

    assert run.returncode == 0, run.output
    assert run.counts == {"lb1": 1, "lb2": 1}
    assert sum(changed(run).values()) == 1, "it is predicted"
    assert "edge: web1 is drained by" in run.text


def test_what_is_drained_already_changes_nothing(estate: Estate) -> None:
    drained(estate)
    estate.answers("lb1", COMMAND, command(changed=False), left(0))
    estate.answers("lb2", COMMAND, command(changed=False))

    run = estate.run(DRAIN, "-e", "host=web1")

    assert (run.returncode, changed(run)) == (0, {})
    assert "web1 is drained as asked already" in run.text


def test_a_restoration_in_steps_is_told_step_by_step(estate: Estate) -> None:
    drained(estate)
    estate.answers("lb1", COMMAND, command(changed=True))

    run = estate.run(RESTORE, "-e", "host=web1", "-e", "steps=2", "-e", "every=1")

    assert run.returncode == 0, run.output
    assert run.counts == {"lb1": 3, "lb2": 3}
    for host in ("lb1", "lb2"):
        first, second = commands(estate, host)
        assert first[1:3] == ["drain", "web1"] and first[-2:] == ["--weight", "50"]
        assert second == [TOOL, "restore", "web1"]


def test_what_is_not_drained_is_left_alone(estate: Estate) -> None:
    run = estate.run(RESTORE, "-e", "host=web1")

    assert (run.returncode, run.counts, changed(run)) == (0, {"lb1": 1, "lb2": 1}, {})
    assert "edge: web1 is not drained" in run.text


@pytest.mark.parametrize("playbook", [DRAIN, RESTORE])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "host: which real server is not said: name it: -e host=NAME"),
        (("-e", "host=wbe1"), "'wbe1' is no real server of any pool"),
        (("-e", "host=web1", "-e", "service=wwww"), "service: web1 is no real server of 'wwww'"),
        (("-e", "host=web1", "-e", "wait=soon"), "wait: 'soon' is no duration"),
    ],
)
def test_wrong_words_are_refused_before_any_host_is_asked(
    estate: Estate, playbook: str, options: tuple[str, ...], told: str
) -> None:
    run = estate.run(playbook, *options)

    assert run.returncode == 2
    assert told in run.text
    assert run.counts == {}


def test_an_absent_director_is_refused_unless_accepted(estate: Estate) -> None:
    estate.gone("lb2")

    refused = estate.run(DRAIN, "-e", "host=web1")
    assert refused.returncode == 2
    assert "host lb2: this director was not seen" in refused.text
    assert refused.counts == {"lb1": 1}

    run = estate.run(DRAIN, "-e", "host=web1", "-e", "lvs_accept_unreachable=lb2")
    assert run.returncode == 0, run.output
    assert run.executions == {"lb1": ["lvs_facts", *[COMMAND] * 3]}


def test_the_last_healthy_real_server_is_refused_unless_forced(estate: Estate) -> None:
    for host in ("lb1", "lb2"):
        records = [record("web2"), record("web3")]
        observation = estate.site.seen[host] | {"overrides": records}
        estate.answers(host, "lvs_facts", {"changed": False, "observation": observation})

    refused = estate.run(DRAIN, "-e", "host=web1")
    assert refused.returncode == 2
    assert "edge/www: web1 is its last healthy real server" in refused.text
    assert refused.counts == {"lb1": 1, "lb2": 1}

    assert estate.run(DRAIN, "-e", "host=web1", "-e", "force=true").returncode == 0


TWICE = """
- import_playbook: {root}/playbooks/stages/plan.yml
- hosts: lb1,lb2
  gather_facts: false
  vars_files: ["{root}/playbooks/stages/vars/observations.yml"]
  tasks:
    - include_role: {{name: observe}}
    - include_role: {{name: overrides}}
      vars: {{overrides_host: "{{{{ item }}}}", overrides_wait: 5}}
      loop: [web1, web2]
"""


def test_a_second_real_server_in_one_run_is_waited_for_as_long(estate: Estate, tmp_path: Path) -> None:
    """As playbooks/update.yml does it."""
    estate.answers("lb1", COMMAND, command(changed=True), left(3), command(changed=True), left(3))
    playbook = tmp_path / "twice.yml"
    playbook.write_text(TWICE.format(root=ROOT))

    run = estate.run(str(playbook))

    assert run.returncode == 0, run.output
    assert [words[1:3] + words[-1:] for words in commands(estate, "lb1") if words[1] == "wait"] == [
        ["wait", "web1", "5"],
        ["wait", "web2", "5"],
    ]
