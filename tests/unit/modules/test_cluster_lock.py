"""One run at a time changes a cluster: the file, the module, and who is known to have ended."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lvs_ansible.run_identity import Run, ended, this_run
from module_utils.lvs_cluster_lock import UNREADABLE, place, release, take

ANA = {"run": "aaaa1111", "operator": "ana", "controller": "ops1", "pid": 812, "since": 1.0, "reason": "web4"}
BEN = {**ANA, "run": "bbbb2222", "operator": "ben"}


@pytest.fixture
def state(tmp_path: Path) -> str:
    """Where a director keeps its state; nothing is there yet."""
    return str(tmp_path / "var" / "lib" / "lvs-toolkit")


def test_the_first_gets_it_and_the_second_is_told_who_has_it(state: str) -> None:
    assert take(state, "edge", ANA) == {"changed": True, "holder": None, "broke": None}
    assert take(state, "edge", BEN) == {"changed": False, "holder": ANA, "broke": None}
    assert json.loads(Path(place(state, "edge")).read_text()) == ANA
    assert Path(place(state, "edge")).stat().st_mode & 0o777 == 0o600
    assert Path(state).stat().st_mode & 0o777 == 0o700


def test_who_has_it_keeps_it(state: str) -> None:
    take(state, "edge", ANA)
    assert take(state, "edge", {**ANA, "since": 2.0}) == {"changed": False, "holder": None, "broke": None}


def test_another_cluster_has_another_lock(state: str) -> None:
    take(state, "edge", ANA)
    assert take(state, "two", BEN)["changed"] is True


@pytest.mark.parametrize(
    ("broken", "gets"), [(None, False), ("cccc3333", False), (BEN["run"], False), (ANA["run"], True)]
)
def test_a_lock_is_broken_by_the_name_of_its_run_only(state: str, broken: str | None, gets: bool) -> None:
    take(state, "edge", ANA)
    done = take(state, "edge", BEN, broken)
    assert done["changed"] is gets
    assert (done["broke"], done["holder"]) == ((ANA, None) if gets else (None, ANA))


def test_only_who_has_it_gives_it_back(state: str) -> None:
    assert release(state, "edge", "aaaa1111") == {"changed": False, "holder": None, "broke": None}
    take(state, "edge", ANA)
    assert release(state, "edge", "bbbb2222")["holder"] == ANA
    assert release(state, "edge", "aaaa1111")["changed"] is True
    assert release(state, "edge", "aaaa1111")["changed"] is False
    assert list(Path(state).iterdir()) == []
    assert take(state, "edge", BEN)["changed"] is True


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": ""}'])
def test_a_damaged_lock_is_one_and_can_be_broken(state: str, text: str) -> None:
    take(state, "edge", ANA)
    Path(place(state, "edge")).write_text(text)
    assert take(state, "edge", BEN)["holder"] == {"run": UNREADABLE}
    assert take(state, "edge", BEN, UNREADABLE)["changed"] is True


def test_of_many_at_once_exactly_one_gets_it(state: str) -> None:
    Path(state).mkdir(parents=True)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from module_utils.lvs_cluster_lock import take\n"
        "sys.stdin.read()\n"
        "print(take(sys.argv[2], 'edge', {'run': sys.argv[3]})['changed'])\n"
    )
    root = str(Path(__file__).parents[3])
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program, root, state, f"run{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    for one in runs:  # all are there, and wait for this
        assert one.stdin is not None
        one.stdin.close()
    told = [one.stdout.read().strip() for one in runs if one.stdout is not None]
    assert [one.wait() for one in runs] == [0] * 6
    assert sorted(told) == ["False"] * 5 + ["True"]


# Who runs.


def test_every_task_of_a_run_has_the_same_name_for_it() -> None:
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue()
    child = context.Process(target=lambda: queue.put(this_run()))
    child.start()
    told = queue.get(timeout=20)
    child.join()
    assert told == this_run()
    assert told.pid == os.getpid()


OWN = this_run()
ENDED = subprocess.Popen(["true"])
ENDED.wait()


@pytest.mark.parametrize(
    ("other", "is_over"),
    [
        pytest.param(OWN, False, id="it lives"),
        pytest.param(replace(OWN, pid=ENDED.pid), True, id="its process has ended"),
        pytest.param(replace(OWN, started=OWN.started - 1), True, id="another process has its number"),
        pytest.param(replace(OWN, pid=ENDED.pid, controller="ops2"), False, id="another controller"),
        pytest.param(replace(OWN, pid=ENDED.pid, kernel="x"), False, id="another boot, or another container"),
    ],
)
def test_only_a_process_of_this_controller_is_known_to_have_ended(other: Run, is_over: bool) -> None:
    assert ended(other.record(), OWN) is is_over


@pytest.mark.parametrize("damage", [{"pid": "x"}, {"started": None}])
def test_of_a_damaged_record_nothing_is_believed(damage: dict[str, Any]) -> None:
    assert ended(OWN.record() | damage, OWN) is False
    assert ended({"run": UNREADABLE}, OWN) is False


# The module and its role, as Ansible runs them.

PLAY = """
- hosts: all
  gather_facts: false
  serial: 1
  any_errors_fatal: true
  ignore_unreachable: true
  vars: &vars
    rollout_locks: {lb1: edge, lb2: edge}
    # What a comparison has found to do: of it a rollout that stops says where it stands.
    __observe_work:
      {hosts: {}, expand: [], retire: [], expand_later: [], directors: [], leave: [], begin: [], contract: []}
  tasks:
    - ansible.builtin.import_role: {name: rollout}
- hosts: all
  gather_facts: false
  any_errors_fatal: true
  vars: *vars
  tasks:
    - block:
        - ansible.builtin.command: "true"
        - ansible.builtin.fail: {msg: no}
          when: fails | default(false)
      rescue:
        - ansible.builtin.import_role: {name: rollout, tasks_from: stop}
- hosts: all
  gather_facts: false
  vars: *vars
  tasks:
    - ansible.builtin.import_role: {name: rollout, tasks_from: finish}
"""
# In place of the module, which would write where a director keeps its state.
MODULE = """#!/usr/bin/python
import os
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvs_cluster_lock import release, take
spec = {name: {} for name in ("cluster", "state", "reason", "broken")}
module = AnsibleModule(argument_spec={**spec, "record": {"type": "dict"}})
given, state = module.params, os.environ["LVS_STATE"]
if given["state"] == "released":
    module.exit_json(**release(state, given["cluster"], given["record"]["run"]))
module.exit_json(**take(state, given["cluster"], given["record"], given["broken"]))
"""
SSH = """#!/bin/sh
for word; do
    last=$word
    case $word in lb1|lb2) LVS_STATE={base}/$word ;; esac
done
export LVS_STATE
exec sh -c "$last"
"""


class Lab:
    """Two directors, which are folders of this machine."""

    def __init__(self, base: Path) -> None:
        self.base = base
        (base / "ssh").write_text(SSH.format(base=base))
        (base / "ssh").chmod(0o755)
        (base / "library").mkdir()
        (base / "library" / "cluster_lock.py").write_text(MODULE)
        (base / "play.yml").write_text(PLAY)
        shared = {"ansible_ssh_executable": str(base / "ssh"), "ansible_python_interpreter": sys.executable}
        (base / "hosts.yml").write_text(
            yaml.safe_dump({"all": {"hosts": dict.fromkeys(("lb1", "lb2")), "vars": shared}})
        )

    def run(self, *options: str) -> tuple[int, str]:
        """Play it; exit code, and all words of the output."""
        root = Path(__file__).parents[3]
        done = subprocess.run(
            [
                *(str(root / ".venv/bin/ansible-playbook"), "-i", str(self.base / "hosts.yml")),
                *(str(self.base / "play.yml"), *options),
            ],
            cwd=root,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LIBRARY": str(self.base / "library")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def holders(self) -> dict[str, str]:
        """By director the run that has the lock."""
        found = self.base.glob("lb*/cluster-lock-edge.json")
        return {path.parent.name: json.loads(path.read_text())["run"] for path in sorted(found)}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Directors without a lock."""
    return Lab(tmp_path)


@pytest.mark.parametrize("fails", [False, True])
def test_the_lock_is_given_back_at_the_end_and_on_failure(lab: Lab, fails: bool) -> None:
    code, said = lab.run("-e", json.dumps({"fails": fails}))

    assert code == (2 if fails else 0), said
    assert ("The rollout has stopped" in said) is fails
    assert lab.holders() == {}
    assert (lab.base / "lb2").is_dir()
    # The command alone: a lock that has come and gone is no change.
    assert re.findall(r"changed=(\d+)", said) == ["1", "1"]


@pytest.mark.parametrize("director", ["lb1", "lb2"])
def test_another_run_is_refused_with_its_owner_and_what_was_taken_is_given_back(
    lab: Lab, director: str
) -> None:
    take(str(lab.base / director), "edge", ANA)

    code, said = lab.run()

    assert code == 2
    assert (
        "cluster edge is being changed by run aaaa1111 of ana (from ops1, process 812, since "
        "1970-01-01 00:00:01 UTC): web4. Nothing has been changed by this run. Wait until it has ended. "
        "If it was killed, and only then, break its lock by name: -e lvs_break_lock=aaaa1111" in said
    )
    assert lab.holders() == {director: "aaaa1111"}
    assert "TASK [ansible.builtin.command]" not in said

    code, said = lab.run("-e", "lvs_break_lock=aaaa1111")

    assert code == 0, said
    assert "the lock of run aaaa1111 of ana" in said
    assert lab.holders() == {}


def test_the_lock_of_a_run_of_this_controller_that_was_killed_is_taken_over(lab: Lab) -> None:
    dead = replace(this_run(), run="dddd4444", pid=ENDED.pid).record() | {"since": 1.0, "reason": "x"}
    take(str(lab.base / "lb1"), "edge", dead)

    code, said = lab.run()

    assert code == 0, said
    assert "the lock of run dddd4444" in said and "was taken over" in said
    assert lab.holders() == {}
