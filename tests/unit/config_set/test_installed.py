"""The record of what the toolkit installed: it grows, and outlives whatever becomes of the files."""

from __future__ import annotations

import os

import pytest

from module_utils.lvs_transaction.model import TransactionError

from .host import NEW_FILES, STATE, Host, at_step, in_child

_RECORD = f"{STATE}/installed"


def test_it_is_a_union_with_a_name_a_line(host: Host) -> None:
    first = host.apply(installed=["keepalived", "ipvsadm"])
    assert (first.changed, first.installed) == (True, ["ipvsadm", "keepalived"])
    second = host.apply(installed=["nftables", "ipvsadm"])
    assert (second.changed, second.installed) == (True, ["nftables"])
    assert host.path(_RECORD).read_text() == "ipvsadm\nkeepalived\nnftables\n"
    assert host.generations() == {}  # no file of the set changed


def test_a_known_name_writes_nothing(host: Host) -> None:
    host.apply(installed=["ipvsadm"])
    before = host.tree(state=True)
    again = host.apply(installed=["ipvsadm"])
    assert (again.changed, again.installed) == (False, [])
    assert host.tree(state=True) == before


def test_check_mode_predicts_and_writes_nothing(host: Host) -> None:
    before = host.tree(state=True)
    predicted = host.apply(check=True, installed=["ipvsadm"])
    assert (predicted.changed, predicted.installed) == (True, ["ipvsadm"])
    assert host.tree(state=True) == before


def test_it_stays_when_the_files_are_rolled_back(host: Host) -> None:
    with pytest.raises(TransactionError) as caught:
        host.apply(files=NEW_FILES, installed=["ipvsadm"], health=[host.sh("h", "exit 1")])
    assert caught.value.details["rolled_back"]
    assert host.path(_RECORD).read_text() == "ipvsadm\n"


def test_killed_at_every_operation_it_is_the_old_record_or_the_new_one(host: Host) -> None:
    host.apply(installed=["ipvsadm"])
    seen: set[str] = set()
    for number in range(1, 50):
        host.path(_RECORD).write_text("ipvsadm\n")
        die = at_step(number, lambda _operation, _path: os._exit(1))
        code = in_child(lambda: host.apply(installed=["nftables"]), die)
        seen.add(host.path(_RECORD).read_text())
        if code == 0:
            break
    assert number > 3
    assert seen == {"ipvsadm\n", "ipvsadm\nnftables\n"}


@pytest.mark.parametrize("damage", [b"ipvsadm\n; rm -rf /\n", b"\xff\xfe"])
def test_a_damaged_record_is_refused_with_what_to_do(host: Host, damage: bytes) -> None:
    host.apply(installed=["ipvsadm"])
    host.path(_RECORD).write_bytes(damage)
    with pytest.raises(TransactionError, match=r"installed is damaged: .* By hand: leave one name a line"):
        host.apply(installed=["nftables"])
    assert host.path(_RECORD).read_bytes() == damage


def test_a_run_that_installs_nothing_does_not_read_it(host: Host) -> None:
    """A damaged record is teardown's matter, and stops no deployment."""
    host.apply(installed=["ipvsadm"])
    host.path(_RECORD).write_text("; rm -rf /\n")
    assert host.apply(files=NEW_FILES).changed
