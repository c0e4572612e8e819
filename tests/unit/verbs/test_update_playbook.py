"""playbooks/update.yml from start to end, on pretended hosts: who is drained, moved and updated, and when."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from tests.unit.model.builders import Case, Site

from .stage import Stage

REASON = "update of edge"
# What lvs-override answers, whatever it is asked.
TOLD = {"changed": True, "weight": 0, "active": 0, "inactive": 0, "done": True}
DIRECTORS = ("lb1", "lb2")


def drained(site: Site) -> Site:
    """The directors while web1 is drained for the update."""
    found = copy.deepcopy(site)
    record = {"file": "drained/web1.json", "host": "web1", "services": None, "reason": REASON}
    for host in DIRECTORS:
        found.seen[host]["overrides"] = [record | {"operator": "ana", "since": 1, "until": None, "weight": 0}]
        found.seen[host]["ipvs"]["table"] = found.seen[host]["ipvs"]["table"].replace("-w 3", "-w 0")
    return found


@pytest.fixture
def on(tmp_path: Path) -> Stage:
    """Packages for web1 and the directors; lb1 owns the VIPs until it is told to give them away."""
    stage = Stage(tmp_path, Case())
    for host, names in {"lb1": ["keepalived"], "lb2": ["keepalived"], "web1": ["nginx"]}.items():
        stage.answers(host, "lvs_upgrade", changed=True, upgradable=names, held=[])
    for host in ("web2", "web3"):
        stage.answers(host, "lvs_upgrade", changed=False, upgradable=[], held=[])
    for host in DIRECTORS:
        stage.answers(host, "command", changed=True, rc=0, stdout=json.dumps(TOLD), stderr="", cmd=[])
    # The standby is told to drain, and later to restore; the owner is asked for connections in between.
    stage.show(drained(stage.site), "then.lb2.command.1", *DIRECTORS)
    stage.show(stage.site, "then.lb2.command.2", *DIRECTORS)
    after = Site(stage.site.plan)
    after.owner["edge"] = "lb2"
    after.look()
    stage.show(after, "then.lb1.lvs_demotion", *DIRECTORS)
    return stage


def update(on: Stage, tmp_path: Path, *arguments: str) -> tuple[int, str]:
    state = tmp_path / "update"
    done = on.play("update.yml", "-e", "what=packages", "-e", f"lvs_update_dir={state}", *arguments)
    return done.returncode, done.stdout + done.stderr


def acts(on: Stage) -> list[str]:
    """What was done, without looks and locks."""
    return [
        f"{one['host']} {one['module']}"
        for one in on.calls()
        if one["module"] not in {"lvs_facts", "cluster_lock"} and not one["args"].get("look")
    ]


def released(on: Stage) -> list[str]:
    """The hosts whose lock was given back."""
    calls = [one for one in on.calls() if one["module"] == "cluster_lock"]
    return sorted(one["host"] for one in calls if one["args"].get("state") == "released")


def test_a_whole_cluster_is_updated_while_it_serves(on: Stage, tmp_path: Path) -> None:
    code, said = update(on, tmp_path)

    assert code == 0, said
    assert "3. lb1, after a switchover to lb2" in said
    done = acts(on)
    # Both are told to drain, and the owner is asked for connections; then both are told to restore.
    first = done.index("web1 lvs_upgrade")
    assert sorted(done[:first]) == ["lb1 command"] * 2 + ["lb2 command"]
    assert sorted(done[first + 1 : first + 3]) == ["lb1 command", "lb2 command"]
    assert done[first + 3 :] == ["lb2 lvs_upgrade", "lb1 lvs_demotion", "lb1 lvs_upgrade"]
    words = [one["args"]["_raw_params"] if "_raw_params" in one["args"] else one["args"]["argv"]
             for one in on.calls() if one["module"] == "command" and one["host"] == "lb2"]  # fmt: skip
    assert [next(word for word in argv if word in {"drain", "restore"}) for argv in words] == [
        "drain",
        "restore",
    ]
    assert not (tmp_path / "update" / "edge.json").exists(), "it is over"
    assert released(on) == ["lb1", "lb2"]


def test_an_update_that_stopped_goes_on_where_it_stood(on: Stage, tmp_path: Path) -> None:
    # At first it only looks, and under the lock again.
    on.answers("lb2", "lvs_upgrade.3", failed=True, msg="dpkg was interrupted")

    code, said = update(on, tmp_path)

    assert code == 2, said
    left = json.loads((tmp_path / "update" / "edge.json").read_text())
    assert (left["what"], left["done"], left["back"]) == ("packages", ["web1"], []), said
    assert "lb1 lvs_demotion" not in acts(on), "the owner was not touched"
    assert released(on) == ["lb1", "lb2"], "others are not kept out"
    assert "dpkg was interrupted" in said.split("PLAY RECAP")[0].rsplit("fatal:", 1)[1], "the only error"
    before = len(on.calls())

    code, said = update(on, tmp_path)

    assert code == 0, said
    assert "goes on; done already: web1" in said
    done = [one for one in on.calls()[before:] if not one["args"].get("look")]
    names = [f"{one['host']} {one['module']}" for one in done if one["module"].startswith("lvs_")]
    assert [name for name in names if not name.endswith("lvs_facts")] == [
        "lb2 lvs_upgrade",
        "lb1 lvs_demotion",
        "lb1 lvs_upgrade",
    ]
    assert not (tmp_path / "update" / "edge.json").exists()


@pytest.mark.parametrize("force", [False, True])
def test_connections_that_are_left_stop_it_unless_forced(on: Stage, tmp_path: Path, force: bool) -> None:
    told = TOLD | {"active": 3, "done": False}
    on.answers("lb1", "command", changed=True, rc=0, stdout=json.dumps(told), stderr="", cmd=[])

    code, said = update(on, tmp_path, "-e", "wait=0", *(["-e", "force=true"] if force else []))

    assert ("web1 lvs_upgrade" in acts(on)) is force, said
    assert (code == 0) is force, said
    if not force:
        assert "web1 still has 3 active connections after 0 seconds, and stays drained" in said.replace(
            "\n", " "
        )
        left = json.loads((tmp_path / "update" / "edge.json").read_text())
        assert left["done"] == [], "the next run goes on with it"


def test_what_was_left_drained_is_given_back_though_nothing_is_left_to_upgrade(
    on: Stage, tmp_path: Path
) -> None:
    for host in (*DIRECTORS, "web1"):
        on.answers(host, "lvs_upgrade", changed=False, upgradable=[], held=[])
    on.show(drained(on.site))
    on.show(drained(on.site), "then.lb2.command.1", *DIRECTORS)

    code, said = update(on, tmp_path)

    assert code == 0, said
    assert "1. web1, drained: web1" in said
    told = [one["args"]["argv"] for one in on.calls() if one["module"] == "command"]
    assert [host for host in DIRECTORS if any("restore" in argv for argv in told)] == list(DIRECTORS)


def test_it_goes_on_without_a_director_that_is_accepted_as_unreachable(on: Stage, tmp_path: Path) -> None:
    on.site.owner["edge"] = "lb2"
    on.site.look()
    on.show(on.site)
    (on.folder / "lb1.json").unlink()
    on.answers("lb2", "lvs_upgrade", changed=False, upgradable=[], held=[])

    code, said = update(on, tmp_path, "-e", "lvs_accept_unreachable=lb1")

    assert code == 0, said
    assert "web1 lvs_upgrade" in acts(on)
    assert released(on) == ["lb2"], "lb1 has no lock of ours"


def test_check_mode_shows_the_rounds(on: Stage, tmp_path: Path) -> None:
    code, said = update(on, tmp_path, "--check")

    assert code == 0, said
    assert "1. web1, drained: web1" in said
    assert acts(on) == []


def test_a_word_that_is_no_update_is_refused_before_anybody_is_asked(on: Stage, tmp_path: Path) -> None:
    code, said = update(on, tmp_path, "-e", "what=all")

    assert code == 2
    assert "what: all is no update: -e what=packages or reboot" in said
    assert on.calls() == []
