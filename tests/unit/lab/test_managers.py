"""The configuration of each network manager, and the script that hands the interfaces over."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.errors import CommandError, LabError
from lab.home import Home
from lab.inventory import Node, topology
from lab.lab import Lab
from lab.managers import files, script
from lab.nodevars import MANAGERS
from lab.runner import Result

VARIABLES: dict[str, Any] = {
    "lab_networks": {
        "front": {"interface": "eth0", "subnets": ["192.0.2.0/24", "2001:db8::/64"]},
        "back": {"interface": "eth1", "subnet": "198.51.100.0/25"},
    },
    "lvs_addresses": ["192.0.2.9", "2001:db8::9", "198.51.100.9"],
    "lab_routes": [
        {"to": "0.0.0.0/0", "via": "192.0.2.254"},
        {"to": "2001:db8:9::/48", "via": "2001:db8::fe"},
        {"to": "203.0.113.0/24", "via": "198.51.100.1"},
    ],
}


def node(manager: str) -> Node:
    return topology({"a": {**VARIABLES, "lab_network_manager": manager}}).node("a")


def text(manager: str, path: str) -> str:
    return files(node(manager))[path].content.decode()


def test_networkd() -> None:
    front = text("networkd", "etc/systemd/network/10-lvs-lab-eth0.network")
    assert front.startswith("[Match]\nName=eth0\n")
    assert [line for line in front.splitlines() if "=" in line and line[0] in "AG"] == [
        "Address=192.0.2.9/24",
        "Address=2001:db8::9/64",
        "Gateway=192.0.2.254",
        "Gateway=2001:db8::fe",
    ]
    back = text("networkd", "etc/systemd/network/10-lvs-lab-eth1.network")
    assert "Address=198.51.100.9/25\n" in back
    assert "[Route]\nDestination=203.0.113.0/24\nGateway=198.51.100.1\n" in back


def test_ifupdown() -> None:
    assert text("ifupdown", "etc/network/interfaces").splitlines() == [
        "auto lo",
        "iface lo inet loopback",
        "",
        "auto eth0",
        "iface eth0 inet static",
        "    address 192.0.2.9/24",
        "    up ip route replace 0.0.0.0/0 via 192.0.2.254 dev eth0",
        "iface eth0 inet6 static",
        "    address 2001:db8::9/64",
        "    up ip route replace 2001:db8:9::/48 via 2001:db8::fe dev eth0",
        "",
        "auto eth1",
        "iface eth1 inet static",
        "    address 198.51.100.9/25",
        "    up ip route replace 203.0.113.0/24 via 198.51.100.1 dev eth1",
    ]


def test_networkmanager() -> None:
    found = files(node("networkmanager"))
    keyfiles = {}
    for name in ("eth0", "eth1"):
        file = found[f"etc/NetworkManager/system-connections/lvs-lab-{name}.nmconnection"]
        assert file.mode == 0o600
        keyfiles[name] = configparser.ConfigParser()
        keyfiles[name].read_string(file.content.decode())
    front, back = keyfiles["eth0"], keyfiles["eth1"]
    assert dict(front["ipv4"]) == {"method": "manual", "address1": "192.0.2.9/24,192.0.2.254"}
    assert dict(front["ipv6"]) == {
        "method": "manual",
        "address1": "2001:db8::9/64",
        "route1": "2001:db8:9::/48,2001:db8::fe",
    }
    assert dict(back["ipv6"]) == {"method": "link-local"}
    assert back["ipv4"]["route1"] == "203.0.113.0/24,198.51.100.1"
    assert front["connection"]["uuid"] != back["connection"]["uuid"]
    main = found["etc/NetworkManager/conf.d/90-lvs-lab.conf"].content.decode()
    assert "match-device=interface-name:eth0,interface-name:eth1\nmanaged=1\n" in main


@pytest.mark.parametrize("manager", MANAGERS)
def test_podmans_addresses_go_before_the_manager_comes_but_only_once_it_has_the_interfaces(
    manager: str,
) -> None:
    unit = text(manager, "etc/systemd/system/lvs-lab-release.service")
    assert "ConditionPathExists=/etc/lvs-lab/adopted\n" in unit
    assert "ExecStart=/sbin/ip -batch /etc/lvs-lab/release\n" in unit
    assert text(manager, "etc/lvs-lab/release").splitlines() == [
        "address flush dev eth0 scope global",
        "link set dev eth0 down",
        "address flush dev eth1 scope global",
        "link set dev eth1 down",
    ]
    assert "etc/lvs-lab/adopted" not in files(node(manager))


@pytest.mark.parametrize("manager", MANAGERS)
def test_the_script_is_sound(manager: str, tmp_path: Path) -> None:
    path = tmp_path / "adopt"
    path.write_text(script(node(manager)))
    tool = ["shellcheck", "--shell=sh"] if shutil.which("shellcheck") else ["sh", "-n"]
    done = subprocess.run([*tool, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


FAKES = {
    "systemctl": 'echo "systemctl $*" >> "$LOG"; [ "$1" != -q ] || [ -e "$STATE" ]',
    "apt-get": 'echo "apt-get $*" >> "$LOG"; : > "$STATE"',
    "ifquery": 'echo "$2=$2"',
    "ip": 'echo "2: $5 inet $7/24"',
    "sleep": ":",
}


def run_script(tmp_path: Path, **fakes: str) -> subprocess.CompletedProcess[str]:
    """Run the script of an ifupdown node with every tool replaced by a note of its call."""
    for name, body in {**FAKES, **fakes}.items():
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(0o755)
    content = script(node("ifupdown")).replace("/etc/lvs-lab/adopted", str(tmp_path / "adopted"))
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "LOG": str(tmp_path / "log"),
        "STATE": str(tmp_path / "state"),
    }
    return subprocess.run(
        ["sh", "-c", content], env=environment, capture_output=True, text=True, check=False, timeout=20
    )


def test_interfaces_are_bare_when_the_manager_is_installed(tmp_path: Path) -> None:
    assert run_script(tmp_path).returncode == 0
    assert (tmp_path / "adopted").exists()
    calls = (tmp_path / "log").read_text().splitlines()
    order = [
        calls.index("systemctl restart lvs-lab-release.service"),
        calls.index("apt-get -qq -y --no-install-recommends install ifupdown"),
        calls.index("systemctl enable networking.service"),
        calls.index("systemctl restart networking.service"),
    ]
    assert order == sorted(order)
    (tmp_path / "log").unlink()
    # Again: the manager has them, and nothing is touched.
    assert run_script(tmp_path).returncode == 0
    assert (tmp_path / "log").read_text() == "systemctl -q is-active networking.service\n"


@pytest.mark.parametrize(
    "fakes",
    [
        {"ifquery": "exit 1"},  # the manager does not know the interface
        {"ip": "exit 0"},  # the address is not there
        {"ip": 'echo "2: $5 inet6 $7/64 tentative"'},  # not usable yet
    ],
)
def test_what_is_not_managed_is_an_error(tmp_path: Path, fakes: dict[str, str]) -> None:
    done = run_script(tmp_path, **fakes)
    assert done.returncode == 1
    assert "ifupdown does not manage eth0 eth1:" in done.stderr


def test_the_lab_runs_the_script_and_says_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(home=Home(tmp_path))
    there = {"a": 0, "plain": 1}

    def run(name: str, command: list[str], *, check: bool = False, **_: object) -> Result:
        if command[0] == "test":
            return Result(there[name], "", "", 0.0)
        assert check
        raise CommandError(" ".join(command), 1, "networkd does not manage eth0:")

    monkeypatch.setattr(lab, "run", run)
    with pytest.raises(CommandError, match="does not manage eth0"):
        lab.adopt_network_manager("a")
    with pytest.raises(LabError, match=r"plain has no network manager.*Set lab_network_manager"):
        lab.adopt_network_manager("plain")
