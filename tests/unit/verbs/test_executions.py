"""What each verb costs in remote executions: the table in docs/operations.md, counted at the connection."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from lvs_model.teardown import tear_down
from tests.unit.model.builders import Case, Site
from tests.unit.model.cases import ROOT
from tests.unit.model.pretended import link
from tests.unit.model.test_overrides import record

from .deployment import Deployment
from .simulated import Estate, Run, inventory
from .stage import Stage
from .test_update_playbook import TOLD, drained

DOCS = ROOT / "docs" / "operations.md"
HEADS = ["owner of the VIPs", "standby", "real server", "client"]
APPLIED = {"changed": True, "files": {}, "actions": [], "guarded": [], "confirmed": []}
Counts = dict[str, int]
Verb = Callable[[Path], Run]


def case() -> Case:
    """A cluster whose waits are short: the gate waits for the checks, and what follows for the election."""
    made = Case()
    made.document["failover"]["advert_interval"] = 0.25
    made.service["check"] |= {"interval": 1, "timeout": 1, "retries": 0}
    return made


def estate(folder: Path, made: Case | None = None) -> Estate:
    """Hosts that are as planned, and whose modules do what they are told."""
    made = made or case()
    found = Estate(folder, Site(made.plan()), inventory(made))
    for host in found.site.seen:
        found.answers(host, "cluster_lock", {"changed": True, "holder": None, "broke": None})
        found.answers(host, "config_set", APPLIED)
    return found


def playbook(name: str, *options: str) -> Verb:
    """A verb on hosts that are as planned."""
    return lambda folder: estate(folder).run(name, *options)


def weight(folder: Path) -> Run:
    """One line of the inventory has changed; its directors are as planned when that is applied."""
    before = Site(case().plan())
    made = case()
    made.hostvars["web1"]["lvs_weight"] = 5
    found = estate(folder, made)
    for host in found.site.seen:
        for site in (before, found.site):
            running(site, host)
        found.looks(host, before, found.site)
    return found.run("site.yml")


def running(site: Site, host: str) -> None:
    """The units of a host run as processes, which are the same at every look."""
    for unit in filter(None, site.seen[host]["units"].values()):
        unit["MainPID"] = "700"


def first(folder: Path) -> Run:
    """No host has anything yet, and no package brings others along."""
    found = estate(folder)
    bare = Site(tear_down(found.site.plan, ["edge"]))
    for host, raw in bare.seen.items():
        planned = found.site.plan["hosts"][host]
        raw["modules"] = dict.fromkeys(planned["modules"], "available")
        nothing = {"ActiveState": "inactive", "LoadState": "not-found", "MainPID": "0"}
        raw["units"] = dict.fromkeys(planned["observe"]["units"], nothing)
        raw["users"] = dict.fromkeys(planned["observe"]["users"])
        guarded = [action["name"] for action in planned["actions"] if action["guard"]]
        found.answers(host, "config_set", APPLIED | {"guarded": guarded})
        own = {name: address for address, name in planned["addresses"].items()}
        bare.links(host, link(host, "lo"), *(link(host, name, [address]) for name, address in own.items()))
        found.looks(host, bare, found.site)
        found.answers(host, "apt", {"changed": True, "stdout": "", "stderr": ""})
        for module in ("user", "group", "file", "command", "systemd_service"):
            found.answers(host, module, {"changed": True, "rc": 0, "stdout": "", "stderr": ""})
    return found.run("site.yml")


def command(**said: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a director's lvs-override says."""
    return {"changed": True, "rc": 0, "stdout": json.dumps(said), "stderr": ""}


def drain(folder: Path) -> Run:
    """No connection is left at the first look; each further one costs the owner one more."""
    found = estate(folder)
    for host in ("lb1", "lb2"):
        found.answers(
            host, "command", command(changed=True), command(weight=0, active=0, inactive=0, done=True)
        )
    return found.run("playbooks/drain.yml", "-e", "host=web1", "-e", "reason=disk")


def restore(folder: Path) -> Run:
    """In two steps."""
    found = estate(folder)
    for host in ("lb1", "lb2"):
        seen = found.site.seen[host] | {"overrides": [record()]}
        found.answers(host, "lvs_facts", {"changed": False, "observation": seen})
        found.answers(host, "command", command(changed=True))
    return found.run("playbooks/restore.yml", "-e", "host=web1", "-e", "steps=2", "-e", "every=0")


def switchover(folder: Path) -> Run:
    """The VIPs are with the other director when it is looked for the third time."""
    found = estate(folder)
    after = Site(found.site.plan)
    after.owner["edge"] = "lb2"
    after.look()
    for host in ("lb1", "lb2"):
        found.looks(host, found.site, found.site, after)
        found.answers(host, "lvs_demotion", {"changed": True})
    return found.run("playbooks/switchover.yml", "-e", "to=lb2", "-e", "reason=kernel")


def kept(run: str, number: int) -> dict[str, Any]:
    """A change that a host keeps, as lvs_generations lists it."""
    stamp = {"run": run, "operator": "ana", "commit": "v1", "reason": ""}
    name = f"{number:06}"
    files = {"changed": ["/etc/keepalived/keepalived.conf"], "paths": ["/etc/keepalived/keepalived.conf"]}
    return {"generation": name, "started": f"2026-11-23T02:0{number}:00Z", "stamp": stamp, "digest": run} | {
        **files,
        "election": "same",
    }


def rollback(folder: Path, *options: str) -> Run:
    """The last run has changed the directors only."""
    found = estate(folder)
    for host in found.site.seen:
        runs = ("run1", "run2") if host.startswith("lb") else ("run1",)
        changes = [kept(run, number) for number, run in enumerate(runs, 1)]
        found.answers(host, "lvs_generations", {"changed": False, "generations": changes})
        running(found.site, host)
        found.looks(host, found.site)
    return found.run("playbooks/rollback.yml", "-e", "cluster=edge", *options)


def teardown(folder: Path) -> Run:
    """The toolkit has installed no package here: purging some is three more."""
    found = estate(folder)
    after = Site(tear_down(found.site.plan, ["edge"]))
    for host in found.site.seen:
        found.looks(host, found.site, after)
        found.answers(host, "slurp", {"failed": True, "msg": "File not found: it"})
        found.answers(host, "getent", {"ansible_facts": {"getent_passwd": {"keepalived_script": None}}})
        for module in ("file", "command", "user"):
            found.answers(host, module, {"changed": False, "rc": 0, "stdout": "", "stderr": ""})
    return found.run("playbooks/teardown.yml", "-e", "lvs_teardown=edge")


def update(folder: Path, *upgradable: str) -> Run:
    """Packages for these hosts; their drains are seen by the directors when they are ordered."""
    on = Stage(folder, case())
    for host in on.site.seen:
        names = ["nginx"] if host in upgradable else []
        on.answers(host, "lvs_upgrade", changed=bool(names), upgradable=names, held=[])
    for host in ("lb1", "lb2"):
        on.answers(host, "command", changed=True, rc=0, stdout=json.dumps(TOLD), stderr="", cmd=[])
    on.show(drained(on.site), "then.lb2.command.1", "lb1", "lb2")
    on.show(on.site, "then.lb2.command.2", "lb1", "lb2")
    options = ["-e", "what=packages", "-e", f"lvs_update_dir={folder}/update"]
    return staged(on, on.play("update.yml", *options))


def itself(folder: Path) -> Run:
    """Both directors change, and the owner as a standby."""
    deployment = Deployment(folder, case()).as_usual()
    return staged(deployment.on, deployment.play(book="../site.yml"))


def staged(on: Stage, done: CompletedProcess[str]) -> Run:
    """A run on a stage."""
    executions: dict[str, list[str]] = {}
    for call in on.calls():
        executions.setdefault(call["host"], []).append(call["module"])
    return Run(done.returncode, done.stdout + done.stderr, executions, {})


VERBS: dict[str, Verb] = {
    "`playbooks/plan.yml`": lambda folder: estate(folder).run(
        "playbooks/plan.yml", "-e", f"lvs_plan_dir={folder}/plan"
    ),
    "`playbooks/diff.yml`": playbook("playbooks/diff.yml"),
    "`playbooks/status.yml`": playbook("playbooks/status.yml"),
    "`playbooks/verify.yml`": playbook("playbooks/verify.yml"),
    "`site.yml`, nothing to do": playbook("site.yml"),
    "`site.yml`, a weight has changed": weight,
    "`site.yml`, the directors themselves have changed": itself,
    "`site.yml`, for the first time": first,
    "`playbooks/drain.yml`": drain,
    "`playbooks/restore.yml`, in two steps": restore,
    "`playbooks/switchover.yml`": switchover,
    "`playbooks/update.yml`, nothing to do": update,
    "`playbooks/update.yml`, a real server": lambda folder: update(folder, "web1"),
    "`playbooks/rollback.yml`, the list": rollback,
    "`playbooks/rollback.yml`, of the last run": lambda folder: rollback(folder, "-e", "generation=previous"),
    "`playbooks/teardown.yml`": teardown,
}


def documented() -> dict[str, Counts]:
    """The table of the docs: counts by verb and kind of host."""
    text = DOCS.read_text().split("## Remote executions of each verb")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    assert rows[0][1:] == HEADS
    return {row[0]: dict(zip(HEADS, map(int, row[1:]), strict=True)) for row in rows[2:]}


def counted(run: Run, servers: tuple[str, ...] = ("web1", "web2", "web3")) -> Counts:
    """What the run has cost on each kind of host; all hosts of a kind cost the same."""
    assert run.returncode == 0, run.output
    kinds = {"owner of the VIPs": ["lb1"], "standby": ["lb2"], "client": ["client1"]}
    kinds["real server"] = list(servers)
    found = {kind: {run.counts.get(host, 0) for host in hosts} for kind, hosts in kinds.items()}
    assert all(len(counts) == 1 for counts in found.values()), run.executions
    return {kind: found[kind].pop() for kind in HEADS}


def test_the_table_has_all_verbs_and_no_other() -> None:
    assert list(documented()) == list(VERBS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Each verb's run, which is made once."""

    @cache
    def run(verb: str) -> Run:
        return VERBS[verb](tmp_path_factory.mktemp("verb"))

    return run


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_costs_what_is_documented(verb: str, runs: Callable[[str], Run]) -> None:
    run = runs(verb)
    # Of the others of its pool an update of one asks only whether there is anything to do.
    servers = ("web1",) if verb.endswith("a real server") else ("web1", "web2", "web3")
    assert counted(run, servers) == documented()[verb], json.dumps(run.executions, indent=1)


def test_every_playbook_is_in_the_table() -> None:
    """A new verb is not forgotten; deploy is a part of site."""
    names = {path.name for path in (ROOT / "playbooks").glob("*.yml")} - {"deploy.yml"}
    told = set(re.findall(r"`playbooks/([^` ]+\.yml)", " ".join(documented())))
    assert names == told


def test_a_converged_host_sees_two_executions_and_three_tasks_at_most(runs: Callable[[str], Run]) -> None:
    """What is done once for all hosts is counted at the first one of them, which is lb1."""
    run = runs("`site.yml`, nothing to do")
    assert max(run.counts.values()) <= 2
    others = ("lb2", "web1", "web2", "web3")
    assert max(run.recap[host].ok for host in others) <= 3
    assert sum(one.changed for one in run.recap.values()) == 0
