"""The filters that need no plan: each documented example as Ansible runs it, and what bad input is told."""

from __future__ import annotations

import inspect
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from filter_plugins import ipvs_diff, lvs_weights, vrrp_priorities, vrrp_router_ids, vrrp_timing
from lvs_model.timing import takeover_times
from tests.unit.filters.test_filters import ansible

FILTERS = {
    "ipvs_diff": ipvs_diff,
    "lvs_weights": lvs_weights,
    "vrrp_priorities": vrrp_priorities,
    "vrrp_router_ids": vrrp_router_ids,
    "vrrp_timing": vrrp_timing,
}

# What each example's `debug` shows; the task by task that has none is told by its success.
SHOWN: dict[str, list[Any]] = {
    "ipvs_diff": [
        [
            "TCP 192.0.2.10:80 has -s rr, not -s wrr -p 300",
            "TCP 192.0.2.10:80: real server 192.0.2.22:80 is missing",
        ]
    ],
    "lvs_weights": [{"web1": 2, "web2": 2, "web3": 1}, {"web1": 2, "web2": 1, "web3": 0}],
    "vrrp_priorities": [{"lb1": 200, "lb2": 150, "lb3": 100}, {"lb1": 200, "lb2": 182}],
    "vrrp_router_ids": [{"edge/main": 51, "edge/main6": 51, "mail/main": 239}],
    "vrrp_timing": [takeover_times({"lb1": 200, "lb2": 150})],
}
KERNEL = "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3\n"


def run(folder: Path, tasks: list[dict[str, Any]], variables: dict[str, Any], told: str) -> Any:  # noqa: ANN401
    """Run tasks on localhost and return what the expression ``told`` is after them: whatever JSON has."""
    last = {"content": f"{{{{ {told} | to_json }}}}", "dest": str(folder / "told.json"), "mode": "0600"}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "connection": "local",
        "vars": variables,
        "tasks": [*tasks, {"ansible.builtin.copy": last}],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    done = ansible("ansible-playbook", "-i", "localhost,", folder / "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return json.loads((folder / "told.json").read_text())


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What every documented example showed, all run in one playbook as they stand in the documentation."""
    tasks: list[dict[str, Any]] = []
    names: dict[str, list[str]] = {name: [] for name in FILTERS}
    for name, module in FILTERS.items():
        for number, task in enumerate(yaml.safe_load(module.EXAMPLES)):
            if "ansible.builtin.command" in task:
                # The only one that asks a host: here it gets what a kernel would have printed.
                continue
            if "ansible.builtin.debug" in task:
                task["register"] = f"__{name}_{number}"
                names[name].append(f"__{name}_{number}.msg")
            tasks.append(task)
    told = ", ".join(f"'{name}': [{', '.join(results)}]" for name, results in names.items())
    found: dict[str, list[Any]] = run(
        tmp_path_factory.mktemp("examples"), tasks, {"kernel": {"stdout": KERNEL}}, f"{{{told}}}"
    )
    return found


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_each_documented_example_shows_what_it_says(name: str, shown: dict[str, list[Any]]) -> None:
    assert shown[name] == SHOWN[name]


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_what_an_example_says_of_its_result_is_so(name: str) -> None:
    """The comments under the examples are the results that the test above compares with."""
    said = [
        yaml.safe_load("{" + line.removeprefix("  # ") + "}")
        for line in FILTERS[name].EXAMPLES.splitlines()
        if line.startswith("  # ")
    ]

    assert said == [result for result in SHOWN[name] if name not in {"ipvs_diff", "vrrp_timing"}]


def test_ansible_doc_shows_each_with_its_example() -> None:
    done = ansible("ansible-doc", "-t", "filter", "-M", "filter_plugins", "--json", *FILTERS)

    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)
    assert sorted(entries) == sorted(FILTERS)
    for name, entry in entries.items():
        assert entry["doc"]["options"]["_input"]["required"], name
        assert f"| {name}" in entry["examples"]
        assert entry["return"]["_value"]["type"] in {"dict", "list"}


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_the_documented_options_and_defaults_are_the_functions(name: str) -> None:
    documented = yaml.safe_load(FILTERS[name].DOCUMENTATION)["options"]
    parameters = list(inspect.signature(getattr(FILTERS[name], name)).parameters.values())

    assert [option for option in documented if option != "_input"] == [one.name for one in parameters[1:]]
    for parameter in parameters[1:]:
        default = documented[parameter.name].get("default", inspect.Parameter.empty)
        empty = default in ({}, []) and not parameter.default
        assert empty or parameter.default == default, parameter.name


REFUSALS = {
    "{{ {'web1': {'weight': 3}, 'web2': {'capacity': 8}} | lvs_weights }}": (
        "lvs_weights: web2: it says capacity, and others weight: say the same of all that are not drained: "
        "weight, capacity or cpus"
    ),
    "{{ {'web1': {'weight': 300}} | lvs_weights('sh') }}": (
        "lvs_weights: the weights sum to 300, the table of sh has 256 places: give smaller weights"
    ),
    "{{ ['web1'] | lvs_weights }}": (
        "lvs_weights: ['web1'] is nothing by server: write {web1: {capacity: 8}}"
    ),
    "{{ ['lb1', 'lb2'] | vrrp_priorities({'lb1': 150, 'lb2': 100}, trackers=[-40]) }}": (
        "vrrp_priorities: a tracker has weight -40, and lb1 has priority 150 and lb2 100: its failure would "
        "never move the VIPs that far: use a weight beyond 50, or 0, or priorities closer to each other"
    ),
    "{{ 'lb1' | vrrp_priorities }}": "vrrp_priorities: 'lb1' is no list of directors: write [lb1, lb2]",
    "{{ ['lb1'] | vrrp_priorities(['lb1']) }}": (
        "vrrp_priorities: given: ['lb1'] is no priority by director: write {lb1: 200}"
    ),
    "{{ ['lb1'] | vrrp_priorities(trackers=-60) }}": (
        "vrrp_priorities: trackers: -60 is no list of weights: write [-60]"
    ),
    "{{ ['lb1'] | vrrp_priorities(failback='no') }}": (
        "vrrp_priorities: failback: 'no' is no boolean: write true or false"
    ),
    "{{ {'a': {'segment': 's', 'router_id': 5}, 'b': {'router_id': 5, 'segment': 's'}}|vrrp_router_ids }}": (
        "vrrp_router_ids: b: router id 5 is taken by a on segment s: give another, or none"
    ),
    "{{ {'a': {'segment': 's', 'router_id': 256}} | vrrp_router_ids }}": (
        "vrrp_router_ids: a: 256 is no router id: use a whole number from 1 to 255"
    ),
    "{{ {'a': {'segment': 's', 'family': 'ipv5'}} | vrrp_router_ids }}": (
        "vrrp_router_ids: a: there is no family 'ipv5': use ipv4 or ipv6"
    ),
    "{{ {'a': {'segment': 's', 'vrid': 5}} | vrrp_router_ids }}": (
        "vrrp_router_ids: a: unknown key 'vrid': use segment, family and router_id"
    ),
    "{{ {'a': {}} | vrrp_router_ids }}": (
        "vrrp_router_ids: a: it lacks the segment's name: write {segment: name}"
    ),
    "{{ 'a' | vrrp_router_ids }}": (
        "vrrp_router_ids: 'a' is nothing by instance: write {cluster/instance: {segment: name}}"
    ),
    "{{ {'lb1': 255} | vrrp_timing }}": (
        "vrrp_timing: lb1 has priority 255, which no backup has: use a whole number from 1 to 254"
    ),
    "{{ [200] | vrrp_timing }}": (
        "vrrp_timing: [200] is no priority by director: write {lb1: 200, lb2: 150}"
    ),
    "{{ {'lb1': 200} | vrrp_timing(0.5, 2) }}": (
        "vrrp_timing: version 2 has no advert interval of 0.5 s: use 1 to 255 whole seconds, or version 3"
    ),
    "{{ '-A -t www:http -s rr' | ipvs_diff({}) }}": (
        "ipvs_diff: ipvsadm -Sn, line 1: '-A -t www:http -s rr' is not understood (www:http is no "
        "address:port in numbers): give what `ipvsadm -Sn` prints (with -n)"
    ),
    "{{ [] | ipvs_diff({}) }}": ("ipvs_diff: the kernel's table is no text: give what `ipvsadm -Sn` printed"),
    "{{ '' | ipvs_diff({'TCP 192.0.2.10:80': {'servers': {}}}) }}": (
        "ipvs_diff: planned: TCP 192.0.2.10:80: this is no service (it lacks 'scheduler'): write 'TCP "
        "address:port' or 'FWM mark': {scheduler: wlc, servers: {'address:port': {weight: 1, method: dr}}}"
    ),
    "{{ '' | ipvs_diff('-Z') }}": (
        "ipvs_diff: planned: ipvsadm -Sn, line 1: '-Z' is not understood (it is too short): "
        "give what `ipvsadm -Sn` prints (with -n)"
    ),
    # A date of YAML's, and a variable that is not there, inside the input.
    "{{ {'lb1': born} | vrrp_timing }}": "vrrp_timing: the input is no plain data",
    "{{ {'web1': {'weight': nowhere.to.be.found}} | lvs_weights }}": "'nowhere' is undefined",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What Ansible says to each template that a filter must refuse, all in one playbook."""
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.debug": {"msg": template}, "register": f"__{number}", "ignore_errors": True}
        for number, template in enumerate(REFUSALS)
    ]
    told = ", ".join(f"__{number}" for number in range(len(REFUSALS)))
    found: list[dict[str, Any]] = run(
        tmp_path_factory.mktemp("refusals"), tasks, {"born": date(2026, 1, 1)}, f"[{told}]"
    )
    return found


@pytest.mark.parametrize("number", range(len(REFUSALS)), ids=list(REFUSALS))
def test_bad_input_is_an_error_that_says_where_and_what_to_do(
    number: int, refusals: list[dict[str, Any]]
) -> None:
    result = refusals[number]

    assert result["failed"]
    assert list(REFUSALS.values())[number] in result["msg"]
