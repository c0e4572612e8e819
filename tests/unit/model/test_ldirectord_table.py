"""What a new owner's table is filled with before ldirectord has checked anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lvs_model.components.ldirectord import TABLE

from .builders import Case
from .namespace import Bottle, unusable
from .rule_cases.engines import UNDER

IPVSADM = 'case "$1" in -Sn) cat table 2>/dev/null || true ;; -R) cat > table ;; esac'


def script(**options: Any) -> str:  # noqa: ANN401
    """ldirectord-table of lb1 with these options of the one service."""
    case = Case()
    UNDER(case)
    case.document["ldirectord"] = {"https_trusted": True}
    case.service.update(options)
    (text,) = (one["content"] for one in case.plan()["hosts"]["lb1"]["files"] if one["path"] == TABLE)
    return str(text)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "always - - -A -t 192.0.2.10:80 -s wrr"),
        ({}, "tcp 192.0.2.21 80 -a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3"),
        (
            {"check": {"type": "https", "port": 443}},
            "tcp 192.0.2.21 443 -a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3",
        ),
        (
            {"check": {"type": "ping"}, "protocol": "udp", "ports": [53]},
            "host 192.0.2.21 53 -a -u 192.0.2.10:53 -r 192.0.2.21:53 -g -w 3",
        ),
        ({"mark": 7, "forwarding": "tun"}, "tcp 192.0.2.21 80 -a -f 7 -r 192.0.2.21:0 -i -w 3"),
        (
            {"thresholds": {"upper": 9, "lower": 3}},
            "tcp 192.0.2.21 80 -a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3 -x 9 -y 3",
        ),
        ({"persistence": 60}, "always - - -A -t 192.0.2.10:80 -s wrr -p 60"),
    ],
)
def test_a_line_says_whom_to_ask_first(options: dict[str, Any], line: str) -> None:
    assert line in script(**options).splitlines()


def test_a_drained_real_server_needs_no_answer() -> None:
    case = Case()
    UNDER(case)
    case.hostvars["web1"]["lvs_state"] = "drained"
    (text,) = (one["content"] for one in case.plan()["hosts"]["lb1"]["files"] if one["path"] == TABLE)

    assert "always - - -a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 0" in text.splitlines()


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., list[str]]:
    """Run the tool in a bottle, with an IPVS table that is a file; returns the real servers in it."""

    def run(before: str, **options: Any) -> list[str]:  # noqa: ANN401
        if (reason := unusable()) is not None:
            pytest.skip(reason)
        bottle = Bottle(tmp_path, [{"path": TABLE, "content": script(**options), "mode": "0755"}])
        bottle.shadow("ipvsadm", IPVSADM)
        own = "for last in 21 22; do ip address add 192.0.2.$last/32 dev lo; done\n"
        told = bottle.told(f"{own}{before}\n{TABLE} load; cat table")
        return [line.split(" -r ")[1].split(":")[0] for line in told.splitlines() if " -r " in line]

    return run


LISTEN = """
python3 -c 'import socket, time; s = socket.create_server(("192.0.2.21", 80)); time.sleep(9)' &
until python3 -c 'import socket; socket.create_connection(("192.0.2.21", 80))' 2>/dev/null; do sleep 0.1; done
"""
# Nobody reads its queue of one, which is full: further handshakes get no answer.
SILENT = """
python3 -c '
import socket, time
s = socket.create_server(("192.0.2.22", 80), backlog=0)
full = [socket.socket() for _ in range(3)]
for one in full: one.setblocking(False); one.connect_ex(("192.0.2.22", 80))
open("full", "w"); time.sleep(9)' &
until [ -e full ]; do sleep 0.1; done
"""


@pytest.mark.parametrize(
    ("before", "options", "loaded"),
    [
        # web1 accepts, web2 refuses, web3 has no route.
        (LISTEN, {}, ["192.0.2.21"]),
        (LISTEN + SILENT, {}, ["192.0.2.21"]),
        # What asks no TCP port says nothing by refusing one.
        (LISTEN, {"check": {"type": "ping"}}, ["192.0.2.21", "192.0.2.22"]),
        (SILENT, {"check": {"type": "ping"}}, ["192.0.2.21"]),
        (LISTEN + 'echo "-A -t 192.0.2.99:80 -s rr" > table', {}, []),
    ],
)
def test_who_answers_is_loaded(
    load: Callable[..., list[str]], before: str, options: dict[str, Any], loaded: list[str]
) -> None:
    assert load(before, **options) == loaded
