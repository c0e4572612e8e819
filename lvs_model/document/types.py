"""Addresses, ports and numbers of the cluster document: each type says what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from lvs_model.document.base import no_bool, refuse

Protocol = Literal["tcp", "udp", "sctp"]

_PORTS = re.compile(r"(?P<first>[0-9]{1,5})(-(?P<last>[0-9]{1,5}))?(/(?P<protocol>tcp|udp|sctp))?")

# Nobody's address: 0.0.0.0/8 (RFC 791, 3.2), :: and the limited broadcast (RFC 919, 7).
_THIS_NETWORK = ip_network("0.0.0.0/8")
LOCALHOST = IPv4Address("127.0.0.1")
_NOWHERE = {ip_address("::"), ip_address("255.255.255.255")}


def _parse_address(value: object) -> IPv4Address | IPv6Address:
    # Only texts: ipaddress takes integers too, and `80` would be the address 0.0.0.80.
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        address = ip_address(value)
    except ValueError:
        raise refuse(value, "is no IP address", "write it as 192.0.2.10 or 2001:db8::10") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        raise refuse(value, "is an IPv4 address in IPv6 clothes", f"write it as {address.ipv4_mapped}")
    if (
        address.is_multicast
        or address.is_loopback
        or address.is_link_local
        or address in _THIS_NETWORK
        or address in _NOWHERE
    ):
        raise refuse(
            value,
            "is not allowed",
            "use an address of the network's own, no multicast, broadcast, loopback or link-local one",
        )
    return address


def _parse_stand_in(value: object) -> IPv4Address | IPv6Address:
    return LOCALHOST if value == str(LOCALHOST) else _parse_address(value)


def _parse_subnet(value: object) -> IPv4Network | IPv6Network:
    try:
        if not isinstance(value, str):
            raise ValueError
        return ip_network(value)
    except ValueError:
        raise refuse(
            value, "is no IP network", "write it as 192.0.2.0/24 or 2001:db8::/64, with no host bits set"
        ) from None


def _parse_group(value: object) -> IPv4Address | IPv6Address:
    try:
        if not isinstance(value, str):
            raise ValueError
        address = ip_address(value)
    except ValueError:
        raise refuse(value, "is no IP address", "write it as 224.0.0.81") from None
    if not address.is_multicast:
        raise refuse(value, "is no multicast address", "write it as 224.0.0.81")
    return address


def _parse_mark(value: object) -> int | Literal["auto"] | None:
    if value is None or value == "auto":
        return value
    # Digits too, as for all numbers: templates can make texts of them.
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value) else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 0xFFFFFFFF:
        return number
    raise refuse(value, "is no firewall mark", "write auto, or a number from 1 to 4294967295")


def _centiseconds(value: float) -> float:
    if abs(value * 100 - round(value * 100)) > 1e-6:
        raise ValueError("use a multiple of 0.01")
    return value


@dataclass(frozen=True, order=True)
class PortRange:
    """Ports ``first`` to ``last`` (1 to 65535, inclusive) of a protocol, or of the service's when None."""

    first: int
    last: int
    protocol: Protocol | None = None


def _parse_ports(value: object) -> PortRange:
    form = "write 80, '6970-6999' or '554/tcp', with ports from 1 to 65535"
    if isinstance(value, PortRange):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        first, last, protocol = value, value, None
    elif isinstance(value, str) and (match := _PORTS.fullmatch(value)):
        first, protocol = int(match["first"]), match["protocol"]
        last = int(match["last"] or first)
    else:
        raise refuse(value, "is no port", form)
    if not 1 <= first <= last <= 65535:
        raise refuse(value, "is no port", form)
    return PortRange(first, last, protocol)  # type: ignore[arg-type]  # the pattern allows nothing else


Address = Annotated[
    IPv4Address | IPv6Address,
    PlainValidator(_parse_address),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
StandInAddress = Annotated[
    IPv4Address | IPv6Address,
    PlainValidator(_parse_stand_in),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
MulticastGroup = Annotated[
    IPv4Address | IPv6Address,
    PlainValidator(_parse_group),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
Subnet = Annotated[
    IPv4Network | IPv6Network,
    PlainValidator(_parse_subnet),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9a-fA-F.:]+/[0-9]+$"}),
]
Ports = Annotated[
    PortRange,
    PlainValidator(_parse_ports),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 65535},
                {"type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?(/(tcp|udp|sctp))?$"},
            ]
        }
    ),
]
Mark = Annotated[
    int | Literal["auto"] | None,
    PlainValidator(_parse_mark),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "auto"},
                {"type": "integer", "minimum": 1, "maximum": 0xFFFFFFFF},
                {"type": "null"},
            ]
        }
    ),
]
# Whole numbers; each name says its bounds.
Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(no_bool)]
Weight = Annotated[int, Field(ge=0, le=65535), BeforeValidator(no_bool)]
# Sums of weights: keepalived and the kernel count them in 32 bits.
Positive = Annotated[int, Field(ge=1, le=0x7FFFFFFF), BeforeValidator(no_bool)]
Count = Annotated[int, Field(ge=0, le=100), BeforeValidator(no_bool)]
Times = Annotated[int, Field(ge=1, le=100), BeforeValidator(no_bool)]
Requests = Annotated[int, Field(ge=1, le=10000), BeforeValidator(no_bool)]
Packets = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(no_bool)]
Retries = Annotated[int, Field(ge=0, le=3), BeforeValidator(no_bool)]
Hops = Annotated[int, Field(ge=1, le=255), BeforeValidator(no_bool)]
Datagram = Annotated[int, Field(ge=64, le=65507), BeforeValidator(no_bool)]
Mtu = Annotated[int, Field(ge=1280, le=65535), BeforeValidator(no_bool)]
DefenseMode = Annotated[int, Field(ge=0, le=3), BeforeValidator(no_bool)]
TableBits = Annotated[int, Field(ge=8, le=20), BeforeValidator(no_bool)]
PrefixLength = Annotated[int, Field(ge=1, le=128), BeforeValidator(no_bool)]
RouterId = Annotated[int, Field(ge=1, le=255), BeforeValidator(no_bool)]
Priority = Annotated[int, Field(ge=1, le=254), BeforeValidator(no_bool)]
TrackWeight = Annotated[int, Field(ge=-253, le=253), BeforeValidator(no_bool)]
FileWeight = Annotated[int, Field(ge=1, le=253), BeforeValidator(no_bool)]
HttpStatus = Annotated[int, Field(ge=100, le=599), BeforeValidator(no_bool)]
# Spans of time that the daemons or the kernel take in whole seconds.
WholeSeconds = Annotated[int, Field(ge=1, le=3600), BeforeValidator(no_bool)]
WholeSecondsOrZero = Annotated[int, Field(ge=0, le=3600), BeforeValidator(no_bool)]
# The longest that keepalived and ipvsadm take for IPVS itself: 31 days.
LongSeconds = Annotated[int, Field(ge=1, le=86400 * 31), BeforeValidator(no_bool)]
# Spans of time in seconds.
Seconds = Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False), BeforeValidator(no_bool)]
SecondsOrZero = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False), BeforeValidator(no_bool)]
Delay = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False), BeforeValidator(no_bool)]
MessageGap = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False), BeforeValidator(no_bool)]
AdvertInterval = Annotated[
    float,
    Field(ge=0.01, le=40.95, allow_inf_nan=False),
    BeforeValidator(no_bool),
    AfterValidator(_centiseconds),
]
# Other numbers.
RelativeError = Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False), BeforeValidator(no_bool)]
Capacity = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False), BeforeValidator(no_bool)]
