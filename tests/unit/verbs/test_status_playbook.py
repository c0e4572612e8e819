"""playbooks/status.yml as an operator and a script run it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from filter_plugins.lvs_status_problems import lvs_status_problems
from lvs_model.status_text import status_lines
from tests.unit.model.cases import ROOT
from tests.unit.model.judged import checks
from tests.unit.model.stated import StatedSite

from .simulated import Estate, Run

STATUS = "playbooks/status.yml"


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """Hosts that are as planned, and tell their status."""
    return Estate(tmp_path, StatedSite())


def told(estate: Estate) -> dict[str, Any]:
    """The status that the model makes of the hosts."""
    assert isinstance(estate.site, StatedSite)
    return estate.site.status()


def scripted(run: Run) -> str:
    """What a script finds: the one line that begins with a brace."""
    (line,) = [line for line in run.output.splitlines() if line.startswith("{")]
    return line


def test_a_healthy_cluster_is_shown_for_one_execution_a_host(estate: Estate) -> None:
    run = estate.run(STATUS, "--check")
    assert run.returncode == 0, run.output
    lines = [line.strip() for line in run.output.splitlines()]
    expected = [line.strip() for line in status_lines(told(estate))]
    start = lines.index(expected[0])
    assert lines[start : start + len(expected)] == expected
    assert {host: recap.changed for host, recap in run.recap.items()} == dict.fromkeys(run.recap, 0)

    assert run.executions == {host: ["lvs_facts"] for host in estate.site.seen}
    (asked,) = estate.arguments("lb1", "lvs_facts")
    assert (asked["status"], asked["adverts"], asked["adverts_s"]) == (True, ["eth0"], 1.2)
    (asked,) = estate.arguments("web1", "lvs_facts")
    assert (asked["status"], asked["adverts"]) == (True, [])


def test_a_script_gets_one_line_of_json_and_a_file_if_it_wants(estate: Estate) -> None:
    place = estate.folder / "status.json"
    run = estate.run(STATUS, "-e", "format=json", "-e", f"output={place}")
    assert run.returncode == 0, run.output
    found = json.loads(scripted(run))
    assert found == told(estate)
    assert json.loads(place.read_text()) == found
    assert [path.name for path in estate.folder.iterdir() if path.name.startswith(".status")] == []
    assert "cluster edge: healthy" not in run.output


def test_what_is_not_healthy_is_told_and_the_exit_code_is_not_0(estate: Estate) -> None:
    estate.gone("lb2")
    run = estate.run(STATUS, "-e", "format=json")
    assert run.returncode == 2, run.output
    found = json.loads(scripted(run))
    assert found["healthy"] is False
    assert found["clusters"]["edge"]["alarms"] == ["lb2 is unreachable"]
    assert "edge: lb2 is unreachable" in run.text
    assert "Traceback" not in run.output


@pytest.mark.parametrize("healthy", [True, False])
def test_what_is_written_for_scripts_runs_in_sh(estate: Estate, healthy: bool) -> None:
    """As it is written in the docs, but for the place of the file."""
    text = (ROOT / "docs" / "operations.md").read_text().split("\nFor scripts, ")[1]
    script = "".join(line for line in text.splitlines(keepends=True)[1:8] if line.startswith("    "))
    place = estate.folder / "status.json"
    if not healthy:
        estate.gone("lb2")

    done = subprocess.run(
        ["sh", "-eu", "-c", script.replace("/run/lvs-status.json", str(place))],
        cwd=ROOT,
        env=estate.environment
        | {"ANSIBLE_INVENTORY": str(estate.inventory), "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.stdout == ("healthy\n" if healthy else "not healthy, or not known\n"), done.stderr
    assert json.loads(place.read_text())["healthy"] is healthy


def test_an_unreachable_real_server_is_a_warning_and_no_failure(estate: Estate) -> None:
    checks(estate.site, {"192.0.2.23:80": (False, True)})
    for host in ("lb1", "lb2"):
        estate.answers(host, "lvs_facts", {"changed": False, "observation": estate.site.seen[host]})
    estate.gone("web3")
    run = estate.run(STATUS)
    assert run.returncode == 0, run.output
    assert "cluster edge: healthy, 3 warnings" in run.output
    assert "web3 is unreachable" in run.output


def test_only_what_is_asked_for_is_looked_at(estate: Estate) -> None:
    run = estate.run(STATUS, "--limit", "lb1,web1")
    assert run.returncode == 0, run.output
    assert run.counts == {"lb1": 1, "web1": 1}
    assert "not asked: lb2, web2, web3" in run.output


REFUSED = [
    ("yaml", "", ["format: there is no format 'yaml': give -e format=text or -e format=json"]),
    (
        "text",
        "/srv/x",
        ["output: /srv/x would be written as JSON, and text is asked for: give -e format=json as well"],
    ),
    (
        "json",
        "/no/such/place",
        ["output: there is no directory /no/such: make it, or choose another place"],
    ),
    ("json", "/etc", ["output: /etc is a directory: give the name of a file in it"]),
    ("text", "", []),
    ("json", "", []),
    ("json", "/etc/x", []),
]


@pytest.mark.parametrize(("form", "output", "problems"), REFUSED)
def test_what_cannot_be_shown_is_refused(form: str, output: str, problems: list[str]) -> None:
    assert lvs_status_problems(form, output) == problems


def test_what_is_refused_is_so_before_any_host_is_asked(estate: Estate) -> None:
    run = estate.run(STATUS, "-e", "format=yaml", "-e", "output=/no/such/place")
    assert run.returncode == 2
    for _, _, (problem,) in (REFUSED[0], REFUSED[2]):
        assert problem in run.text
    assert run.counts == {}
