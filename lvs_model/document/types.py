"""The scalar types of the cluster document: each knows what it accepts, and says what to write instead.

A rule that needs two words (what is wrong, what to do) raises PydanticCustomError with both; ``errors``
turns it into a problem. Plain ValueErrors carry the remedy only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

Protocol = Literal["tcp", "udp", "sctp"]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
# IFNAMSIZ is 16 with the final NUL (linux/if.h). The kernel allows more characters than these, but
# names go unquoted into daemons' configurations.
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_WORD = r"[A-Za-z0-9/_.:?&=%+,;@*()-][A-Za-z0-9/_.:?&=%+,;@*()~-]{0,254}"
_TOKEN = re.compile(_WORD)
_COMMAND = re.compile(rf"/{_WORD}( {_WORD})*")
_PORTS = re.compile(r"(?P<first>[0-9]{1,5})(-(?P<last>[0-9]{1,5}))?(/(?P<protocol>tcp|udp|sctp))?")


class Strict(BaseModel):
    """Unknown keys are errors: a misspelt option must not be silently without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refuse(value: object, what: str, remedy: str) -> PydanticCustomError:
    """The error for a value: what is wrong with it and what to do."""
    # The context carries both: pydantic fills templates with str.format, which braces in a value would break.
    return PydanticCustomError("own", "{what}: {remedy}", {"what": f"{value!r} {what}", "remedy": remedy})


def _plain_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name is 1 to 31 of a-z, 0-9, '_' and '-', and begins with a letter")
    return value


def _interface_name(value: str) -> str:
    if not _INTERFACE.fullmatch(value) or value in {".", "..", "lo"}:
        raise ValueError("an interface name is 1 to 15 of A-Z, a-z, 0-9, '_', '.' and '-', and not lo")
    return value


def no_bool(value: object) -> object:
    """Refuse a boolean: YAML turns `yes` and `on` into them, and pydantic would turn those into 1."""
    if isinstance(value, bool):
        raise ValueError("this is a boolean, a number is expected")
    return value


def _token(value: str) -> str:
    # These go into daemons' configurations, where other characters end a value or are expanded.
    if not _TOKEN.fullmatch(value):
        raise ValueError("use 1 to 255 of A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-, not beginning with '~'")
    return value


def _command(value: str) -> str:
    if not _COMMAND.fullmatch(value):
        raise ValueError(
            "write the absolute path of a program and its arguments, separated by one blank each, of "
            "A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-"
        )
    return value


def _line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("write one line of printable characters")
    return value


def _parse_address(value: object) -> IPv4Address | IPv6Address:
    # Only texts: ipaddress takes integers too, and `80` would be the address 0.0.0.80.
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        address = ip_address(value)
    except ValueError:
        raise refuse(value, "is no IP address", "write it as 192.0.2.10 or 2001:db8::10") from None
    if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_link_local:
        raise refuse(
            value,
            "is not allowed",
            "use an address of the network's own, no multicast, loopback or link-local one",
        )
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        raise refuse(value, "is an IPv4 address in IPv6 clothes", f"write it as {address.ipv4_mapped}")
    return address


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
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 0xFFFFFFFF:
        return value
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


Name = Annotated[str, AfterValidator(_plain_name)]
# Ansible has its own rules for these, and a group that does not exist is an error anyway.
GroupName = Annotated[str, Field(min_length=1)]
HostName = Annotated[str, Field(min_length=1)]
InterfaceName = Annotated[str, AfterValidator(_interface_name)]
Token = Annotated[str, AfterValidator(_token)]
Path = Annotated[str, AfterValidator(_token), Field(pattern=r"^/")]
Command = Annotated[str, AfterValidator(_command)]
Line = Annotated[str, AfterValidator(_line)]
Address = Annotated[
    IPv4Address | IPv6Address,
    PlainValidator(_parse_address),
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
Whole = Annotated[int, BeforeValidator(no_bool)]
Number = Annotated[float, BeforeValidator(no_bool)]
# Whole numbers; each name says its bounds.
Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(no_bool)]
Weight = Annotated[int, Field(ge=0, le=65535), BeforeValidator(no_bool)]
Positive = Annotated[int, Field(ge=1), BeforeValidator(no_bool)]
Count = Annotated[int, Field(ge=0, le=100), BeforeValidator(no_bool)]
Byte = Annotated[int, Field(ge=0, le=255), BeforeValidator(no_bool)]
RouterId = Annotated[int, Field(ge=1, le=255), BeforeValidator(no_bool)]
Priority = Annotated[int, Field(ge=1, le=254), BeforeValidator(no_bool)]
TrackWeight = Annotated[int, Field(ge=-253, le=253), BeforeValidator(no_bool)]
HttpStatus = Annotated[int, Field(ge=100, le=599), BeforeValidator(no_bool)]
WholeSeconds = Annotated[int, Field(ge=1, le=86400 * 31), BeforeValidator(no_bool)]
# Spans of time in seconds.
Seconds = Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False), BeforeValidator(no_bool)]
SecondsOrZero = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False), BeforeValidator(no_bool)]
Delay = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False), BeforeValidator(no_bool)]
AdvertInterval = Annotated[
    float,
    Field(ge=0.01, le=40.95, allow_inf_nan=False),
    BeforeValidator(no_bool),
    AfterValidator(_centiseconds),
]
