"""Words of nft(8): sets of addresses and ports, and matches on them.

Protocols without a keyword of nft's own are numbers: a minimal system has no /etc/protocols to look names
up in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from lvs_model.document import Service
from lvs_model.document.service import ALL_PORTS
from lvs_model.serving import Serving
from lvs_model.topology import Address, Family

FTP = 21
_LAST_PORT = 65535
# FTP's data connections: the server's own, and those to any port that a program may take
# (ip_vs_service_find, net/netfilter/ipvs/ip_vs_ctl.c).
_FTP_DATA = ((20, 20), (1024, _LAST_PORT))
ALL = (0, _LAST_PORT)
IP: dict[Family, str] = {4: "ip", 6: "ip6"}
_ADDRESS: dict[Family, str] = {4: "ipv4_addr", 6: "ipv6_addr"}
ICMP: dict[Family, str] = {4: "icmp", 6: "icmpv6"}
# All fragments of a packet but the first one: they have no ports (RFC 791, 3.1; RFC 8200, 4.5).
FRAGMENT: dict[Family, str] = {4: "ip frag-off & 0x1fff != 0x0", 6: "frag frag-off != 0"}

Chains = dict[str, list[str]]
"""Rules by chain."""
Range = tuple[int, int]
Ranges = dict[tuple[Address, str], list[Range]]
"""Ports by VIP and protocol."""


def one_of(words: Iterable[object]) -> str:
    """A match's right side: one value as it is, several as an anonymous set; each once, as they come."""
    found = list(dict.fromkeys(map(str, words)))
    return found[0] if len(found) == 1 else f"{{ {', '.join(found)} }}"


def addresses(found: Iterable[Any]) -> str:
    """Addresses as a match's right side, sorted."""
    return one_of(sorted(map(ip_address, found)))


def ports_of(service: Service, protocol: str) -> list[Range]:
    """A service's ports of a protocol, first and last of each range, sorted."""
    ranges = [part for part in service.ports if (part.protocol or service.protocol) == protocol]
    if ALL_PORTS in ranges:
        return [ALL]
    return sorted((port.first, port.last) for port in ranges)


def is_ftp(service: Service) -> bool:
    """Whether its clients are FTP's, who open further connections to ports that are not listed."""
    return any(first <= FTP <= last for first, last in ports_of(service, "tcp"))


def needs_tracking(service: Service) -> bool:
    """Whether IPVS needs the kernel's connection tracking for it (ip_vs_nfct.c, ip_vs_ftp.c).

    Another source address is netfilter's doing, and so is FTP's helper under address translation.
    """
    fallback = service.fallback.forwarding if service.fallback else None
    translated = service.forwarding in {"nat", "masquerade"}
    return "masquerade" in {service.forwarding, fallback} or (translated and is_ftp(service))


def ftp_ranges(service: Service, protocol: str) -> list[Range]:
    """A service's ports of a protocol, with those of FTP's data connections."""
    ranges = ports_of(service, protocol)
    return merged([*ranges, *_FTP_DATA]) if protocol == "tcp" and is_ftp(service) else ranges


def reached_ports(services: Iterable[Serving], *, data: bool | None = None) -> Ranges:
    """Where clients reach services: ranges by VIP and protocol, merged and sorted.

    ``data``: only FTP's further connections, or none of them; None: all.
    """
    found: Ranges = defaultdict(list)
    for one in services:
        for protocol in one.service.protocols:
            if data is None:
                ranges = ftp_ranges(one.service, protocol)
            elif data:
                ranges = [*_FTP_DATA] if protocol == "tcp" and is_ftp(one.service) else []
            else:
                ranges = ports_of(one.service, protocol)
            if not ranges:
                continue
            for vip in one.service.vips:
                found[vip, protocol] += ranges
    return {key: merged(ranges) for key, ranges in found.items()}


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Ranges without those that overlap or touch: a set of intervals refuses overlapping ones."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def words_of(ranges: Iterable[Range]) -> list[str]:
    """Ranges as nft writes them."""
    return [str(first) if first == last else f"{first}-{last}" for first, last in ranges]


def endpoint_sets(name: str, reached: Ranges) -> Iterator[str]:
    """The sets of VIP . port, one for each family and protocol that there is.

    The protocol is no part of a set's keys: nft 1.0.6 puts `meta l4proto` beside an interval in a form that
    newer kernels refuse (EOPNOTSUPP from Linux 6.12).
    """
    found: dict[tuple[Family, str], list[str]] = defaultdict(list)
    for (vip, protocol), ranges in reached.items():
        found[vip.version, protocol] += [f"{vip} . {port}" for port in words_of(ranges)]
    for (family, protocol), elements in sorted(found.items()):
        yield declared(f"{name}{family}_{protocol}", f"{_ADDRESS[family]} . inet_service", elements)


def address_set(name: str, family: Family, found: Iterable[Address]) -> Iterator[str]:
    """The set of a family's addresses, if there are any."""
    elements = [str(one) for one in sorted(set(found), key=int) if one.version == family]
    if elements:
        yield declared(name, _ADDRESS[family], elements)


def declared(name: str, kind: str, elements: list[str]) -> str:
    """The declaration of a set; ranges of ports ask for a tree in place of a hash."""
    ranges = any("-" in one.rpartition(" . ")[2] for one in elements)
    lines = [f"type {kind}", *(["flags interval"] if ranges else [])]
    body = ",\n        ".join(elements)
    return "\n    ".join([f"set {name} {{", *lines, f"elements = {{\n        {body}\n    }}"]) + "\n}"


def flood_set(family: Family) -> str:
    """The set that counts each client's new connections.

    It is bounded: when it is full, further clients pass uncounted (nft_dynset_eval, net/netfilter/
    nft_dynset.c). A client that is silent for the time-out is forgotten.
    """
    lines = [f"type {_ADDRESS[family]}", "size 65536", "flags dynamic,timeout", "timeout 10s"]
    return "\n    ".join([f"set flood{family} {{", *lines]) + "\n}"
