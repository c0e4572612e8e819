"""A packet, and whether an expression of nft matches it: True, False, or None where that is not known.

The expressions are those of libnftables-json(5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Literal

# Names that nft may print in place of numbers (/etc/protocols).
_PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "ipencap": 4,
    "ipip": 4,
    "tcp": 6,
    "udp": 17,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "vrrp": 112,
    "sctp": 132,
}
_PORTED = {6: "tcp", 17: "udp", 132: "sctp"}

Sets = dict[str, list[Any] | None]
"""Elements of a table's named sets and maps by "@name"; None where they follow the traffic."""


@dataclass(frozen=True)
class Packet:
    """A packet at a host; what is None is not known, such as some client's address.

    ``hook`` is where it is to get through: ``input`` and ``forward`` ones have passed prerouting before.
    ``flags`` are TCP's, ``state`` is connection tracking's word for it.
    """

    hook: Literal["input", "forward", "output"]
    family: int
    protocol: int
    saddr: str | None = None
    daddr: str | None = None
    sport: int | None = None
    dport: int | None = None
    iifname: str | None = None
    oifname: str | None = None
    ttl: int | None = None
    flags: tuple[str, ...] = ("syn",)
    state: str = "new"

    @property
    def rule(self) -> str:
        """A match of nft on such packets."""
        ip = "ip" if self.family == 4 else "ip6"
        ported = _PORTED.get(self.protocol)
        words = [
            self.iifname and f'iifname "{self.iifname}"',
            self.oifname and f'oifname "{self.oifname}"',
            self.saddr and f"{ip} saddr {self.saddr}",
            self.daddr and f"{ip} daddr {self.daddr}",
            ported and self.sport and f"{ported} sport {self.sport}",
            ported and self.dport and f"{ported} dport {self.dport}",
            None if ported and (self.sport or self.dport) else f"meta l4proto {self.protocol}",
        ]
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class _Value:
    """A packet's value of an expression; ``kind`` says how elements beside it are written.

    None is not known. ``absent``: the packet has none, as UDP has no TCP port; nothing matches then.
    """

    kind: str = "unknown"
    value: Any = None
    absent: bool = False


_ABSENT = _Value(absent=True)
_UNKNOWN = _Value()


def matches(body: dict[str, Any], packet: Packet, sets: Sets) -> bool | None:
    """Whether a match statement holds for a packet."""
    operator, left, right = body.get("op", "=="), body["left"], body["right"]
    if operator in {"==", "in"}:
        return within(left, right, packet, sets, exact=operator == "==")
    if operator == "!=":
        value = _value(left, packet)
        if value.absent:
            return False  # an expression that cannot be evaluated ends the rule (NFT_BREAK)
        found = within(left, right, packet, sets, exact=True)
        return None if found is None else not found
    value = _value(left, packet)
    if value.absent:
        return False
    if value.kind != "number" or value.value is None or not isinstance(right, int):
        return None
    number: int = value.value
    return {"<": number < right, ">": number > right, "<=": number <= right, ">=": number >= right}.get(
        operator
    )


def within(left: Any, right: Any, packet: Packet, sets: Sets, *, exact: bool = False) -> bool | None:  # noqa: ANN401
    """Whether a packet's value of an expression is among what stands on the right side.

    ``exact`` is for flags: all of them, in place of any.
    """
    if isinstance(left, dict) and "concat" in left:
        return _concatenated(left["concat"], right, packet, sets)
    value = _value(left, packet)
    if value.absent:
        return False
    if value.value is None:
        return None
    if value.kind == "flags":
        return _flagged(value.value, right, exact=exact)
    return _among(value, right, sets)


def _concatenated(parts: list[Any], right: Any, packet: Packet, sets: Sets) -> bool | None:  # noqa: ANN401
    """Several values at once: each must fit its part of one element."""
    elements = sets.get(right) if isinstance(right, str) else right.get("set", [right])
    if elements is None:
        return None
    found = []
    for element in elements:
        several = _bare(element)["concat"]
        found.append(_all(within(part, one, packet, sets) for part, one in zip(parts, several, strict=True)))
    return _any(found)


def _bare(element: Any) -> Any:  # noqa: ANN401
    """A set's element without its counter, comment or time-out."""
    return element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element


def _any(several: Iterable[bool | None]) -> bool | None:
    found = list(several)
    return True if True in found else None if None in found else False


def _all(several: Iterable[bool | None]) -> bool | None:
    found = list(several)
    return False if False in found else None if None in found else True


def _value(left: Any, packet: Packet) -> _Value:  # noqa: ANN401
    """A packet's value of an expression of the left side."""
    if not isinstance(left, dict) or len(left) != 1:
        return _UNKNOWN
    ((name, body),) = left.items()
    if name == "meta":
        return _meta(body["key"], packet)
    if name == "payload":
        return _payload(body.get("protocol"), body.get("field"), packet)
    if name == "ct" and body.get("key") == "state":
        return _Value("flags", frozenset({packet.state}))
    return _masked(body, packet) if name == "&" else _UNKNOWN


def _masked(body: list[Any], packet: Packet) -> _Value:
    """Flags that are left of a mask; other masks are not known."""
    flags, mask = _value(body[0], packet), _names(body[1])
    if flags.absent:
        return flags
    return _UNKNOWN if flags.kind != "flags" or mask is None else _Value("flags", flags.value & mask)


def _meta(key: str, packet: Packet) -> _Value:
    known = {
        "iifname": ("name", packet.iifname),
        "iif": ("name", packet.iifname),
        "oifname": ("name", packet.oifname),
        "oif": ("name", packet.oifname),
        "l4proto": ("protocol", packet.protocol),
        "nfproto": ("name", "ipv4" if packet.family == 4 else "ipv6"),
        "protocol": ("name", "ip" if packet.family == 4 else "ip6"),
    }
    return _Value(*known[key]) if key in known else _UNKNOWN


def _payload(protocol: str | None, name: str | None, packet: Packet) -> _Value:
    if protocol in {"ip", "ip6"}:
        known: dict[str | None, tuple[str, Any]] = {
            "saddr": ("address", packet.saddr),
            "daddr": ("address", packet.daddr),
            "protocol": ("protocol", packet.protocol),
            "nexthdr": ("protocol", packet.protocol),
            "ttl": ("number", packet.ttl),
            "hoplimit": ("number", packet.ttl),
        }
        if (protocol == "ip") != (packet.family == 4):
            return _ABSENT
        return _Value(*known[name]) if name in known else _UNKNOWN
    if protocol in _PROTOCOLS and _PROTOCOLS[protocol] != packet.protocol:
        return _ABSENT
    own = _PORTED.get(packet.protocol)
    if own is None or protocol not in {"th", own}:
        return _UNKNOWN
    known = {"sport": ("number", packet.sport), "dport": ("number", packet.dport)}
    known |= {"flags": ("flags", frozenset(packet.flags))} if own == "tcp" else {}
    return _Value(*known[name]) if name in known else _UNKNOWN


def _names(right: Any) -> frozenset[str] | None:  # noqa: ANN401
    """Flags as nft writes them: one name, a list, or joined by `|`; None: something else."""
    if isinstance(right, dict) and len(right) == 1:
        right = next(iter(right.values()))
    several = right if isinstance(right, list) else [right]
    return frozenset(several) if all(isinstance(one, str) for one in several) else None


def _flagged(flags: frozenset[str], right: Any, *, exact: bool) -> bool | None:  # noqa: ANN401
    names = _names(right)
    if names is None or any(name.startswith("@") for name in names):
        return None
    if exact and not (isinstance(right, dict) and "set" in right):
        return flags == names
    return bool(flags & names)


def _among(value: _Value, right: Any, sets: Sets) -> bool | None:  # noqa: ANN401
    """Whether a value is an element, or in one."""
    if isinstance(right, dict):
        return _among_form(value, right, sets)
    if isinstance(right, str) and right.startswith("@"):
        elements = sets.get(right)
        # A map's elements are pairs.
        keys = [one[0] if isinstance(one, list) else one for one in elements or []]
        return None if elements is None else _any(_among(value, one, sets) for one in keys)
    if isinstance(right, list):
        return _any(_among(value, one, sets) for one in right)
    if value.kind == "name" and isinstance(right, str) and right.endswith("*"):
        return str(value.value).startswith(right[:-1])
    wanted, own = _read(value.kind, right), _read(value.kind, value.value)
    return None if wanted is None else bool(wanted == own)


def _among_form(value: _Value, right: dict[str, Any], sets: Sets) -> bool | None:
    """Whether a value is in a set, a range or a prefix."""
    ((form, body),) = right.items()
    if form == "set":
        return _any(_among(value, one, sets) for one in body)
    if form == "elem":
        return _among(value, body["val"], sets)
    if form == "prefix" and value.kind == "address":
        return ip_address(value.value) in ip_network(f"{body['addr']}/{body['len']}", strict=False)
    if form == "range":
        first, last = (_read(value.kind, one) for one in body)
        own = _read(value.kind, value.value)
        return None if None in (first, last, own) else bool(first <= own <= last)
    return None


def _read(kind: str, word: Any) -> Any:  # noqa: ANN401
    """A word of nft's as a comparable value; None where it is not understood."""
    if kind == "address":
        return ip_address(word)
    if kind == "protocol" and isinstance(word, str):
        return int(word) if word.isdigit() else _PROTOCOLS.get(word)
    if kind == "number":
        return word if isinstance(word, int) else None
    return word
