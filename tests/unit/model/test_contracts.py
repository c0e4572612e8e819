"""The plan speaks the modules' language: what it hands them are their options, what it reads they return."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import pytest
import yaml

from .builders import Case, Site
from .cases import ROOT
from .compared import work
from .pretended import answers


@cache
def documented(module: str, constant: str) -> dict[str, Any]:
    """A module's DOCUMENTATION or RETURN, read without importing it."""
    tree = ast.parse((ROOT / "library" / f"{module}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == constant:
            found: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return found
    raise AssertionError(f"{module} has no {constant}")


def options(module: str, *path: str) -> dict[str, Any]:
    """The options of a module, or the suboptions of one of them."""
    found: dict[str, Any] = documented(module, "DOCUMENTATION")["options"]
    for step in path:
        found = found[step]["suboptions"]
    return found


def fits(given: dict[str, Any], known: dict[str, Any]) -> bool:
    """Whether only known options are given, and all that are required."""
    required = {name for name, option in known.items() if option.get("required")}
    return required <= set(given) <= set(known)


@pytest.mark.parametrize("host", ["lb1", "web1"])
def test_what_is_observed_is_what_lvs_facts_can_be_asked(host: str) -> None:
    observe = Case().plan()["hosts"][host]["observe"]

    assert fits(observe, options("lvs_facts"))
    assert all(fits(question, options("lvs_facts", "arp")) for question in observe["arp"])


def test_what_the_model_reads_is_what_lvs_facts_returns() -> None:
    returned = documented("lvs_facts", "RETURN")["observation"]["contains"]

    for host, raw in Site().seen.items():
        # Problems are documented as a return value of their own.
        assert set(raw) - set(returned) <= {"problems"}, host


def test_what_a_client_sends_is_what_lvs_probe_takes() -> None:
    for request in Case().plan()["probes"]["client1"]["requests"]:
        assert fits(request, options("lvs_probe", "requests"))


def test_what_the_verdict_reads_is_what_lvs_probe_returns() -> None:
    returned = documented("lvs_probe", "RETURN")["results"]["contains"]

    for probe in answers(Case().plan()).values():
        for result in probe["results"]:
            assert set(result) <= set(returned)


@pytest.mark.parametrize("host", ["lb1", "web1"])
def test_what_is_applied_is_what_config_set_takes(host: str) -> None:
    planned = Case().plan()["hosts"][host]

    for part in ("files", "validate", "health"):
        assert all(fits(entry, options("config_set", part)) for entry in planned[part]), part


def test_actions_forced_or_not_are_what_config_set_takes() -> None:
    site = Site()
    site.seen["lb1"]["ipvs"]["table"] = ""
    site.seen["lb1"]["sysctls"] = {}

    known = options("config_set", "actions")
    actions = work(site)["hosts"]["lb1"]["actions"]
    assert all(fits(action, known) for action in actions)
    # Actions of the plan, with the files that trigger them, and the table's mending, without.
    assert {"on" in action for action in actions} == {True, False}


def test_what_is_cleaned_up_is_what_config_set_takes() -> None:
    site = Site()
    site.seen["web1"]["managed"] += ["/etc/old", "/etc/systemd/system/old.service"]
    found = work(site)["hosts"]["web1"]

    assert found["stop"] and found["remove"]
    assert all(fits(action, options("config_set", "actions")) for action in found["stop"])
    assert all(fits(file, options("config_set", "files")) for file in found["remove"])
    assert "absent" in options("config_set", "files")["state"]["choices"]
