"""lvs-pacemaker move: the VIPs go to another director, and stay there where they would come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .namespace import Bottle, unusable
from .pacemaker_tool import TOOLS, cluster, commands, directors, live

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

LB1 = TOOLS["lb1"]
PATCH = "cibadmin --patch --sync-call --force --xml-pipe"
WAIT = "crm_resource --wait"
PREFER = "cli-prefer-lvs-director"
BANNED = '<rsc_location id="cli-ban-lvs-director-on-lb2" rsc="lvs-director" node="lb2" score="-INFINITY"/>'
OURS = '<rsc_location id="lvs-prefer-lb1" rsc="lvs-director" node="lb1" score="50"/>'


def constraints(bottle: Bottle) -> dict[str, str | None]:
    return {one.get("id", ""): one.get("node") for one in live(bottle).iterfind(".//rsc_location")}


def waits(bottle: Bottle) -> list[str]:
    return [
        " ".join(line.split()[:2]) if line.startswith("crm_resource") else line for line in commands(bottle)
    ]


def test_what_is_to_stay_stays_and_is_told(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1", "lb2", constraints=OURS + BANNED)

    bottle.told(f"{LB1} move lb2 stay")

    assert constraints(bottle) == {"lvs-prefer-lb1": "lb1", PREFER: "lb2"}
    assert waits(bottle) == [PATCH, WAIT]
    assert json.loads(bottle.told(f"{LB1} held"))["moved_to"] == "lb2"


def test_what_is_for_once_leaves_nothing_behind(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    former = f'<rsc_location id="{PREFER}" rsc="lvs-director" role="Started" node="lb2" score="INFINITY"/>'
    cluster(bottle, "lb1", "lb2", constraints=OURS + former)

    bottle.told(f"{LB1} move lb1 once")

    assert constraints(bottle) == {"lvs-prefer-lb1": "lb1"}
    assert waits(bottle) == [PATCH, WAIT, PATCH]
    assert json.loads(bottle.told(f"{LB1} held"))["moved_to"] is None


def test_again_it_changes_nothing(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1", "lb2")
    bottle.told(f"{LB1} move lb2 stay")

    bottle.told(f"{LB1} move lb2 stay")

    assert waits(bottle) == [PATCH, WAIT, WAIT]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("lb2 once", "lb2 is not in the cluster: start pacemaker there first"),
        ("lb9 once", "say `move NAME once` or `move NAME stay`, with one of lb1 lb2"),
        ("lb1 often", "say `move NAME once` or `move NAME stay`, with one of lb1 lb2"),
    ],
)
def test_it_refuses(tmp_path: Path, arguments: str, said: str) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1", constraints=OURS)

    done = bottle.run(f"{LB1} move {arguments}")

    assert (done.returncode, done.stderr.strip()) == (1, f"lvs-pacemaker move: {said}")
    assert constraints(bottle) == {"lvs-prefer-lb1": "lb1"}


def test_its_usage_is_asked_for(tmp_path: Path) -> None:
    bottle = directors(tmp_path)

    assert "move NAME once|stay" in bottle.told(f"{LB1} move lb1 2>&1 || true")
