"""A stage for playbooks: hosts that answer with prepared observations, and remember what was called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.unit.model.builders import Case, Site
from tests.unit.model.cases import ROOT


class Stage:
    """The hosts of a case on a stage, all as planned; lb1 owns the VIPs."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.folder = folder / "stage"
        self.folder.mkdir()
        self.inventory = folder / "inventory.yml"
        hostvars, groups = case.inputs()
        self.inventory.write_text(
            yaml.safe_dump(
                {
                    "all": {
                        "vars": {
                            "ansible_connection": "staged",
                            "ansible_python_interpreter": sys.executable,
                        },
                        "hosts": hostvars,
                        "children": {
                            name: {"hosts": {host: {} for host in hosts}}
                            for name, hosts in groups.items()
                            if name != "all"
                        },
                    }
                }
            )
        )
        self.site = Site(case.plan())
        for raw in self.site.seen.values():
            raw.setdefault("overrides", [])
        self.show(self.site)

    def show(self, site: Site, folder: str = "", *hosts: str) -> None:
        """Put what a site's hosts look like on the stage, or into a folder that comes later."""
        place = self.folder / folder
        place.mkdir(exist_ok=True)
        for host, raw in site.seen.items():
            if not hosts or host in hosts:
                (place / f"{host}.json").write_text(json.dumps(raw))

    def answers(self, host: str, module: str, **answer: Any) -> None:  # noqa: ANN401
        """What a module other than lvs_facts answers on a host; "MODULE.N" at its Nth call."""
        (self.folder / f"{host}.{module}.json").write_text(json.dumps(answer))

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the project's playbooks."""
        return subprocess.run(
            [
                *(sys.executable, "tests/unit/hasty.py", "-i", str(self.inventory)),
                *(f"playbooks/{playbook}", *arguments),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONNECTION_PLUGINS": str(Path(__file__).parent / "connection_plugins"),
                "ANSIBLE_FORCE_COLOR": "0",
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_NOCOLOR": "1",
                "LVS_STAGE": str(self.folder),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def calls(self) -> list[dict[str, Any]]:
        """The modules that were called, in order, each with its host and arguments."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def called(self, *modules: str) -> list[str]:
        """The calls of some modules as "host module"; without names of all but lvs_facts."""
        return [
            f"{one['host']} {one['module']}"
            for one in self.calls()
            if (one["module"] in modules if modules else one["module"] != "lvs_facts")
        ]
