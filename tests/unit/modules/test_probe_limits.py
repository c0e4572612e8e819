"""Many services at once: lvs_probe takes all the descriptors it may, and a lack of them is its own fault."""

from __future__ import annotations

import errno
import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from module_utils.lvs_traffic import NO_DESCRIPTORS, run, stream_from

from .webserver import WebServer

ROOT = Path(__file__).parents[3]
SERVICES = 60
SOFT = 40
# The module's own main, under limits that it finds there.
PROBE = """
import json, resource, sys
import ansible.module_utils
from ansible.module_utils.testing import patch_module_args
ansible.module_utils.__path__.append("module_utils")
from library import lvs_probe
given = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_NOFILE, given["limits"])
with patch_module_args({"requests": given["requests"]}):
    lvs_probe.main()
"""


def probe(web: WebServer, hard: int) -> list[dict[str, Any]]:
    """Ask for SERVICES services side by side with a soft limit of SOFT; their results."""
    request = {"name": "www", "address": web.address, "port": web.port, "timeout": 1.0}
    given = {"limits": [SOFT, hard], "requests": [request] * SERVICES}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        input=json.dumps(given),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return results


def test_the_soft_limit_is_raised_to_the_hard_one(web: WebServer) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard > 2 * SERVICES
    web.mode = "hang"  # so that all are under way at once
    assert {str(result["errors"]) for result in probe(web, hard)} == {"{'read: timed out after 1 s': 1}"}


def test_a_lack_of_descriptors_is_not_the_service_s_fault(web: WebServer) -> None:
    web.mode = "hang"
    errors = [next(iter(result["errors"])) for result in probe(web, SOFT)]
    lacking = [error for error in errors if error == NO_DESCRIPTORS]
    assert SERVICES - SOFT < len(lacking) < SERVICES
    assert set(errors) == {NO_DESCRIPTORS, "read: timed out after 1 s"}


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EMFILE, "this probe host ran out of file descriptors"),
        (errno.ENFILE, "this probe host ran out of file descriptors"),
        (errno.EACCES, "socket: Permission denied"),
    ],
)
def test_a_socket_that_cannot_be_made(number: int, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", refuse)
    errors: list[str | None] = []
    stream = stream_from({"address": "192.0.2.10", "port": 80, "count": 1})
    run([stream], lambda _, line: errors.append(line["error"]))
    assert errors == [error]
