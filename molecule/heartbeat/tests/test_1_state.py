"""As deployed: the split over five, one owner with the only table, lines, sync daemons, the key."""

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

DIRECTORS = ("loadbalancer", "backup")


@pytest.mark.parametrize("name", DIRECTORS)
def test_the_ping_group_answers(lab: Lab, name: str) -> None:
    said = lab.run(name, ["cl_status", "hblinkstatus", "group1", "group1"]).stdout

    assert said.strip() == "up"


@pytest.mark.parametrize("name", DIRECTORS)
def test_the_key_is_roots_own_and_in_no_log(lab: Lab, node: Callable[[str], Host], name: str) -> None:
    key = node(name).file("/etc/ha.d/authkeys")

    assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
    secret = key.content_string.splitlines()[-1].split()[-1]
    assert len(secret) > 8
    count = f"journalctl --output=cat | grep -c -F -- {secret} || true"
    assert lab.run(name, ["sh", "-c", count], check=True).stdout.strip() == "0"


def test_both_directors_have_the_same_group(lab: Lab) -> None:
    texts = {lab.run(name, ["cat", "/etc/ha.d/haresources"], check=True).stdout for name in DIRECTORS}

    (text,) = texts
    assert text.splitlines()[-1] == (
        "loadbalancer lvs-role lvs-ldirectord::ldirectord.cf IPaddr2::192.168.136.10/32/eth0"
    )
