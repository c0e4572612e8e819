"""The host under test: a directory that stands for its root file system."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# The project is run from its tree; pytest adds only the tests' own directories.
sys.path.insert(0, str(Path(__file__).parents[3]))

from .host import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with two files of an earlier deployment and a log of the actions that ran on it."""
    host = Host(tmp_path)
    host.write("/etc/keepalived/keepalived.conf", "old keepalived\n", 0o640)
    host.write("/etc/modules-load.d/lvs.conf", "old modules\n")
    host.write("/etc/lvs/obsolete.conf", "obsolete\n", 0o600)
    return host


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of runs are too many to wait for the disk; test_durable looks at what is synced, and when."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
