"""From Ansible's variables to plain data: with little templating, and never with an error of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pytest
from ansible.errors import AnsibleError

from filter_plugins.lvs_plan import lvs_plan
from lvs_ansible import origins
from lvs_ansible.hostvars import planned
from lvs_model.problems import Problem
from tests.unit.model.builders import Case


class Counting(Mapping[str, Mapping[str, Any]]):
    """Stands for Ansible's hostvars: what was written, and what templating makes of it, counted."""

    def __init__(self, written: dict[str, dict[str, Any]], templated: dict[str, Any]) -> None:
        self.written = written
        self.templated = templated
        self.asked: list[tuple[str, str]] = []

    def raw_get(self, host: str) -> dict[str, Any]:
        """A host's variables as they were written."""
        return self.written[host]

    def __getitem__(self, host: str) -> Mapping[str, Any]:
        """A host's variables, templated one by one."""
        outer = self

        class Lazy(dict[str, Any]):
            def __getitem__(self, key: str) -> Any:  # noqa: ANN401
                outer.asked.append((host, key))
                value = outer.templated[key]
                if isinstance(value, Exception):
                    raise value
                return value

        return Lazy(self.written[host])

    def __iter__(self) -> Iterator[str]:
        """The hosts' names."""
        return iter(self.written)

    def __len__(self) -> int:
        """How many hosts there are."""
        return len(self.written)


def written(case: Case, document: object) -> dict[str, dict[str, Any]]:
    """The hosts' variables, with one and the same document for all hosts of the cluster."""
    own = {name: dict(variables) for name, variables in case.hostvars.items()}
    for host in case.groups["edge"]:
        own[host]["lvs_cluster"] = document
    return own


def test_what_is_no_template_is_not_templated() -> None:
    case = Case()
    hostvars = Counting(written(case, case.document), {})

    assert planned(hostvars, case.groups) == {"problems": [], **case.plan()}
    assert hostvars.asked == []


def test_a_templated_document_is_read_once_for_each_director() -> None:
    case = Case()
    document = {**case.document, "services": "{{ services }}"}
    hostvars = Counting(written(case, document), {"lvs_cluster": case.document})

    assert planned(hostvars, case.groups)["clusters"] == case.plan()["clusters"]
    assert hostvars.asked == [("lb1", "lvs_cluster"), ("lb2", "lvs_cluster")]


@pytest.mark.parametrize(
    ("directors", "hosts"), [("nobody", ["lb1"]), ("{{ group }}", ["lb1"]), (["edge_directors"], ["lb1"])]
)
def test_without_directors_one_host_tells_the_document(directors: object, hosts: list[str]) -> None:
    case = Case()
    document = {**case.document, "directors": directors, "services": "{{ services }}"}
    hostvars = Counting(written(case, document), {"lvs_cluster": case.document})

    planned(hostvars, case.groups)
    assert hostvars.asked == [(host, "lvs_cluster") for host in hosts]


def test_two_documents_are_both_read() -> None:
    case = Case()
    own = written(case, case.document)
    own["web1"]["lvs_cluster"] = {**case.document, "weight_error": 0.1}

    assert planned(own, case.groups) == {
        "problems": [
            "lvs_cluster[edge]: two different clusters have this name: give one of them another name"
        ]
    }


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            AnsibleError("no\nsuch key"),
            "this cannot be templated (no such key): mend it, or what it refers to",
        ),
        (
            TypeError("not serializable"),
            "this is no plain data (not serializable): write texts, numbers, booleans, lists and keys",
        ),
        (
            RecursionError("too deep"),
            "this is no plain data (too deep): write texts, numbers, booleans, lists and keys",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_a_problem_beside_the_others(error: Exception, words: str) -> None:
    case = Case()
    own = written(case, {**case.document, "services": "{{ services }}"})
    own["web1"]["lvs_weight"] = -1
    hostvars = Counting(own, {"lvs_cluster": error})

    assert planned(hostvars, case.groups) == {
        "problems": [
            "host web1: lvs_weight: -1 is not allowed: use a value greater than or equal to 0",
            f"lvs_cluster[edge]: {words}",
        ]
    }


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), {("a", "b"): 1}])
def test_what_json_does_not_know_is_no_plain_data(value: object) -> None:
    case = Case()
    case.hostvars["web1"]["lvs_weight"] = value

    (problem,) = planned(written(case, case.document), case.groups)["problems"]
    assert problem.startswith("host web1: lvs_weight: this is no plain data (")


class Tag:
    """Stands for ansible-core's tags."""

    def __init__(self, found: object) -> None:
        self.found = found

    def get_tag(self, value: object) -> object:
        """What the tag says of a value, or fail as a changed interface would."""
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    is_tagged_on = get_tag


@pytest.mark.parametrize("tag", [None, Tag(None), Tag(AttributeError()), Tag(TypeError()), Tag(object())])
def test_without_ansibles_tags_nothing_is_known_and_nothing_fails(
    tag: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "Origin", tag)
    monkeypatch.setattr(origins, "VaultedValue", tag)
    case = Case()
    secret = {"version": 2, "network": "front", "authentication": {"password": "hunter2"}}
    case.document["failover"] = secret
    own = written(case, case.document)

    assert list(origins.plain_secrets(case.document, ("failover", "authentication", "password"))) == []
    assert planned(own, case.groups)["warnings"] == []
    own["web1"]["lvs_weight"] = -1
    (problem,) = planned(own, case.groups)["problems"]
    assert problem.startswith("host web1: lvs_weight: -1 is not allowed")


@pytest.mark.parametrize(
    "path",
    ["", "group x", "lvs_cluster", "lvs_cluster[other].a", "lvs_cluster[edge].services[9].x", "host x: y"],
)
def test_places_that_lead_nowhere_are_no_errors(path: str) -> None:
    case = Case()
    problem = Problem(path, "what", "remedy")

    assert origins.located([problem], written(case, case.document)) == [str(problem)]


# Clusters of which nothing is to be left.


def torn_down(teardown: str | Literal[False]) -> dict[str, Any]:
    """What the filter makes of an inventory with the clusters edge and two."""
    case = Case()
    case.add_cluster("two", 3)
    return lvs_plan(*case.inputs(), teardown)


@pytest.mark.parametrize(
    ("teardown", "clusters", "roles"),
    [
        (False, ["edge", "two"], {"director", "real_server"}),
        ("two", ["two"], {"retired"}),
        ("edge,two", ["edge", "two"], {"retired"}),
        (" two ,  edge ", ["two", "edge"], {"retired"}),
    ],
)
def test_clusters_to_be_torn_down_are_named_in_a_text(
    teardown: str | Literal[False], clusters: list[str], roles: set[str]
) -> None:
    found = torn_down(teardown)

    assert found["problems"] == []
    assert list(found["clusters"]) == clusters
    assert {one["role"] for one in found["hosts"].values()} == roles


@pytest.mark.parametrize(
    ("teardown", "problem"),
    [
        # The playbook without the variable: nobody's cluster is taken for all of them.
        ("", "lvs_teardown: which cluster shall be torn down is not said: name it: -e lvs_teardown=NAME, of"),
        ("three", "lvs_teardown: there is no cluster 'three': use one of edge, two"),
    ],
)
def test_a_teardown_of_nothing_known_is_a_problem_and_no_plan(teardown: str, problem: str) -> None:
    found = torn_down(teardown)

    assert list(found) == ["problems"]
    (text,) = found["problems"]
    assert str(text).startswith(problem)


def test_an_inventory_with_a_problem_is_not_torn_down() -> None:
    """Whose hosts are whose would be guessed."""
    case = Case()
    case.service["forwarding"] = "drr"

    found = lvs_plan(*case.inputs(), "edge")

    assert list(found) == ["problems"]
    assert "forwarding" in str(found["problems"][0])


@pytest.mark.parametrize(
    ("password", "places"),
    [
        ("hunter2", [".failover.pacemaker.fencing.devices[1].password"]),
        ("{{ vault_password }}", []),
        (["hunter2"], [".failover.pacemaker.fencing.devices[1].password[0]"]),
    ],
)
def test_secrets_in_lists_are_found_where_they_stand(
    password: object, places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "_is_vaulted", lambda _: False)
    devices = [{"name": "one"}, {"name": "two", "password": password}]
    document = {"failover": {"pacemaker": {"fencing": {"devices": devices}}}}
    steps = ("failover", "pacemaker", "fencing", "devices", "password")

    assert list(origins.plain_secrets(document, steps)) == places
