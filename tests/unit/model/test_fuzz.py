"""Whatever an operator writes, the answer is a plan or a ModelError: never another exception."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lvs_model.compare import compare
from lvs_model.plan import compile_plan
from lvs_model.problems import ModelError
from lvs_model.report import plan_lines, table_lines
from lvs_model.verdict import judge

from .builders import Case, Site
from .generated import cluster_values, host_values
from .pretended import answers

# Values that a YAML file can hold, those that look right at first sight among them.
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70000),
    st.sampled_from([10**30, -1, 0.25, 0.1001, 1e308, float("nan"), float("inf"), "", " ", "80", "yes", "é"]),
    st.sampled_from(["192.0.2.10", "192.0.2.255", "2001:db8::10", "192.0.2.0/24", "0.0.0.0/0", "lo", "eth0"]),
    st.sampled_from(
        ["front", "sync", "edge_web", "edge_directors", "probes", "sh", "fo", "dr", "a\nb", "\0"]
    ),
    st.text(max_size=6),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Every place of a document, as the steps that lead there."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for step, inner in steps for place in ((*at, step), *_places(inner, (*at, step)))]


def _mutate(data: st.DataObject, value: Any) -> None:  # noqa: ANN401
    """Replace, remove, repeat or add something at a random place."""
    place = data.draw(st.sampled_from(_places(value)))
    for step in place[:-1]:
        value = value[step]
    last = place[-1]
    kind = data.draw(st.sampled_from(["replace", "replace", "remove", "add", "repeat"]))
    if kind == "replace":
        value[last] = data.draw(_VALUES)
    elif kind == "remove":
        del value[last]
    elif isinstance(value, dict):
        value[data.draw(st.text(max_size=6) | st.sampled_from(["port", "lvs_weight"]))] = data.draw(_VALUES)
    else:
        value.append(value[last] if kind == "repeat" else data.draw(_VALUES))


def _mutated(data: st.DataObject, case: Case) -> None:
    """Mutate the document, a host's variables, or who is in a group; keep it an inventory."""
    part = data.draw(st.sampled_from(["document", "document", "document", "hostvars", "groups"]))
    if part == "document":
        _mutate(data, case.document)
    elif part == "hostvars":
        host = data.draw(st.sampled_from(sorted(case.hostvars)))
        if case.hostvars[host]:
            _mutate(data, case.hostvars[host])
    else:
        group = data.draw(st.sampled_from(["edge_directors", "edge_web", "probes"]))
        case.groups[group] = data.draw(st.lists(st.sampled_from(sorted(case.hostvars)), unique=True))


def _outcome(hostvars: dict[str, Any], groups: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return compile_plan(hostvars, groups)
    except ModelError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.path and problem.what and problem.remedy
        return None


@given(data=st.data())
def test_a_mutated_inventory_gives_a_plan_or_problems(data: st.DataObject) -> None:
    case = Case()
    case.add_service("tls", ports=[443], scheduler="wlc")
    for _ in range(data.draw(st.integers(1, 4))):
        _mutated(data, case)
    hostvars = {
        name: dict(own) | ({"lvs_cluster": case.document} if name in case.groups["edge"] else {})
        for name, own in case.hostvars.items()
    }
    plan = _outcome(hostvars, case.groups)
    if plan is not None:
        site = Site(json.loads(json.dumps(plan, allow_nan=False)))
        work = compare(site.plan, site.seen)
        assert (work["hosts"], work["again"]) == ({}, [])
        findings = judge(site.plan, site.seen, answers(site.plan))
        assert [one["line"] for one in findings if one["status"] == "failed"] == []


@given(document=cluster_values(), hosts=st.lists(host_values(), max_size=3), data=st.data())
def test_options_of_the_right_types_give_a_plan_or_problems(
    document: dict[str, Any], hosts: list[dict[str, Any]], data: st.DataObject
) -> None:
    case = Case()
    document.setdefault("services", case.document["services"])
    case.document |= document
    for own, name in zip(hosts, ("web1", "web2", "lb1"), strict=False):
        case.hostvars[name] |= own
    if data.draw(st.booleans()):
        _mutated(data, case)
    plan = _outcome(*case.inputs())
    if plan is not None:
        stored = json.loads(json.dumps(plan, allow_nan=False))
        assert table_lines(stored["clusters"]) and plan_lines(stored["clusters"]) == stored["summary"]


@given(document=_VALUES)
def test_any_value_as_document_gives_problems(document: Any) -> None:  # noqa: ANN401
    assert _outcome({"lb1": {"lvs_cluster": document}}, {"all": ["lb1"]}) is None


# What lvs_facts documents as null where a host does not have it.
_NULLABLE = ("packages", "units", "sysctls", "files", "ipvs", "keepalived", "os_release", "addresses")


@given(data=st.data())
def test_whatever_a_host_lacks_it_is_compared_and_judged(data: st.DataObject) -> None:
    site = Site()
    for _ in range(data.draw(st.integers(1, 5))):
        raw = site.seen[data.draw(st.sampled_from(sorted(site.seen)))]
        part = data.draw(st.sampled_from(_NULLABLE))
        if isinstance(raw[part], dict) and raw[part] and not data.draw(st.booleans()):
            raw[part] = dict(raw[part])
            raw[part][data.draw(st.sampled_from(sorted(raw[part])))] = None
        elif part in {"keepalived", "os_release", "addresses"}:
            raw[part] = None
    try:
        compare(site.plan, site.seen)
    except ModelError as error:
        assert error.problems
    assert judge(site.plan, site.seen, answers(site.plan))
