"""keepalived's own view of its real servers, from the dump that its checker process writes on SIGUSR1.

The lines come from keepalived's source, and are the same in 2.2.7 (Debian 12) and 2.3.3 (Debian 13):
keepalived/check/check_data.c, ``dump_vs`` and ``dump_rs``, for the servers, and keepalived/check/check_api.c,
``dump_checker``, for their checkers. Indentation tells a line's level and is therefore part of it: a virtual
server has its own ``alive`` in 2.2.7, before its real servers, and a sorry server has one in 2.3.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# dump_vs and dump_rs.
_SERVICE = re.compile(
    r" VS (?:VIP = (?P<address>\S+), VPORT = (?P<port>\d+)|FWMARK = (?P<mark>\d+)|GROUP = (?P<group>.+))$"
)
_FAMILY = re.compile(r"   Address family = (?P<family>.+)$")
_PROTOCOL = re.compile(r"   protocol = (?P<protocol>.+)$")
_QUORUM = re.compile(r"   quorum_state_up = (?P<up>[01])$")
# The weight is the kernel's (real_weight): what a check or a tracked file takes from it is taken already.
_SERVER = re.compile(r"   RIP = (?P<address>\S+), RPORT = (?P<port>\d+), WEIGHT = (?P<weight>\d+)")
_ALIVE = re.compile(r"   alive = (?P<alive>[01])$")
# dump_checker, with format_vs and format_rs: "[192.0.2.10]:tcp:80 -> [192.0.2.21]:tcp:80".
_CHECKER = re.compile(r" (?P<service>\S.*) -> (?P<server>\[[^]]*\]:\w+:\d+)$")
_ENABLED = re.compile(r"   Enabled = (?P<enabled>yes|no)$")
_HAS_RUN = re.compile(r"   Has run = (?P<run>yes|no)$")
_SECTION = re.compile(r"-+< (?P<name>.+) >-+$")


@dataclass
class _Server:
    """A real server as dumped; ``checkers`` names it as its checkers do: (virtual server, real server)."""

    key: tuple[str, str]
    checkers: tuple[str, str]
    weight: int
    alive: bool | None = None


@dataclass(frozen=True)
class Held:
    """A virtual service as keepalived holds it: weights by real server, and whether it has its quorum.

    A weight is what the kernel has of a living server. Below the quorum a fallback, if any, stands in.
    """

    weights: dict[str, int]
    quorum: bool


def parse_checker_dump(text: str) -> dict[tuple[str, str], dict[str, bool]]:
    """Return ``{"alive": …, "checked": …}`` by (service, real server).

    The keys are as in ("TCP 192.0.2.10:80", "192.0.2.21:80"), the way ipvsadm(8) writes endpoints: an IPv6
    address stands in brackets. A service by firewall mark is "FWM 7" (IPv6: "FWM 7 IPv6"), one by group is
    "GROUP [name]:0", as keepalived writes it.

    ``alive``: keepalived holds the server for good. Before the first result that is only its assumption, so
    ``checked`` tells whether every enabled checker of the server has had its first result. It is true where
    there is nothing to wait for: no checker, or none enabled (``ha_suspend`` on a standby). A bad first
    result counts although keepalived still retries, and meanwhile holds a server alive that it had assumed
    alive; with ``alpha``, as this toolkit configures it, a server is assumed dead until a good result.

    Raises ValueError for a text that is no complete dump: without any section, or cut off within a server or
    a checker.
    """
    if not any(_SECTION.search(line) for line in text.splitlines()):
        raise ValueError(
            "no dump of keepalived's checkers: it has no section heading such as '------< … >------'"
        )
    body, _, rest = text.partition("------< Health checkers >------\n")
    servers, _ = _topology(body)
    waiting = _waiting(rest)
    if unknown := [server.key for server in servers if server.alive is None]:
        raise ValueError(
            f"keepalived's dump is cut off: real server {unknown[0][1]} of {unknown[0][0]} has no state"
        )
    return {
        server.key: {"alive": bool(server.alive), "checked": server.checkers not in waiting}
        for server in servers
    }


def parse_held(text: str) -> dict[str, Held]:
    """Return the virtual services of a dump by key, such as "TCP 192.0.2.10:80".

    The keys, of real servers too, are those of :func:`parse_checker_dump`, which judges the text.
    """
    servers, quorums = _topology(text.partition("------< Health checkers >------\n")[0])
    found = {key: Held({}, up) for key, up in quorums.items()}
    for server in servers:
        service, name = server.key
        found.setdefault(service, Held({}, quorum=True)).weights[name] = server.weight
    return found


def _endpoint(address: str, port: str) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _topology(text: str) -> tuple[list[_Server], dict[str, bool]]:
    """Read the section "LVS Topology": the real servers, and by service whether it has its quorum."""
    servers: list[_Server] = []
    quorums: dict[str, bool] = {}
    service: re.Match[str] | None = None
    family = protocol = ""
    in_server = False  # the virtual server's own lines come first
    for line in text.splitlines():
        if match := _SERVICE.match(line):
            service, family, protocol, in_server = match, "", "", False
        elif match := _FAMILY.match(line):
            family = match["family"]
        elif match := _PROTOCOL.match(line):
            protocol = match["protocol"]
        elif service and not in_server and (match := _QUORUM.match(line)):
            quorums[_service_names(service, family, protocol)[0]] = match["up"] == "1"
        elif service and (match := _SERVER.match(line)):
            in_server = True
            key, name = _service_names(service, family, protocol)
            server_name = f"[{match['address']}]:{protocol.lower()}:{match['port']}"
            place = (key, _endpoint(match["address"], match["port"]))
            servers.append(_Server(place, (name, server_name), int(match["weight"])))
        elif in_server and (match := _ALIVE.match(line)):
            servers[-1].alive = match["alive"] == "1"
    return servers, quorums


def _service_names(service: re.Match[str], family: str, protocol: str) -> tuple[str, str]:
    """Name a virtual server as this project does, and as the lines of its checkers do (format_vs)."""
    if service["group"]:
        return f"GROUP {service['group']}", service["group"]
    if service["mark"]:
        return f"FWM {service['mark']}" + (" IPv6" if family == "inet6" else ""), f"FWM {service['mark']}"
    name = f"[{service['address']}]:{protocol.lower()}:{service['port']}"
    return f"{protocol} {_endpoint(service['address'], service['port'])}", name


def _waiting(text: str) -> set[tuple[str, str]]:
    """Read the section "Health checkers": the servers with an enabled checker that has not run yet."""
    waiting: set[tuple[str, str]] = set()
    checker: tuple[str, str] | None = None
    enabled: bool | None = None
    for line in text.splitlines():
        if match := _CHECKER.match(line):
            _complete(checker)
            checker, enabled = (match["service"], match["server"]), None
        elif checker and (match := _ENABLED.match(line)):
            enabled = match["enabled"] == "yes"
        elif checker and (match := _HAS_RUN.match(line)):
            if enabled and match["run"] == "no":
                waiting.add(checker)
            checker = None
    _complete(checker)
    return waiting


def _complete(checker: tuple[str, str] | None) -> None:
    """Raise ValueError for a checker whose line "Has run" has not come."""
    if checker:
        raise ValueError(f"keepalived's dump is cut off: the checker {' -> '.join(checker)} has no state")
