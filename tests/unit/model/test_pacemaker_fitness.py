"""Releases of pacemaker that do not mix, and somebody else's cluster, stop a run before any change."""

from __future__ import annotations

import pytest

from lvs_model.components.pacemaker import CONFIGURATION

from .builders import Case, Site
from .compared import problems, work
from .rule_cases.engines import UNDER
from .rule_cases.pacemaker import pacemaker

OLDER = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'


def site(*, managed: bool = True) -> Site:
    case = Case()
    (pacemaker() if managed else UNDER)(case)
    return Site(case.plan())


def test_two_releases_are_refused() -> None:
    one = site()
    one.seen["lb2"]["os_release"] = OLDER

    assert problems(one) == [
        "cluster edge: lb2 runs debian 12, lb1 runs debian 13: pacemaker of an older release cannot join a "
        "newer one's cluster: bring all its directors to the same release"
    ]


@pytest.mark.parametrize(
    ("managed", "older"), [(True, "web1"), (False, "lb2")], ids=["real server", "heartbeat"]
)
def test_two_releases_elsewhere_are_none_of_its_business(managed: bool, older: str) -> None:
    one = site(managed=managed)
    one.seen[older]["os_release"] = OLDER

    assert work(one)["directors"] == []


def test_all_of_one_release_are_accepted() -> None:
    one = site()
    for name in ("lb1", "lb2"):
        one.seen[name]["os_release"] = OLDER

    assert work(one)["directors"] == []


def test_somebody_elses_cluster_is_left_alone() -> None:
    one = site()
    one.seen["lb2"]["files"][CONFIGURATION]["marked"] = False

    assert problems(one) == [
        f"host lb2: corosync runs with a {CONFIGURATION} that is not the toolkit's: that cluster would end: "
        "if nobody needs it: systemctl disable --now pacemaker corosync, then run this again"
    ]


def test_what_was_left_behind_and_does_not_run_is_no_cluster() -> None:
    one = site()
    one.seen["lb2"]["files"][CONFIGURATION]["marked"] = False
    for unit in ("corosync.service", "pacemaker.service"):
        one.seen["lb2"]["units"][unit]["ActiveState"] = "inactive"

    assert "lb2" in work(one)["directors"]
