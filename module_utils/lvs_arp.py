"""Who answers ARP for an address, asked as a client would ask (IPv4 only).

One who-has request per address is broadcast on the given interface, and every distinct answering MAC is
collected, so that two owners of one address are both seen; the kernel's own neighbour table keeps only one.

The sender's protocol address matters. Linux answers a request from 0.0.0.0 (the RFC 5227 probe) in a branch
of its own that skips the route lookup and ``arp_filter`` (net/ipv4/arp.c, ``arp_process``: ``sip == 0``), and
``arp_ignore=2`` compares the sender's subnet. So the interface's own address is the sender: what is measured
is then what a client with that address gets. 0.0.0.0 is used only where the interface has no address.

Runs under the managed node's Python 3.9+, standard library only. Needs CAP_NET_RAW.
"""

from __future__ import annotations

import fcntl
import selectors
import socket
import struct
import time
from typing import Any, NamedTuple, TypedDict

ETH_P_ARP = 0x0806
ARPHRD_ETHER = 1
OP_REQUEST = 1
OP_REPLY = 2
BROADCAST = b"\xff" * 6
SIOCGIFADDR = 0x8915
# RFC 826 on Ethernet: destination, source, type | hardware, protocol, lengths, operation, sender, target.
_FRAME = struct.Struct("!6s6sH HHBBH 6s4s6s4s")

#: How long answers are collected in all, and when the requests are sent within that time (seconds).
WINDOW = 0.6
SEND_AT = (0.0, 0.2)


class ArpAnswer(TypedDict):
    """Who answered for one address: ``macs`` sorted; ``skipped`` tells why nothing was asked."""

    interface: str
    address: str
    source: str | None
    macs: list[str]
    skipped: str | None


class Reply(NamedTuple):
    """The parts of an ARP reply that decide whether it answers our question."""

    mac: bytes
    address: bytes
    target_mac: bytes
    target_address: bytes


def build_request(own_mac: bytes, source: str, address: str) -> bytes:
    """Build the Ethernet frame that asks ``who-has address tell source`` (RFC 826), broadcast."""
    head = (BROADCAST, own_mac, ETH_P_ARP)
    kind = (ARPHRD_ETHER, 0x0800, 6, 4, OP_REQUEST)
    return _FRAME.pack(*head, *kind, own_mac, socket.inet_aton(source), bytes(6), socket.inet_aton(address))


def parse_reply(frame: bytes) -> Reply | None:
    """Return the reply in an Ethernet frame, or None for anything that is no Ethernet/IPv4 ARP reply."""
    if len(frame) < _FRAME.size:
        return None
    fields = _FRAME.unpack_from(frame)
    if fields[2:8] != (ETH_P_ARP, ARPHRD_ETHER, 0x0800, 6, 4, OP_REPLY):
        return None
    return Reply(mac=fields[8], address=fields[9], target_mac=fields[10], target_address=fields[11])


def answers(reply: Reply, own_mac: bytes, source: str, address: str) -> bool:
    """Tell whether a reply is another host's answer to our question ``who-has address tell source``.

    A promiscuous interface shows replies to others as well, and a switch may send our own frames back.
    """
    return (
        reply.mac != own_mac
        and reply.target_mac == own_mac
        and (reply.address, reply.target_address) == (socket.inet_aton(address), socket.inet_aton(source))
    )


def format_mac(mac: bytes) -> str:
    """Write a MAC as ``ip link`` does: six lower-case pairs with colons."""
    return mac.hex(":")


def _interface_address(sock: socket.socket, interface: str) -> str:
    """Return the interface's primary IPv4 address (netdevice(7), SIOCGIFADDR), 0.0.0.0 if it has none."""
    request = struct.pack("256s", interface.encode()[:15])
    try:
        return socket.inet_ntoa(fcntl.ioctl(sock.fileno(), SIOCGIFADDR, request)[20:24])
    except OSError:
        return "0.0.0.0"  # noqa: S104 -- the RFC 5227 sender, not a listening address


def _is_ipv4(text: str) -> bool:
    """Tell whether the text is an IPv4 address in dotted form (``inet_aton`` would take "1" as well)."""
    try:
        socket.inet_pton(socket.AF_INET, text)
    except OSError:
        return False
    return True


class _Interface:
    """One interface's raw socket, with the questions that are asked through it."""

    def __init__(self, name: str) -> None:
        """Open the socket; OSError if the interface is missing, or without CAP_NET_RAW."""
        # Protocol 0 until bind names it: no frame of another interface gets in between (packet(7)).
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            self.sock.setblocking(False)
            self.sock.bind((name, ETH_P_ARP))
            _, _, _, hardware, self.mac = self.sock.getsockname()
            if hardware != ARPHRD_ETHER:
                raise OSError(f"no ARP on this kind of interface (hardware type {hardware})")
            self.address = _interface_address(self.sock, name)
        except OSError:
            self.sock.close()
            raise
        self.asked: list[ArpAnswer] = []

    def send(self) -> None:
        """Send one request for each question; a question whose frame cannot leave is marked as skipped."""
        for answer in self.asked:
            try:
                self.sock.send(build_request(self.mac, answer["source"] or self.address, answer["address"]))
            except OSError as error:
                answer["skipped"] = f"the request could not be sent: {error.strerror}"

    def receive(self) -> None:
        """Take all replies that wait on the socket and note the MACs under the questions they answer."""
        while True:
            try:
                frame = self.sock.recv(2048)
            except BlockingIOError:
                return
            except OSError:  # the interface went down meanwhile: what came before it stands
                return
            reply = parse_reply(frame)
            if reply is None:
                continue
            mac = format_mac(reply.mac)
            for asked in self.asked:
                source = asked["source"] or self.address
                if mac not in asked["macs"] and answers(reply, self.mac, source, asked["address"]):
                    asked["macs"].append(mac)


def who_has(questions: list[dict[str, Any]], window: float = WINDOW) -> list[ArpAnswer]:
    """Ask for all addresses at once and return one answer for each question, in their order.

    Args:
        questions: ``interface``, ``address`` and optionally ``source`` (the sender's IPv4 address; by default
            the interface's own).
        window: seconds in all; each request is sent twice within it, because ARP may be lost.

    A host never answers itself here: its requests go out on the wire only. What cannot be asked (IPv6, no
    such interface, no permission) has ``skipped`` set; nothing is raised.

    """
    results: list[ArpAnswer] = []
    interfaces: dict[str, _Interface] = {}
    failures: dict[str, str] = {}
    for question in questions:
        name, address, source = question["interface"], question["address"], question.get("source")
        answer = ArpAnswer(interface=name, address=address, source=source, macs=[], skipped=None)
        results.append(answer)
        if not _is_ipv4(address) or (source and not _is_ipv4(source)):
            wrong = source if _is_ipv4(address) else address
            answer["skipped"] = f"{wrong} is not an IPv4 address, and ARP knows only those"
            continue
        if name not in interfaces and name not in failures:
            try:
                interfaces[name] = _Interface(name)
            except OSError as error:
                failures[name] = f"{name}: {error.strerror or error}"
        if name in failures:
            answer["skipped"] = failures[name]
            continue
        answer["source"] = source or interfaces[name].address
        interfaces[name].asked.append(answer)
    if interfaces:
        _exchange(list(interfaces.values()), window)
    for answer in results:
        answer["macs"].sort()
    return results


def _exchange(interfaces: list[_Interface], window: float) -> None:
    """Send at the given times, and collect until the window ends."""
    start = time.monotonic()
    sends = [start + at for at in SEND_AT if at <= window]
    with selectors.DefaultSelector() as selector:
        for interface in interfaces:
            selector.register(interface.sock, selectors.EVENT_READ, interface)
        while (now := time.monotonic()) < start + window:
            if sends and now >= sends[0]:
                sends.pop(0)
                for interface in interfaces:
                    interface.send()
            until = sends[0] if sends else start + window
            for key, _ in selector.select(max(0.0, until - time.monotonic())):
                key.data.receive()
    for interface in interfaces:
        interface.sock.close()
