"""What cannot work is refused before anything has changed, and the service goes on meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lab import Lab
from lab.playbook import PlaybookRun
from lab.traffic import Traffic

PROJECT = Path(__file__).resolve().parents[3]
CONFIGURATION = "/etc/keepalived/keepalived.conf"

Playbook = Callable[..., PlaybookRun]
Start = Callable[[], Traffic]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project, to break."""
    keep = shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", "__pycache__")
    shutil.copytree(PROJECT, tmp_path / "project", ignore=keep)
    (tmp_path / "project" / "build").symlink_to(PROJECT / "build")
    return tmp_path / "project"


def digests(lab: Lab) -> str:
    return "".join(lab.run(name, ["sha256sum", CONFIGURATION]).stdout for name in ("lb1", "lb2"))


def test_a_broken_document_touches_no_host(playbook: Playbook, traffic: Start, tmp_path: Path) -> None:
    document = yaml.safe_load((PROJECT / "inventories/lab/group_vars/edge.yml").read_text())
    cluster = document["lvs_cluster"]
    cluster["services"][0] |= {"scheduler": "fair", "vips": ["192.0.2.300"], "prot": "tcp"}
    del cluster["networks"]
    broken = tmp_path / "broken.yml"
    broken.write_text(yaml.safe_dump(document))
    client = traffic()

    run = playbook("site.yml", "-e", f"@{broken}")

    output = "\n".join(run.tail)
    assert run.returncode != 0
    assert dict(run.remote_executions) == {}, "no host was contacted"
    for problem in (
        "lvs_cluster[edge].networks: this key is missing: add it",
        "lvs_cluster[edge].services[0].prot: unknown key",
        "lvs_cluster[edge].services[0].scheduler: 'fair' is not allowed: use one of rr, wrr",
        "lvs_cluster[edge].services[0].vips[0]: '192.0.2.300' is no IP address",
    ):
        assert problem in output, "all problems at once"
    assert client.stop().summary["failed"] == 0


def test_a_broken_template_touches_no_host(playbook: Playbook, traffic: Start, copy: Path, lab: Lab) -> None:
    template = copy / f"roles/keepalived/templates{CONFIGURATION}.j2"
    template.write_text(template.read_text() + "{{ there_is_no_such_name }}\n")
    before = digests(lab)
    client = traffic()

    run = playbook("site.yml", project=copy)

    assert run.returncode != 0
    assert dict(run.remote_executions) == {}
    assert f"roles/keepalived/templates{CONFIGURATION}.j2" in "\n".join(run.tail)
    assert client.stop().summary["failed"] == 0
    assert digests(lab) == before


def test_a_configuration_that_keepalived_refuses_never_goes_live(
    playbook: Playbook, traffic: Start, copy: Path, lab: Lab
) -> None:
    template = copy / f"roles/keepalived/templates{CONFIGURATION}.j2"
    template.write_text(template.read_text() + "vrrp_instance broken {\n    no_such_keyword 1\n}\n")
    before = digests(lab)
    client = traffic()

    run = playbook("site.yml", project=copy)

    assert run.returncode != 0
    assert "no_such_keyword" in "\n".join(run.tail), "the daemon's own words reach the operator"
    assert digests(lab) == before
    assert client.stop().summary["failed"] == 0
    assert playbook("site.yml").changed == 0, "nothing of it is left"
