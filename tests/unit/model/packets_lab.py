"""Run by test_firewall_packets.py inside namespaces of its own: three hosts, and what passes between them.

    client (192.0.2.101) -- front -- director (192.0.2.11, VIPs; 10.0.0.11) -- back -- server (10.0.0.21)

The argument names the director's rules; printed is JSON: by question whether (or what) got through. The
kernel needs no IPVS for it: the VIPs' services are the director's own here.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VIP = "192.0.2.10"
_LIBC = __import__("ctypes").CDLL(None, use_errno=True)


def run(*argv: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(argv, check=True, capture_output=True)


def enter(name: str) -> None:
    """Move this process into a namespace."""
    with Path(f"/run/netns/{name}").open() as file:
        if _LIBC.setns(file.fileno(), 0):
            raise OSError("setns")


def inside(name: str, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
    """What a function returns in a namespace."""
    with multiprocessing.Pool(1, initializer=enter, initargs=(name,)) as pool:
        return pool.apply(function, arguments)


def serve(name: str, kind: socket.SocketKind, port: int) -> None:
    """Answer at a port of a namespace, from now on."""
    ready = multiprocessing.Event()
    multiprocessing.Process(target=_serve, args=(name, kind, port, ready), daemon=True).start()
    assert ready.wait(10)


def _serve(name: str, kind: socket.SocketKind, port: int, ready: Any) -> None:  # noqa: ANN401
    enter(name)
    with socket.socket(socket.AF_INET, kind) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is for a VIP is answered from it.
        server.bind((VIP if name == "director" and kind is socket.SOCK_DGRAM else "", port))
        if kind is socket.SOCK_STREAM:
            server.listen(100)
        ready.set()
        while True:
            if kind is socket.SOCK_STREAM:
                server.accept()[0].close()
            else:
                _, whence = server.recvfrom(65535)
                server.sendto(b"here", whence)


def connects(address: str, port: int) -> int:
    """The MSS of a new connection; 0 where there is none."""
    with socket.socket() as client:
        client.settimeout(0.5)
        try:
            client.connect((address, port))
        except OSError:
            return 0
        return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)


def answered(address: str, port: int, size: int) -> bool:
    """Whether a datagram of so many bytes is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.connect((address, port))
        client.send(b"x" * size)
        try:
            return client.recv(100) == b"here"
        except OSError:
            return False


def many(address: str, port: int, number: int) -> int:
    """How many of so many connections at once there are."""
    clients = [socket.socket() for _ in range(number)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex((address, port))
    time.sleep(0.5)
    return sum(
        client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and _is_open(client) for client in clients
    )


def _is_open(client: socket.socket) -> bool:
    try:
        client.getpeername()
    except OSError:
        return False
    return True


def adverts(*senders: tuple[str, int]) -> list[str]:
    """From whom packets of VRRP arrive at the director; ``senders`` are addresses and hop counts."""
    context = multiprocessing.get_context("fork")
    found, ready = context.Queue(), context.Event()
    listener = context.Process(target=_listen, args=(found, ready), daemon=True)
    listener.start()
    assert ready.wait(10)
    for source, hops in senders:
        inside("client", _advert, source, hops)
    listener.join(10)
    heard: list[str] = found.get(timeout=10)
    return heard


def _listen(found: Any, ready: Any) -> None:  # noqa: ANN401 - multiprocessing's
    enter("director")
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as raw:
        raw.settimeout(1)
        ready.set()
        heard = []
        try:
            while True:
                heard.append(raw.recvfrom(1500)[1][0])
        except TimeoutError:
            found.put(heard)


def _advert(source: str, hops: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as raw:
        raw.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        raw.bind((source, 0))
        raw.sendto(b"advert", ("192.0.2.11", 0))


def tracked() -> int:
    """How many connections to the services the director tracks; not those that its answers seem to open."""
    listing = Path("/proc/net/nf_conntrack")
    lines = listing.read_text().splitlines() if listing.exists() else []
    # The first addresses are those of the first packet.
    ways = ([word for word in line.split() if word[:3] in {"dst", "dpo"}][:2] for line in lines)
    return sum(way in ([f"dst={VIP}", "dport=80"], [f"dst={VIP}", "dport=53"]) for way in ways)


def build(rules: str) -> None:
    """The three hosts, and the director's rules."""
    os.makedirs("/run/netns", exist_ok=True)  # noqa: PTH103 - a private /run
    for name in ("client", "director", "server"):
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
    for device, name, peer in (("eth0", "client", "eth0"), ("eth2", "server", "eth2")):
        run("ip", "link", "add", device, "netns", "director", "type", "veth", "peer", peer, "netns", name)
        for where, one in (("director", device), (name, peer)):
            run("ip", "-n", where, "link", "set", one, "up")
    for name, device, *addresses in (
        ("client", "eth0", "192.0.2.101/24", "192.0.2.12/32"),
        ("director", "eth0", "192.0.2.11/24", f"{VIP}/32"),
        ("director", "eth2", "10.0.0.11/24"),
        ("server", "eth2", "10.0.0.21/24"),
    ):
        for address in addresses:
            run("ip", "-n", name, "address", "add", address, "dev", device)
    run("ip", "-n", "client", "route", "add", "10.0.0.0/24", "via", "192.0.2.11")
    run("ip", "-n", "server", "route", "add", "default", "via", "10.0.0.11")
    run("ip", "netns", "exec", "director", "sysctl", "-q", "net.ipv4.ip_forward=1")
    run("ip", "netns", "exec", "director", "nft", "-f", rules)


def main() -> None:
    """Ask everything."""
    build(sys.argv[1])
    for port in (22, 80, 81):
        serve("director", socket.SOCK_STREAM, port)
    serve("director", socket.SOCK_DGRAM, 53)
    for name in ("server", "client"):
        serve(name, socket.SOCK_STREAM, 80)
        serve(name, socket.SOCK_DGRAM, 53)
    told = {
        "service": inside("client", connects, VIP, 80) > 0,
        "other port": inside("client", connects, VIP, 81) > 0,
        "own address": inside("client", connects, "192.0.2.11", 22) > 0,
        "datagram": inside("client", answered, VIP, 53, 10),
        "fragments": inside("client", answered, VIP, 53, 5000),
        "into the back": inside("client", connects, "10.0.0.21", 80) > 0,
        "into the back by udp": inside("client", answered, "10.0.0.21", 53, 10),
        "out of the back": inside("server", connects, "192.0.2.101", 80) > 0,
        "out of the back by udp": inside("server", answered, "192.0.2.101", 53, 10),
        "adverts": adverts(("192.0.2.12", 255), ("192.0.2.101", 255), ("192.0.2.12", 254)),
        "tracked": inside("director", tracked),
        "segment": inside("client", connects, VIP, 80),
        "many": inside("client", many, VIP, 80, 40),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
