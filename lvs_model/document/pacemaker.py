"""corosync and pacemaker, as the way in which directors agree on an owner (failover.method: pacemaker).

Sources: corosync.conf(5) and votequorum(5) of Debian 12 (3.1.7) and 13 (3.1.9), pacemaker-schedulerd(7) and
pacemaker-fenced(7) of 2.1.5 and 3.0.0, ocf_pacemaker_ping(7).
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from lvs_model.document.base import Strict, no_bool
from lvs_model.document.texts import HostName, Line, Name, Token
from lvs_model.document.types import Address, Times, WholeSeconds

_KEY = re.compile(r"[A-Za-z0-9+/=_.:-]{32,512}")
_AGENT = re.compile(r"fence_[a-z0-9_]{1,40}")
# pacemaker-fenced(7): said by the toolkit, from the device's directors and its password.
_OWN_PARAMETERS = {"pcmk_host_list", "password", "passwd"}

Token_s = Annotated[float, Field(ge=0.5, le=60, allow_inf_nan=False), BeforeValidator(no_bool)]


def _parse_key(value: object) -> str:
    # No message may show it. Few different characters are no random text, whatever its length.
    if not isinstance(value, str) or not _KEY.fullmatch(value) or len(set(value)) < 12:
        raise PydanticCustomError(
            "own",
            "{what}: {remedy}",
            {
                "what": "this is no key for corosync",
                "remedy": "write 32 to 512 random characters of A-Z, a-z, 0-9 and +/=_.:-, such as "
                "`openssl rand -base64 48` prints",
            },
        )
    return value


def _parse_password(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 255 or not value.isprintable():
        raise PydanticCustomError(
            "own",
            "{what}: {remedy}",
            {"what": "this is no password", "remedy": "write a text of 1 to 255 printable characters"},
        )
    return value


def _agent(value: str) -> str:
    if not _AGENT.fullmatch(value):
        raise ValueError(
            "write the name of a fence agent, such as fence_ipmilan (stonith_admin -I lists them)"
        )
    return value


Key = Annotated[
    str, PlainValidator(_parse_key), WithJsonSchema({"type": "string", "pattern": f"^{_KEY.pattern}$"})
]
DevicePassword = Annotated[str, PlainValidator(_parse_password), WithJsonSchema({"type": "string"})]
Agent = Annotated[
    str, AfterValidator(_agent), WithJsonSchema({"type": "string", "pattern": f"^{_AGENT.pattern}$"})
]


class FencingDevice(Strict):
    """A device that cuts a director off: its power switch, its management board, its hypervisor."""

    name: Name = Field(description="Its name in pacemaker.")
    agent: Agent = Field(description="The fence agent, such as fence_ipmilan.")
    directors: list[HostName] = Field(
        default=[], description="Directors that it can cut off. Default: all of them."
    )
    parameters: dict[Token, Line] = Field(
        default={}, description="The agent's parameters, as `stonith_admin --metadata -a AGENT` lists them."
    )
    password: DevicePassword | None = Field(
        default=None,
        description="The agent's parameter `password`.",
        json_schema_extra={"secret": True},
    )

    @model_validator(mode="after")
    def _not_said_twice(self) -> FencingDevice:
        if own := sorted(_OWN_PARAMETERS & self.parameters.keys()):
            raise ValueError(
                f"take {', '.join(own)} out of parameters: write `directors` and `password` instead"
            )
        return self


class Fencing(Strict):
    """How a director that nobody hears any more is made sure to serve no more, or why it is not."""

    declined: Line | None = Field(
        default=None,
        description="Why there is no fencing. Two directors that do not hear each other then both own the "
        "VIPs.",
    )
    devices: list[FencingDevice] = Field(default=[], description="Devices that cut directors off.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Fencing:
        if (self.declined is None) == (not self.devices):
            raise ValueError("write either `devices`, or `declined` with the reason why there are none")
        return self


class Connectivity(Strict):
    """Neighbours that the owner of the VIPs must reach, if another director does."""

    targets: list[Address] = Field(
        min_length=1, description="Addresses that answer to pings: routers, not VIPs or directors."
    )
    interval: WholeSeconds = Field(default=10, description="Seconds between two looks.")
    timeout: WholeSeconds = Field(default=2, description="Seconds until a ping counts as lost.")
    attempts: Times = Field(default=2, description="Pings to a target in each look.")
    # All directors' looks at a dead router fall into one interval, with the pings' own time on top.
    damping: WholeSeconds = Field(
        default=5, description="Seconds that a change must last, so that all directors have looked."
    )


class Pacemaker(Strict):
    """Options of corosync and pacemaker; corosync.conf(5)."""

    key: Key | None = Field(
        default=None,
        description="Secret of which the directors' common key is made: 32 random characters or more.",
        json_schema_extra={"secret": True},
    )
    # Priorities tell the links apart, knet has eight of them (corosync.conf(5), linknumber).
    links: list[Name] = Field(
        default=[],
        max_length=8,
        description="Networks over which the directors hear each other, the first one preferred. Default: "
        "failover.network, and the next network on which all directors have addresses.",
    )
    token: Token_s = Field(
        default=3.0,
        description="Seconds of silence after which a director counts as lost; a takeover takes 2.2 times "
        "this, and the resources' start.",
    )
    wait_for_all: bool = Field(
        default=True,
        description="Of two directors. True: after a start from cold none serves until it has seen the other "
        "one, or `lvs-pacemaker alone` says that that one is off. False: the first one serves alone.",
    )
    fencing: Fencing | None = Field(
        default=None, description="Devices that cut a lost director off, or why there are none: required."
    )
    ping: Connectivity | None = Field(
        default=None, description="Neighbours that the owner must reach. Default: none are asked."
    )
    monitor_interval: WholeSeconds = Field(
        default=10, description="Seconds between two looks at a VIP, the role and ldirectord."
    )
    restarts: Times = Field(
        default=1, description="Failures of a resource that are mended on the spot, before the VIPs move."
    )

    @model_validator(mode="after")
    def _links_once(self) -> Pacemaker:
        if len(set(self.links)) < len(self.links):
            raise ValueError("name each network of `links` once: two links over one network fail together")
        return self
