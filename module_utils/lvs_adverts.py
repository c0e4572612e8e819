"""VRRP adverts that arrive on the node's interfaces: who else takes part in an election.

keepalived tells nobody whose adverts it hears, and a packet filter may keep a stranger's from it. So the
interface itself is listened to, in front of the filter, as tcpdump(8) does; nothing is sent. A filter of the
kernel's (bpf) lets nothing but VRRP through to here: a director's other traffic costs nothing.

The packets are those of RFC 3768 (version 2) and RFC 5798 (version 3), IP protocol 112 over IPv4 and IPv6.
Version 2 within an authentication header (RFC 2402) is not read.

Runs under the managed node's Python 3.9+, standard library only. Needs CAP_NET_RAW.
"""

from __future__ import annotations

import ctypes
import selectors
import socket
import struct
import time
from collections.abc import Iterable
from typing import TypedDict

PROTOCOL = 112
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
# The groups' addresses on Ethernet: 224.0.0.18 (RFC 1112, 6.4) and ff02::12 (RFC 2464, 7).
GROUPS = {ETH_P_IP: bytes.fromhex("01005e000012"), ETH_P_IPV6: bytes.fromhex("333300000012")}
# asm-generic/socket.h, linux/if_packet.h
_SO_ATTACH_FILTER = 26
_SOL_PACKET, _ADD_MEMBERSHIP, _MULTICAST = 263, 1, 0
# Where the IP header names the protocol: RFC 791, 3.1 and RFC 8200, 3.
_PROTOCOL_AT = {ETH_P_IP: 9, ETH_P_IPV6: 6}


class Advert(TypedDict):
    """The last one heard of those that are the same but for their priority."""

    interface: str
    source: str
    mac: str
    router_id: int
    version: int
    priority: int


def parse(kind: int, packet: bytes) -> tuple[str, int, int, int] | None:
    """Read an IP packet: its source, and the advert's router id, version and priority; None if it is none."""
    if kind == ETH_P_IP and len(packet) >= 20:
        head, source = (packet[0] & 0x0F) * 4, socket.inet_ntop(socket.AF_INET, packet[12:16])
    elif kind == ETH_P_IPV6 and len(packet) >= 40:
        head, source = 40, socket.inet_ntop(socket.AF_INET6, packet[8:24])
    else:
        return None
    advert = packet[head : head + 3]
    # Its type is 1, the only one.
    if packet[_PROTOCOL_AT[kind]] != PROTOCOL or len(advert) < 3 or advert[0] & 0x0F != 1:
        return None
    return source, advert[1], advert[0] >> 4, advert[2]


def _only_vrrp(kind: int) -> bytes:
    """The kernel's filter (linux/filter.h): load a byte, compare it, give the whole packet or nothing."""
    program = [
        (0x30, 0, 0, _PROTOCOL_AT[kind]),  # BPF_LD | BPF_B | BPF_ABS
        (0x15, 0, 1, PROTOCOL),  # BPF_JMP | BPF_JEQ | BPF_K
        (0x06, 0, 0, 0xFFFF),  # BPF_RET | BPF_K
        (0x06, 0, 0, 0),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in program)


class Listener:
    """Listens from when it is made until :meth:`heard`."""

    def __init__(self, interfaces: Iterable[str], problems: list[str]) -> None:
        """Open the interfaces; ``problems`` gets a line for one that cannot be listened to."""
        self._sockets: list[tuple[str, int, socket.socket]] = []
        for name in interfaces:
            try:
                self._sockets += [(name, kind, _listening(name, kind)) for kind in GROUPS]
            except OSError as error:
                problems.append(f"VRRP adverts on {name}: {error.strerror or error}")

    def heard(self, until: float) -> list[Advert]:
        """Collect what arrives until a time (time.monotonic), close, and return it, sorted."""
        found: dict[tuple[str, str, str, int, int], Advert] = {}
        with selectors.DefaultSelector() as selector:
            for name, kind, sock in self._sockets:
                selector.register(sock, selectors.EVENT_READ, (name, kind))
            while self._sockets:
                left = until - time.monotonic()
                # What has arrived already is read, even if there is no time left.
                ready = selector.select(max(0.0, left))
                for key, _ in ready:
                    for advert in _read(key.fileobj, *key.data):  # type: ignore[arg-type]
                        identity = (advert["interface"], advert["source"], advert["mac"])
                        found[(*identity, advert["router_id"], advert["version"])] = advert
                if left <= 0:
                    break
        for _, _, sock in self._sockets:
            sock.close()
        return [found[key] for key in sorted(found)]


def _listening(interface: str, kind: int) -> socket.socket:
    """A socket with the VRRP packets of one interface and kind (packet(7)). Raises OSError."""
    # Protocol 0 until bind names it: nothing gets in before the filter is there.
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    try:
        program = _only_vrrp(kind)
        steps = ctypes.create_string_buffer(program, len(program))
        count = len(program) // struct.calcsize("HBBI")
        sock.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", count, ctypes.addressof(steps))
        )
        sock.setblocking(False)
        sock.bind((interface, kind))
        # The network card lets the group in while this socket is open, though unicast peers need it not.
        member = struct.pack("iHH8s", socket.if_nametoindex(interface), _MULTICAST, 6, GROUPS[kind])
        sock.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, member)
    except OSError:
        sock.close()
        raise
    return sock


def _read(sock: socket.socket, interface: str, kind: int) -> list[Advert]:
    """Take what waits on a socket; the node's own adverts are not among it."""
    adverts: list[Advert] = []
    while True:
        try:
            packet, sender = sock.recvfrom(2048)
        except OSError:  # nothing more; or the interface is gone: what came before stands
            return adverts
        read = parse(kind, packet)
        if read is None or sender[2] == socket.PACKET_OUTGOING:
            continue
        source, router_id, version, priority = read
        adverts.append(
            Advert(
                interface=interface,
                source=source,
                mac=sender[4].hex(":"),
                router_id=router_id,
                version=version,
                priority=priority,
            )
        )
