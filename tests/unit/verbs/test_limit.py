"""--limit that leaves out those whom a verb needs: refused, where Ansible skips the plays and ends with 0."""

from __future__ import annotations

import pytest

from tests.unit.model.builders import Case

from .simulated import Estate
from .test_executions import estate as of_case

REFUSED = [
    # None of the hosts that it is about.
    (("site.yml", "client1"), "lb1, lb2, web1, web2, web3 and 3 more"),
    (("playbooks/status.yml", "client1"), "lb1, lb2, web1, web2, web3 and 3 more"),
    (("playbooks/verify.yml", "client1"), "lb1, lb2, web1, web2, web3 and 3 more"),
    (("playbooks/teardown.yml", "inner-lb1", "lvs_teardown=edge"), "lb1, lb2, web1, web2, web3"),
    (("playbooks/update.yml", "inner-lb1", "what=reboot", "cluster=edge"), "lb1, lb2, web1, web2, web3"),
    # All directors of the cluster must know of it.
    (("playbooks/drain.yml", "web1", "host=web1"), "lb1, lb2"),
    (("playbooks/drain.yml", "web1,lb1", "host=web1"), "lb2"),
    (("playbooks/drain.yml", "web1", "host=web1", "lvs_accept_unreachable=lb1,lb2"), "lb1, lb2"),
    (("playbooks/restore.yml", "web1", "host=web1"), "lb1, lb2"),
    (("playbooks/switchover.yml", "web1", "to=lb2"), "lb1, lb2"),
    (("playbooks/switchover.yml", "lb2", "to=lb2"), "lb1"),
    # Whoever is to go back.
    (("playbooks/rollback.yml", "lb2", "host=lb1"), "lb1"),
    (("playbooks/rollback.yml", "lb2,web1", "cluster=edge"), "lb1, web2, web3"),
]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """Two clusters, as planned."""
    case = Case()
    case.add_cluster("inner", 3)
    return of_case(tmp_path_factory.mktemp("limit"), case)


@pytest.mark.parametrize(("command", "left_out"), REFUSED, ids=[f"{one[0]} {one[1]}" for one, _ in REFUSED])
def test_without_those_whom_it_needs_a_verb_is_refused(
    estate: Estate, command: tuple[str, ...], left_out: str
) -> None:
    playbook, limit, *words = command

    run = estate.run(playbook, "--limit", limit, *(word for one in words for word in ("-e", one)))

    assert run.returncode == 2, run.output
    assert f"--limit leaves out {left_out}, " in run.text
    assert "run it without --limit, or let it name" in run.text
    assert run.counts == {}
