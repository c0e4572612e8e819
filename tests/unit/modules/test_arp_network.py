"""ARP in real network namespaces: three hosts on one bridge, asked from the first one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
ASK = (
    "import json, sys; from module_utils.lvs_arp import who_has; "
    "print(json.dumps(who_has(json.load(sys.stdin))))"
)
VIP = "192.0.2.10"


class Lan:
    """Hosts h1, h2 and h3, each a namespace with eth0 at 192.0.2.1 to .3, on a bridge in a fourth."""

    def __init__(self) -> None:
        self.prefix = f"lvsarp{os.getpid()}"

    def ip(self, command: str, host: str | None = None) -> str:
        """Run a command of iproute2, in a host if one is named; returns its output."""
        where = ["-n", f"{self.prefix}-{host}"] if host else []
        run = subprocess.run(["ip", *where, *command.split()], capture_output=True, text=True, check=True)
        return run.stdout

    def unusable(self) -> str:
        """Why no namespace can be entered (a chroot's / is no mount point, ip-netns(8)); empty if one can."""
        self.ip(f"netns add {self.prefix}-lan")
        command = ["ip", "netns", "exec", f"{self.prefix}-lan", "true"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()

    def build(self) -> None:
        """Make the namespaces and their links."""
        for name in ("h1", "h2", "h3"):  # unusable() has made the one called lan
            self.ip(f"netns add {self.prefix}-{name}")
        self.ip("link add br0 type bridge", "lan")
        self.ip("link set br0 up", "lan")
        for number in (1, 2, 3):
            host = f"h{number}"
            self.ip(f"link add p{number} type veth peer name eth0 netns {self.prefix}-{host}", "lan")
            self.ip(f"link set p{number} master br0 up", "lan")
            self.ip("link set lo up", host)
            self.ip(f"link set eth0 address 02:00:00:00:00:0{number}", host)
            self.ip(f"address add 192.0.2.{number}/24 dev eth0", host)
            self.ip("link set eth0 up", host)

    def remove(self) -> None:
        """Remove the namespaces, and with them everything else."""
        for name in ("lan", "h1", "h2", "h3"):
            subprocess.run(
                ["ip", "netns", "delete", f"{self.prefix}-{name}"], check=False, capture_output=True
            )

    def sysctl(self, host: str, path: str, value: int) -> None:
        """Set net.ipv4.conf.PATH in a host."""
        command = f"echo {value} > /proc/sys/net/ipv4/conf/{path}"
        subprocess.run(["ip", "netns", "exec", f"{self.prefix}-{host}", "sh", "-c", command], check=True)

    def ask(self, *questions: dict[str, Any], host: str = "h1") -> list[dict[str, Any]]:
        """Ask from a host; each question is about the VIP on eth0 unless it says otherwise."""
        run = subprocess.run(
            ["ip", "netns", "exec", f"{self.prefix}-{host}", sys.executable, "-c", ASK],
            input=json.dumps([{"interface": "eth0", "address": VIP, **question} for question in questions]),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        answers: list[dict[str, Any]] = json.loads(run.stdout)
        return answers

    def owners(self, **question: str) -> list[str]:
        """The hosts that answer h1's question."""
        (answer,) = self.ask(question)
        assert answer["skipped"] is None
        return [f"h{int(mac[-2:], 16)}" for mac in answer["macs"]]


@pytest.fixture
def lan() -> Iterator[Lan]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("ip") is None:
        pytest.skip("ip is not installed (Debian package iproute2)")
    lan = Lan()
    try:
        if problem := lan.unusable():
            pytest.skip(f"ip cannot enter a network namespace here: {problem}")
        lan.build()
        yield lan
    finally:
        lan.remove()


def test_nobody_one_and_two_owners(lan: Lan) -> None:
    assert lan.owners() == []
    lan.ip(f"address add {VIP}/32 dev eth0", "h2")
    assert lan.owners() == ["h2"]
    lan.ip(f"address add {VIP}/32 dev eth0", "h3")
    assert lan.owners() == ["h2", "h3"]


def test_real_server_answers_for_its_vip_on_lo_until_arp_ignore_is_set(lan: Lan) -> None:
    lan.ip(f"address add {VIP}/32 dev lo", "h3")
    assert lan.owners() == ["h3"]
    lan.sysctl("h3", "eth0/arp_ignore", 1)
    assert lan.owners() == []


def test_owner_does_not_answer_itself(lan: Lan) -> None:
    lan.ip(f"address add {VIP}/32 dev eth0", "h1")
    assert lan.owners() == []
    lan.ip(f"address add {VIP}/32 dev eth0", "h2")  # a second owner is seen by the first
    assert lan.owners() == ["h2"]


def test_source_decides_as_it_does_for_a_client(lan: Lan) -> None:
    lan.ip(f"address add {VIP}/24 dev eth0", "h2")
    lan.sysctl("h2", "eth0/arp_ignore", 2)  # answer senders of the same subnet only
    assert lan.owners() == ["h2"]
    assert lan.owners(source="203.0.113.9") == []


def test_interface_without_address_sends_the_probe_of_rfc_5227(lan: Lan) -> None:
    lan.ip(f"address add {VIP}/32 dev eth0", "h2")
    lan.ip("address flush dev eth0", "h1")
    (answer,) = lan.ask({})
    assert (answer["source"], answer["macs"]) == ("0.0.0.0", ["02:00:00:00:00:02"])  # noqa: S104


def test_all_questions_at_once_in_their_order(lan: Lan) -> None:
    lan.ip(f"address add {VIP}/32 dev eth0", "h2")
    lan.ip("link add down0 type bridge", "h1")
    answers = lan.ask(
        {"address": "192.0.2.3"},
        {"interface": "none0"},
        {},
        {"interface": "lo"},
        {"address": "2001:db8::10"},
        {"interface": "down0"},
    )
    assert [answer["macs"] for answer in answers] == [
        ["02:00:00:00:00:03"],
        [],
        ["02:00:00:00:00:02"],
        [],
        [],
        [],
    ]
    assert [answer["source"] for answer in answers[:3]] == ["192.0.2.1", None, "192.0.2.1"]
    assert [answer["skipped"] for answer in answers] == [
        None,
        "none0: No such device",
        None,
        "lo: no ARP on this kind of interface (hardware type 772)",
        "2001:db8::10 is not an IPv4 address, and ARP knows only those",
        "the request could not be sent: Network is down",
    ]
