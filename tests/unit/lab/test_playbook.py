"""Remote executions are counted at the connection: Ansible runs against a pretended ssh on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.playbook import parse_counts, run_playbook

COUNTED = Path(__file__).resolve().parents[3] / "lab" / "counted"

PRETENDED_SSH = """#!/bin/sh
# Runs the last argument here, as a host would.
for command in "$@"; do :; done
case "$command" in check|stop) exit 255 ;; esac
exec sh -c "$command"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a pretended ssh, sftp and scp first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (
        ("ssh", PRETENDED_SSH),
        ("sftp", "#!/bin/sh\nexit 1\n"),
        ("scp", "#!/bin/sh\nexit 1\n"),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.mark.parametrize(
    ("tool", "arguments", "line"),
    [
        (
            "ssh",
            ["-C", "-o", "ControlMaster=auto", "-F", "a/config", "lb1", "/bin/sh -c 'true -o x'"],
            "lb1 ssh",
        ),
        ("ssh", ["-vvv", "-o", 'User="root"', "-tt", "192.0.2.11", "reboot"], "192.0.2.11 ssh"),
        ("ssh", ["-o", "Port=22", "root@2001:db8::11", "true"], "2001:db8::11 ssh"),
        ("ssh", ["-o", "ControlPath=x", "-O", "check", "lb1"], ""),
        ("sftp", ["-b", "-", "-C", "-o", "Port=22", "[lb1]"], "lb1 sftp"),
        ("scp", ["-C", "-o", "Port=22", "local", "[lb2]:/srv/remote"], "lb2 scp"),
        ("scp", ["-C", "[2001:db8::12]:/srv/remote", "local"], "2001:db8::12 scp"),
    ],
)
def test_each_call_leaves_one_line(
    tool: str, arguments: list[str], line: str, tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tools / tool).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    monkeypatch.setenv("LVS_COUNT_FILE", str(tmp_path / "counts"))
    done = subprocess.run([str(COUNTED / tool), *arguments], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == arguments  # the real tool gets them untouched
    assert done.returncode == 7
    counted = (tmp_path / "counts").read_text() if (tmp_path / "counts").exists() else ""
    assert counted.strip() == line


def test_without_a_file_nothing_is_counted_and_all_works(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LVS_COUNT_FILE", raising=False)
    done = subprocess.run(
        [str(COUNTED / "ssh"), "lb1", "echo here"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "here\n"


def test_counts_are_by_host() -> None:
    assert parse_counts("lb1 ssh\nweb1 ssh\nlb1 sftp\n\n") == {"lb1": 2, "web1": 1}


PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: One module
      ansible.builtin.ping:
    - name: A change on one host only
      ansible.builtin.command: "true"
      when: inventory_hostname == 'web1'
    - name: A task of the controller alone
      ansible.builtin.debug: {msg: hello}
"""


@pytest.mark.usefixtures("tools")
def test_a_module_is_one_execution_and_the_recap_says_what_changed(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text(
        "[defaults]\ninterpreter_python = /usr/bin/python3\nlocal_tmp = ltmp\nremote_tmp = "
        f"{tmp_path}/rtmp\n"
        "[connection]\npipelining = true\n"
    )
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    lines: list[str] = []
    run = run_playbook("-i", "lb1,web1,", "site.yml", project=tmp_path, on_line=lines.append, limit_s=60)
    assert run.returncode == 0, "\n".join(run.tail)
    assert run.remote_executions == {"lb1": 1, "web1": 2}
    assert run.changed == 1
    assert run.recap["web1"].tasks_changed == ("A change on one host only",)
    assert run.recap["lb1"].changed == 0
    assert any("PLAY RECAP" in line for line in lines)


@pytest.mark.usefixtures("tools")
def test_a_run_that_fails_before_any_task_has_no_recap(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("- hosts: all\n  nonsense: true\n")
    run = run_playbook("-i", "lb1,", "site.yml", project=tmp_path, on_line=lambda _: None, limit_s=60)
    assert run.returncode != 0
    assert run.recap == {}
    assert run.remote_executions == {}
