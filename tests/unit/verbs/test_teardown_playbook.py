"""The end of a teardown on pretended hosts: each goes by its own answers, and none is left out in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lvs_model.teardown import tear_down
from tests.unit.model.builders import Site

from .simulated import Estate, Run
from .test_executions import estate

OURS = ["x", "995", "995", "scripts of keepalived (LVS toolkit)", "/nonexistent", "/usr/sbin/nologin"]
THEIRS = ["x", "1001", "1001", "an operator's", "/home/script", "/bin/sh"]
NO_RECORD = {"failed": True, "msg": "File not found: /var/lib/lvs-toolkit/installed"}


@pytest.fixture
def site(tmp_path: Path) -> Estate:
    """Hosts from which everything goes, and which have installed nothing; lb1 and lb2 have the user."""
    found = estate(tmp_path)
    after = Site(tear_down(found.site.plan, ["edge"]))
    for host in found.site.seen:
        found.looks(host, found.site, after)
        found.answers(host, "slurp", NO_RECORD)
        user(found, host, OURS if host.startswith("lb") else None)
        for module in ("file", "command", "user"):
            found.answers(host, module, {"changed": True, "rc": 0, "stdout": "", "stderr": ""})
    return found


def user(site: Estate, host: str, entry: list[str] | None) -> None:
    """Let a host have the user, or not."""
    site.answers(host, "getent", {"ansible_facts": {"getent_passwd": {"keepalived_script": entry}}})


def teardown(site: Estate, *options: str) -> Run:
    return site.run("playbooks/teardown.yml", "-e", "lvs_teardown=edge", *options)


def executed(run: Run, module: str) -> set[str]:
    return {host for host, modules in run.executions.items() if module in modules}


def test_each_host_goes_by_its_own_user(site: Estate) -> None:
    """With ansible-core 2.21 facts are those of the host that answered last, whichever that is."""
    user(site, "web1", THEIRS)

    run = teardown(site)

    assert run.returncode == 0, run.output
    assert executed(run, "user") == {"lb1", "lb2"}


def test_a_host_that_was_skipped_is_a_failure_and_named(site: Estate) -> None:
    site.gone("web3")

    run = teardown(site)

    assert run.returncode != 0
    assert "web3" in run.text and "lvs_accept_unreachable=web3" in run.text


@pytest.mark.parametrize("said", ["Permission denied: /var/lib/lvs-toolkit/installed", "an I/O error"])
def test_a_record_that_cannot_be_read_is_not_taken_for_none(site: Estate, said: str) -> None:
    answer: dict[str, Any] = {"failed": True, "msg": said}
    site.answers("lb1", "slurp", answer)

    run = teardown(site)

    assert run.returncode != 0
    assert said in run.text
    assert "lb1" not in executed(run, "getent"), "it keeps its records, and can be run again"
