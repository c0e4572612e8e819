"""heartbeat, as the way in which directors agree on an owner (failover.method: heartbeat).

Sources: the commented ha.cf, authkeys and haresources of heartbeat 3.0.6, and that version's behaviour.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from lvs_model.document.base import Strict
from lvs_model.document.texts import HostName, Name, Path, Token
from lvs_model.document.types import Address, Hops, MulticastGroup, Port, Seconds

# What `uname -n` gives (hostname(7)); it stands unquoted in ha.cf and haresources.
_NODE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?")
# authkeys is read by words, and a '#' begins a comment.
_SECRET = re.compile(r"[A-Za-z0-9_.:+,@%=/-]{8,64}")


def _parse_node(value: object) -> str:
    if not isinstance(value, str) or not _NODE.fullmatch(value):
        what, remedy = f"{value!r} is no name of a host", "write what `uname -n` prints there"
        raise PydanticCustomError("own", "{what}: {remedy}", {"what": what, "remedy": remedy})
    return value


def _parse_secret(value: object) -> str:
    # No message may show it, whatever it is.
    if not isinstance(value, str) or not _SECRET.fullmatch(value):
        what, remedy = "this is no key for heartbeat", "write 8 to 64 of A-Z, a-z, 0-9 and _.:+,@%=/-"
        raise PydanticCustomError("own", "{what}: {remedy}", {"what": what, "remedy": remedy})
    return value


NodeName = Annotated[
    str, PlainValidator(_parse_node), WithJsonSchema({"type": "string", "pattern": f"^{_NODE.pattern}$"})
]
KeyText = Annotated[
    str, PlainValidator(_parse_secret), WithJsonSchema({"type": "string", "pattern": f"^{_SECRET.pattern}$"})
]


class Key(Strict):
    """A key that signs the directors' messages: a line of authkeys."""

    method: Literal["sha1", "md5", "crc"] = Field(
        default="sha1", description="How; crc has no secret: it finds damage and no forgery."
    )
    secret: KeyText | None = Field(
        default=None,
        description="sha1, md5: 8 to 64 characters. Keep it in a vault.",
        json_schema_extra={"secret": True},
    )

    @model_validator(mode="after")
    def _secret_where_it_is_used(self) -> Key:
        if (self.method == "crc") == (self.secret is not None):
            what = "method crc has no secret" if self.secret else f"method {self.method} needs a secret"
            remedy = "remove it, or use sha1" if self.secret else "give `secret`"
            raise PydanticCustomError("own", "{what}: {remedy}", {"what": what, "remedy": remedy})
        return self


class PingGroup(Strict):
    """Addresses of which one must answer: a director that hears none of them gives the VIPs away."""

    name: Name = Field(description="Its name in heartbeat's configuration and log.")
    addresses: list[Address] = Field(
        min_length=1, description="Gateways or other hosts that always answer ping, IPv4."
    )


class Watchdog(Strict):
    """A device that boots the director anew when heartbeat stalls."""

    device: Path = Field(default="/dev/watchdog", description="The device.")
    softdog: bool = Field(
        default=False, description="True: the kernel's own timer makes the device (module softdog)."
    )


class Stonith(Strict):
    """The device that takes the power from a director before the other one takes over (stonith(8))."""

    type: Token = Field(description="Its type: `stonith -L` lists them.")
    configuration: Path = Field(
        description="File on both directors that describes it. It has passwords, and is your own to keep."
    )


class Heartbeat(Strict):
    """Options of heartbeat; times are in seconds."""

    key: Key | None = Field(
        default=None,
        description="Key of the messages. It must be given. For a change stop the standby's heartbeat first.",
    )
    keepalive: Seconds = Field(default=1, description="Between two messages to the other director.")
    deadtime: Seconds = Field(
        default=10, description="Without a message until the other director counts as dead."
    )
    warntime: Seconds | None = Field(
        default=None, description="Lateness that the log tells of. Default: half of deadtime."
    )
    initdead: Seconds | None = Field(
        default=None,
        description="The same at its own start, while networks may not be up yet; a director that starts "
        "alone serves after it. Default: twice deadtime, 60 at least.",
    )
    networks: list[Name] = Field(
        default=[],
        description="Networks that carry the messages. Default: every network that both directors are on.",
    )
    transport: Literal["unicast", "multicast"] = Field(
        default="unicast", description="How messages travel on networks."
    )
    multicast_group: MulticastGroup | None = Field(
        default=None, description="multicast: the group. Default: 239.255.0.69, or ff02::694 without IPv4."
    )
    multicast_ttl: Hops = Field(default=1, description="multicast: time to live.")
    port: Port = Field(default=694, description="UDP port of the messages.")
    serial: list[Path] = Field(default=[], description="Serial devices that connect the two directors.")
    baud: Literal[9600, 19200, 38400, 57600, 115200] = Field(
        default=19200, description="Speed of the serial lines."
    )
    ping: list[Address] = Field(
        default=[],
        description="Hosts, each of which counts: who hears fewer of them gives the VIPs away (ipfail).",
    )
    ping_groups: list[PingGroup] = Field(
        default=[], description="The same for groups, of which one host must answer."
    )
    deadping: Seconds | None = Field(
        default=None, description="Until such a host counts as dead. Default: deadtime."
    )
    node_names: dict[HostName, NodeName] = Field(
        default={}, description="Director -> what `uname -n` prints there, where the inventory names it else."
    )
    watchdog: Watchdog | None = Field(default=None, description="Default: none.")
    stonith: Stonith | None = Field(
        default=None,
        description="Fencing of a director that counts as dead. Default: none, and two owners while the "
        "directors do not hear each other.",
    )

    @property
    def late_s(self) -> float:
        """Seconds of silence that the log tells of."""
        return self.deadtime / 2 if self.warntime is None else self.warntime

    @property
    def first_dead_s(self) -> float:
        """Seconds after its start until a director that hears nothing is alone."""
        return max(60, 2 * self.deadtime) if self.initdead is None else self.initdead

    @property
    def dead_ping_s(self) -> float:
        """Seconds of silence until a pinged host counts as dead."""
        return self.deadtime if self.deadping is None else self.deadping

    @property
    def pings(self) -> list[Address]:
        """Every pinged address."""
        return [*self.ping, *(address for group in self.ping_groups for address in group.addresses)]
