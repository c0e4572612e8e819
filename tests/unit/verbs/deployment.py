"""A deployment that changes directors themselves, step by step, on a stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.unit.model.builders import Case, Site
from tests.unit.model.compared import NETWORK_CONF
from tests.unit.model.pretended import answers
from tests.unit.model.test_switchover import FILE, demoted

from .stage import Stage

Edit = Callable[[Site], object]


class Deployment:
    """Both directors of a case lack a file of their own, and lb1, which is preferred, owns the VIPs."""

    def __init__(self, folder: Path, made: Case) -> None:
        self.on = Stage(folder, made)
        self.on.show(self.at("lb1", "lb1", "lb2"))
        done = {"files": {NETWORK_CONF: "changed"}, "generation": "000002", "previous": "000001"}
        nothing: dict[str, list[str]] = {"actions": [], "guarded": [], "confirmed": []}
        for host in ("lb1", "lb2"):
            self.on.answers(host, "config_set", changed=True, **done, **nothing)
        for host, probe in answers(self.on.site.plan).items():
            (self.on.folder / f"{host}.json").touch()
            self.on.answers(host, "lvs_probe", changed=False, arp=[], **probe)

    def at(self, owner: str, *differing: str) -> Site:
        """The site where ``owner`` has the VIPs and these directors are not changed yet."""
        site = Site(self.on.site.plan)
        site.owner["edge"] = owner
        site.look()
        for raw in site.seen.values():
            for unit in filter(None, raw["units"].values()):
                unit["MainPID"] = "700"
        for host in differing:
            site.seen[host]["files"][NETWORK_CONF] = None
        if owner == "lb2" and site.plan["clusters"]["edge"]["failback"]:
            demoted(site, "lb1", {FILE: -55})
        return site

    def then(self, call: str, owner: str, *differing: str, edit: Edit = lambda _: None) -> None:
        """What the directors look like when a module was called, as "host module"."""
        site = self.at(owner, *differing)
        edit(site)
        self.on.show(site, f"then.{call.replace(' ', '.')}", "lb1", "lb2")

    def as_usual(self, *, unlike: tuple[str, ...] = ()) -> Deployment:
        """Each step does what it shall; those ``unlike`` that are left to the test."""
        steps: dict[str, tuple[str, ...]] = {
            "lb2 config_set": ("lb1", "lb1"),
            "lb1 lvs_demotion": ("lb2", "lb1"),
            "lb1 config_set": ("lb2",),
            "lb2 lvs_demotion": ("lb1",),
        }
        for call, site in steps.items():
            if call not in unlike:
                self.then(call, *site)
        return self

    def play(self, *options: str, book: str = "deploy.yml") -> CompletedProcess[str]:
        """Deploy, and wait for nothing that does not come."""
        return self.on.play(book, "-e", "rollout_sync_wait_s=0", *options)
