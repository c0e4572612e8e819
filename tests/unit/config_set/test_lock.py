"""One run at a time."""

from __future__ import annotations

import os
import re
import time

import pytest

from module_utils.lvs_transaction import durable
from module_utils.lvs_transaction import lock as lock_module
from module_utils.lvs_transaction.lock import Lock
from module_utils.lvs_transaction.model import TransactionError

from .host import NEW_FILES, STATE, Host


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_PATIENCE", 0.2)


@pytest.mark.parametrize("check", [False, True])
def test_a_second_run_names_the_first_and_touches_nothing(host: Host, check: bool) -> None:
    with Lock(host.layout) as lock:
        lock.take(create=True)
        lock.sign({"operator": "grace"})
        before = host.tree(state=True)
        with pytest.raises(TransactionError) as caught:
            host.apply(check=check, files=NEW_FILES)
        assert host.tree(state=True) == before
    assert re.fullmatch(
        rf"another run is changing this host: pid {os.getpid()}, operator grace, "
        r"since \d{4}-\d\d-\d\dT[\d:]+Z\. Nothing was touched\. Wait until it has ended, then run again",
        str(caught.value),
    )
    assert host.apply(files=NEW_FILES).changed


def test_a_run_meets_the_lock_of_a_run_in_its_actions(host: Host) -> None:
    """A whole run in another process, held up in its action: the lock is taken from before the swap on."""
    pause = host.base / "pause"
    os.mkfifo(pause)
    child = os.fork()
    if child == 0:
        try:
            wait = {"name": "wait", "argv": ["cat", str(pause)], "force": True}
            host.apply(files=NEW_FILES, actions=[wait])
        finally:
            os._exit(0)
    with pause.open("w"):  # opens when the action does
        with pytest.raises(TransactionError, match=f"pid {child}, operator ada, since"):
            host.apply(files=[])
        with pytest.raises(TransactionError, match=f"pid {child}"):
            host.recover()
    assert os.waitpid(child, 0)[1] == 0
    assert host.apply(files=NEW_FILES).changed is False


def test_a_first_run_that_was_overtaken_does_nothing_twice(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another first run comes in after the comparison, before there is a lock to take."""
    reload = [host.sh("reload", "echo reload >>$1", on=["/etc/new/deep/sysctl.conf"])]

    def overtake(_operation: str, _path: str) -> None:
        monkeypatch.setattr(durable, "step", lambda _operation, _path: None)
        assert host.apply(files=NEW_FILES, actions=reload).changed

    monkeypatch.setattr(durable, "step", overtake)
    result = host.apply(files=NEW_FILES, actions=reload)
    assert (result.changed, result.generation) == (False, "000001")
    assert host.actions() == ["reload"]


def test_check_mode_does_not_hold_the_lock_while_it_validates(host: Host) -> None:
    host.apply(files=NEW_FILES)
    free = host.sh("free", f"flock -n $0{STATE}/lock true", paths=["/etc/new/deep/sysctl.conf"])
    change = [{"path": "/etc/new/deep/sysctl.conf", "content": "b\n"}]
    assert host.apply(check=True, files=change, validate=[free]).changed
    with pytest.raises(TransactionError, match="validate 'free' failed: exit code 1"):
        host.apply(files=change, validate=[free])


def test_a_holder_that_was_killed_does_not_hold(host: Host) -> None:
    child = os.fork()
    if child == 0:
        lock = Lock(host.layout)
        lock.take(create=True)
        lock.sign({})
        os._exit(0)
    os.waitpid(child, 0)
    assert host.apply(files=NEW_FILES).changed


def test_a_short_holder_is_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_PATIENCE", 10.0)
    lock = Lock(host.layout)
    lock.take(create=True)
    child = os.fork()
    if child == 0:
        time.sleep(0.2)
        os._exit(0)
    lock.release()  # the child's copy of the descriptor still holds it
    assert host.apply(files=NEW_FILES).changed
    os.waitpid(child, 0)


def test_a_daemon_left_by_an_action_does_not_hold_the_lock(host: Host) -> None:
    started = time.monotonic()
    left = host.sh("daemon", "sleep 20 & echo $! >>$1", force=True)
    host.apply(files=NEW_FILES, actions=[left])
    try:
        assert host.apply(files=NEW_FILES).changed is False
        assert time.monotonic() - started < 10
    finally:
        os.kill(int(host.actions()[0]), 9)
