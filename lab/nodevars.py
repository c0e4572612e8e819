"""What a host's own `lab_*` variables say beyond its networks: routes, servers, its part as a router."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network

MANAGERS = ("networkd", "ifupdown", "networkmanager")
"""Network managers that a node can be handed to (lab/managers.py)."""

VARIABLES = (
    "lab_networks",
    "lab_debian",
    "lab_backend",
    "lab_routes",
    "lab_router",
    "lab_block_icmp",
    "lab_network_manager",
    "lab_prepared",
)
"""Every variable that the lab reads; another `lab_…` is taken for a slip of the pen."""


@dataclass(frozen=True)
class Route:
    """A static route: packets to `to` go to `via`, which is a neighbour on `interface`."""

    to: Subnet
    via: Address
    interface: str

    @property
    def default(self) -> bool:
        """Whether it is the default route of its family."""
        return self.to.prefixlen == 0


@dataclass(frozen=True)
class Backend:
    """The lab's test servers on a node (files/lab-backend.py).

    Attributes:
        ports: of the web server.
        echo: TCP port that names the node and then echoes, or None.
        udp: ports that answer each datagram.
        ftp: port of the FTP server, or None.

    """

    ports: tuple[int, ...]
    echo: int | None = None
    udp: tuple[int, ...] = ()
    ftp: int | None = None

    @property
    def arguments(self) -> str:
        """The arguments of files/lab-backend.py."""
        words = {"http": self.ports, "echo": (self.echo,), "udp": self.udp, "ftp": (self.ftp,)}
        listed = {name: [str(port) for port in ports if port] for name, ports in words.items()}
        return " ".join(f"{name}={','.join(ports)}" for name, ports in listed.items() if ports)


@dataclass(frozen=True)
class Settings:
    """A node's own settings.

    Attributes:
        routes: set at each boot; a default one takes the place of podman's.
        router: it forwards between its networks, IPv4 and IPv6.
        block_icmp: and lets no ICMP error out: a path with a black hole (RFC 2923, section 2.1).
        backend: the test servers on it, or None.
        manager: one of MANAGERS whose configuration it has, or empty.
        prepared: it starts with the packages of nodes.PREPARED installed.

    """

    routes: tuple[Route, ...] = ()
    router: bool = False
    block_icmp: bool = False
    backend: Backend | None = None
    manager: str = ""
    prepared: bool = False


def settings(
    host: str,
    variables: Mapping[str, Any],
    reach: Mapping[Subnet, str],
    own: set[Address],
    problems: list[str],
) -> Settings:
    """Read a host's settings; what is wrong is added to `problems`, each with its place and the remedy.

    Args:
        host: its name.
        variables: its inventory variables.
        reach: subnets that the host is on, each with the interface there.
        own: its addresses.
        problems: of the whole inventory so far.

    """
    for name in variables:
        if name.startswith("lab_") and name not in VARIABLES:
            problems.append(f"{host}: {name} is unknown to the lab, known ones: {', '.join(VARIABLES)}")
    router = _flag(host, variables, "lab_router", problems)
    block_icmp = _flag(host, variables, "lab_block_icmp", problems)
    if block_icmp and not router:
        problems.append(f"{host}: lab_block_icmp wants lab_router: true on the same host")
    if router and len(set(reach.values())) < 2:
        problems.append(f"{host}: lab_router wants addresses on two networks")
    manager = variables.get("lab_network_manager") or ""
    if manager and manager not in MANAGERS:
        problems.append(f"{host}: lab_network_manager is {manager!r}, known ones: {', '.join(MANAGERS)}")
    return Settings(
        routes=_routes(host, variables.get("lab_routes"), reach, own, problems),
        router=router,
        block_icmp=block_icmp,
        backend=_backend(host, variables.get("lab_backend"), problems),
        manager=str(manager),
        prepared=_flag(host, variables, "lab_prepared", problems),
    )


def _flag(host: str, variables: Mapping[str, Any], name: str, problems: list[str]) -> bool:
    value = variables.get(name, False)
    if not isinstance(value, bool):
        problems.append(f"{host}: {name} is {value!r}, and may be true or false")
        return False
    return value


def _routes(
    host: str, value: object, reach: Mapping[Subnet, str], own: set[Address], problems: list[str]
) -> tuple[Route, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.append(f"{host}: lab_routes wants a list of {{to: SUBNET, via: ADDRESS}}")
        return ()
    found: dict[Subnet, Route] = {}
    for number, item in enumerate(value):
        where = f"{host}: lab_routes[{number}]"
        if not isinstance(item, dict) or set(item) != {"to", "via"}:
            problems.append(f"{where} wants exactly to and via")
            continue
        try:
            to = ipaddress.ip_network(str(item["to"]))
            via = ipaddress.ip_address(str(item["via"]))
        except ValueError as exc:
            problems.append(f"{where}: {exc} (a default route is 0.0.0.0/0 or ::/0)")
            continue
        interface = next((there for subnet, there in reach.items() if via in subnet), None)
        if to.version != via.version:
            problems.append(f"{where}: {to} and {via} are not of one address family")
        elif interface is None:
            problems.append(f"{where}: {via} is no neighbour: it lies in no subnet that the host is on")
        elif via in own:
            problems.append(f"{where}: {via} is the host itself")
        elif to in reach:
            problems.append(f"{where}: the host is on {to} itself")
        elif to in found:
            problems.append(f"{where}: there is a route to {to} already")
        else:
            found[to] = Route(to, via, interface)
    return tuple(found.values())


def _backend(host: str, value: object, problems: list[str]) -> Backend | None:
    if value is None:
        return None
    known = ("port", "ports", "echo", "udp", "ftp")
    if not isinstance(value, dict) or "port" not in value or not set(value) <= set(known):
        problems.append(f"{host}: lab_backend wants {{port: 1…65535}} and may have {', '.join(known[1:])}")
        return None
    ports: dict[str, tuple[int, ...]] = {}
    for name in known:
        given = value.get(name)
        several: list[Any] = given if isinstance(given, list) and name in ("ports", "udp") else [given]
        if given is None:
            several = []
        if not all(type(port) is int and 0 < port < 65536 for port in several):
            problems.append(f"{host}: lab_backend.{name} is {given!r}, and wants a port, 1…65535")
            return None
        ports[name] = tuple(several)
    tcp = [port for name in ("port", "ports", "echo", "ftp") for port in ports[name]]
    for kind, taken in (("TCP", tcp), ("UDP", list(ports["udp"]))):
        twice = sorted({port for port in taken if taken.count(port) > 1})
        if twice:
            problems.append(f"{host}: lab_backend has {kind} port {twice[0]} twice")
            return None
    echo, ftp = ports["echo"], ports["ftp"]
    return Backend(
        (*ports["port"], *ports["ports"]), echo[0] if echo else None, ports["udp"], ftp[0] if ftp else None
    )
