"""What roles/host/tasks/apply.yml hands to config_set, templated by Ansible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.model.cases import ROOT

from .test_filters import ansible

FOLDER = "/etc/tmpfiles.d/lvs-toolkit.conf"
HASH = {"sha256": "0" * 64}

HOST = ROOT / "roles" / "host"
(APPLY,) = yaml.safe_load((HOST / "tasks" / "apply.yml").read_text())
VARS = yaml.safe_load((HOST / "vars" / "main.yml").read_text())


@pytest.mark.parametrize(
    ("options", "user", "prepared", "there", "judged"),
    [
        (("--check",), 997, [], None, True),
        (("--check",), None, [], None, False),
        # The folder that keepalived -t wants is made by the run that brings this file.
        (("--check",), 997, [FOLDER], None, False),
        (("--check",), 997, [FOLDER], HASH, True),
        ((), None, [FOLDER], None, True),
    ],
)
def test_check_mode_leaves_out_validators_that_lack_what_a_run_would_bring(
    tmp_path: Path,
    options: tuple[str, ...],
    user: int | None,
    prepared: list[str],
    there: dict[str, str] | None,
    judged: bool,
) -> None:
    plan: dict[str, Any] = {"validate": ["keepalived -t"], "prepare": ["mkdir"], "prepared": prepared}
    seen = {"users": {"keepalived_script": user}, "files": {FOLDER: there}}
    task = {
        "ansible.builtin.assert": {"that": "[__validate, __prepare] == expected"},
        "vars": {
            **{name: VARS[name] for name in ("__host_unprepared", "__host_seen", "__host_prepared")},
            "__validate": APPLY["config_set"]["validate"],
            "__prepare": APPLY["config_set"]["prepare"],
        },
    }
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    extra = {
        "__host_plan": plan,
        "__host_work": {"prepare": ["first of all"]},
        "__observe_result": {"observation": seen},
        "expected": [plan["validate"] if judged else [], ["first of all", *plan["prepare"]]],
    }

    done = ansible(
        "ansible-playbook", "-i", "localhost,", tmp_path / "play.yml", "-e", json.dumps(extra), *options
    )

    assert done.returncode == 0, done.stdout + done.stderr
