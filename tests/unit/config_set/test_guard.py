"""Guarded actions: the timer first, the action second, and nobody but the controller stops the timer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_transaction import command
from module_utils.lvs_transaction.model import TransactionError

from .host import NEW_FILES, Host

_CONF = "/etc/keepalived/keepalived.conf"
_GUARDS = "/run/lvs-toolkit/guards"
_TOLD = 'echo "$(basename $0) $*" >>{log}\n'


@pytest.fixture
def timers(host: Host, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs of systemd's that only write down what they are asked; where they are."""
    folder = host.base / "bin"
    folder.mkdir()
    for name in ("systemd-run", "systemctl"):
        _program(folder / name, _TOLD.format(log=host.log))
    monkeypatch.setattr(command, "PATH", f"{folder}:{command.PATH}")
    return folder


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)


def _load(host: Host, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
    """An action that could cut the controller off, and what undoes it."""
    guard = ["sh", "-c", f'echo "undone $0" >>{host.log}', "$HOME %n ${PATH}"]
    return host.sh("load filter", "echo load >>$1", guard=guard, **more)


def _fire(host: Host, unit: str) -> str:
    """Do what the timer does; what it says to the journal."""
    argv = ["sh", str(host.path(f"{_GUARDS}/{unit}"))]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("timers")
@pytest.mark.parametrize("trigger", [{"on": [_CONF]}, {"force": True}], ids=["file", "drift"])
def test_the_timer_is_armed_before_the_action_and_an_older_one_is_replaced(
    host: Host, trigger: dict[str, Any]
) -> None:
    plain = host.sh("plain", "echo plain >>$1", force=True)
    files = NEW_FILES if "on" in trigger else []
    result = host.apply(files=files, actions=[plain, _load(host, **trigger)], guard_s=45)
    script = f"{host.root}{_GUARDS}/lvs-guard-0"
    assert host.actions() == [
        "plain",
        "systemctl stop lvs-guard-0.*",
        "systemd-run --quiet --collect --unit=lvs-guard-0 "
        "--description=Undo what no controller has confirmed: load filter "
        f"--on-active=45 --timer-property=AccuracySec=1s sh {script}",
        "load",
    ]
    assert result.guarded == ["load filter"]


@pytest.mark.usefixtures("timers")
def test_the_name_of_a_timer_does_not_hang_on_what_else_runs(host: Host) -> None:
    """A later run replaces the timer of the same action, whichever others have something to do."""
    actions = [host.sh("a", "true"), _load(host), host.sh("b", "true"), {**_load(host), "name": "routes"}]
    host.apply(actions=[*actions[:3], {**actions[3], "force": True}])
    assert sorted(path.name for path in host.path(_GUARDS).iterdir()) == ["lvs-guard-1"]


@pytest.mark.usefixtures("timers")
def test_an_action_without_a_guard_asks_systemd_nothing(host: Host) -> None:
    result = host.apply(files=NEW_FILES, actions=[host.sh("plain", "echo plain >>$1", on=[_CONF])])
    assert (result.guarded, host.actions()) == ([], ["plain"])
    assert not host.path("/run").exists()


@pytest.mark.usefixtures("timers")
def test_a_timer_that_runs_undoes_and_says_so(host: Host) -> None:
    host.apply(actions=[_load(host, force=True)], guard_s=30)
    assert _fire(host, "lvs-guard-0") == (
        "no controller has confirmed 'load filter' within 30 s: it is undone\n"
    )
    assert host.actions()[-1] == "undone $HOME %n ${PATH}"  # word by word, as it was given


@pytest.mark.usefixtures("timers")
def test_a_confirmation_stops_every_timer_before_it_looks(host: Host) -> None:
    host.apply(actions=[_load(host, force=True)])
    seen = len(host.actions())
    result = host.apply(confirm=True)
    assert (result.changed, result.confirmed) == (False, ["lvs-guard-0"])
    assert host.actions()[seen:] == [
        "systemctl stop lvs-guard-*.timer",
        "systemctl stop lvs-guard-*.service",
    ]
    assert list(host.path(_GUARDS).iterdir()) == []


@pytest.mark.usefixtures("timers")
def test_a_confirmation_that_comes_too_late_is_refused_once(host: Host) -> None:
    host.apply(actions=[_load(host, force=True)])
    _fire(host, "lvs-guard-0")
    with pytest.raises(TransactionError, match=r"the host itself undid 'load filter'.*finds it as drift"):
        host.apply(confirm=True)
    assert host.apply(confirm=True).confirmed == []


@pytest.mark.usefixtures("timers")
def test_what_fired_in_an_earlier_run_does_not_spoil_this_one(host: Host) -> None:
    """The controller died; the next run heals the drift, under whatever name its timer has."""
    routes = {**_load(host), "name": "routes"}
    host.apply(actions=[_load(host), {**routes, "force": True}])
    _fire(host, "lvs-guard-1")
    host.apply(actions=[_load(host, force=True), routes])
    assert host.apply(confirm=True).confirmed == ["lvs-guard-0", "lvs-guard-1"]


def test_a_confirmation_where_nothing_is_armed_asks_nobody(host: Host) -> None:
    before = host.tree(state=True)
    assert host.apply(confirm=True).confirmed == []
    assert host.tree(state=True) == before


def test_a_timer_that_cannot_be_stopped_is_told(host: Host, timers: Path) -> None:
    host.apply(actions=[_load(host, force=True)])
    _program(timers / "systemctl", "echo no bus; exit 1\n")
    with pytest.raises(
        TransactionError, match=r"(?s)could not be stopped.*no bus\nBy hand, at once: systemctl"
    ):
        host.apply(confirm=True)
    assert host.path(f"{_GUARDS}/lvs-guard-0").exists()


@pytest.mark.usefixtures("timers")
def test_check_mode_arms_nothing(host: Host) -> None:
    before = host.tree(state=True)
    result = host.apply(check=True, files=NEW_FILES, actions=[_load(host, on=[_CONF])])
    assert (result.actions, result.guarded, host.actions()) == (["load filter"], [], [])
    assert host.apply(check=True, confirm=True).confirmed == []
    assert host.tree(state=True) == before


@pytest.mark.parametrize("check", [False, True])
def test_without_systemd_it_is_refused_before_anything_is_touched(
    host: Host, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    monkeypatch.setattr(command, "PATH", "/nonexistent")
    before = host.tree()
    with pytest.raises(TransactionError, match=r"nothing was touched: 'load filter' could.*Install systemd"):
        host.apply(check=check, files=NEW_FILES, actions=[_load(host, on=[_CONF])])
    assert (host.tree(), host.generations()) == (before, {})


def test_a_timer_that_cannot_be_armed_keeps_the_action_from_running(host: Host, timers: Path) -> None:
    _program(timers / "systemd-run", "echo no bus; exit 1\n")
    before = host.tree()
    with pytest.raises(TransactionError) as caught:
        host.apply(files=NEW_FILES, actions=[_load(host, on=[_CONF])])
    assert str(caught.value).startswith(
        "guard \"timer that undoes 'load filter'\" failed: exit code 1:\nno bus"
    )
    assert caught.value.details["failure"]["phase"] == "guard"
    assert (caught.value.details["rolled_back"], caught.value.details["guarded"]) == (True, [])
    assert {name: what for name, what in host.tree().items() if not name.startswith("/run")} == before
    # The rollback loads the old file, which was in effect before: that needs no guard.
    assert host.actions() == ["systemctl stop lvs-guard-0.*", "load"]


def test_a_place_that_cannot_be_written_keeps_the_action_from_running(host: Host, timers: Path) -> None:
    host.write("/run", "in the way")
    with pytest.raises(
        TransactionError, match=r"(?s)^guard .* failed: it cannot be written: .*No file had changed"
    ):
        host.apply(actions=[_load(host, force=True)])
    assert timers.exists()
    assert host.actions() == []


@pytest.mark.usefixtures("timers")
def test_a_rollback_disarms(host: Host) -> None:
    broken = host.sh("h", f"grep -q old $0{_CONF}")
    with pytest.raises(TransactionError, match="The host was rolled back to the files") as caught:
        host.apply(files=NEW_FILES, actions=[_load(host, on=[_CONF])], health=[broken])
    assert caught.value.details["guarded"] == []
    assert host.actions()[-2:] == ["load", "systemctl stop lvs-guard-0.*"]
    assert list(host.path(_GUARDS).iterdir()) == []


@pytest.mark.usefixtures("timers")
def test_guards_of_this_run_undo_before_the_files_are_given_back(host: Host) -> None:
    """What reads the old files again may only add to what cuts the controller off."""
    old = host.path(_CONF).read_text().strip()

    def guarded(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
        undo = f'echo "$0 undone beside $(cat {host.path(_CONF)})" >>{host.log}'
        own = host.sh(name, f"echo {name} beside $(cat $0{_CONF}) >>$1", **more)
        return {**own, "guard": ["sh", "-c", undo, name]}

    actions = [
        guarded("filter", on=[_CONF]),
        # The rollback does not run it again: it stays as it is, and its timer goes on.
        guarded("drift", force=True),
        guarded("routes", on=[_CONF]),
        host.sh("bad", f"grep -q old $0{_CONF}", on=[_CONF]),
        guarded("late", on=[_CONF]),
    ]
    with pytest.raises(TransactionError, match=r"^action 'bad' failed") as caught:
        host.apply(files=NEW_FILES, actions=actions)
    assert [line for line in host.actions() if not line.startswith("system")] == [
        "filter beside new keepalived",
        "drift beside new keepalived",
        "routes beside new keepalived",
        "filter undone beside new keepalived",
        "routes undone beside new keepalived",
        f"filter beside {old}",
        f"routes beside {old}",
        f"late beside {old}",
    ]
    assert caught.value.details["guarded"] == ["drift"]
    assert [line for line in host.actions() if line.startswith("systemctl stop")][-2:] == [
        "systemctl stop lvs-guard-0.*",
        "systemctl stop lvs-guard-2.*",
    ]
    assert [path.name for path in host.path(_GUARDS).iterdir()] == ["lvs-guard-1"]
    assert host.apply(confirm=True).confirmed == ["lvs-guard-1"]


@pytest.mark.usefixtures("timers")
@pytest.mark.parametrize("guard", [["sh", "-c", "exit 1"], ["/nonexistent/lvs-network", "undo-routes"]])
def test_a_guard_that_fails_does_not_keep_the_files_from_being_given_back(
    host: Host, guard: list[str]
) -> None:
    before = host.tree()
    load = {**_load(host, on=[_CONF]), "guard": guard}
    with pytest.raises(TransactionError, match="The host was rolled back to the files") as caught:
        host.apply(files=NEW_FILES, actions=[load], health=[host.sh("h", f"grep -q old $0{_CONF}")])
    assert caught.value.details["rolled_back"] is True
    assert {name: what for name, what in host.tree().items() if not name.startswith("/run")} == before


@pytest.mark.usefixtures("timers")
def test_a_run_that_succeeds_undoes_nothing(host: Host) -> None:
    host.apply(files=NEW_FILES, actions=[_load(host, on=[_CONF])])
    assert [line for line in host.actions() if line.startswith("undone")] == []


@pytest.mark.usefixtures("timers")
def test_a_timer_that_ran_before_the_rollback_was_done_is_told(host: Host) -> None:
    late = host.sh("h", f'sh "$0{_GUARDS}/lvs-guard-0"; exit 1')
    with pytest.raises(TransactionError, match="Meanwhile the host itself undid 'load filter': run again"):
        host.apply(files=NEW_FILES, actions=[_load(host, on=[_CONF])], health=[late])


def test_a_rollback_that_cannot_disarm_says_what_will_happen(host: Host, timers: Path) -> None:
    breaks = host.sh("h", f"printf '#!/bin/sh\\nexit 1\\n' >{timers}/systemctl; exit 1")
    with pytest.raises(
        TransactionError, match=r"(?s)timers of its actions are still armed.*By hand"
    ) as caught:
        host.apply(files=NEW_FILES, actions=[_load(host, on=[_CONF])], health=[breaks])
    assert caught.value.details["guarded"] == ["load filter"]


@pytest.mark.usefixtures("timers")
def test_where_nothing_is_rolled_back_the_timer_stays_for_the_controller(host: Host) -> None:
    with pytest.raises(TransactionError, match="nothing to roll back") as caught:
        host.apply(actions=[_load(host, force=True), host.sh("bad", "exit 1", force=True)])
    assert caught.value.details["guarded"] == ["load filter"]
    assert not any(line.startswith("undone") for line in host.actions())
    assert host.apply(confirm=True).confirmed == ["lvs-guard-0"]


@pytest.mark.usefixtures("timers")
def test_the_journal_and_its_recovery_know_of_no_guard(host: Host) -> None:
    host.apply(files=NEW_FILES, actions=[_load(host, on=[_CONF])])
    journal = next(host.root.rglob("journal.committed.json"))
    (action,) = json.loads(journal.read_text())["actions"]
    assert action["name"] == "load filter"
    assert "guard" not in action
    journal.rename(journal.with_name("journal.open.json"))
    seen = len(host.actions())
    (settled,) = host.recover()
    assert settled.actions == ["load filter"]
    assert host.actions()[seen:] == ["load"]


_UNIT = "/etc/systemd/system/filter.service"
_RULES = "/etc/lvs/filter.rules"


def _filter(host: Host, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
    """An action that loads a filter, which tells what it finds; its guard and its retract."""
    load = host.sh("load filter", "echo load $(cat $0/etc/lvs/filter.rules) >>$1", on=[_UNIT, _RULES], **more)
    tells = f'echo "$0 beside $(cat {host.path(_RULES)})" >>{host.log}'
    return {
        **load,
        "guard": ["sh", "-c", tells, "deleted"],
        "retract": ["sh", "-c", tells, "disabled"],
    }


def _files(rules: str, unit: str = "unit") -> list[dict[str, Any]]:
    return [{"path": _UNIT, "content": unit}, {"path": _RULES, "content": rules, "mode": "0600"}]


def _own(host: Host) -> list[str]:
    return [line for line in host.actions() if not line.startswith("systemd-run")]


@pytest.mark.usefixtures("timers")
def test_a_timer_gives_back_the_files_and_loads_them_again(host: Host) -> None:
    """At the next boot the unit would load the new ones otherwise."""
    host.write(_RULES, "old", 0o640)
    host.write(_UNIT, "unit")
    before = host.tree()
    host.apply(files=_files("new"), actions=[_filter(host)])
    assert host.path(_RULES).read_text() == "new"
    _fire(host, "lvs-guard-0")
    assert _own(host) == ["systemctl stop lvs-guard-0.*", "load new", "deleted beside new", "load old"]
    assert {name: what for name, what in host.tree().items() if not name.startswith("/run")} == before


@pytest.mark.usefixtures("timers")
def test_a_timer_leaves_nothing_where_nothing_was(host: Host) -> None:
    before = host.tree()
    host.apply(files=_files("new"), actions=[_filter(host)])
    _fire(host, "lvs-guard-0")
    assert _own(host)[1:] == ["load new", "disabled beside new"]
    assert set(host.tree()) - set(before) - {"/run", "/run/lvs-toolkit"} == {
        _GUARDS,
        f"{_GUARDS}/lvs-guard-0",
        f"{_GUARDS}/lvs-guard-0.fired",
    }


@pytest.mark.usefixtures("timers")
def test_a_part_that_was_there_is_given_back_and_a_new_one_removed(host: Host) -> None:
    host.write(_RULES, "old")
    host.apply(files=_files("new"), actions=[_filter(host)])
    _fire(host, "lvs-guard-0")
    assert _own(host)[1:] == ["load new", "deleted beside new", "load old"]
    assert not host.path(_UNIT).exists()


@pytest.mark.usefixtures("timers")
def test_a_timer_gives_back_every_file_of_the_run_and_what_reads_them_reads_again(host: Host) -> None:
    """A daemon that asks for the filter must not keep doing so when there is none any more."""
    old = host.path(_CONF).read_text().strip()
    before = host.tree()
    daemon = host.sh("reload", f"echo reload $(cat $0{_CONF}) >>$1", on=[_CONF])
    other = {**_load(host, on=["/etc/lvs/routes"]), "name": "routes", "argv": ["true"]}
    other["retract"] = ["sh", "-c", f"echo routes gone >>{host.log}"]
    files = [*_files("new"), *NEW_FILES, {"path": "/etc/lvs/routes", "content": "new"}]
    host.apply(files=files, actions=[_filter(host), daemon, other])
    seen = len(_own(host))
    _fire(host, "lvs-guard-0")
    assert _own(host)[seen:] == ["disabled beside new", "routes gone", f"reload {old}"]
    after = {name: what for name, what in host.tree().items() if not name.startswith("/run")}
    assert after | before == after
    assert all(host.path(name).is_dir() for name in after.keys() - before.keys())


@pytest.mark.usefixtures("timers")
def test_a_timer_of_a_drift_touches_no_file_and_loads_nothing(host: Host) -> None:
    host.write(_RULES, "same", 0o600)
    host.write(_UNIT, "unit")
    host.apply(files=_files("same"), actions=[_filter(host, force=True)])
    _fire(host, "lvs-guard-0")
    assert _own(host)[1:] == ["load same", "deleted beside same"]
    assert host.path(_RULES).read_text() == "same"


@pytest.mark.usefixtures("timers")
def test_what_fails_in_a_timer_does_not_keep_the_rest_from_being_undone(host: Host) -> None:
    host.write(_RULES, "old")
    host.write(_UNIT, "unit")
    action = {**_filter(host), "guard": ["sh", "-c", "exit 3"]}
    host.apply(files=_files("new"), actions=[action])
    argv = ["sh", str(host.path(f"{_GUARDS}/lvs-guard-0"))]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 1
    assert _own(host)[-1] == "load old"
    assert host.path(_RULES).read_text() == "old"


@pytest.mark.usefixtures("timers")
def test_a_guard_learns_when_it_was_armed(host: Host) -> None:
    action = {**_filter(host, force=True), "guard": ["sh", "-c", f"echo $0 >>{host.log}", "{since}"]}
    before = float(Path("/proc/uptime").read_text().split()[0]) - 0.011
    host.apply(actions=[{**action, "on": []}])
    _fire(host, "lvs-guard-0")
    assert before <= float(host.actions()[-1]) <= float(Path("/proc/uptime").read_text().split()[0]) + 0.011


@pytest.mark.usefixtures("timers")
@pytest.mark.parametrize(("old", "undone"), [("old", "deleted beside new"), (None, "disabled beside new")])
def test_a_rollback_undoes_as_the_timer_would(host: Host, old: str | None, undone: str) -> None:
    if old is not None:
        host.write(_RULES, old)
        host.write(_UNIT, "unit")
    with pytest.raises(TransactionError, match="was rolled back") as caught:
        bad = host.sh("bad", "exit 1", force=True)
        host.apply(files=_files("new"), actions=[_filter(host), bad])
    assert undone in _own(host)
    assert caught.value.details["guarded"] == []
