"""The data path benchmark's machines: a client, a director, a real server, and the ways between them.

Set up by hand, without the toolkit: what is measured is the kernel's and HAProxy's part. All ways are there
at once, each with an address of its own, so that nothing is changed between measurements.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from bench.processes import ROOT, FailedError
from lab.runner import Result

INVENTORY = ROOT / "bench" / "lab"
CLIENT, DIRECTOR, SERVER = "client1", "lb1", "web1"
PORT = 7000
_ON_NODES = ROOT / "bench" / "on_nodes"
# As bench/lab/hosts.yml has them.
_CLIENT = "192.0.2.101"
_DIRECTOR_BACK = "203.0.113.11"
_SERVER_FRONT, _SERVER_BACK = "192.0.2.21", "203.0.113.21"
# An address of its own for routing: IPVS keeps an entry of NAT for two minutes, and would give the answer to
# a routed connection from the same port of the client's the VIP's address.
_SERVER_ROUTED = "203.0.113.22"
_TABLE = 100


class Way(NamedTuple):
    """Where the client sends requests, and the two ends of the connection as the real server sees them."""

    address: str
    local: str
    peer: str


DIRECT = "direct"
WAYS: Mapping[str, Way] = {
    # Without a director: what the client, the real server and one bridge cost.
    DIRECT: Way(_SERVER_FRONT, _SERVER_FRONT, _CLIENT),
    "routing": Way(_SERVER_ROUTED, _SERVER_ROUTED, _CLIENT),
    "dr": Way("192.0.2.40", "192.0.2.40", _CLIENT),
    "tun": Way("192.0.2.50", "192.0.2.50", _CLIENT),
    "nat": Way("192.0.2.30", _SERVER_BACK, _CLIENT),
    "haproxy": Way("192.0.2.60", _SERVER_BACK, _DIRECTOR_BACK),
}
# SYN, ACK with or before the request, the acknowledgement of the answer, FIN: at least.
_REQUEST_PACKETS = 4
_METHODS = {"dr": "--gatewaying", "tun": "--ipip", "nat": "--masquerading"}

_NO_HAPROXY = "no-haproxy-here"

HAPROXY = f"""\
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 10s
    timeout client 30s
    timeout server 30s
listen bench
    bind {WAYS["haproxy"].address}:{PORT}
    server {SERVER} {_SERVER_BACK}:{PORT}
"""


class Runner(Protocol):
    """What is asked of a node's connection; lab.runner.SshRunner has it."""

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """Run a command on the node; LabError if it fails or does not end in time."""


def server_commands() -> str:
    """Return what makes the real server serve on all ways: a shell script, which may run again."""
    dr, tun = WAYS["dr"].address, WAYS["tun"].address
    return f"""\
set -eu
modprobe ipip
# Before the addresses, or the server answers ARP for the VIPs. Of `all` and the interface the maximum counts.
for name in all default eth0 eth1 tunl0; do
    conf=net.ipv4.conf.$name
    sysctl -qw "$conf.rp_filter=0" "$conf.arp_ignore=1" "$conf.arp_announce=2"
done
ip link set tunl0 up
ip address replace {dr}/32 dev lo
ip address replace {tun}/32 dev tunl0
# Answers of routing and NAT go back by the director, though the client is a neighbour.
ip route replace default via {_DIRECTOR_BACK} dev eth1 table {_TABLE}
ip address replace {_SERVER_ROUTED}/32 dev eth1
for address in {_SERVER_BACK} {_SERVER_ROUTED}; do
    ip rule del from "$address" lookup {_TABLE} 2>/dev/null || true
    ip rule add from "$address" lookup {_TABLE}
done
systemctl stop lvs-bench.service 2>/dev/null || true
mkdir -p /usr/local/lib/lvs-bench
cat > /usr/local/lib/lvs-bench/answering.py
systemd-run --quiet --collect --unit=lvs-bench --service-type=notify \\
    /usr/bin/python3 /usr/local/lib/lvs-bench/answering.py 0.0.0.0 {PORT}
"""


def director_commands() -> str:
    """Return what makes the director forward on all ways: a shell script, which may run again."""
    vips = [way.address for name, way in WAYS.items() if name in _METHODS or name == "haproxy"]
    services = [
        line
        for mode, method in _METHODS.items()
        for line in (
            f"ipvsadm --add-service --tcp-service {WAYS[mode].address}:{PORT} --scheduler rr",
            f"ipvsadm --add-server --tcp-service {WAYS[mode].address}:{PORT} "
            f"--real-server {_SERVER_BACK}:{PORT} {method}",
        )
    ]
    return "\n".join(
        [
            "set -eu",
            # First of all: whatever apt runs may read its standard input.
            "cat > /run/lvs-bench-haproxy.cfg",
            "modprobe -a ip_vs ip_vs_rr",
            "for name in all default eth0 eth1; do",
            '    sysctl -qw "net.ipv4.conf.$name.rp_filter=0" "net.ipv4.conf.$name.send_redirects=0"',
            "done",
            "sysctl -qw net.ipv4.ip_forward=1",
            *(f"ip address replace {vip}/32 dev eth0" for vip in vips),
            "ipvsadm --clear",
            *services,
            "command -v haproxy >/dev/null || DEBIAN_FRONTEND=noninteractive"
            " apt-get -qq -y --no-install-recommends install haproxy >/dev/null",
            "code=0; haproxy -c -q -f /run/lvs-bench-haproxy.cfg || code=$?",
            # SIGILL: HAProxy wants cmpxchg16b, which the lab's emulated processor lacks (lab/guest.py).
            f"if [ $code = 132 ]; then echo {_NO_HAPROXY}; exit 0; fi",
            "[ $code = 0 ] || exit $code",
            "cp /run/lvs-bench-haproxy.cfg /etc/haproxy/haproxy.cfg",
            "systemctl restart haproxy.service",
            "",
        ]
    )


def set_up(server: Runner, director: Runner) -> list[str]:
    """Make every way; those that there are: all, or all but HAProxy's where the processor cannot run it.

    LabError says which command failed on which node.
    """
    source = (_ON_NODES / "answering.py").read_bytes()
    server.run(["sh", "-c", server_commands()], stdin=source, timeout=120)
    # Installing HAProxy takes an emulated processor half a minute.
    done = director.run(["sh", "-c", director_commands()], stdin=HAPROXY.encode(), timeout=600)
    return [way for way in WAYS if way != "haproxy" or _NO_HAPROXY not in done.stdout.split()]


def ask(client: Runner, order: Iterable[str], requests: int) -> dict[str, Any]:
    """Measure each way once, in that order; what on_nodes/asking.py prints."""
    ways = [[name, WAYS[name].address, f"{WAYS[name].local} {WAYS[name].peer}"] for name in order]
    options = {"port": PORT, "requests": requests, "warm_up": 20, "idle_s": 3, "ways": ways}
    source = (_ON_NODES / "asking.py").read_bytes()
    # A tenth of a second a request is far more than even a busy emulated processor needs.
    limit = 120 + len(ways) * requests * 0.1
    done = client.run(["/usr/bin/python3", "-", json.dumps(options)], stdin=source, timeout=limit)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def prove(director: Runner, requests: int) -> None:
    """Have IPVS's counters say that each mode had its requests, and answers only where it should.

    `requests` is the least that each mode must have had. They are counted by their packets, since IPVS counts
    no new connection where the client takes a port again. Under DR and TUN answers go past the director.
    Raises FailedError if a figure would be of another way than its name says.
    """
    shown = director.run(["ipvsadm", "--list", "--numeric", "--stats", "--exact"]).stdout
    counted = counters(shown)
    for mode in _METHODS:
        service = f"{WAYS[mode].address}:{PORT}"
        asked, answered = counted.get(service, (0, 0))
        if asked < requests * _REQUEST_PACKETS:
            raise FailedError(
                f"{mode}: IPVS saw {asked} packets to {service}, too few for {requests} requests"
            )
        if (answered > 0) != (mode == "nat"):
            raise FailedError(f"{mode}: IPVS saw {answered} packets of answers from {service}")


def counters(shown: str) -> dict[str, tuple[int, int]]:
    """Read `ipvsadm -Ln --stats --exact`: service → packets of clients, of answers (ipvsadm(8))."""
    found = {}
    for line in shown.splitlines():
        words = line.split()
        # "TCP 192.0.2.30:7000 conns inpkts outpkts inbytes outbytes"
        if words[:1] == ["TCP"]:
            found[words[1]] = int(words[3]), int(words[4])
    return found
