"""The deployments' benchmark without the lab: arithmetic, refusals; and both ways express one service."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench import deploy
from bench.__main__ import main
from bench.deploy import INVENTORY, WAYS, Block, block, figures, order, served
from bench.processes import ROOT, FailedError
from lab.clients import Shell
from lab.errors import LabError
from lab.playbook import HostRecap, PlaybookRun
from lvs_model.plan import compile_plan

_ROLES = ROOT / "bench" / "plain" / "roles"


def _run(seconds: float = 1.0, executions: int = 1, changed: int = 0, code: int = 0) -> PlaybookRun:
    recap = {"lb1": HostRecap(5, changed, 0, 0, ("Configure keepalived",) * changed)}
    return PlaybookRun(code, seconds, recap, {"lb1": executions, "web1": 1}, ())


def _block(first: float, converged: list[float], executions: int = 1) -> Block:
    return Block(_run(first, 2 * executions), [_run(one, executions) for one in converged])


def test_ratios_are_of_medians_within_a_round_and_then_their_median() -> None:
    rounds = [
        {"toolkit": _block(100, [5, 4, 90]), "plain_tasks": _block(50, [50, 40, 51], 12)},
        {"toolkit": _block(60, [6, 6, 6]), "plain_tasks": _block(60, [30, 20, 20], 12)},
        {"toolkit": _block(30, [2, 2, 2]), "plain_tasks": _block(60, [10, 10, 10], 14)},
    ]
    found = figures(rounds)
    assert found["first"]["wall_ratio_to_plain_tasks"] == 1.0
    assert found["first"]["spread"] == [0.5, 2.0]
    assert found["first"]["seconds"] == {"toolkit": 60.0, "plain_tasks": 60.0}
    assert found["first"]["remote_executions_per_host"] == {"toolkit": 2, "plain_tasks": 28}
    # 5/50, 6/20, 2/10
    assert found["converged"]["wall_ratio_to_plain_tasks"] == 0.2
    assert found["converged"]["spread"] == [0.1, 0.3]
    assert found["converged"]["remote_executions_per_host"] == {"toolkit": 1, "plain_tasks": 14}


def test_another_way_begins_each_round() -> None:
    assert [order(number)[0] for number in range(4)] == ["toolkit", "plain_tasks"] * 2
    assert all(sorted(order(number)) == sorted(WAYS) for number in range(4))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what a client gets, call by call; the last one again and again."""

    def say(*given: dict[str, int] | LabError) -> None:
        rest = list(given)

        def http_names(*_: object) -> Counter[str]:
            one = rest.pop(0) if len(rest) > 1 else rest[0]
            if isinstance(one, LabError):
                raise one
            return Counter(one)

        monkeypatch.setattr(deploy, "http_names", http_names)
        monkeypatch.setattr("bench.deploy.time.sleep", lambda _: None)

    return say


class _Nodes:
    """Nodes that nobody asks anything."""

    def runner(self, node: str) -> Shell:
        raise AssertionError(node)


def test_a_way_serves_when_every_real_server_answers(answers: Callable[..., None]) -> None:
    answers(LabError("refused"), {"web1": 6}, {"web1": 4, "web2": 2})
    served(_Nodes(), "toolkit", limit_s=60)


@pytest.mark.parametrize(
    ("answer", "why"),
    [(LabError("connection refused"), "connection refused"), ({"web1": 6}, "not every real server answers")],
)
def test_a_way_that_does_not_serve_has_no_figures(
    answers: Callable[..., None], answer: dict[str, int] | LabError, why: str
) -> None:
    answers(answer)
    with pytest.raises(FailedError, match=f"plain_tasks does not serve within 0 s: {why}"):
        served(_Nodes(), "plain_tasks", limit_s=0)


def test_a_run_that_still_changes_something_is_no_converged_one(answers: Callable[..., None]) -> None:
    answers({"web1": 4, "web2": 2})
    runs = iter([_run(changed=4), _run(), _run(changed=1)])
    with pytest.raises(FailedError, match=r"still changed something: \{'lb1': \('Configure keepalived',\)\}"):
        block(_Nodes(), "plain_tasks", 2, lambda *_, on_line: next(runs))


def test_a_failed_run_shows_its_end() -> None:
    def play(*_: str, on_line: Callable[[str], None]) -> PlaybookRun:
        on_line("fatal: [lb1]: no such package")
        return _run(code=2)

    with pytest.raises(FailedError, match=r"bench/plain/site.yml ended with 2:\nfatal: \[lb1\]: no such"):
        block(_Nodes(), "plain_tasks", 1, play)


class _Lab(_Nodes):
    """A lab as far as the main program asks; `fresh` counts how often nodes were made anew."""

    fresh = 0

    def __init__(self, _inventory: Path) -> None:
        self.host = self

    def up(self, *, fresh: bool) -> None:
        type(self).fresh += fresh

    def describe(self) -> dict[str, object]:
        return {"accelerator": "tcg"}


def test_ratios_are_printed_and_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answers: Callable[..., None],
) -> None:
    answers({"web1": 4, "web2": 2})
    played: list[tuple[str, ...]] = []

    def play(*arguments: str, on_line: Callable[[str], None]) -> PlaybookRun:
        played.append(arguments)
        return _run(2.0 if arguments[0] == "site.yml" else 8.0)

    monkeypatch.setattr(deploy, "Lab", _Lab)
    monkeypatch.setattr(deploy, "run_playbook", play)
    place = tmp_path / "new" / "figures.json"
    assert main(["deploy", "--rounds", "2", "--converged", "2", "--output", str(place)]) == 0
    found = json.loads(place.read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert found["converged"]["wall_ratio_to_plain_tasks"] == 0.25
    assert found["first"]["wall_ratio_to_plain_tasks"] == 0.25
    assert _Lab.fresh == 4, "each way begins on fresh nodes in each round"
    assert [arguments[0] for arguments in played] == [
        *["site.yml"] * 3,
        *["bench/plain/site.yml"] * 6,
        *["site.yml"] * 3,
    ]


@pytest.mark.parametrize("option", ["--rounds", "--converged"])
def test_numbers_below_one_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["deploy", option, "0"])
    assert ended.value.code == 2
    assert f"{option}: at least one is needed" in capsys.readouterr().err


@pytest.fixture(scope="module")
def listing() -> dict[str, Any]:
    argv = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(INVENTORY), "--list"]
    found: dict[str, Any] = json.loads(subprocess.run(argv, capture_output=True, check=True, cwd=ROOT).stdout)
    return found


@pytest.fixture(scope="module")
def plan(listing: Mapping[str, Any]) -> dict[str, Any]:
    groups: dict[str, list[str]] = {name: one.get("hosts", []) for name, one in listing.items()}
    groups["edge"] = [*groups["edge_directors"], *groups["edge_web"]]
    groups["all"] = [*groups["edge"], *groups["clients"]]
    return compile_plan({host: listing["_meta"]["hostvars"][host] for host in groups["all"]}, groups)


def _defaults(role: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_ROLES / role / "defaults" / "main.yml").read_text())
    return found


@pytest.mark.parametrize("host", ["lb1", "lb2"])
def test_plain_tasks_forward_as_the_plan_does(
    host: str, listing: dict[str, Any], plan: dict[str, Any]
) -> None:
    hostvars = listing["_meta"]["hostvars"]
    defaults = _defaults("director")
    # Those that Ansible would evaluate.
    defaults |= {"director_peers": ["lb1", "lb2"], "director_pool": ["web1", "web2"]}
    templates = FileSystemLoader(_ROLES / "director" / "templates")
    environment = Environment(loader=templates, undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    text = environment.get_template("keepalived.conf.j2").render(
        hostvars=hostvars, inventory_hostname=host, **hostvars[host], **defaults
    )
    servers = {
        f"{address}:{port}": int(weight)
        for address, port, weight in re.findall(r"real_server (\S+) (\d+) \{\s+weight (\d+)", text)
    }
    (planned,) = plan["hosts"][host]["ipvs"].items()
    key, table = planned
    assert key == "TCP {}:{}".format(*re.findall(r"virtual_server (\S+) (\d+) \{", text)[0])
    assert servers == {place: one["weight"] for place, one in table["servers"].items()}
    assert f"lvs_sched {table['scheduler']}" in text
    priority = plan["clusters"]["edge"]["directors"][host]
    assert f"    priority {priority}\n" in text


@pytest.mark.parametrize(("role", "host"), [("director", "lb1"), ("real_server", "web1")])
def test_plain_tasks_set_what_the_plan_sets(role: str, host: str, plan: dict[str, Any]) -> None:
    """Those that differ from the kernel's own: no role sets the others."""
    lines = next(
        file["content"] for file in plan["hosts"][host]["files"] if file["path"].endswith("network.conf")
    ).splitlines()
    settings = _defaults(role)[f"{role}_sysctls"]
    assert settings
    for name, value in settings.items():
        assert f"sysctl {name.replace('.', '/')} {value}" in lines
    for module in _defaults(role).get(f"{role}_modules", []):
        assert f"module {module}" in lines


def test_plain_tasks_are_valid() -> None:
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "--syntax-check", "-i", str(INVENTORY)]
    done = subprocess.run([*argv, WAYS["plain_tasks"]], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
