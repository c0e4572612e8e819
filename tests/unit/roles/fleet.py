"""Hosts that are folders of this machine: playbooks run on them over a pretended ssh, with real transactions.

Modules that would change this machine are replaced by ones that do the same below the host's folder;
the commands of a transaction are written down and not run, and fail where a file ``fail`` beside the
folder names them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]

_SSH = """#!/bin/sh
for word; do
    last=$word
    if [ -d "{base}/hosts/$word" ]; then LVS_HOST=$word; fi
done
if [ -e "{base}/cut/$LVS_HOST" ]; then echo "Connection timed out" >&2; exit 255; fi
export LVS_HOST LVS_BASE={base} PYTHONPATH={base}/site
exec sh -c "$last"
"""
# Every start of Python on a host: a third of what these plays cost is modules that are compiled out of zips.
_SITE = """import sys
sys.path.insert(0, "{root}/lab/files")
import lab_bytecode
lab_bytecode.DIRECTORY = "{root}/build/bytecode"
"""
_CONFIG_SET = """#!/usr/bin/python
import json, os
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvs_transaction.model import TransactionError, parse_request
from ansible.module_utils.lvs_transaction.transaction import apply
SPEC = json.loads('''{spec}''')
host, base = os.environ["LVS_HOST"], os.environ["LVS_BASE"]
module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
given = dict(module.params, root=base + "/hosts/" + host)
for file in given["files"]:
    file.update(owner="{owner}", group="{group}")
for kind in ("prepare", "validate", "actions", "health"):
    for command in given[kind]:
        line = host + " " + command["name"]
        does = 'echo "$0" >>$1/log; ! grep -qxF "$0" $1/fail || exit 1; [ ! -e $1/moment ] || . $1/moment'
        command["argv"] = ["sh", "-c", does, line, base, host, *command["argv"]]
        command.update(guard=[], retract=[]) if kind == "actions" else None
        command.update(retries=0) if kind == "health" else None
try:
    done = apply(parse_request(given, module.check_mode)).as_dict()
except TransactionError as error:
    module.fail_json(msg=str(error), **error.details)
for key in ("warnings", "diff"):
    done.pop(key)
module.exit_json(**done)
"""
_GENERATIONS = """#!/usr/bin/python
import os
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvs_transaction.history import listing
from ansible.module_utils.lvs_transaction.model import Layout
host, base = os.environ["LVS_HOST"], os.environ["LVS_BASE"]
module = AnsibleModule(argument_spec={}, supports_check_mode=True)
module.exit_json(generations=listing(Layout(base + "/hosts/" + host)))
"""
_LOCK = """#!/usr/bin/python
import os
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvs_cluster_lock import release, take
spec = {name: {} for name in ("cluster", "state", "reason", "broken")}
module = AnsibleModule(argument_spec={**spec, "record": {"type": "dict"}}, supports_check_mode=True)
given = module.params
state = os.environ["LVS_BASE"] + "/hosts/" + os.environ["LVS_HOST"] + "/var/lib/lvs-toolkit"
if module.check_mode:
    module.exit_json(changed=False, holder=None)
if given["state"] == "released":
    module.exit_json(**release(state, given["cluster"], given["record"]["run"]))
module.exit_json(**take(state, given["cluster"], given["record"], given["broken"]))
"""


# All that is on the hosts, and the command that has just run: a power cut would find it so.
_MOMENT = """
base=$1
shift
next=$base/moments/$(ls "$base/moments" | wc -l)
cp -a "$base/hosts" "$next" && echo "$*" >"$next/command"
"""

# What was prepared for the host; of several, each is told once and the last one from then on.
_FACTS = """#!/usr/bin/python
import json, os
from ansible.module_utils import basic
path = os.environ["LVS_BASE"] + "/seen/" + os.environ["LVS_HOST"] + ".json"
seen = json.loads(open(path).read())
now = seen.pop(0) if len(seen) > 1 else seen[0]
open(path, "w").write(json.dumps(seen))
print(json.dumps({"changed": False, "observation": now, "problems": []}))
raise SystemExit(0)
"""


class Fleet:
    """The hosts of one inventory, each a folder below ``hosts``."""

    def __init__(self, base: Path, inventory: str, hosts: list[str]) -> None:
        self.base = base
        for name in hosts:
            (base / "hosts" / name).mkdir(parents=True)
        for folder in ("cut", "library", "site"):
            (base / folder).mkdir()
        (ROOT / "build/bytecode").mkdir(parents=True, exist_ok=True)
        (base / "site" / "sitecustomize.py").write_text(_SITE.format(root=ROOT))
        (base / "ssh").write_text(_SSH.format(base=base))
        (base / "ssh").chmod(0o755)
        (base / "fail").touch()
        (base / "hosts.yml").write_text(inventory)
        spec = json.dumps(_spec())
        modules = {
            "config_set": _CONFIG_SET.replace("{spec}", spec)
            .replace("{owner}", _name("-un"))
            .replace("{group}", _name("-gn")),
            "lvs_generations": _GENERATIONS,
            "cluster_lock": _LOCK,
            "lvs_facts": _FACTS,
        }
        for name, text in modules.items():
            (base / "library" / f"{name}.py").write_text(text)

    def fails(self, *lines: str) -> None:
        """Let commands of transactions fail, such as "lb1 keepalived runs"."""
        (self.base / "fail").write_text("".join(f"{line}\n" for line in lines))

    def sees(self, host: str, *observations: dict[str, Any]) -> None:
        """Prepare what lvs_facts tells of a host, look by look."""
        (self.base / "seen").mkdir(exist_ok=True)
        (self.base / "seen" / f"{host}.json").write_text(json.dumps(observations))

    def cut(self, *hosts: str) -> None:
        """Make hosts unreachable."""
        for host in hosts:
            (self.base / "cut" / host).touch()

    def log(self) -> list[str]:
        """The commands that ran since this was asked last: host and name."""
        path = self.base / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def read(self, host: str, path: str) -> str | None:
        """What is in a host's file; None if there is none."""
        place = self.base / "hosts" / host / path.lstrip("/")
        return place.read_text() if place.exists() else None

    def keep_moments(self) -> None:
        """From now on keep all hosts' files as they are after each command of a transaction."""
        (self.base / "moments").mkdir()
        (self.base / "moment").write_text(_MOMENT)

    def moments(self) -> list[tuple[Path, str]]:
        """What was kept: a folder of hosts, and the command that had just run, with its host before it."""
        folders = sorted((self.base / "moments").iterdir(), key=lambda one: int(one.name))
        return [(one, (one / "command").read_text().strip()) for one in folders]

    def locks(self) -> list[str]:
        """The hosts on which a lock is."""
        found = self.base.glob("hosts/*/var/lib/lvs-toolkit/cluster-lock-*.json")
        return sorted(path.parts[-5] for path in found)

    def play(self, playbook: Path | str, *options: str, **given: Any) -> tuple[int, str]:  # noqa: ANN401
        """Run a playbook with variables; exit code, and all words of its output."""
        shared = {
            "ansible_ssh_executable": str(self.base / "ssh"),
            "ansible_python_interpreter": sys.executable,
            **given,
        }
        (self.base / "given.json").write_text(json.dumps(shared))
        done = subprocess.run(
            [
                *(sys.executable, "tests/unit/hasty.py", "-i", str(self.base / "hosts.yml"), str(playbook)),
                *("-e", f"@{self.base / 'given.json'}", *options),
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LIBRARY": f"{self.base / 'library'}:library"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        print(done.stdout[-6000:], done.stderr[-2000:])
        return done.returncode, " ".join((done.stdout + done.stderr).split())


def _name(option: str) -> str:
    return subprocess.run(["id", option], capture_output=True, text=True, check=True).stdout.strip()


def _spec() -> dict[str, Any]:
    """config_set's own argument specification."""
    from library import config_set  # noqa: PLC0415 - ansible.module_utils is extended by then

    spec: dict[str, Any] = yaml.safe_load(json.dumps(config_set.ARGUMENT_SPEC))
    return spec
