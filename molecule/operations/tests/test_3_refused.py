"""What is broken is refused, or taken back by the host itself, and the service goes on meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from lab.playbook import PlaybookRun
from lab.watch import Watch

if TYPE_CHECKING:
    from molecule.operations.tests.conftest import Day

PROJECT = Path(__file__).resolve().parents[3]
DOCUMENT = PROJECT / "molecule/operations/inventory/group_vars/edge.yml"
CONFIGURATION = "etc/keepalived/keepalived.conf"
DROP_IN = "etc/systemd/system/keepalived.service.d/lvs-toolkit.conf"

# What keepalived's checker never sees: the unit. Whoever reloads it kills it, and it does not start again.
UNHEALTHY = "ExecReload=\nExecReload=/bin/kill -KILL $MAINPID\nExecStartPre=/bin/false\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project, to break."""
    keep = shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", "__pycache__")
    shutil.copytree(PROJECT, tmp_path / "project", ignore=keep)
    (tmp_path / "project" / "build").symlink_to(PROJECT / "build")
    return tmp_path / "project"


def test_a_broken_document_touches_no_host(
    day: Day, watch: Watch, tmp_path: Path, words: Callable[[PlaybookRun], str]
) -> None:
    document = yaml.safe_load(DOCUMENT.read_text())
    document["lvs_cluster"]["services"][0]["scheduler"] = "fair"
    broken = tmp_path / "broken.yml"
    broken.write_text(yaml.safe_dump(document))
    with watch.during("a broken document"):
        run = day.run("site.yml", "-e", f"@{broken}")

    assert run.returncode != 0
    assert dict(run.remote_executions) == {}, "no host was contacted"
    assert "lvs_cluster[edge].services[0].scheduler: 'fair' is not allowed" in words(run)


def test_a_daemon_that_does_not_become_healthy_gets_its_old_configuration_back(
    day: Day, watch: Watch, copy: Path, until: Callable[..., None], words: Callable[[PlaybookRun], str]
) -> None:
    templates = copy / "roles/keepalived/templates"
    with (templates / f"{CONFIGURATION}.j2").open("a") as configuration:
        configuration.write("# valid, and another one\n")
    with (templates / f"{DROP_IN}.j2").open("a") as drop_in:
        drop_in.write(UNHEALTHY)
    argv = ["sha256sum", f"/{CONFIGURATION}", f"/{DROP_IN}"]
    before = {name: day.lab.run(name, argv).stdout for name in ("lb1", "lb2")}
    owner, daemons = day.directors.active(), day.daemons()
    with watch.during("a daemon that does not become healthy"):
        run = day.run("site.yml", project=copy)
        complete = {"lb1": "", "lb2": ""}
        until("both tables are as planned", lambda: day.lacking("more") == complete, timeout_s=60)

    assert run.returncode != 0
    assert "The host was rolled back to the files it had before this run" in words(run)
    assert {name: day.lab.run(name, argv).stdout for name in before} == before, "the old files are back"
    assert day.directors.owners() == [owner], "the standby came first, and the rollout stopped there"
    assert day.daemons()[owner] == daemons[owner], "the owner was not touched"
