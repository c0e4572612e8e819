"""A virtual service: what clients reach at the VIPs, and how it reaches the real servers.

Sources: ipvsadm(8), keepalived.conf(5), net/netfilter/ipvs/Kconfig of the kernel.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lvs_model.document.base import Strict
from lvs_model.document.checks import Check, FileCheck, HttpCheck, TcpCheck
from lvs_model.document.texts import Command, GroupName, Line, Name, Path, Token
from lvs_model.document.types import (
    LOCALHOST,
    Address,
    HttpStatus,
    LongSeconds,
    Mark,
    Port,
    PortRange,
    Ports,
    Positive,
    PrefixLength,
    Protocol,
    Requests,
    StandInAddress,
    Weight,
)

# Every scheduler of the kernel (net/netfilter/ipvs/Kconfig); weights.py says what each promises.
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "lblc", "lblcr", "dh", "sh", "mh", "fo", "ovf", "twos")

ALL_PORTS = PortRange(0, 0)
"""The port 0 of ipvsadm(8): every port, of a persistent service."""

Forwarding = Literal["dr", "nat", "tun", "masquerade"]


def _known_scheduler(value: str) -> str:
    if value not in SCHEDULERS:
        raise ValueError(f"use one of {', '.join(SCHEDULERS)}")
    return value


def _one_or_several(value: Any) -> Any:  # noqa: ANN401 - whatever the document holds
    return value if isinstance(value, list) else [value]


def _all_ports(value: Any) -> Any:  # noqa: ANN401 - whatever the document holds
    return [ALL_PORTS] if value == "all" else value


class _Alternative:
    """Tells the JSON Schema of a list what may stand in its place; ``None``: one of its items."""

    def __init__(self, alternative: JsonSchemaValue | None = None) -> None:
        self.alternative = alternative

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """See pydantic, «Customizing JSON Schema»."""
        several = handler(core_schema)
        return {"anyOf": [self.alternative or several["items"], several]}


_PORTS_SCHEMA = _Alternative({"const": "all"})

Scheduler = Annotated[
    str, AfterValidator(_known_scheduler), WithJsonSchema({"type": "string", "enum": list(SCHEDULERS)})
]
Checks = Annotated[list[Check], Field(min_length=1), BeforeValidator(_one_or_several), _Alternative()]


class Probe(Strict):
    """How `verify` asks a service from a client, and how it tells the real servers apart."""

    path: Path | None = Field(
        default=None, description="Path of the requests. Default: that of an http check, else /."
    )
    virtual_host: Token | None = Field(
        default=None, description="Host header of the requests. Default: that of an http check."
    )
    status: HttpStatus | None = Field(
        default=None, description="Status of a good answer. Default: that of an http check, else 200."
    )
    header: Token | None = Field(
        default=None,
        description="Response header in which a real server gives its inventory name. Without it "
        "verify cannot prove that each one is reached.",
    )
    requests: Requests = Field(
        default=60, description="Requests that one verification sends; rounded up to whole weight cycles."
    )


class Tunnel(Strict):
    """tun: how packets are wrapped on their way to the real servers."""

    type: Literal["ipip", "gue", "gre"] = Field(default="ipip", description="Encapsulation.")
    port: Port | None = Field(default=None, description="gue: UDP port at the real servers.")


class Thresholds(Strict):
    """Connections of a real server at which it gets no more, and at which it does again."""

    upper: Weight = Field(description="No new connections above this many; 0: no limit.")
    lower: Weight = Field(default=0, description="New ones again below; 0: three quarters of upper.")


class Fallback(Strict):
    """The server that answers when too few real servers can: with an apology, or with everything."""

    address: StandInAddress = Field(
        description="Its address; 127.0.0.1: the director itself, whichever owns the VIP (forwarding dr)."
    )
    port: Port | None = Field(default=None, description="Its port. Default: the service's.")
    forwarding: Forwarding | None = Field(
        default=None, description="Default: as the service's; of 127.0.0.1: dr."
    )

    @model_validator(mode="before")
    @classmethod
    def _here(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the document holds
        """Deliver to the director itself as dr does: IPVS drops what NAT sends to it (ip_vs_xmit.c)."""
        if isinstance(value, dict) and value.get("address") == str(LOCALHOST):
            return value | {"forwarding": value.get("forwarding") or "dr"}
        return value


class ServiceNotify(Strict):
    """Programs that keepalived starts as keepalived_script when a service or a real server comes or goes."""

    server_up: Command | None = Field(
        default=None, description="A real server passed its checks. Runs as keepalived_script."
    )
    server_down: Command | None = Field(
        default=None, description="A real server failed its checks. Runs as keepalived_script."
    )
    quorum_up: Command | None = Field(
        default=None, description="The service has its quorum again. Runs as keepalived_script."
    )
    quorum_down: Command | None = Field(
        default=None, description="The service has lost its quorum. Runs as keepalived_script."
    )


class Service(Strict):
    """A virtual service: what clients reach at the VIPs."""

    name: Name = Field(description="Its name, unique in the cluster.")
    vips: list[Address] = Field(min_length=1, description="Addresses that clients know it by.")
    ports: Annotated[list[Ports], Field(min_length=1), BeforeValidator(_all_ports), _PORTS_SCHEMA] = Field(
        description="Ports, ranges ('6970-6999') and ports of another protocol ('6970-6999/udp'), or all."
    )
    protocol: Protocol = Field(default="tcp", description="Protocol of the ports that name none.")
    mark: Mark = Field(
        default=None,
        description="Firewall mark that makes all VIPs, ports and protocols one service: given, or auto.",
    )
    forwarding: Forwarding = Field(
        default="dr",
        description="dr: direct routing; nat: servers answer through the director; tun: in a tunnel; "
        "masquerade: nat with the director's own address as source.",
    )
    tunnel: Tunnel = Field(default=Tunnel(), description="tun: how packets are wrapped.")
    scheduler: Scheduler = Field(default="wlc", description="How real servers are chosen (ipvsadm(8)).")
    scheduler_flags: list[Literal["sh-port", "sh-fallback", "mh-port", "mh-fallback"]] = Field(
        default=[], description="Options of the schedulers sh and mh (ipvsadm(8))."
    )
    one_packet: bool = Field(default=False, description="udp: schedule every datagram by itself.")
    persistence: LongSeconds | None = Field(
        default=None, description="Seconds that a client's further connections go to the same real server."
    )
    persistence_prefix: PrefixLength | None = Field(
        default=None, description="Clients alike in this many leading bits count as one. Default: all bits."
    )
    pool: GroupName = Field(description="Inventory group of the real servers.")
    server_port: Port | None = Field(
        default=None, description="nat, masquerade: port at the real servers. Default: the service's."
    )
    min_servers: Positive = Field(
        default=1, description="Real servers of the pool that must stay reachable for a deployment to go on."
    )
    quorum: Positive = Field(
        default=1,
        description="Sum of living weights that the service needs: it is up from quorum + hysteresis on, and "
        "down below quorum - hysteresis.",
    )
    hysteresis: Weight = Field(
        default=0, description="Distance from quorum, above it to come up and below it to go down."
    )
    on_failure: Literal["remove", "inhibit"] = Field(
        default="remove",
        description="remove: a failed real server leaves the table; inhibit: it stays with weight 0.",
    )
    starts_down: bool = Field(
        default=True, description="True: a real server gets requests only after its checks' first success."
    )
    notify_at_stop: bool = Field(
        default=False, description="True: quorum_down and server_down also when keepalived stops (omega)."
    )
    thresholds: Thresholds | None = Field(
        default=None, description="Connections that a real server takes. Default: no limit."
    )
    fallback: Fallback | None = Field(
        default=None, description="The server that answers while the service is below its quorum."
    )
    check: Checks = Field(default=[TcpCheck()], description="One check, or a list of which all must pass.")
    notify: ServiceNotify = Field(
        default=ServiceNotify(), description="Programs that a change starts, as keepalived_script."
    )
    probe: Probe = Field(default=Probe(), description="How `verify` asks it from a client.")
    extra_lines: list[Line] = Field(
        default=[],
        description="Lines of keepalived.conf(5) for the virtual_server block, as they stand.",
    )

    @property
    def checks(self) -> list[Check]:
        """All checks of a real server."""
        return self.check

    @property
    def http_check(self) -> HttpCheck | None:
        """The first check that speaks HTTP, with or without TLS."""
        return next((one for one in self.check if isinstance(one, HttpCheck)), None)

    @property
    def first_result_s(self) -> float:
        """Seconds after which every check has had its first result at the latest."""
        return max(one.first_result_s for one in self.check)

    @property
    def delay_loop_s(self) -> float:
        """Seconds between two rounds of checks: keepalived has one number for a virtual server."""
        return min((one.interval for one in self.check if not isinstance(one, FileCheck)), default=2)

    @property
    def detection_s(self) -> float:
        """Seconds until a real server that stopped answering is taken out, at the latest; 0: nobody looks."""
        found = [one.detection_s for one in self.check if not isinstance(one, FileCheck)]
        return min(found, default=0)

    def endpoints(self) -> list[tuple[Protocol, int]]:
        """Every protocol and port of the service, in the document's order; port 0 stands for all of them."""
        found: dict[tuple[Protocol, int], None] = {}
        for one in self.ports:
            for port in range(one.first, one.last + 1):
                found[one.protocol or self.protocol, port] = None
        return list(found)

    @property
    def protocols(self) -> list[Protocol]:
        """The service's protocols, each once."""
        return list(dict.fromkeys(one.protocol or self.protocol for one in self.ports))


class HostService(Strict):
    """What a real server says of itself in one service."""

    weight: Weight | None = Field(default=None, description="IPVS weight there. Default: the host's.")
    state: Literal["enabled", "drained", "disabled"] | None = Field(
        default=None, description="Default: the host's."
    )
    port: Port | None = Field(default=None, description="nat, masquerade: its port there.")
    thresholds: Thresholds | None = Field(default=None, description="Default: the service's.")
    check: Checks | None = Field(default=None, description="Default: the service's.")
