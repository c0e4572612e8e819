"""The module as Ansible runs it: a process of its own, with JSON in and JSON out; and one real playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from .host import GROUP, OWNER, Host

_TREE = Path(__file__).parents[3]
_CONF = "/etc/keepalived/keepalived.conf"
_SECRET = "hunter2hunter"  # noqa: S105 - what must not be seen anywhere

# What AnsiballZ does: module_utils beside Ansible's own, the arguments handed in; and a log to see.
_RUNNER = f"""
import json, runpy, sys, syslog
import ansible.module_utils
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
ansible.module_utils.__path__.append({str(_TREE / "module_utils")!r})
basic.has_journal = False
syslog.syslog = lambda *words: print("SYSLOG", *words, file=sys.stderr)
with patch_module_args(json.load(sys.stdin)):
    runpy.run_path({str(_TREE / "library/config_set.py")!r}, run_name="__main__")
"""


def _run(host: Host, **given: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - any argument
    """The module's answer, and all that it said, the log included. Its own defaults apply."""
    process = subprocess.run(
        [sys.executable, "-c", _RUNNER],
        input=json.dumps({"root": str(host.root), **given}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.stdout.strip(), process.stderr
    answer: dict[str, Any] = json.loads(process.stdout)
    assert process.returncode == (1 if answer.get("failed") else 0)
    return answer, process.stdout + process.stderr


def _file(path: str, content: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
    return {"path": path, "content": content, "owner": OWNER, "group": GROUP, **more}


def test_a_change_then_none(host: Host) -> None:
    action = host.sh("reload", "echo reload >>$1", on=[_CONF])
    answer, _ = _run(host, files=[_file(_CONF, "new\n", mode="0640")], actions=[action], _ansible_diff=True)
    assert answer["diff"] == [
        {"before": "old keepalived\n", "after": "new\n", "before_header": _CONF, "after_header": _CONF}
    ]
    del answer["diff"]
    unchanged: dict[str, Any] = {
        "healed": [],
        "generation": "000001",
        "recovered": [],
        "unfinished": [],
        "installed": [],
        "guarded": [],
        "confirmed": [],
    }
    assert not answer.pop("invocation", None)  # see the test of secrets
    unchanged["previous"] = None
    assert answer == {"changed": True, "files": {_CONF: "changed"}, "actions": ["reload"], **unchanged}
    answer, _ = _run(host, files=[_file(_CONF, "new\n", mode="0640")], actions=[action])
    assert not answer.pop("invocation", None)
    assert answer == {"changed": False, "files": {}, "actions": [], **unchanged}
    assert host.actions() == ["reload"]


def test_check_mode_and_warnings(host: Host) -> None:
    before = host.tree(state=True)
    answer, _ = _run(
        host,
        files=[_file(_CONF, "new\n")],
        validate=[{"name": "v", "argv": ["no-such-checker"], "paths": [_CONF]}],
        _ansible_check_mode=True,
    )
    assert answer["changed"]
    assert "diff" not in answer
    assert "no-such-checker" in str(answer["warnings"])
    assert host.tree(state=True) == before


def test_a_failure_has_its_details(host: Host) -> None:
    answer, _ = _run(host, files=[_file(_CONF, "new\n")], health=[host.sh("h", "echo why; exit 3")])
    assert answer["failed"]
    assert answer["msg"].startswith("health check 'h' failed: exit code 3:\nwhy\nThe files were rolled back")
    assert answer["failure"]["rc"] == 3
    assert answer["rolled_back"]
    assert answer["rollback_problems"] == ["health check 'h': exit code 3:\nwhy"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, ""),
        (
            {"validate": [{"name": "v", "argv": ["sh", "-c", f"echo {_SECRET}; exit 1"], "paths": ["/s"]}]},
            "[secret]",
        ),
        ({"actions": [{"name": "a", "argv": ["cat", "/nonexistent"], "on": ["/s"]}]}, "action 'a' failed"),
        ({"keep": "many"}, "keep"),  # refused by AnsibleModule itself
        ({"health": [{"argv": ["true"]}]}, "name"),
        ({"keep": 0}, "keep: 0 generations"),
    ],
    ids=["success", "validator", "action", "type", "missing", "value"],
)
def test_a_secret_is_in_no_answer_and_in_no_log(host: Host, given: dict[str, Any], message: str) -> None:
    secret = _file("/s", f"key {_SECRET}\n", secret=True, mode="0600")
    answer, said = _run(host, files=[secret], _ansible_diff=True, **given)
    assert bool(answer.get("failed")) == bool(message)
    assert message in answer.get("msg", "")
    if not message:
        assert "SYSLOG" in said  # it did log
    # The validator's argument is given in clear by this very test; its output is not.
    assert _SECRET not in said.replace(f"echo {_SECRET}; exit 1", "")
    # The arguments are not echoed: ansible-core 2.19 says so with an empty entry, 2.21 with none.
    assert not answer.get("invocation")


def test_a_daemon_left_by_an_action_does_not_hold_the_answer_back(host: Host) -> None:
    started = time.monotonic()
    daemon = host.sh("daemon", "sleep 20 & echo $! >>$1", force=True)
    assert _run(host, actions=[daemon])[0]["healed"] == ["daemon"]
    assert time.monotonic() - started < 15
    os.kill(int(host.actions()[0]), 9)


def test_a_real_playbook_shows_no_secret_even_when_asked_for_everything(host: Host) -> None:
    playbook = host.base / "play.yml"
    secret = _file("/etc/secret", f"key {_SECRET}\n", secret=True)
    arguments = {"root": str(host.root), "files": [_file(_CONF, "new\n", mode="0640"), secret]}
    task = {"name": "Apply", "config_set": arguments, "diff": True}
    playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    inventory = f"{host.base}/inventory"
    Path(inventory).write_text(f"node ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    process = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", inventory, "-vvv", str(playbook)],
        cwd=_TREE,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(_TREE / "ansible.cfg"),
            "ANSIBLE_LIBRARY": str(_TREE / "library"),
            "ANSIBLE_MODULE_UTILS": str(_TREE / "module_utils"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "+new" in process.stdout
    assert "[secret: content not shown]" in process.stdout
    assert _SECRET not in process.stdout + process.stderr
    assert _SECRET in host.path("/etc/secret").read_text()


def test_the_documentation_matches_the_arguments() -> None:
    """Options, suboptions and defaults, as ansible-doc would read them and as the module does."""
    shown = subprocess.run(
        [sys.executable, "-m", "ansible", "doc", "-j", "-t", "module", "-M", "library", "config_set"],
        cwd=_TREE,
        capture_output=True,
        text=True,
        check=True,
    )
    documented = json.loads(shown.stdout)["config_set"]["doc"]["options"]
    script = f"""
import json, runpy, ansible.module_utils
ansible.module_utils.__path__.append({str(_TREE / "module_utils")!r})
print(json.dumps(runpy.run_path({str(_TREE / "library/config_set.py")!r})["ARGUMENT_SPEC"]))
"""
    spec = json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    assert _shape(documented, "suboptions") == _shape(spec, "options")


def _shape(options: dict[str, Any], below: str) -> dict[str, Any]:
    return {
        name: (
            option["type"],
            option.get("elements"),
            option.get("default"),
            option.get("choices"),
            option.get("required", False),
            _shape(option.get(below) or {}, below),
        )
        for name, option in options.items()
    }
