"""playbooks/switchover.yml from start to end, on pretended hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.model.builders import Case, Site
from tests.unit.model.test_switchover import FILE, demoted, failback, third

from .stage import Stage

HOLDER = {"run": "4f1c09ab", "operator": "ana", "controller": "ops1", "pid": 812, "since": 1795400000}


def stage(folder: Path) -> Stage:
    """After lb1 has given the VIPs away they are on lb2."""
    made = Stage(folder, Case())
    after = Site(made.site.plan)
    after.owner["edge"] = "lb2"
    after.look()
    made.show(after, "then.lb1.lvs_demotion", "lb1", "lb2")
    return made


def test_the_vips_go_to_the_other_director(tmp_path: Path) -> None:
    on = stage(tmp_path)

    done = on.play("switchover.yml", "-e", "to=lb2", "-e", "reason=kernel")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "edge: 192.0.2.10 go from lb1 to lb2, 0.41 s without an owner" in done.stdout
    locks = ["lb1 cluster_lock", "lb2 cluster_lock"]
    assert (on.called()[:2], on.called()[2:3], sorted(on.called()[3:])) == (
        locks,
        ["lb1 lvs_demotion"],
        locks,
    )
    (call,) = [one for one in on.calls() if one["module"] == "lvs_demotion"]
    assert call["args"]["places"] == {"/run/lvs-toolkit.demoted.VI_edge": 0}
    assert call["args"]["reason"] == "kernel"
    # Before the lock, under it and afterwards, and no real server at all.
    assert sorted(on.called("lvs_facts")) == ["lb1 lvs_facts"] * 3 + ["lb2 lvs_facts"] * 3

    again = on.play("switchover.yml", "-e", "to=lb2")

    assert again.returncode == 0, again.stdout + again.stderr
    assert "lb2 owns 192.0.2.10: nothing moves" in again.stdout
    assert len(on.called()) == 5


def test_check_mode_shows_it_and_does_nothing(tmp_path: Path) -> None:
    on = stage(tmp_path)

    done = on.play("switchover.yml", "-e", "to=lb2", "--check")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "go from lb1 to lb2" in done.stdout
    assert all(call["check"] for call in on.calls())


def test_a_director_that_nobody_knows_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    on = stage(tmp_path)

    done = on.play("switchover.yml", "-e", "to=web1")

    assert done.returncode == 2
    assert "to: web1 is no director: name one of them: lb1, lb2" in done.stdout
    assert on.calls() == []


def test_words_that_say_nothing_are_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    on = stage(tmp_path)

    done = on.play("switchover.yml", "-e", "to=lb2", "-e", "wait=soon", "-e", "force=perhaps")

    assert done.returncode == 2
    assert "force: 'perhaps' is neither true nor false" in done.stdout
    assert "wait: 'soon' is no duration: write one like -e wait=120 (s, m, h or d)" in done.stdout
    assert on.calls() == []


def test_an_unfit_director_is_refused_with_its_reasons(tmp_path: Path) -> None:
    on = stage(tmp_path)
    on.site.seen["lb2"]["ipvs"]["daemons"] = ""
    on.show(on.site)

    done = on.play("switchover.yml", "-e", "to=lb2")

    assert done.returncode == 2
    assert "host lb2: its connection sync daemon (backup) does not run" in done.stdout
    assert on.called() == []


def test_a_director_that_is_off_may_be_accepted(tmp_path: Path) -> None:
    case = Case()
    third(case)
    on = Stage(tmp_path, case)
    (on.folder / "lb2.json").unlink()
    after = Site(on.site.plan)
    after.owner["edge"] = "lb3"
    after.look()
    on.show(after, "then.lb1.lvs_demotion", "lb1", "lb3")

    done = on.play("switchover.yml", "-e", "to=lb3")

    assert done.returncode == 2
    assert "host lb2: this director is unreachable" in done.stdout
    assert on.called() == []

    done = on.play("switchover.yml", "-e", "to=lb3", "-e", "lvs_accept_unreachable=lb2")

    assert done.returncode == 0, done.stdout + done.stderr
    assert on.called("lvs_demotion") == ["lb1 lvs_demotion"]


def test_a_director_that_was_let_in_again_is_put_back_where_the_owner_stays(tmp_path: Path) -> None:
    """Else it would take the VIPs by itself, past every check."""
    case = Case()
    failback(case)
    on = Stage(tmp_path, case)
    on.site.owner["edge"] = "lb2"
    on.site.look()
    for raw in on.site.seen.values():
        raw.setdefault("overrides", [])
    demoted(on.site, "lb1", {FILE: -55})
    on.site.seen["lb1"]["demotions"] = {FILE: {"number": -55, "age_s": 90.0}}
    on.show(on.site)
    on.answers("lb2", "lvs_demotion", failed=True, msg="it still has 192.0.2.10 after 10 s, and owns them on")

    done = on.play("switchover.yml", "-e", "to=lb1")

    assert done.returncode == 2
    assert "it still has 192.0.2.10" in done.stdout
    assert "Directors have the places in the election again that they had before" in done.stdout.replace(
        "\n", " "
    )
    placed = [(one["host"], one["args"]["places"]) for one in on.calls() if one["module"] == "lvs_demotion"]
    assert placed == [("lb1", {FILE: 0}), ("lb2", {FILE: 0}), ("lb1", {FILE: -55})]
    assert sorted(on.called()[-2:]) == ["lb1 cluster_lock", "lb2 cluster_lock"]


def test_another_run_is_in_the_way(tmp_path: Path) -> None:
    on = stage(tmp_path)
    on.answers("lb2", "cluster_lock", changed=False, holder=HOLDER, broke=None)

    done = on.play("switchover.yml", "-e", "to=lb2")

    assert done.returncode == 2
    assert "cluster edge is being changed by run 4f1c09ab of ana" in done.stdout
    assert on.called("lvs_demotion") == []


@pytest.mark.parametrize(("first", "asked"), [("lb1", ["lb1"]), ("lb2", ["lb1", "lb2"])])
def test_after_the_first_refusal_no_further_lock_is_taken(
    tmp_path: Path, first: str, asked: list[str]
) -> None:
    """Of two runs at once each would get one director's lock otherwise, and both be refused."""
    on = stage(tmp_path)
    on.answers(first, "cluster_lock", changed=False, holder=HOLDER, broke=None)

    assert on.play("switchover.yml", "-e", "to=lb2").returncode == 2

    taken = [one["host"] for one in on.calls() if one["module"] == "cluster_lock" and taking(one)]
    assert taken == asked


def taking(call: dict[str, Any]) -> bool:
    return bool(call["args"].get("state", "taken") != "released")


def test_what_another_run_has_done_before_the_lock_counts(tmp_path: Path) -> None:
    """It had moved the VIPs, and given its lock back."""
    on = stage(tmp_path)
    after = Site(on.site.plan)
    after.owner["edge"] = "lb2"
    after.look()
    on.show(after, "then.lb1.cluster_lock", "lb1", "lb2")

    done = on.play("switchover.yml", "-e", "to=lb2")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "lb2 owns 192.0.2.10: nothing moves" in done.stdout
    assert set(on.called()) == {"lb1 cluster_lock", "lb2 cluster_lock"}


def test_what_has_become_unfit_before_the_lock_is_refused(tmp_path: Path) -> None:
    on = stage(tmp_path)
    after = Site(on.site.plan)
    after.seen["lb2"]["ipvs"]["daemons"] = ""
    on.show(after, "then.lb1.cluster_lock", "lb2")

    done = on.play("switchover.yml", "-e", "to=lb2")

    assert done.returncode == 2
    assert "host lb2: its connection sync daemon (backup) does not run" in done.stdout
    assert on.called("lvs_demotion") == []
    assert [one["host"] for one in on.calls() if one["module"] == "cluster_lock" and not taking(one)]


def test_it_waits_for_a_new_owner_that_is_not_ready(tmp_path: Path) -> None:
    on = stage(tmp_path)
    on.site.seen["lb2"]["ipvs"]["daemons"] = ""
    on.show(on.site)
    on.show(Site(on.site.plan), "then.lb2.lvs_facts", "lb2")

    done = on.play("switchover.yml", "-e", "to=lb2", "-e", "wait=1m")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "waiting: host lb2: its connection sync daemon (backup) does not run" in done.stdout
    assert on.called("lvs_demotion") == ["lb1 lvs_demotion"]


def test_vips_that_did_not_arrive_fail_the_run(tmp_path: Path) -> None:
    on = Stage(tmp_path, Case())

    done = on.play("switchover.yml", "-e", "to=lb2")

    assert done.returncode == 2
    assert "lb2: it does not own" in done.stdout
