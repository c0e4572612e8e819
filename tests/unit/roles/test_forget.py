"""The last step of a teardown (roles/host), really run: in a mount namespace, over /etc and others."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
OURS = "scripts of keepalived (LVS toolkit)"
STATE = "/var/lib/lvs-toolkit"
FOLDERS = ["/etc/lvs-toolkit", "/usr/local/lib/lvs-toolkit", "/etc/systemd/system/keepalived.service.d"]
RUN = ["/run/lvs-toolkit", "/run/lvs-toolkit.leaving", "/run/lvs-toolkit.demoted.VI_edge"]

# Nothing of this machine is changed: every directory that the step writes to is covered.
NAMESPACE = """\
set -e
base=$1; shift
mount -t tmpfs covers "$base"
for folder in /etc /usr/local/lib /var/lib; do
    name=$(echo $folder | tr / _)
    mkdir "$base/$name.upper" "$base/$name.work"
    mount -t overlay cover -o "lowerdir=$folder,upperdir=$base/$name.upper,workdir=$base/$name.work" $folder
done
mount -t tmpfs cover /run
userdel keepalived_script 2>/dev/null || true
exec "$@"
"""

# By name: the user's comment, the record's lines, a file in one of our folders, files that are still managed.
CASES: dict[str, dict[str, Any]] = {
    "managed": {"record": "", "managed": ["/etc/lvs-toolkit/network.conf"]},
    "damaged": {"record": "keepalived\n--force-all\n"},
    "needed": {"record": "libc6\n"},
    "others": {
        "record": "",
        "comment": "an operator's",
        "file": "/etc/systemd/system/keepalived.service.d/own.conf",
    },
    "ours": {"record": "no-such-package-any-more\n", "comment": OURS, "held": "sed\nno-such-package\n"},
    "again": {},
}


def tasks(name: str, case: dict[str, Any]) -> list[dict[str, Any]]:
    """Lay out the case, run the step, and print what came of it as one line of JSON."""
    lay_out = [
        f"rm -rf {STATE}; mkdir -p {STATE} {' '.join(FOLDERS)} /run/lvs-toolkit",
        "echo 1 >/run/lvs-toolkit.leaving; echo -55 >/run/lvs-toolkit.demoted.VI_edge",
    ]
    lay_out += [f"printf '{case['record']}' >{STATE}/installed"] if case.get("record") else []
    if "held" in case:
        # grep is held by an operator, and on no record of ours.
        lay_out.append(f"apt-mark hold sed grep; printf '{case['held']}' >{STATE}/held")
    lay_out += [f"touch {case['file']}"] if "file" in case else []
    if "comment" in case:
        lay_out.append(
            f'userdel keepalived_script; useradd --system --comment "{case["comment"]}" keepalived_script'
        )
    observed = {"__observe_result": {"observation": {"managed": case.get("managed", [])}}}
    forget = {"import_role": {"name": "host", "tasks_from": "forget"}, "vars": observed}
    look = f"ls -d {STATE} {' '.join(FOLDERS + RUN)} 2>/dev/null; "
    look += "apt-mark showhold | sed s/^/held:/; "
    look += "getent passwd keepalived_script | cut -d: -f1,5"
    said = f"{{{{ {{'case': '{name}', 'said': said, 'left': left.stdout_lines}} | to_json }}}}"
    return [
        *([{"shell": "\n".join(lay_out)}] if case else []),
        {"set_fact": {"said": ""}},
        {
            "block": [forget],
            "rescue": [{"set_fact": {"said": "{{ ansible_failed_result.msg }}"}}],
        },
        {"shell": look, "register": "left", "failed_when": False},
        {"lineinfile": {"path": "{{ report }}", "line": said, "create": True}},
    ]


@pytest.fixture(scope="module")
def forgotten(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each case has said, and what it has left."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs a mount namespace of its own")
    base = tmp_path_factory.mktemp("forget")
    (base / "covers").mkdir()
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    play["tasks"] = [task for name, case in CASES.items() for task in tasks(name, case)]
    (base / "play.yml").write_text(yaml.safe_dump([play]))
    argv = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        NAMESPACE,
        "sh",
        str(base / "covers"),
    ]
    argv += [str(ROOT / ".venv/bin/ansible-playbook"), "-i", "localhost,", str(base / "play.yml")]
    argv += ["-e", f"report={base}/report"]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    environment |= {
        "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
    }
    done = subprocess.run(
        argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    if "mount:" in done.stderr and not (base / "report").exists():
        pytest.skip(f"this machine gives no overlay: {done.stderr.strip()[-100:]}")
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    found = [json.loads(line) for line in (base / "report").read_text().splitlines()]
    return {one["case"]: one for one in found}


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("managed", "these files were not removed: /etc/lvs-toolkit/network.conf; run this again"),
        (
            "damaged",
            "/var/lib/lvs-toolkit/installed has lines that are no packages' names: leave one name a line",
        ),
        ("needed", "the packages that the toolkit has installed are in use by others: "),
    ],
)
def test_it_refuses_with_the_remedy_and_keeps_the_records(
    forgotten: dict[str, dict[str, Any]], case: str, words: str
) -> None:
    assert words in " ".join(forgotten[case]["said"].split())
    assert STATE in forgotten[case]["left"]


def test_what_needs_a_package_is_named(forgotten: dict[str, dict[str, Any]]) -> None:
    assert "depends on libc6" in forgotten["needed"]["said"]


def test_what_belongs_to_others_stays(forgotten: dict[str, dict[str, Any]]) -> None:
    assert forgotten["others"] == {
        "case": "others",
        "said": "",
        "left": ["/etc/systemd/system/keepalived.service.d", "keepalived_script:an operator's"],
    }


def test_of_ours_nothing_is_left_and_it_can_be_run_again(forgotten: dict[str, dict[str, Any]]) -> None:
    # The folder with an operator's file, of the case before, is still the operator's, and so is a hold.
    for case in ("ours", "again"):
        assert forgotten[case]["said"] == ""
        assert forgotten[case]["left"] == ["/etc/systemd/system/keepalived.service.d", "held:grep"]


def test_a_teardown_must_name_a_cluster_that_there_is() -> None:
    argv = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", "inventories/lab", "playbooks/teardown.yml"]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [*argv, "-e", "lvs_teardown=egde"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 2
    assert "lvs_teardown: there is no cluster 'egde': use one of edge" in " ".join(done.stdout.split())
    assert "UNREACHABLE" not in done.stdout


def test_the_mark_of_our_user_is_the_one_that_is_looked_for() -> None:
    made = (ROOT / "roles/keepalived/tasks/main.yml").read_text()
    sought = (ROOT / "roles/host/tasks/forget.yml").read_text()

    assert f"comment: {OURS}\n" in made
    assert f'is contains "{OURS}"' in sought


def test_no_task_reads_facts_that_may_be_another_hosts() -> None:
    """ansible-core 2.21: hosts share their facts after a task with run_once; not what is registered."""
    files = sorted(path for part in ("roles", "playbooks") for path in (ROOT / part).rglob("*.yml"))
    assert len(files) > 20
    reads = re.compile(r"(?<![\w.])ansible_facts\b|\bhostvars\[[^]]*\]\.ansible_facts\b")
    read = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if reads.search(line.split("#")[0])
    ]
    assert read == []
