"""The cluster document: the one variable ``lvs_cluster`` that describes a whole cluster.

Field checks live here, in the types; relations between fields and with the inventory live in
``relations``. The names are the contract with the operator (docs/cluster-document.md).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lvs_model.problems import Problem

# Every scheduler of the kernel (net/netfilter/ipvs/Kconfig); weights.py says what each promises.
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "lblc", "lblcr", "dh", "sh", "mh", "fo", "ovf")

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
# IFNAMSIZ is 16 with the final NUL (linux/if.h). The kernel allows more characters than these, but
# names go unquoted into daemons' configurations.
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_TOKEN = re.compile(r"""[A-Za-z0-9/_.:?&=%+,;@*()-][A-Za-z0-9/_.:?&=%+,;@*()~-]{0,254}""")


def _plain_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name is 1 to 31 of a-z, 0-9, '_' and '-', and begins with a letter")
    return value


def _interface_name(value: str) -> str:
    if not _INTERFACE.fullmatch(value) or value in {".", "..", "lo"}:
        raise ValueError("an interface name is 1 to 15 of A-Z, a-z, 0-9, '_', '.' and '-', and not lo")
    return value


def _no_bool(value: object) -> object:
    # YAML turns `yes` and `on` into booleans, and pydantic would turn those into 1.
    if isinstance(value, bool):
        raise ValueError("this is a boolean, a number is expected")
    return value


def _token(value: str) -> str:
    # These go into daemons' configurations, where other characters end a value or are expanded.
    if not _TOKEN.fullmatch(value):
        raise ValueError("use 1 to 255 of A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-, not beginning with '~'")
    return value


def _text(value: object) -> object:
    # ipaddress takes integers too: `80` would be the address 0.0.0.80.
    if not isinstance(value, str):
        raise ValueError("an address is a text, such as 192.0.2.10")
    return value


def _unicast(value: IPv4Address) -> IPv4Address:
    if value.is_multicast or value.is_loopback or value.is_unspecified or value.is_link_local:
        raise ValueError("use an address of the network's own, no multicast, loopback or link-local one")
    return value


def _centiseconds(value: float) -> float:
    if abs(value * 100 - round(value * 100)) > 1e-6:
        raise ValueError("use a multiple of 0.01")
    return value


def _known_scheduler(value: str) -> str:
    if value not in SCHEDULERS:
        raise ValueError(f"use one of {', '.join(SCHEDULERS)}")
    return value


Name = Annotated[str, AfterValidator(_plain_name)]
# Ansible has its own rules for these, and a group that does not exist is an error anyway.
GroupName = Annotated[str, Field(min_length=1)]
InterfaceName = Annotated[str, AfterValidator(_interface_name)]
Token = Annotated[str, AfterValidator(_token)]
Address = Annotated[IPv4Address, BeforeValidator(_text), AfterValidator(_unicast)]
Subnet = Annotated[IPv4Network, BeforeValidator(_text)]
Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(_no_bool)]
Weight = Annotated[int, Field(ge=0, le=65535), BeforeValidator(_no_bool)]


class _Strict(BaseModel):
    """Unknown keys are errors: a misspelt option must not be silently without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(_Strict):
    """A network that the cluster's hosts are on."""

    interface: InterfaceName = Field(description="Interface on it; a host overrides with lvs_interfaces.")
    subnets: list[Subnet] = Field(min_length=1, description="Subnets of this network.")
    segment: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the layer-2 segment; networks of clusters that share one name it alike. "
        "Default: the network's first subnet.",
    )

    @property
    def segment_name(self) -> str:
        """The layer-2 segment's name, the scope in which virtual router ids must be unique."""
        return self.segment or str(self.subnets[0])


class Failover(_Strict):
    """Which director owns the VIPs, and when that changes."""

    method: Literal["vrrp"] = "vrrp"
    network: Name = Field(description="Network on which the directors elect the owner.")
    failback: bool = Field(default=False, description="True: a repaired director takes its role back.")
    failback_delay: Annotated[float, Field(ge=0, le=1000), BeforeValidator(_no_bool)] | None = Field(
        default=None,
        description="Seconds before it does so. Default: until its checks have had their first results.",
    )
    advert_interval: Annotated[
        float, Field(ge=0.01, le=40.95), BeforeValidator(_no_bool), AfterValidator(_centiseconds)
    ] = Field(default=1.0, description="Seconds between VRRP adverts, in steps of 0.01 (RFC 5798, 5.2.7).")
    router_id: Annotated[int, Field(ge=1, le=255), BeforeValidator(_no_bool)] | None = Field(
        default=None, description="VRRP virtual router id. Default: a free one, derived from the name."
    )


class ConnectionSync(_Strict):
    """Directors tell each other of their connections, so that these survive a failover."""

    network: Name = Field(description="Network for the sync messages; they are not authenticated.")


class Check(_Strict):
    """How a director finds out whether a real server can serve."""

    type: Literal["http", "tcp"] = "tcp"
    path: Token = Field(default="/", pattern=r"^/", description="http: path of the request.")
    status: Annotated[int, Field(ge=100, le=599), BeforeValidator(_no_bool)] = Field(
        default=200, description="http: status that means healthy."
    )
    virtual_host: Token | None = Field(default=None, description="http: Host header of the request.")
    port: Port | None = Field(default=None, description="Port to check. Default: the service's own.")
    interval: Annotated[float, Field(ge=0.1, le=3600), BeforeValidator(_no_bool)] = Field(
        default=2, description="Seconds between two checks."
    )
    timeout: Annotated[float, Field(ge=0.1, le=3600), BeforeValidator(_no_bool)] = Field(
        default=2, description="Seconds until a check that got no answer has failed."
    )
    retries: Annotated[int, Field(ge=0, le=100), BeforeValidator(_no_bool)] = Field(
        default=2, description="Failed checks in a row that are forgiven before a server is taken out."
    )

    @property
    def retry_delay(self) -> float:
        """Seconds between a failed check and its repetition."""
        return min(1.0, self.interval)

    @property
    def first_result_s(self) -> float:
        """Seconds after which a check has had its first result at the latest (no warm-up)."""
        return (self.retries + 1) * self.timeout + self.retries * self.retry_delay

    @property
    def detection_s(self) -> float:
        """Seconds until a server that stopped answering is taken out, at the latest."""
        return self.interval + self.first_result_s


class Probe(_Strict):
    """How `verify` asks a service from a client, and how it tells the real servers apart."""

    path: Annotated[Token, Field(pattern=r"^/")] | None = Field(
        default=None, description="Path of the requests. Default: that of an http check, else /."
    )
    virtual_host: Token | None = Field(
        default=None, description="Host header of the requests. Default: that of an http check."
    )
    status: Annotated[int, Field(ge=100, le=599), BeforeValidator(_no_bool)] | None = Field(
        default=None, description="Status of a good answer. Default: that of an http check, else 200."
    )
    header: Token | None = Field(
        default=None,
        description="Response header in which a real server gives its inventory name. Without it "
        "verify cannot prove that each one is reached.",
    )
    requests: Annotated[int, Field(ge=1, le=10000), BeforeValidator(_no_bool)] = Field(
        default=60, description="Requests that one verification sends; rounded up to whole weight cycles."
    )


class Service(_Strict):
    """A virtual service: what clients reach at the VIPs."""

    name: Name
    vips: list[Address] = Field(min_length=1)
    ports: list[Port] = Field(min_length=1)
    protocol: Literal["tcp"] = "tcp"
    forwarding: Literal["dr"] = "dr"
    scheduler: Annotated[str, AfterValidator(_known_scheduler)] = "wlc"
    pool: GroupName = Field(description="Inventory group of the real servers.")
    min_servers: Annotated[int, Field(ge=1), BeforeValidator(_no_bool)] = Field(
        default=1, description="Real servers of the pool that must stay reachable for a deployment to go on."
    )
    check: Check = Check()
    probe: Probe = Probe()


class Ipvs(_Strict):
    """Kernel options of IPVS on the directors."""

    table_bits: Annotated[int, Field(ge=8, le=20), BeforeValidator(_no_bool)] = Field(
        default=12,
        description="log2 of the connection hash table's buckets (module parameter conn_tab_bits); "
        "a change takes effect when ip_vs is loaded anew.",
    )


class Cluster(_Strict):
    """A whole cluster: the value of the inventory variable ``lvs_cluster``."""

    name: Name
    directors: GroupName = Field(description="Inventory group of the directors, in order of preference.")
    engine: Literal["keepalived"] = "keepalived"
    networks: dict[Name, Network] = Field(min_length=1)
    failover: Failover
    connection_sync: ConnectionSync | None = None
    ipvs: Ipvs = Ipvs()
    services: list[Service] = Field(min_length=1)


class HostVariables(_Strict):
    """What a host says of itself: its ``lvs_*`` inventory variables."""

    lvs_addresses: list[Address] = Field(default=[], description="The host's own addresses.")
    lvs_interfaces: dict[Name, InterfaceName] = Field(
        default={}, description="Network name -> interface, where it differs from the cluster's."
    )
    lvs_weight: Weight = Field(default=1, description="IPVS weight; 0 gets no new connections.")
    lvs_state: Literal["enabled", "drained", "disabled"] = Field(
        default="enabled", description="drained: weight 0; disabled: not in the pool at all."
    )
    lvs_priority: Annotated[int, Field(ge=1, le=254), BeforeValidator(_no_bool)] | None = Field(
        default=None, description="VRRP priority, where the order of preference is not enough."
    )


def problems_of(error: ValidationError, root: str, model: type[BaseModel]) -> list[Problem]:
    """Translate pydantic's errors into problems; ``root`` is the path of the validated ``model``."""
    problems = []
    for entry in error.errors(include_url=False):
        path = root
        for step in entry["loc"]:
            if step == "[key]":  # pydantic's word for a key of a mapping, whose name stands before it
                continue
            path += f"[{step}]" if isinstance(step, int) else f"{'' if path.endswith(' ') else '.'}{step}"
        what, remedy = _say(entry["type"], entry["msg"], entry.get("input"))
        if entry["type"] == "extra_forbidden":
            known = _keys_at(model, entry["loc"][:-1])
            if known:
                remedy += f" (known here: {', '.join(known)})"
        problems.append(Problem(path, what, remedy))
    return problems


# What is wrong and what to do, by pydantic's error type; {value} is what was given.
_SAY = {
    "missing": ("this key is missing", "add it"),
    "extra_forbidden": ("unknown key", "remove it, or mend its spelling"),
    "too_short": ("this is empty", "give at least one"),
    "string_too_short": ("this is empty", "write a text"),
    "list_type": ("{value} is no list", "write a list: [a, b]"),
    "string_type": ("{value} is no text", "write a text"),
    "bool_type": ("{value} is no boolean", "write true or false"),
    "bool_parsing": ("{value} is no boolean", "write true or false"),
    "int_type": ("{value} is no whole number", "write a whole number"),
    "int_parsing": ("{value} is no whole number", "write a whole number"),
    "int_from_float": ("{value} is no whole number", "write a whole number"),
    "float_type": ("{value} is no number", "write a number"),
    "float_parsing": ("{value} is no number", "write a number"),
    "ip_v4_address": ("{value} is not an IPv4 address", "write it as 192.0.2.10"),
    "ip_v4_network": ("{value} is not an IPv4 network", "write it as 192.0.2.0/24, with no host bits set"),
    "string_pattern_mismatch": ("{value} is not allowed", "begin it with '/'"),
}


def _say(kind: str, message: str, value: object) -> tuple[str, str]:
    if kind.startswith("ip_v4_network"):
        kind = "ip_v4_network"
    elif kind.startswith("ip_v4_address"):
        kind = "ip_v4_address"
    elif kind in {"dict_type", "model_type", "model_attributes_type"}:
        return f"{value!r} is not a set of keys", "write keys and values: {key: value}"
    if kind in _SAY:
        what, remedy = _SAY[kind]
        return what.format(value=repr(value)), remedy
    # The remaining types say a bound, a choice or one of our own rules.
    remedy = message.removeprefix("Value error, ").replace("Input should be", "use a value")
    return f"{value!r} is not allowed", remedy.replace("use a value '", "use '")


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that ``model`` knows at a location inside it; empty where that is no typed object."""
    schema: dict[str, Any] = model.model_json_schema()
    node = schema
    for step in location:
        node = _deref(schema, node)
        if isinstance(step, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(step, node.get("additionalProperties") or {})
    return sorted(_deref(schema, node).get("properties", {}))


def _deref(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for candidate in (node, *node.get("anyOf", []), *node.get("allOf", [])):
        if "$ref" in candidate:
            found: dict[str, Any] = schema["$defs"][candidate["$ref"].rsplit("/", 1)[1]]
            return found
    return node
