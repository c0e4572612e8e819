"""What a status table needs beside what is compared: IPVS's counters, and since when addresses are there.

The kernel's connection table is never read (``ipvsadm -c``, /proc/net/ip_vs_conn): with millions of entries
that takes seconds. Each real server's entry has counters of its own.

Runs under the managed node's Python 3.9+, standard library only.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from .lvs_host import Host
from .lvs_records import generations

# linux/netlink.h and linux/rtnetlink.h
_NETLINK_ROUTE = 0
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_ERROR, _DONE = 2, 3
_REQUEST_DUMP = 0x301
_HEADER = struct.Struct("=IHHII")
# linux/if_addr.h: struct ifaddrmsg, struct ifa_cacheinfo (times in hundredths of a second since boot)
_ADDRESS_MESSAGE = struct.Struct("=BBBBI")
_CACHE = struct.Struct("=IIII")
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO = 1, 2, 6
_ATTRIBUTE = struct.Struct("=HH")


class Age(NamedTuple):
    """An address on an interface, and for how many seconds it has been there."""

    interface: str
    address: str
    age_s: float


def status(host: Host) -> dict[str, Any]:
    """Read IPVS's counters, the ages of the node's addresses, and its kept changes."""
    return {
        "counters": counters(host),
        "ages": [list(age) for age in ages(host)],
        "generations": generations(host),
    }


def counters(host: Host) -> dict[str, str | None]:
    """Return ipvsadm's three listings of services and real servers; None without IPVS (ipvsadm(8)).

    ``connections`` has the active and inactive connections of each real server, ``totals`` what has passed
    since the entry was made, ``rates`` the kernel's estimate of the last seconds, per second.
    """
    there = os.path.exists(host.path("/proc/net/ip_vs"))
    listings = {"connections": [], "totals": ["--stats", "--exact"], "rates": ["--rate", "--exact"]}
    return {
        name: host.output(["ipvsadm", "-l", "-n", *options]) if there else None
        for name, options in listings.items()
    }


def ages(host: Host) -> list[Age]:
    """Return since when the kernel has each address; a problem and none where it does not say.

    Whatever moved a VIP here, keepalived or another one, has added the address at that moment.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as sock:
            sock.settimeout(2)
            body = _ADDRESS_MESSAGE.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
            head = _HEADER.pack(_HEADER.size + len(body), _GET_ADDRESS, _REQUEST_DUMP, 1, 0)
            sock.send(head + body)
            return list(_addresses(sock))
    except OSError as error:
        host.problems.append(f"rtnetlink: {error.strerror or error}")
        return []


def _addresses(sock: socket.socket) -> Iterator[Age]:
    """Read the answers to the request, to the last one."""
    while True:
        # A dump's messages are never larger (rtnetlink(7), NLMSG_GOODSIZE).
        data = sock.recv(65536)
        place = 0
        while place < len(data):
            length, kind, _, _, _ = _HEADER.unpack_from(data, place)
            if kind == _DONE:
                return
            if kind == _ERROR:
                (number,) = struct.unpack_from("=i", data, place + _HEADER.size)
                raise OSError(-number, os.strerror(-number))
            if kind == _NEW_ADDRESS:
                age = parse(data[place + _HEADER.size : place + length], time.monotonic())
                if age is not None:
                    yield age
            place += _aligned(length)


def parse(message: bytes, now: float) -> Age | None:
    """Read one RTM_NEWADDR message (rtnetlink(7)); ``now`` in seconds since boot. None if it tells no age.

    The time of creation is a counter of 32 bits: it begins anew after 497 days, and so does an age.
    """
    family, _, _, _, index = _ADDRESS_MESSAGE.unpack_from(message)
    found: dict[int, bytes] = {}
    place = _ADDRESS_MESSAGE.size
    while place + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, place)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = message[place + _ATTRIBUTE.size : place + length]
        place += _aligned(length)
    # With a peer IFA_ADDRESS is the peer's; IPv6 without one has nothing else.
    address = found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS))
    if address is None or _IFA_CACHEINFO not in found:
        return None
    _, _, created, _ = _CACHE.unpack(found[_IFA_CACHEINFO])
    age = (round(now * 100) - created) % 2**32 / 100
    # Jiffies are not finer than a few milliseconds: what has just been made is not 497 days old.
    recent = 0.0 if age > 2**32 / 100 - 10 else age
    return Age(socket.if_indextoname(index), socket.inet_ntop(family, address), recent)


def _aligned(length: int) -> int:
    """Round up to where the next part begins (NLMSG_ALIGN, RTA_ALIGN)."""
    return (length + 3) & ~3
