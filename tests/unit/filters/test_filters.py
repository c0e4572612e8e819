"""The filters as Ansible runs them: lazily templated variables in, plain data and clear errors out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from filter_plugins.lvs_compare import lvs_compare
from filter_plugins.lvs_host_work import lvs_host_work
from filter_plugins.lvs_verdict import lvs_verdict
from lvs_model.compare import compare, host_work
from lvs_model.plan import compile_plan
from lvs_model.verdict import judge
from tests.unit.model.builders import Case, Site
from tests.unit.model.cases import ROOT, load
from tests.unit.model.pretended import answers

FILTERS = sorted(path.stem for path in (ROOT / "filter_plugins").glob("*.py"))

# Every lvs_* variable is a template here, down to a single number: since ansible-core 2.19 such values
# reach a filter as lazy, tagged objects that pydantic and json do not know.
INVENTORY = """
all:
  vars:
    vip: 192.0.2.10
    base: 2
    services:
      - {name: www, vips: ["{{ vip }}"], ports: ["{{ 40 + 40 }}"], scheduler: wrr, pool: edge_web,
         check: "{{ {'type': 'http', 'path': '/' ~ 'healthz'} }}", probe: {header: X-Real-Server}}
  children:
    edge:
      vars:
        lvs_cluster:
          name: edge
          directors: edge_directors
          networks:
            front: {segment: dc1-v120, interface: "{{ 'eth' ~ 0 }}", subnets: [192.0.2.0/24]}
            sync: {segment: dc1-v99, interface: eth1, subnets: [198.51.100.0/24]}
          failover: {network: front}
          connection_sync: {network: sync}
          services: "{{ services }}"
      children:
        edge_directors:
          hosts:
            lb1: {number: 11}
            lb2: {number: 12}
          vars:
            lvs_addresses: ["192.0.2.{{ number }}", "198.51.100.{{ number }}"]
        edge_web:
          hosts:
            web1: {number: 21, lvs_weight: "{{ base + 1 }}"}
            web2: {number: 22, lvs_weight: "{{ base }}"}
            web3: {number: 23, lvs_weight: "{{ base - 1 }}"}
          vars:
            lvs_addresses: ["192.0.2.{{ number }}"]
    probes:
      hosts:
        client1: {lvs_addresses: [192.0.2.101]}
"""

# What a role does with the filters; the last task tells the test what came out.
PLAYBOOK = """
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.set_fact:
        __plan: "{{ hostvars | lvs_plan(groups) }}"
      run_once: true
    - ansible.builtin.set_fact:
        __told:
          plan: "{{ __plan }}"
          work: "{{ __plan | lvs_compare(observations) }}"
          gone: "{{ __plan | lvs_compare(__without) }}"
          failed: "{{ __plan | lvs_compare(__broken, 'lb2') }}"
          host: "{{ __plan.hosts.lb2 | lvs_host_work('lb2', observations.lb2) }}"
          hosts:
            lost: "{{ (__plan.hosts.lb2 | lvs_host_work('lb2', __without.lb2)).changes }}"
            failed: "{{ (__plan.hosts.lb2 | lvs_host_work('lb2', __broken.lb2)).changes }}"
          accepted: "{{ (__plan | lvs_compare(__without, 'lb2, lb9')).unreachable }}"
          listed: "{{ (__plan | lvs_compare(__without, ['lb2'])).unreachable }}"
          findings: "{{ __plan | lvs_verdict(observations, probes) }}"
      run_once: true
      vars:
        __without: "{{ observations | combine({'lb2': {'unreachable': true, 'msg': 'no route'}}) }}"
        __broken: "{{ observations | combine({'lb2': {'failed': true, 'msg': 'No space left'}}) }}"
    - ansible.builtin.copy:
        content: "{{ __told | to_json }}"
        dest: "{{ told }}"
        mode: "0600"
      run_once: true
"""


def ansible(command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of Ansible's from the project's root, with its own configuration."""
    return subprocess.run(
        [ROOT / ".venv" / "bin" / command, *arguments],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0", "COLUMNS": "500"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def site() -> Site:
    """The same cluster as the inventory's, with a table that was flushed on lb2."""
    site = Site()
    site.seen["lb2"]["ipvs"]["table"] = ""
    return site


def registered(site: Site) -> dict[str, Any]:
    """What the task with lvs_facts registers; lb2 was looked at until the task gave up, and failed."""
    results: dict[str, Any] = {
        host: {"changed": False, "failed": False, "observation": raw} for host, raw in site.seen.items()
    }
    results["lb2"] |= {"failed": True, "attempts": 5}
    return results


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, site: Site) -> dict[str, Any]:
    """What the filters returned inside a playbook."""
    folder = tmp_path_factory.mktemp("filters")
    (folder / "hosts.yml").write_text(INVENTORY)
    (folder / "play.yml").write_text(PLAYBOOK)
    extra = {
        "observations": registered(site),
        "probes": answers(site.plan),
        "told": str(folder / "told.json"),
    }
    (folder / "extra.json").write_text(json.dumps(extra))
    done = ansible(
        "ansible-playbook", "-i", folder / "hosts.yml", folder / "play.yml", "-e", f"@{folder / 'extra.json'}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return result


def test_templated_variables_compile_to_the_same_plan_as_plain_ones(told: dict[str, Any], site: Site) -> None:
    assert told["plan"] == {"problems": [], **site.plan}


def test_compare_through_ansible_is_the_models(told: dict[str, Any], site: Site) -> None:
    work = compare(site.plan, site.seen)

    assert list(work["hosts"]) == ["lb2"]
    assert re.fullmatch("[0-9a-f]{8}", told["work"].pop("run"))
    assert told["work"] == json.loads(json.dumps({"problems": [], **work}))


def test_compare_returns_what_forbids_to_act(told: dict[str, Any]) -> None:
    assert told["gone"]["problems"] == [
        "host lb2: this director is unreachable, and nothing has been changed: mend it, or accept its "
        "absence by name: -e lvs_accept_unreachable=lb2"
    ]


def test_a_task_that_failed_is_refused_whatever_is_accepted(told: dict[str, Any]) -> None:
    assert told["failed"] == {
        "problems": ["host lb2: it could not be observed (No space left): mend that first"]
    }


def test_one_hosts_work_through_ansible_is_the_models(told: dict[str, Any], site: Site) -> None:
    found = host_work(site.plan["hosts"]["lb2"], "lb2", site.seen["lb2"])

    assert len(found["changes"]) == 4  # the service and three real servers
    assert told["host"] == json.loads(json.dumps(found))
    assert told["hosts"] == {
        "lost": ["it could not be observed: it is unreachable"],
        "failed": ["it could not be observed: No space left"],
    }


def test_an_unreachable_director_is_accepted_by_name_in_a_text_or_a_list(told: dict[str, Any]) -> None:
    assert told["accepted"] == told["listed"] == ["lb2"]


def test_verdict_through_ansible_is_the_models(told: dict[str, Any], site: Site) -> None:
    findings = judge(site.plan, site.seen, answers(site.plan))

    assert {one["status"] for one in findings} == {"proven", "failed"}
    assert told["findings"] == findings


def test_an_observation_that_cannot_be_read_is_an_error(site: Site) -> None:
    lb1 = {**site.seen["lb1"], "ipvs": {**site.seen["lb1"]["ipvs"], "table": "-Z"}}
    seen = {**site.seen, "lb1": lb1}

    for read in (
        lambda: lvs_compare(site.plan, seen),
        lambda: lvs_verdict(site.plan, seen, {}),
        lambda: lvs_host_work(site.plan["hosts"]["lb1"], "lb1", {"observation": seen["lb1"]}),
    ):
        with pytest.raises(AnsibleFilterError, match=r"^an observation cannot be read: .*"):
            read()


def test_ansible_doc_shows_every_filter() -> None:
    done = ansible("ansible-doc", "--type", "filter", "--json", *FILTERS)

    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    assert sorted(shown) == FILTERS
    for name, entry in shown.items():
        assert entry["doc"]["short_description"], name
        assert entry["doc"]["options"]["_input"]["description"], name
        assert name in entry["examples"]
        assert entry["return"]["_value"]["description"], name


def test_importing_a_filter_does_not_import_pydantic() -> None:
    """Every fork of Ansible imports every filter: 0.1 s for each task and host otherwise (ansible.md)."""
    code = (
        "import sys; sys.path.insert(0, 'filter_plugins')\n"
        f"import {', '.join(FILTERS)}\n"
        "print(sorted({'pydantic', 'lvs_model.plan', *FILTERS} & set(sys.modules)))"
    ).replace("*FILTERS", "*" + repr(FILTERS))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == (f"{FILTERS}\n", "")


def test_the_inventory_of_this_test_is_the_builders_one(tmp_path: Path) -> None:
    """Else the comparisons above would compare with another cluster."""
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    _, groups = load(tmp_path / "hosts.yml")

    assert {name: groups[name] for name in ("edge_directors", "edge_web", "probes")} == {
        name: Case().groups[name] for name in ("edge_directors", "edge_web", "probes")
    }
    assert compile_plan(*Case().inputs())["clusters"].keys() == {"edge"}
