"""Fingerprints of nodes: what counts as left behind, what is excused, and what the reader finds."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.fingerprint import KERNEL, SCRIPT, difference, load, save, take
from lab.runner import Result

EMPTY: dict[str, list[str]] = {name: [] for name in (*KERNEL, "packages", "files", "traces")}


def with_lines(section: str, *lines: str) -> dict[str, list[str]]:
    return {**EMPTY, section: list(lines)}


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("sysctls", "net/ipv4/vs/conntrack = 1"),
        ("sysctls", "net/netfilter/nf_conntrack_max = 1"),
        ("sysctls", "net/ipv4/conf/tunl0/rp_filter = 2"),
        ("sysctls", "net/ipv6/neigh/ip6tnl0/mcast_solicit = 3"),
        ("links", "link tunl0 down mtu 1480"),
        ("files", "/etc/passwd- -rw-r--r-- 0:0 1234"),
        ("files", "/usr/local/lib/lvs-lab/__pycache__/x.pyc -rw-r--r-- 0:0 1234"),
    ],
)
def test_what_modules_and_tools_leave_is_excused(section: str, line: str) -> None:
    assert difference(EMPTY, with_lines(section, line)) == []


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("sysctls", "net/ipv4/conf/eth0/arp_ignore = 1"),
        ("links", "link tunl0 up mtu 1480"),
        ("links", "192.0.2.10/32 on tunl0 label tunl0:lvs scope global"),
        ("links", "192.0.2.10/32 on lo label lo:lvs scope global"),
        ("routes", "-4 default via 203.0.113.1 dev eth2 table 8840"),
        ("rules", "-4 30000: from 203.0.113.21 lookup 8840"),
        ("nft tables", "family 1 lvs_toolkit"),
        ("ipvs", "TCP C000020A:0050 wrr"),
        ("sockets", "udp 224.0.0.81:8848"),
        ("units", "enabled keepalived.service"),
        ("packages", "keepalived:amd64 1:2.3.3-1 rc"),
        ("files", "/etc/passwd -rw-r--r-- 0:0 1234"),
        ("files", "/etc/lvs-toolkit drwxr-xr-x 0:0 "),
        ("traces", "/run/lvs-toolkit.leaving"),
    ],
)
def test_what_is_left_behind_is_found_and_so_is_what_is_missing(section: str, line: str) -> None:
    assert difference(EMPTY, with_lines(section, line)) == [f"{section}: + {line}"]
    assert difference(with_lines(section, line), EMPTY) == [f"{section}: - {line}"]
    assert difference(with_lines(section, line), with_lines(section, line)) == []


def test_a_setting_that_was_there_is_not_excused_by_its_module() -> None:
    before = with_lines("sysctls", "net/ipv4/vs/conntrack = 0")
    after = with_lines("sysctls", "net/ipv4/vs/conntrack = 1")

    assert difference(before, after) == ["sysctls: - net/ipv4/vs/conntrack = 0"]


def test_sections_can_be_left_out() -> None:
    assert difference(EMPTY, with_lines("files", "/etc/x"), KERNEL) == []


class Node:
    """Answers with a text whatever it is asked."""

    def __init__(self, text: str, code: int = 0) -> None:
        self.result = Result(code, text, "no such program", 0.1)

    def runner(self, node: str) -> Node:
        """The node is its own connection."""
        return self

    def shell(self, command: str, *, stdin: bytes = b"", timeout: float = 60.0) -> Result:
        """Answer to the reader and nothing else."""
        assert (command, stdin) == ("python3 -", SCRIPT.read_bytes())
        return self.result


def test_fingerprints_are_taken_kept_and_read(tmp_path: Path) -> None:
    full = {**EMPTY, **{name: ["x"] for name in ("links", "routes", "rules", "sysctls", "packages", "files")}}
    taken = take(Node(json.dumps(full)), ["lb1"])
    save(tmp_path / "build" / "before.json", taken)

    assert load(tmp_path / "build" / "before.json") == taken == {"lb1": full}


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (json.dumps(EMPTY), 0, "of lb1 has no links, routes, rules, sysctls, packages, files"),
        ("", 127, "lb1"),
    ],
)
def test_a_node_that_tells_nothing_is_an_error(text: str, code: int, said: str) -> None:
    with pytest.raises(LabError, match=said):
        take(Node(text, code), ["lb1"])


def test_a_scenario_that_was_not_prepared_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="prepare step"):
        load(tmp_path / "before.json")


def _make_table() -> None:
    """Make a table of nft, lvs_toolkit of the family inet, by netlink: nft may not be installed here."""

    def message(kind: int, flags: int, body: bytes = b"", family: int = 0, subsystem: int = 0) -> bytes:
        head = struct.pack("=IHHIIBB", 20 + len(body), kind, flags, 1, 0, family, 0)
        return head + struct.pack(">H", subsystem) + body

    name = b"lvs_toolkit\0"
    attribute = struct.pack("=HH", 4 + len(name), 1) + name
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as asked:
        begin, end = message(0x10, 1, subsystem=10), message(0x11, 1, subsystem=10)
        asked.send(begin + message(0xA00, 0x405, attribute, family=1) + end)


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs a network namespace of its own"
)
def test_the_reader_finds_what_is_in_a_namespace() -> None:
    code = (
        "import json, runpy, sys; sys.path.insert(0, sys.argv[1]);"
        "from tests.unit.lab.test_fingerprint import _make_table; _make_table();"
        "found = runpy.run_path(sys.argv[2]);"
        "names = ('links', 'rules', 'sysctls', 'nft tables');"
        "print(json.dumps({name: found['SECTIONS'][name]() for name in names}))"
    )
    root = str(SCRIPT.parents[2])
    shell = 'ip link set lo up; ip address add 192.0.2.10/32 dev lo label lo:lvs; exec "$@"'
    argv = ["unshare", "--net", "sh", "-c", shell, "sh", sys.executable, "-c", code, root, str(SCRIPT)]
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=environment)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this machine gives no network namespaces")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "192.0.2.10/32 on lo label lo:lvs scope global" in found["links"]
    assert "link lo up mtu 65536" in found["links"]
    assert "-4 32766: from all lookup main" in found["rules"]
    assert any(line.startswith("net/ipv4/conf/all/arp_ignore = ") for line in found["sysctls"])
    assert found["nft tables"] == ["family 1 lvs_toolkit"]
