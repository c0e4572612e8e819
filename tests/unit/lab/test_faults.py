"""Which commands a fault sends to the podman host, and what it refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.faults import VERBS
from lab.home import FILES, Home
from lab.lab import Known, Lab
from lab.nodes import Nodes
from tests.unit.lab.builders import FakeRunner


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def lab(tmp_path: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose podman host only takes notes."""
    lab = Lab(home=Home(tmp_path / "home"))
    known = {"lb1": Known(4, "debian13", {"front": "eth0", "sync": "eth1"}, {"front": ["192.0.2.11"]})}
    monkeypatch.setattr(lab, "_known", lambda: known)
    monkeypatch.setattr(lab, "nodes", lambda: Nodes(runner, "/base", lab.keys))
    monkeypatch.setattr(lab, "wait_ready", lambda names: runner.calls.append(["wait", *names]))
    monkeypatch.setattr(lab, "run", lambda node, command, **_: runner.calls.append(["ssh", node, command]))
    return lab


@pytest.mark.parametrize(
    ("verb", "argument", "expected"),
    [
        ("power-off", "", [["power-off", "lb1", "4", "eth0", "eth1"]]),
        ("power-on", "", [["start", "lb1", "debian13", "4"], ["wait", "lb1"]]),
        ("start", "", [["start", "lb1", "debian13", "4"], ["wait", "lb1"]]),
        ("stop", "", [["stop", "lb1", "4", "90"]]),
        ("cable-out", "", [["link", "down", "4", "eth0", "eth1"]]),
        ("cable-out", "sync", [["link", "down", "4", "eth1"]]),
        ("cable-in", "front", [["link", "up", "4", "eth0"]]),
        ("freeze", "", [["freeze", "lb1", "4", "eth0", "eth1"]]),
        ("thaw", "", [["thaw", "lb1", "4", "eth0", "eth1"]]),
        ("drop", "vrrp@front", [["impair", "4", "drop", "ip_proto 0x70", "eth0"]]),
        ("drop", "89", [["impair", "4", "drop", "ip_proto 0x59", "eth0", "eth1"]]),
        ("drop", "udp/694@sync", [["impair", "4", "drop", "ip_proto udp dst_port 694", "eth1"]]),
        ("delay", "50@front", [["impair", "4", "netem", "delay 50ms limit 100000", "eth0"]]),
        ("loss", "10", [["impair", "4", "netem", "loss 10%", "eth0", "eth1"]]),
        ("undrop", "", [["relieve", "4", "eth0", "eth1"]]),
        ("service-stop", "keepalived", [["ssh", "lb1", "systemctl stop -- keepalived"]]),
        ("service-start", "a b", [["ssh", "lb1", "systemctl start -- 'a b'"]]),
    ],
)
def test_sequences(lab: Lab, runner: FakeRunner, verb: str, argument: str, expected: list[Any]) -> None:
    lab.faults.apply(verb, "lb1", argument)
    assert [call[4:] if call[0] == "sh" else call for call in runner.calls] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("explode", "lb1"), "no fault is called 'explode'. Known ones: power-off, power-on, cable-out,"),
        (("freeze", "lb9"), "no node is called 'lb9'. Known ones: lb1."),
        (("freeze", "lb1", "eth0"), "freeze takes no argument, and got 'eth0'"),
        (("cable-out", "lb1", "back"), "lb1 is on no network called 'back'. Known ones: front, sync."),
        (("service-stop", "lb1"), "service-stop wants UNIT"),
        (("drop", "lb1"), "drop wants PROTOCOL[@NETWORK]"),
        (
            ("drop", "lb1", "carp"),
            "'carp' is nothing that can be dropped. Say vrrp, icmp, 0 to 255, tcp/PORT",
        ),
        (("drop", "lb1", "256"), "'256' is nothing that can be dropped"),
        (("drop", "lb1", "sctp/5"), "'sctp/5' is nothing that can be dropped"),
        (("drop", "lb1", "udp/0"), "'udp/0' is nothing that can be dropped"),
        (("drop", "lb1", "vrrp@back"), "lb1 is on no network called 'back'"),
        (("delay", "lb1", "1.5"), "'1.5' is not a whole number from 1 to 60000"),
        (("loss", "lb1", "101@front"), "'101' is not a whole number from 1 to 100"),
    ],
)
def test_refusals(lab: Lab, runner: FakeRunner, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(LabError) as caught:
        lab.faults.apply(*arguments)
    assert message in str(caught.value)
    assert runner.calls == []


def test_a_fault_on_a_node_that_is_off_says_how_to_boot_it(lab: Lab, runner: FakeRunner) -> None:
    runner.answers["freeze"] = 3
    with pytest.raises(LabError, match=r"lb1: the node is off.*power-on lb1"):
        lab.faults.freeze("lb1")


def test_every_verb_is_explained() -> None:
    assert all(verb.meaning.endswith(".") for verb in VERBS)


@pytest.mark.parametrize(
    "script", ["node.sh", "guest-setup.sh", "node-setup.sh", "finish.sh", "initramfs-hook"]
)
def test_shell_syntax(script: str) -> None:
    subprocess.run(["sh", "-n", str(FILES / script)], check=True)


def test_an_unknown_verb_of_the_script_fails() -> None:
    done = subprocess.run(
        ["sh", "-s", "--", "/nowhere", "explode"],
        input=(FILES / "node.sh").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, b"unknown verb explode\n")


FRAMES = """
base=$(mktemp -d) run=$base/run peers="veth0 veth1"
mkdir -p "$run/impaired"
: > "$run/impaired/veth1"
tc() { echo "tc $*"; false; }
"""


def test_lines_are_relieved_only_where_they_were_impaired() -> None:
    text = (FILES / "node.sh").read_text(encoding="utf-8")
    function = text[text.index("relieve() {") : text.index("case $verb in")]
    done = subprocess.run(
        ["sh", "-euc", f"{FRAMES}\n{function}\nrelieve\nrelieve"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "tc qdisc del dev veth1 clsact",
        "tc qdisc del dev veth1 root",
        "veth1: passes everything again",
    ]
