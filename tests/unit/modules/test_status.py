"""Counters and ages of addresses, as lvs_facts reads them for a status."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from module_utils import lvs_status

from .node import Node

ROOT = Path(__file__).parents[3]
LISTED = {"connections": "-l -n", "totals": "-l -n --stats --exact", "rates": "-l -n --rate --exact"}


def test_counters_are_ipvsadms_listings(node: Node) -> None:
    node.file("proc/net/ip_vs", "IP Virtual Server version 1.2.1 (size=4096)\n")
    for name, options in LISTED.items():
        node.command(f"ipvsadm {options}", out=f"{name}\n")
    assert lvs_status.counters(node.host) == {name: f"{name}\n" for name in LISTED}
    assert node.host.problems == []


def test_ipvsadm_is_not_run_without_ipvs_in_the_kernel(node: Node) -> None:
    node.command("ipvsadm")  # it would load the module
    assert lvs_status.counters(node.host) == dict.fromkeys(LISTED)
    assert node.calls == []


def test_the_connection_table_is_never_walked(node: Node) -> None:
    node.file("proc/net/ip_vs", "IP Virtual Server version 1.2.1 (size=4096)\n")
    node.command("ipvsadm")
    lvs_status.counters(node.host)
    assert len(node.calls) == 3
    for call in node.calls:
        assert not {"-c", "-lnc", "--connection"} & set(call)


def message(created: int, *, family: int = socket.AF_INET, cache: bool = True) -> bytes:
    """An RTM_NEWADDR of lo, made so many hundredths of a second after the boot."""
    address = socket.inet_pton(family, "192.0.2.10" if family == socket.AF_INET else "2001:db8::10")
    attributes = [(1, address)]
    if cache:
        attributes.append((6, struct.pack("=IIII", 2**32 - 1, 2**32 - 1, created, created)))
    body = b"".join(struct.pack("=HH", 4 + len(value), kind) + value for kind, value in attributes)
    index = socket.if_nametoindex("lo")
    return struct.pack("=BBBBI", family, 32, 0, 0, index) + body


@pytest.mark.parametrize(
    ("created", "now", "age"),
    [
        (500, 65.0, 60.0),
        (6500, 65.0, 0.0),
        (6501, 65.0, 0.0),  # the kernel's jiffies are ahead of its clock by a tick
        (2**32 - 500, 2**32 / 100 + 55, 60.0),  # made before the counter began anew, after 497 days
    ],
)
def test_an_age_is_since_the_address_was_made(created: int, now: float, age: float) -> None:
    read = lvs_status.parse(message(created), now)
    assert read is not None
    assert read[:2] == ("lo", "192.0.2.10")
    assert read.age_s == pytest.approx(age, abs=0.02)


def test_the_addresses_of_both_families_are_read() -> None:
    read = lvs_status.parse(message(0, family=socket.AF_INET6), 1.0)
    assert read == ("lo", "2001:db8::10", 1.0)


def test_an_address_without_an_age_is_left_out() -> None:
    assert lvs_status.parse(message(0, cache=False), 1.0) is None


def test_a_peers_address_is_not_taken_for_our_own() -> None:
    local = socket.inet_aton("192.0.2.99")
    text = message(0) + struct.pack("=HH", 8, 2) + local
    assert lvs_status.parse(text, 1.0) == ("lo", "192.0.2.99", 1.0)


def test_this_machines_own_addresses_have_an_age(node: Node) -> None:
    before = time.monotonic()
    found = {(age.interface, age.address): age.age_s for age in lvs_status.ages(node.host)}
    assert 0 < found["lo", "127.0.0.1"] <= before + 1
    assert node.host.problems == []


def test_a_kernel_that_refuses_is_a_problem(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    assert lvs_status.ages(node.host) == []
    assert node.host.problems == ["rtnetlink: Operation not permitted"]


TWO = """
set -eu
ip link set lo up
ip address add 192.0.2.10/32 dev lo
sleep 1.3
ip address add 192.0.2.11/32 dev lo
exec "$0" -c '
import json
from module_utils import lvs_host, lvs_status
host = lvs_host.Host(lambda argv: (127, "", ""))
print(json.dumps([list(age) for age in lvs_status.ages(host)]))'
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare")
def test_of_two_addresses_the_kernel_tells_which_came_later() -> None:
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", TWO, sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    ages = {address: age for _, address, age in json.loads(done.stdout)}
    assert ages["192.0.2.10"] - ages["192.0.2.11"] == pytest.approx(1.3, abs=0.4)
    assert ages["192.0.2.11"] < 2
