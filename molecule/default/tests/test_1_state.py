"""What a deployment leaves on the hosts, seen with testinfra and not with the toolkit's own eyes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host

from lab import Lab
from lab.directors import Directors
from lab.promise import Promise

VIP = "192.0.2.10"
DIRECTORS = ("lb1", "lb2")
REAL_SERVERS = ("web1", "web2", "web3")
WEIGHTS = {"192.0.2.21": 3, "192.0.2.22": 2, "192.0.2.23": 1}

Nodes = Callable[[str], Host]


@pytest.mark.parametrize("name", DIRECTORS)
def test_keepalived_runs_and_starts_at_boot(node: Nodes, name: str) -> None:
    service = node(name).service("keepalived")
    assert service.is_running
    assert service.is_enabled


@pytest.mark.parametrize("name", DIRECTORS)
def test_keepalived_runs_its_scripts_unprivileged(node: Nodes, name: str) -> None:
    configuration = node(name).file("/etc/keepalived/keepalived.conf")
    assert configuration.contains("enable_script_security")
    assert configuration.contains("script_user keepalived_script")
    assert node(name).user("keepalived_script").uid != 0
    assert configuration.mode == 0o640


@pytest.mark.parametrize("name", DIRECTORS)
def test_kernel_table_is_the_promised_one(node: Nodes, name: str) -> None:
    lines = node(name).check_output("ipvsadm -Sn").splitlines()
    assert lines[0].split() == ["-A", "-t", f"{VIP}:80", "-s", "wrr"]
    found = {}
    for line in lines[1:]:
        words = line.split()
        assert words[:3] == ["-a", "-t", f"{VIP}:80"]
        assert "-g" in words, "forwarding is direct routing"
        address, port = words[words.index("-r") + 1].split(":")
        assert port == "80"
        found[address] = int(words[words.index("-w") + 1])
    assert found == WEIGHTS


@pytest.mark.parametrize("name", DIRECTORS)
def test_modules_are_loaded_and_loaded_at_boot(node: Nodes, name: str) -> None:
    loaded = node(name).check_output("cat /proc/modules")
    at_boot = node(name).file("/etc/lvs-toolkit/network.conf").content_string
    for module in ("ip_vs", "ip_vs_wrr"):
        assert f"\n{module} " in f"\n{loaded}"
        assert f"module {module}" in at_boot.splitlines()
    assert node(name).service("lvs-network").is_enabled
    assert node(name).check_output("cat /sys/module/ip_vs/parameters/conn_tab_bits") == "12"


def test_exactly_one_director_owns_the_vip(directors: Directors) -> None:
    assert directors.active() == "lb1", "the first of the order of preference"


def test_connection_sync_follows_the_role(node: Nodes) -> None:
    states = {name: node(name).check_output("ipvsadm -ln --daemon") for name in DIRECTORS}
    assert "master sync daemon (mcast=eth1" in states["lb1"]
    assert "backup sync daemon" not in states["lb1"]
    assert "backup sync daemon (mcast=eth1" in states["lb2"]
    assert "master sync daemon" not in states["lb2"]


@pytest.mark.parametrize("name", REAL_SERVERS)
def test_real_server_has_the_vip_on_lo_only(node: Nodes, name: str) -> None:
    addresses = node(name).check_output(f"ip -4 -oneline address show to {VIP}").splitlines()
    assert len(addresses) == 1
    assert f" lo    inet {VIP}/32" in addresses[0]


@pytest.mark.parametrize("name", REAL_SERVERS)
def test_real_server_is_silent_in_arp_on_its_ingress_interface(node: Nodes, name: str) -> None:
    assert node(name).sysctl("net.ipv4.conf.eth0.arp_ignore") == 1
    assert node(name).sysctl("net.ipv4.conf.eth0.arp_announce") == 2
    assert node(name).service("lvs-network").is_enabled


def test_client_sees_the_promised_split(lab: Lab, promise: Promise) -> None:
    script = f"for n in $(seq {promise.requests}); do curl --silent --max-time 5 http://{VIP}/; done"
    install = "command -v curl >/dev/null || apt-get install -qq --no-install-recommends curl"
    lab.run(promise.client, ["sh", "-c", install], timeout=120)
    answers = lab.run(promise.client, ["sh", "-c", script], timeout=120).stdout.split()
    counts = {name: answers.count(name) for name in REAL_SERVERS}
    assert counts == {name: round(share * promise.requests) for name, share in promise.shares.items()}


# The client closes first, so its port waits in TIME_WAIT; with tcp_tw_reuse the next connection may take it
# after a second. The answer's body is the real server's name.
SAME_PORT = f"""
import socket, time
for _ in range(6):
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.settimeout(5)
        one.bind(("", 41234))
        one.connect(("{VIP}", 80))
        one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        one.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: one.recv(4096), b""))
    print(answer.split()[-1].decode())
    time.sleep(1.5)
"""


def test_a_client_that_uses_its_port_again_is_scheduled_anew(lab: Lab, promise: Promise) -> None:
    """The old connection is still listed in FIN_WAIT: it must not decide, its server may be dead by now."""
    before = lab.run(promise.client, ["sysctl", "-n", "net.ipv4.tcp_tw_reuse"], check=True).stdout.strip()
    try:
        lab.run(promise.client, ["sysctl", "-q", "-w", "net.ipv4.tcp_tw_reuse=1"], check=True)
        answers = lab.run(promise.client, ["python3", "-c", SAME_PORT], timeout=60, check=True).stdout.split()
    finally:
        lab.run(promise.client, ["sysctl", "-q", "-w", f"net.ipv4.tcp_tw_reuse={before}"])
    counts = {name: answers.count(name) for name in REAL_SERVERS}
    assert counts == {name: round(share * 6) for name, share in promise.shares.items()}
