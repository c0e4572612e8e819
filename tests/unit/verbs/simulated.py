"""An estate of simulated hosts: what they answer, how a verb runs on them, and what it has executed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.playbook import HostRecap, parse_recap
from tests.unit.filters.test_filters import INVENTORY
from tests.unit.model.builders import Case, Site
from tests.unit.model.cases import ROOT
from tests.unit.model.pretended import answers

HERE = Path(__file__).resolve().parent
Result = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A verb that has ended; ``executions`` are the modules by host, in their order."""

    returncode: int
    output: str
    executions: dict[str, list[str]]
    recap: Mapping[str, HostRecap]

    @property
    def text(self) -> str:
        """The output with no line broken."""
        return " ".join(self.output.split())

    @property
    def counts(self) -> dict[str, int]:
        """How many remote executions each host has seen; hosts without one are left out."""
        return {host: len(modules) for host, modules in self.executions.items() if modules}


def inventory(case: Case) -> str:
    """A case as an inventory file."""
    hostvars, groups = case.inputs()
    children: dict[str, Any] = {
        name: {"hosts": {host: {} for host in hosts}} for name, hosts in groups.items() if name != "all"
    }
    return str(yaml.safe_dump({"all": {"hosts": hostvars, "children": children}}))


class Estate:
    """The hosts of an inventory, as planned at first; tests let them answer something else.

    By default it is test_filters' one.
    """

    def __init__(self, folder: Path, site: Site, text: str = INVENTORY) -> None:
        self.folder = folder
        self.site = site
        self.hosts = folder / "hosts"
        self.inventory = folder / "hosts.yml"
        self.inventory.write_text(text)
        for host in site.seen:
            self.looks(host, site)
        for host, probe in answers(site.plan).items():
            self.answers(host, "lvs_probe", {"changed": False, "arp": [], **probe})

    def answers(self, host: str, module: str, *results: Result) -> None:
        """Let a host answer a module: the n-th time with the n-th result, later with the last one."""
        place = self.hosts / host
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{module}.json").write_text(json.dumps(list(results)))

    def looks(self, host: str, *sites: Site) -> None:
        """Let a host look like in each site, one observation after the other."""
        observed = [{"changed": False, "observation": site.seen[host]} for site in sites]
        self.answers(host, "lvs_facts", *observed)

    def gone(self, host: str) -> None:
        """Make a host unreachable."""
        (self.hosts / host).rename(self.folder / f"gone-{host}")

    @property
    def environment(self) -> dict[str, str]:
        """In which ansible-playbook finds the simulated hosts."""
        return {
            **os.environ,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
            "ANSIBLE_TRANSPORT": "simulated",
            "ANSIBLE_PIPELINING": "true",
            "LVS_SIMULATED": str(self.hosts),
        }

    def run(self, playbook: str, *options: str) -> Run:
        """Run a playbook of the project."""
        for log in self.hosts.glob("*/executions"):
            log.unlink()
        recap = self.folder / "recap.json"
        recap.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "tests/unit/hasty.py", "-i", self.inventory, playbook, *options],
            cwd=ROOT,
            env={
                **self.environment,
                "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "lab/callbacks"),
                "LVS_RECAP_FILE": str(recap),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        executions = {
            log.parent.name: [line.split(" ", 1)[0] for line in log.read_text().splitlines()]
            for log in sorted(self.hosts.glob("*/executions"))
        }
        return Run(
            done.returncode,
            done.stdout + done.stderr,
            executions,
            parse_recap(recap.read_text()) if recap.exists() else {},
        )

    def arguments(self, host: str, module: str) -> list[dict[str, Any]]:
        """What a module was given on a host in the last run, each time."""
        lines = (self.hosts / host / "executions").read_text().splitlines()
        return [json.loads(text) for name, text in (line.split(" ", 1) for line in lines) if name == module]
