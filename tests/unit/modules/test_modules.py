"""lvs_facts and lvs_probe as Ansible runs them, and their documentation against their arguments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils import lvs_host

from library import cluster_lock, lvs_facts, lvs_probe

from .webserver import WebServer

ROOT = Path(__file__).parents[3]


def run_module(name: str, arguments: Mapping[str, object], *options: str) -> dict[str, Any]:
    """Run a module on this machine with ``ansible``; returns its result."""
    run = subprocess.run(
        [sys.executable, "-m", "ansible", "adhoc", "localhost", "-i", "localhost,", "-c", "local",
         "-m", name, "-a", json.dumps(arguments), *options],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_LIBRARY": str(ROOT / "library"),
            "ANSIBLE_MODULE_UTILS": str(ROOT / "module_utils"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert "=> {" in run.stdout, run.stdout + run.stderr
    result: dict[str, Any] = json.loads(run.stdout[run.stdout.index("=> {") + 3 :])
    return result


class _Stop(Exception):  # noqa: N818 -- not an error
    """Ends a module's main once its arguments are known."""


def arguments_of(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a module's main gives to AnsibleModule."""
    seen: dict[str, Any] = {}

    def stand_in(**given: object) -> None:
        seen.update(given)
        raise _Stop

    monkeypatch.setattr(module, "AnsibleModule", stand_in)
    with pytest.raises(_Stop):
        module.main()
    return seen


def comparable(options: dict[str, Any], nested: str) -> dict[str, Any]:
    """The parts of options that documentation and argument specification share."""
    parts = ("type", "required", "default", "choices", "elements")
    return {
        name: {
            **{part: option[part] for part in parts if part in option},
            "nested": comparable(option.get(nested, {}), nested),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize("module", [cluster_lock, lvs_facts, lvs_probe])
def test_documentation_matches_the_arguments(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    given = arguments_of(module, monkeypatch)
    documented = yaml.safe_load(module.DOCUMENTATION)
    assert comparable(given["argument_spec"], "options") == comparable(documented["options"], "suboptions")
    assert given["supports_check_mode"] is True
    assert documented["module"] == module.__name__.rsplit(".", 1)[-1]


def test_observation_has_what_is_documented(tmp_path: Path) -> None:
    documented = yaml.safe_load(lvs_facts.RETURN)["observation"]["contains"]
    lists = ("packages", "units", "modules", "sysctls", "files", "users", "arp", "adverts")
    wanted: dict[str, list[object]] = {name: [] for name in lists}
    asked = dict.fromkeys(lvs_facts._ASKED, True)
    host = lvs_host.Host(lambda argv: (127, "", ""), str(tmp_path))
    observation = lvs_facts.observe(host, {**wanted, **asked, "marker": None, "adverts_s": 0})
    assert set(observation) - {"problems"} == set(documented)
    assert observation["problems"] == []


def test_facts_by_ansible_in_check_mode(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("text\n", encoding="utf-8")
    result = run_module(
        "lvs_facts",
        {
            "files": [str(file)],
            "marker": "ext",
            "users": ["root", "no-such-user"],
            "sysctls": ["kernel.ostype"],
            "arp": [{"interface": "lo", "address": "192.0.2.1"}],
        },
        "--check",
    )
    assert result["changed"] is False
    observation = result["observation"]
    assert observation["schema"] == 1
    assert abs(observation["time"] - time.time()) < 60
    assert observation["sysctls"] == {"kernel.ostype": "Linux"}
    assert observation["files"][str(file)]["size"] == 5
    assert observation["files"][str(file)]["marked"] is True
    assert observation["users"] == {"root": 0, "no-such-user": None}
    assert observation["euid"] == os.geteuid()
    assert observation["kernel"] == os.uname().release
    assert observation["arp"][0]["skipped"]
    for part in (
        "keepalived",
        "network",
        "network_error",
        "ra_routes",
        "nftables",
        "managed",
        "status",
        "adverts",
    ):
        assert observation[part] is None  # was not asked for


def test_probe_by_ansible_in_check_mode(web: WebServer) -> None:
    closed = WebServer()
    closed.up()
    closed.down()
    result = run_module(
        "lvs_probe",
        {
            "requests": [
                {"name": "up", "address": web.address, "port": web.port, "count": 4},
                # null means "by default", as a plan with optional keys writes it
                {
                    "name": "down",
                    "address": "127.0.0.1",
                    "port": closed.port,
                    "count": 2,
                    "header": None,
                    "host": None,
                },
            ]
        },
        "--check",
    )
    assert result["changed"] is False
    up, down = result["results"]
    assert up == {
        "name": "up", "address": "127.0.0.1", "port": web.port, "total": 4, "answered": 4, "failed": 0,
        "by_server": {"web1": 4}, "errors": {}, "first_error": None,
    }  # fmt: skip
    assert (down["name"], down["failed"], down["errors"]) == ("down", 2, {"connect: Connection refused": 2})
    assert down["first_error"].startswith("request 0, 0.")
    assert down["first_error"].endswith(" s after the start: connect: Connection refused")
    assert result["arp"] == []


def test_probe_names_every_wrong_entry() -> None:
    result = run_module(
        "lvs_probe",
        {"requests": [
            {"name": "a", "address": "192.0.2.300", "port": 80},
            {"name": "b", "address": "192.0.2.10", "port": 0},
        ]},
    )  # fmt: skip
    assert result["msg"] == (
        "requests[0].address: must be an IPv4 or IPv6 address; requests[1].port: must be 1 to 65535"
    )
