"""Import paths, a node without anything, and a web server that misbehaves on demand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import ansible.module_utils
import pytest

ROOT = Path(__file__).parents[3]
# The project is run from its tree; and its modules import their halves from ansible.module_utils.
sys.path.insert(0, str(ROOT))
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from .node import Node  # noqa: E402 -- needs the paths above
from .webserver import WebServer  # noqa: E402 -- needs the paths above


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server on 127.0.0.1 that listens and answers well."""
    with WebServer() as server:
        yield server


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node on which nothing is installed."""
    return Node(tmp_path)
