"""Kept generations: what they were, and the host as it was at one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_transaction.history import listing
from module_utils.lvs_transaction.model import TransactionError

from .host import NEW_FILES, Host, Tree

CONF = "/etc/keepalived/keepalived.conf"
EXTRA = {"path": "/etc/lvs/extra.conf", "content": "extra\n"}


def conf(text: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any option of a file
    return {"path": CONF, "content": text, "mode": "0640", **more}


@pytest.fixture
def trees(host: Host) -> list[Tree]:
    """Three generations, and the files after each: the third has one file more, one less, one changed."""
    found = []
    later = [conf("third\n"), EXTRA, {"path": NEW_FILES[2]["path"], "state": "absent"}]
    reload = host.sh("reload", f'echo "reload $(cat "$0{CONF}")" >>$1', on=[CONF])
    start = host.sh("start", "echo start >>$1", on=[EXTRA["path"]])
    for number, files in enumerate([NEW_FILES, [conf("second\n"), *NEW_FILES[1:3]], later], 1):
        stamp = {"operator": "ada", "commit": f"c{number}", "reason": f"r{number}", "run": f"run{number}"}
        actions = [reload, start] if number == 3 else [reload]
        host.apply(files=files, actions=actions, generation=stamp)
        found.append(host.tree())
    return found


def test_the_listing_says_what_each_was(host: Host, trees: list[Tree]) -> None:
    assert len(trees) == 3
    told = listing(host.layout)
    assert [one["generation"] for one in told] == ["000001", "000002", "000003"]
    assert [one["stamp"]["reason"] for one in told] == ["r1", "r2", "r3"]
    assert told[1]["changed"] == [CONF]
    assert told[2]["paths"] == [CONF, EXTRA["path"]]
    assert all(one["started"].endswith("Z") for one in told)


@pytest.mark.parametrize("number", [1, 2])
def test_a_host_becomes_what_it_was(host: Host, trees: list[Tree], number: int) -> None:
    reload = host.sh("reload", f'echo "reload $(cat "$0{CONF}")" >>$1', on=[CONF])
    result = host.apply(restore=f"00000{number}", actions=[reload], generation={"reason": "back"})

    assert {path: one for path, one in host.tree().items() if path != "/etc/lvs"} == {
        path: one for path, one in trees[number - 1].items() if path != "/etc/lvs"
    }
    assert result.changed and result.generation == "000004"
    assert result.files[EXTRA["path"]] == "removed"
    assert host.actions()[-2].startswith("reload ")
    assert listing(host.layout)[-1]["stamp"] == {"reason": "back"}
    assert host.apply(restore=f"00000{number}", actions=[reload]).changed is False


def test_an_action_that_only_a_later_one_knew_runs_for_what_goes(host: Host, trees: list[Tree]) -> None:
    assert len(trees) == 3
    before = host.actions().count("start")
    result = host.apply(restore="000002")
    assert result.actions == ["reload", "start"]
    assert host.actions().count("start") == before + 1


def test_what_was_removed_by_hand_since_comes_back(host: Host, trees: list[Tree]) -> None:
    host.path(CONF).unlink()
    host.apply(restore="000003")
    assert host.tree() == trees[2]


def test_a_rollback_that_does_not_come_up_is_rolled_back_itself(host: Host, trees: list[Tree]) -> None:
    sick = host.sh("runs", f'grep -qv second "$0{CONF}"')
    with pytest.raises(TransactionError, match="rolled back to the files it had before"):
        host.apply(restore="000002", health=[sick])
    assert host.tree() == trees[2]


def test_a_validator_without_its_file_is_left_out_and_the_others_judge(host: Host, trees: list[Tree]) -> None:
    new = {"name": "new", "argv": ["false"], "paths": [EXTRA["path"]]}
    old = {"name": "old", "argv": ["false"], "paths": [CONF]}
    with pytest.raises(TransactionError, match="validate 'old' failed"):
        host.apply(restore="000001", validate=[new, old])
    assert host.tree() == trees[2]
    assert host.apply(restore="000001", validate=[new]).changed


def test_check_mode_predicts_and_writes_nothing(host: Host, trees: list[Tree]) -> None:
    before = host.tree(state=True)
    assert host.apply(check=True, restore="000001").files[CONF] == "changed"
    assert host.tree(state=True) == before
    assert len(trees) == 3


def test_a_generation_that_is_not_kept_is_refused_with_those_that_are(host: Host, trees: list[Tree]) -> None:
    with pytest.raises(TransactionError) as caught:
        host.apply(restore="000009")
    assert str(caught.value) == (
        "generation 000009 is not kept on this host (kept are: 000001, 000002, 000003). Nothing was touched. "
        "Choose one of these"
    )
    assert host.tree() == trees[2]


def test_one_whose_copies_are_damaged_is_refused(host: Host, trees: list[Tree]) -> None:
    Path(f"{host.layout.state}/generations/000001/new{CONF}").unlink()
    with pytest.raises(TransactionError, match=f"its copy of {CONF} cannot be read"):
        host.apply(restore="000001")
    assert host.tree() == trees[2]


def test_what_failed_is_in_no_listing(host: Host, trees: list[Tree]) -> None:
    with pytest.raises(TransactionError):
        host.apply(files=[conf("fourth\n")], health=[{"name": "no", "argv": ["false"]}])
    assert len(listing(host.layout)) == len(trees)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"restore": "../1"}, "restore: '../1' is no generation's name"),
        ({"restore": "000001", "files": NEW_FILES}, "restore: the generation says which files are wanted"),
        ({"restore": "000001", "confirm": True}, "restore: the generation says which files are wanted"),
    ],
)
def test_bad_arguments(host: Host, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(TransactionError, match=problem):
        host.apply(**given)


@pytest.mark.parametrize(
    ("lines", "same"),
    [
        ("vrrp_instance a {\n  virtual_router_id 51\n  priority 200\n}\n", True),
        ("vrrp_instance a {\n  virtual_router_id 52\n  priority 100\n}\n", False),
        ("vrrp_instance a {\n  virtual_router_id 51\n  unicast_peer {\n    192.0.2.1\n  }\n}\n", False),
        ("vrrp_version 2\nvrrp_instance a {\n  virtual_router_id 51\n}\n", False),
    ],
)
def test_the_digest_of_the_election_tells_what_directors_must_agree_on(
    host: Host, lines: str, same: bool
) -> None:
    for text in ("vrrp_instance a {\n  virtual_router_id 51\n  priority 100\n}\n", lines):
        host.apply(files=[conf(text)])
    first, second = (one["election"] for one in listing(host.layout))
    assert first is not None
    assert (first == second) is same


def test_secret_files_stay_secret(host: Host) -> None:
    host.apply(files=[conf("password hunter2hunter2\n", secret=True)])
    host.apply(files=[conf("other\n", secret=True)])
    told = host.apply(check=True, restore="000001")
    assert "hunter2" not in repr(told)
