"""A deployment of what was reviewed, and of nothing else: roles/observe as an operator runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lvs_model.compare import compare
from tests.unit.model.builders import Site
from tests.unit.model.cases import ROOT
from tests.unit.model.compared import changed

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Compare
      ansible.builtin.import_role: {name: observe, tasks_from: compare, rolespec_validate: false}
"""


@pytest.mark.parametrize("reviewed", [None, "the digest", "000000000000"])
def test_what_was_not_reviewed_is_refused(tmp_path: Path, reviewed: str | None) -> None:
    site = Site()
    changed(site, "web1")
    work = compare(site.plan, site.seen)
    given: dict[str, Any] = {"__cluster_plan": site.plan, "__lvs_observations": site.seen}
    if reviewed:
        given["lvs_reviewed"] = work["digest"] if reviewed == "the digest" else reviewed
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "given.json").write_text(json.dumps(given))

    done = subprocess.run(
        [
            *(ROOT / ".venv/bin/ansible-playbook", "-i", "localhost,"),
            *(tmp_path / "play.yml", "-e", f"@{tmp_path / 'given.json'}"),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    said = " ".join((done.stdout + done.stderr).split())
    if reviewed == "000000000000":
        assert done.returncode == 2, said
        assert f"What would be done now is {work['digest']}, not 000000000000, which was reviewed" in said
    else:
        assert done.returncode == 0, said
        assert "order: real servers web1" in said
