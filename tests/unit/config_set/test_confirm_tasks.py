"""roles/host after a guarded action, played over an ssh that runs its commands here: one play for all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

_TREE = Path(__file__).parents[3]
_GUARD = ["nft", "delete", "table", "inet", "lvs_toolkit"]
_ACTIONS = {
    "plain": [{"name": "reload", "argv": ["true"], "on": [], "force": False}],
    "guarded": [{"name": "load filter", "argv": ["true"], "on": [], "force": True, "guard": _GUARD}],
    # A later action fails: what is in effect must not be undone, on a host that can be reached.
    "failing": [
        {"name": "load filter", "argv": ["true"], "on": [], "force": True, "guard": _GUARD},
        {"name": "reload", "argv": ["false"], "on": [], "force": True},
    ],
    "late": [{"name": "load filter", "argv": ["true"], "on": [], "force": True, "guard": _GUARD}],
    "cut": [{"name": "load filter", "argv": ["true"], "on": [], "force": True, "guard": _GUARD}],
}
# In place of ssh: writes down how it was called, and runs the remote command here, in a shell as sshd does.
# To the host "cut", only a connection that is shared gets through.
_SSH = """#!/bin/sh
echo "$*" | tr '\\n' ' ' >>"{log}"
echo >>"{log}"
host= new=
for word; do
    case $word in
    ControlPath=none) new=yes ;;
    plain|guarded|failing|cut|late) host=$word ;;
    esac
    last=$word
done
if [ "$host$new" = cutyes ]; then
    echo "ssh: connect to host cut port 22: Connection timed out" >&2
    exit 255
fi
LVS_HOST=$host exec sh -c "$last"
"""
# In place of config_set, which would change this machine.
_MODULE = """#!/usr/bin/python
import os
from ansible.module_utils.basic import AnsibleModule
spec = {"files": {}, "prepare": {}, "validate": {}, "actions": {"type": "list"}, "health": {},
        "generation": {}, "keep": {}, "guard_s": {"type": "int"}, "confirm": {"type": "bool"}}
module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
actions = module.params["actions"] or []
guarded = [action["name"] for action in actions if action.get("guard") and action["force"]]
if module.params["confirm"]:
    if "late" in os.environ["LVS_HOST"]:
        module.fail_json(msg="the host itself undid 'load filter'")
    module.exit_json(confirmed=["lvs-guard-0"])
if ["false"] in [action["argv"] for action in actions]:
    module.fail_json(msg="action 'reload' failed", guarded=guarded)
module.exit_json(changed=True, files=dict(), guarded=guarded, guard_s=module.params["guard_s"])
"""


class Played:
    """What one play said, by host, and how ssh was called."""

    def __init__(self, output: str, log: str) -> None:
        self.output = output
        self.calls = [line for line in log.splitlines() if line.strip()]

    def connections(self, host: str) -> list[str]:
        """Whether each of the host's connections may be a shared one: shared or new, in order."""
        calls = [line for line in self.calls if f" {host} " in line]
        return ["new" if "-o ControlPath=none" in line else "shared" for line in calls]

    def recap(self, host: str) -> dict[str, int]:
        """The host's line at the end of the play."""
        (line,) = (line for line in self.output.splitlines() if line.startswith(f"{host} ") and "ok=" in line)
        return {key: int(value) for key, value in (word.split("=") for word in line.split() if "=" in word)}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One play of roles/host on all of them."""
    base = tmp_path_factory.mktemp("confirm")
    log = base / "ssh.log"
    log.touch()
    ssh = base / "ssh"
    ssh.write_text(_SSH.format(log=log))
    ssh.chmod(0o755)
    (base / "library").mkdir()
    (base / "library" / "config_set.py").write_text(_MODULE)
    planned: dict[str, list[str]] = {
        key: [] for key in ("files", "prepare", "validate", "prepared", "health")
    }
    shared: dict[str, Any] = {
        "ansible_ssh_executable": str(ssh),
        "ansible_python_interpreter": sys.executable,
        # Options of the operator's own, which must stay.
        "ansible_ssh_args": "-o ControlMaster=auto -o ControlPath=/shared -o ForwardAgent=yes",
        "__cluster_plan": {"hosts": dict.fromkeys(_ACTIONS, planned)},
        "__observe_work": {
            "hosts": {
                host: {"actions": actions, "health": [], "begins_later": False, "files_at": "switch"}
                for host, actions in _ACTIONS.items()
            }
        },
        "__observe_result": {"observation": {"users": {}, "files": {}, "units": {}}},
        "host_guard_s": 77,
    }
    (base / "hosts.yml").write_text(
        yaml.safe_dump({"all": {"hosts": dict.fromkeys(_ACTIONS), "vars": shared}})
    )
    role = {"hosts": "all", "gather_facts": False, "any_errors_fatal": True, "roles": ["host"]}
    (base / "play.yml").write_text(yaml.safe_dump([role]))
    done = subprocess.run(
        [_TREE / ".venv" / "bin" / "ansible-playbook", "-i", base / "hosts.yml", base / "play.yml"],
        cwd=_TREE,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LIBRARY": str(base / "library")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    print(done.stdout, done.stderr)
    return Played(done.stdout + done.stderr, log.read_text())


@pytest.mark.parametrize(
    ("host", "connections"),
    [
        ("plain", ["shared"]),
        ("guarded", ["shared", "new"]),
        ("failing", ["shared", "new"]),
        ("late", ["shared", "new"]),
        # Tried three times: one lost packet shall not undo a deployment.
        ("cut", ["shared", "new", "new", "new"]),
    ],
)
def test_a_guarded_action_and_nothing_else_costs_a_new_connection(
    played: Played, host: str, connections: list[str]
) -> None:
    assert played.connections(host) == connections


def test_nothing_on_the_command_line_shares_a_connection_before_it_is_switched_off(played: Played) -> None:
    """ssh_config(5): the first value obtained is used. The operator's other options stay."""
    new = [line for line in played.calls if "ControlPath=none" in line]
    assert new
    for line in new:
        words = line.split()
        first = {
            name: next(word for word in words if word.startswith(name)) for name in ("ControlP", "ControlM")
        }
        assert first == {"ControlP": "ControlPath=none", "ControlM": "ControlMaster=no"}
        assert "ForwardAgent=yes" in words


@pytest.mark.parametrize(
    ("host", "failed", "unreachable"),
    [("plain", 0, 0), ("guarded", 0, 0), ("failing", 1, 0), ("cut", 1, 0), ("late", 1, 0)],
)
def test_a_host_fails_where_it_cannot_be_reached_and_where_it_failed_itself(
    played: Played, host: str, failed: int, unreachable: int
) -> None:
    recap = played.recap(host)
    assert (recap["failed"], recap["unreachable"]) == (failed, unreachable)


def test_the_operator_is_told_what_happens_now(played: Played) -> None:
    said = " ".join(played.output.split())
    assert (
        "cut takes no new connection since load filter. The host undoes that itself within 77 s. Correct what"
        in said
    )
    assert "Connection timed out" in said
    assert "msg: the host itself undid 'load filter'" in said
