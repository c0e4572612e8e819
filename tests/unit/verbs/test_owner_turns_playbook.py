"""A deployment that changes directors themselves, on pretended hosts: the owner's turn comes as a standby."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.unit.model.builders import Site
from tests.unit.model.test_switchover import FILE, counted, failback

from .deployment import Deployment
from .test_executions import case

TAKEN, GIVEN_BACK = ["lb1 cluster_lock", "lb2 cluster_lock"], ["lb1 cluster_lock", "lb2 cluster_lock"]
UNKNOWN = (
    "host lb2: of TCP 192.0.2.10:80 it knows 37 established connections, and the owner lb1 has 412: the "
    "others would break"
)


def deployment_of(folder: Path) -> Deployment:
    """With failback, so that a demotion lasts."""
    made = case()
    failback(made)
    return Deployment(folder, made)


def words(done: CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


def few_known(site: Site) -> None:
    site.seen["lb1"]["status"], site.seen["lb2"]["status"] = counted(409), counted(34)


def test_the_owner_gives_its_vips_away_is_changed_and_takes_them_back(tmp_path: Path) -> None:
    deployment = deployment_of(tmp_path).as_usual()

    done = deployment.play()

    said = words(done)
    assert done.returncode == 0, said
    assert "switchover: lb1 gives 192.0.2.10 to lb2 before its turn, and takes them back afterwards" in said
    steps = [
        "lb2 config_set",
        "lb1 lvs_demotion",  # gives the VIPs away
        "lb1 config_set",
        "lb1 lvs_demotion",  # is demoted no longer
        "lb2 lvs_demotion",  # gives them back
    ]
    called = deployment.on.called()
    # One lock for all of it.
    assert (called[:2], called[2:-2], sorted(called[-2:])) == (TAKEN, steps, GIVEN_BACK)
    demotions = [one["args"] for one in deployment.on.calls() if one["module"] == "lvs_demotion"]
    assert [one["places"] for one in demotions] == [{FILE: -55}, {FILE: 0}, {FILE: 0}]
    assert demotions[0]["reason"] == "site.yml changes it"


def test_where_the_standby_knows_too_little_the_owner_is_changed_as_it_is(tmp_path: Path) -> None:
    deployment = deployment_of(tmp_path)
    deployment.then("lb2 config_set", "lb1", "lb1", edit=few_known)
    deployment.then("lb1 config_set", "lb1")

    done = deployment.play()

    assert done.returncode == 0, words(done)
    assert f"lb1 is changed while it owns 192.0.2.10: {UNKNOWN}" in words(done)
    assert deployment.on.called("config_set", "lvs_demotion") == ["lb2 config_set", "lb1 config_set"]


def test_a_required_switchover_that_is_refused_stops_before_the_owner(tmp_path: Path) -> None:
    deployment = deployment_of(tmp_path)
    deployment.then("lb2 config_set", "lb1", "lb1", edit=few_known)

    done = deployment.play("-e", "lvs_switchover=required")

    said = words(done)
    assert done.returncode == 2
    assert f"lvs_switchover is required, and 192.0.2.10 cannot go from lb1 to lb2: {UNKNOWN}" in said
    assert "Mend that, or have lb1 changed while it owns them: -e lvs_switchover=when_needed" in said
    assert "lb2: it has the new version, generation 000002" in said
    assert "lb1: not begun, as it was before" in said
    called = deployment.on.called()
    assert (called[:2], called[2:3], sorted(called[3:])) == (TAKEN, ["lb2 config_set"], GIVEN_BACK)


def test_never_is_without_any_switchover(tmp_path: Path) -> None:
    deployment = deployment_of(tmp_path)
    deployment.then("lb2 config_set", "lb1", "lb1")
    deployment.then("lb1 config_set", "lb1")

    done = deployment.play("-e", "lvs_switchover=never")

    assert done.returncode == 0, words(done)
    assert deployment.on.called("config_set", "lvs_demotion") == ["lb2 config_set", "lb1 config_set"]


def test_an_owner_that_does_not_become_as_planned_does_not_get_its_vips_back(tmp_path: Path) -> None:
    deployment = deployment_of(tmp_path).as_usual(unlike=("lb1 config_set",))
    deployment.on.answers("lb1", "config_set", failed=True, msg="nft refuses it", rolled_back=True)

    done = deployment.play()

    said = words(done)
    assert done.returncode == 2
    assert "lb1: it could not take the new version, and has what it had before" in said
    assert (
        "192.0.2.10: now with lb2, before with lb1; back when lb1 is as planned: "
        "playbooks/switchover.yml -e to=lb1 -e instance=edge" in said
    )
    called = deployment.on.called()
    assert called[-3:-2] == ["lb1 config_set"]
    assert sorted(called[-2:]) == GIVEN_BACK


def test_vips_that_cannot_come_back_stay_and_the_deployment_goes_on(tmp_path: Path) -> None:
    def knows_few(site: Site) -> None:
        site.seen["lb2"]["status"], site.seen["lb1"]["status"] = counted(409), counted(34)

    deployment = deployment_of(tmp_path).as_usual(unlike=("lb1 config_set",))
    deployment.then("lb1 config_set", "lb2", edit=knows_few)

    done = deployment.play()

    said = words(done)
    assert done.returncode == 0, said
    stay = "192.0.2.10 stay with lb2, until playbooks/switchover.yml -e to=lb1 -e instance=edge"
    assert f"{stay}: host lb1: of TCP 192.0.2.10:80 it knows 37 established connections" in said
    assert deployment.on.called("lvs_demotion") == ["lb1 lvs_demotion"]


def test_vips_that_do_not_arrive_stop_it_before_the_owner_is_touched(tmp_path: Path) -> None:
    deployment = deployment_of(tmp_path).as_usual(unlike=("lb1 lvs_demotion",))
    deployment.on.answers("lb1", "lvs_demotion", failed=True, msg="it still has 192.0.2.10 after 10 s")

    done = deployment.play()

    said = words(done)
    assert done.returncode == 2
    assert "it still has 192.0.2.10 after 10 s" in said
    assert "lb1: not begun, as it was before" in said
    assert deployment.on.called("config_set") == ["lb2 config_set"]
    assert sorted(deployment.on.called()[-2:]) == GIVEN_BACK


def test_check_mode_tells_it_and_moves_nothing(tmp_path: Path) -> None:
    deployment = deployment_of(tmp_path)

    done = deployment.play("--check")

    assert done.returncode == 0, words(done)
    assert "switchover: lb1 gives 192.0.2.10 to lb2 before its turn" in words(done)
    assert deployment.on.called("lvs_demotion") == []
    assert all(call["check"] for call in deployment.on.calls())


@pytest.mark.parametrize("book", ["deploy.yml", "diff.yml"])
def test_what_is_no_policy_is_refused_before_any_host_is_asked(tmp_path: Path, book: str) -> None:
    deployment = deployment_of(tmp_path)

    done = deployment.on.play(book, "-e", "lvs_switchover=maybe")

    assert done.returncode == 2
    assert "lvs_switchover: 'maybe' is not allowed: use when_needed, required, never" in words(done)
    assert deployment.on.calls() == []
