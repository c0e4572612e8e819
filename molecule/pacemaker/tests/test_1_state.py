"""As deployed: the split over five, one owner with the only table, links, sync daemons, and the key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from shared.managed import (  # noqa: F401 - pytest runs what a test file names
    test_all_five_answer_their_part,
    test_both_directors_hear_each_other_on_both_lines,
    test_the_preferred_director_owns_the_vip_and_has_the_only_table,
    test_the_sync_daemon_is_that_of_the_role,
    test_the_vip_is_delivered_in_both_roles_by_a_route_and_only_the_owner_has_the_address,
)
from testinfra.host import Host

from lab import Lab
from lvs_model.pacemaker_view import PacemakerView

DIRECTORS = ("loadbalancer", "backup")


@pytest.mark.parametrize("name", DIRECTORS)
def test_pacemaker_has_what_is_planned_and_nothing_waits(
    told: Callable[[str], PacemakerView], name: str
) -> None:
    assert told(name).faults(list(DIRECTORS)) == []


@pytest.mark.parametrize("name", DIRECTORS)
def test_the_key_is_roots_own_and_in_no_log(lab: Lab, node: Callable[[str], Host], name: str) -> None:
    key = node(name).file("/etc/corosync/authkey")

    assert (key.user, key.group, key.mode) == ("root", "root", 0o400)
    assert key.size == 256
    count = 'journalctl --output=cat | grep -c -F -- "$(head -c 40 /etc/corosync/authkey)" || true'
    assert lab.run(name, ["sh", "-c", count], check=True).stdout.strip() == "0"
