"""The kernel's IPVS table: parsed from what `ipvsadm -Sn` prints, and compared with the plan.

What is printed, in which order, is ipvsadm's own (ipvsadm.c of 1.31, print_service_entry); what the options
mean is in ipvsadm(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from lvs_model.refused import RefusedError

_PROTOCOLS = {"-t": "TCP", "-u": "UDP", "--sctp-service": "SCTP", "-f": "FWM"}
_PROTOCOL_OPTIONS = {word: option for option, word in _PROTOCOLS.items()}
_METHODS = {"-g": "dr", "-i": "tun", "-m": "nat"}
_METHOD_OPTIONS = {word: option for option, word in _METHODS.items()}
# Further options, in the order of printing; whether a value follows each.
_SERVICE_OPTIONS = {"-p": True, "-M": True, "--pe": True, "-o": False, "-b": True}
_SERVER_OPTIONS = {
    "--tun-type": True,
    "--tun-port": True,
    "--tun-nocsum": False,
    "--tun-csum": False,
    "--tun-remcsum": False,
    "-x": True,
    "-y": True,
}
# What is so without the option: one ipvsadm prints it, another does not.
_DEFAULTS = {("-M", "255.255.255.255"), ("-M", "128"), ("--tun-type", "ipip"), ("--tun-nocsum",)} | {
    (threshold, "0") for threshold in ("-x", "-y")
}
_THRESHOLDS = ("-x", "-y")
_ENDPOINT = re.compile(r"\[(?P<six>[0-9A-Fa-f:.]+)\]:(?P<sixth>\d{1,5})|(?P<four>[\d.]+):(?P<port>\d{1,5})")
_SIX = " IPv6"


@dataclass(frozen=True)
class Server:
    """A real server's entry: IPVS weight and forwarding method (dr, tun, nat), further options.

    ``limits``: whether ``extra`` tells its connection thresholds, also where there are none.
    """

    weight: int
    method: str
    extra: tuple[str, ...] = ()
    limits: bool = field(default=False, compare=False)


@dataclass
class VirtualService:
    """A virtual service's entry; ``servers`` by ``address:port``, ``extra`` its further options."""

    scheduler: str
    servers: dict[str, Server] = field(default_factory=dict)
    extra: tuple[str, ...] = ()


# By key: "TCP 192.0.2.10:80", "UDP [2001:db8::10]:53", "FWM 7", "FWM 7 IPv6".
Table = dict[str, VirtualService]


def parse_table(text: str) -> Table:
    """Parse the output of `ipvsadm -Sn`.

    Options come out in a fixed order and without those that only say a default, addresses in their
    shortest form: two equal entries are equal whichever ipvsadm printed them.

    Raises ValueError with the line where it is not what ipvsadm prints.
    """
    table: Table = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            _parse_line(words, table)
        except ValueError as error:
            raise RefusedError(
                f"ipvsadm -Sn, line {number}: {line!r} is not understood ({error})",
                "give what `ipvsadm -Sn` prints (with -n)",
            ) from error
    return table


def with_thresholds(table: Table, limits: Mapping[tuple[str, str], tuple[int, int]]) -> Table:
    """The table with the upper and lower thresholds of real servers, by service key and address:port."""
    for (key, address), (upper, lower) in limits.items():
        if key in table and (server := table[key].servers.get(address)):
            extra = _canonical([*server.extra, "-x", str(upper), "-y", str(lower)], _SERVER_OPTIONS)
            table[key].servers[address] = replace(server, extra=extra, limits=True)
    return table


def _parse_line(words: list[str], table: Table) -> None:
    if len(words) < 3:
        raise ValueError("it is too short")
    command, protocol, endpoint, *options = words
    if protocol not in _PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol}")
    key = _service_key(_PROTOCOLS[protocol], endpoint, options)
    if command == "-A":
        scheduler = _take(options, "-s")
        table[key] = VirtualService(scheduler, extra=_canonical(options, _SERVICE_OPTIONS))
    elif command == "-a":
        address = _endpoint(_take(options, "-r"))
        weight = int(_take(options, "-w"))
        method = next((word for word in options if word in _METHODS), None)
        if method is None:
            raise ValueError("it lacks a forwarding method: -g, -i or -m")
        options.remove(method)
        extra = _canonical(options, _SERVER_OPTIONS)
        if key not in table:
            raise ValueError("its service is not before it")
        table[key].servers[address] = Server(weight, _METHODS[method], extra)
    else:
        raise ValueError(f"unknown command {command}")


def _service_key(protocol: str, endpoint: str, options: list[str]) -> str:
    """A service's key; takes the IPv6 flag of a firewall mark out of its options."""
    if protocol != "FWM":
        return f"{protocol} {_endpoint(endpoint)}"
    family = ""
    if "-6" in options:
        options.remove("-6")
        family = _SIX
    return f"{protocol} {int(endpoint)}{family}"


@lru_cache(maxsize=100_000)
def _endpoint(text: str) -> str:
    """An address and port in their shortest form; ValueError if it is none, or has names in it."""
    found = _ENDPOINT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is no address:port in numbers")
    port = int(found["sixth"] or found["port"])
    if port > 65535:
        raise ValueError(f"{port} is no port")
    if found["four"]:
        return f"{IPv4Address(found['four'])}:{port}"
    return f"[{IPv6Address(found['six'])}]:{port}"


def _canonical(options: list[str] | tuple[str, ...], known: Mapping[str, bool]) -> tuple[str, ...]:
    """Options in the order of ``known``, without defaults; flags of a scheduler sorted.

    Raises ValueError for an option that is not known, comes twice or lacks its value.
    """
    found: dict[str, tuple[str, ...]] = {}
    words = iter(options)
    for word in words:
        if word not in known:
            raise ValueError(f"unknown option {word}")
        if word in found:
            raise ValueError(f"{word} is there twice")
        found[word] = (word,)
        if known[word]:
            value = next(words, None)
            if value is None:
                raise ValueError(f"{word} lacks its value")
            found[word] = (word, ",".join(sorted(value.split(","))) if word == "-b" else value)
    return tuple(
        part for word in known if word in found and found[word] not in _DEFAULTS for part in found[word]
    )


def _take(words: list[str], option: str) -> str:
    """Remove an option and its value from the words; returns the value."""
    if option not in words[:-1]:
        raise ValueError(f"it lacks {option} and its value")
    place = words.index(option)
    value = words[place + 1]
    del words[place : place + 2]
    return value


def read_table(planned: str | Mapping[str, Any]) -> Table:
    """A planned table from plain data: what `ipvsadm -Sn` would print, or services by key.

    ``{"TCP 192.0.2.10:80": {"scheduler": "wrr", "extra": ["-p", "300"], "servers":
    {"192.0.2.21:80": {"weight": 3, "method": "dr", "extra": []}}}}``. ``extra`` may be missing;
    methods are dr, tun and nat; other keys are not looked at, so that a plan's entries may say more.

    Raises ValueError where something is missing or is not what IPVS has.
    """
    if isinstance(planned, str):
        return parse_table(planned)
    if not isinstance(planned, Mapping):
        raise RefusedError(f"{planned!r} is no table", "give services by key, or what `ipvsadm -Sn` prints")
    table: Table = {}
    for key, service in planned.items():
        try:
            name = _read_key(key)
            table[name] = VirtualService(
                str(service["scheduler"]),
                {_endpoint(address): _read_server(one) for address, one in service["servers"].items()},
                _canonical(service.get("extra", []), _SERVICE_OPTIONS),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise RefusedError(
                f"{key}: this is no service ({why})",
                "write 'TCP address:port' or 'FWM mark': {scheduler: wlc, servers: {'address:port': "
                "{weight: 1, method: dr}}}",
            ) from error
    return table


def _read_key(key: str) -> str:
    protocol, _, endpoint = key.partition(" ")
    if protocol not in _PROTOCOL_OPTIONS:
        raise ValueError(f"there is no protocol {protocol}")
    six = protocol == "FWM" and endpoint.endswith(_SIX)
    return _service_key(protocol, endpoint.removesuffix(_SIX) if six else endpoint, ["-6"] if six else [])


def _read_server(server: Mapping[str, Any]) -> Server:
    weight, method = server["weight"], server["method"]
    if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= 65535:
        raise ValueError(f"{weight!r} is no weight")
    if method not in _METHOD_OPTIONS:
        raise ValueError(f"{method!r} is no method, which are dr, tun and nat")
    return Server(weight, method, _canonical(server.get("extra", []), _SERVER_OPTIONS))


@dataclass(frozen=True)
class Difference:
    """One entry that differs: ``kind`` is missing, extra or different; ``fix`` is ipvsadm's remedy."""

    key: str
    server: str | None
    kind: str
    text: str
    fix: tuple[str, ...]


def diff(planned: Table, found: Table) -> list[Difference]:
    """What must change for the found table to equal the planned one, in an order that ipvsadm can follow.

    Connection thresholds of a real server are compared only where the found one tells them: `ipvsadm -Sn`
    prints none (ipvsadm.c, print_service_entry).
    """
    differences: list[Difference] = []
    for key in sorted(found.keys() - planned.keys()):
        differences.append(
            Difference(key, None, "extra", f"{key} is not in the plan", ("-D", *_service_words(key)))
        )
    for key, service in planned.items():
        existing = found.get(key)
        wanted = _service_options(service)
        if existing is None:
            fix = ("-A", *_service_words(key), *wanted)
            differences.append(Difference(key, None, "missing", f"{key} is missing", fix))
            existing = VirtualService(service.scheduler)
        elif _service_options(existing) != wanted:
            fix = ("-E", *_service_words(key), *wanted)
            text = f"{key} has {' '.join(_service_options(existing))}, not {' '.join(wanted)}"
            differences.append(Difference(key, None, "different", text, fix))
        differences += _servers(key, service, existing)
    return differences


def _servers(key: str, planned: VirtualService, found: VirtualService) -> list[Difference]:
    differences = []
    for address in sorted(found.servers.keys() - planned.servers.keys()):
        fix = ("-d", *_service_words(key), "-r", address)
        differences.append(
            Difference(key, address, "extra", f"{key}: real server {address} is not in the plan", fix)
        )
    for address, server in planned.servers.items():
        existing = found.servers.get(address)
        wanted = _server_options(address, server)
        if existing is None:
            text = f"{key}: real server {address} is missing"
            differences.append(
                Difference(key, address, "missing", text, ("-a", *_service_words(key), *wanted))
            )
            continue
        has = _server_options(address, existing)
        says_thresholds = existing.limits or any(word in has for word in _THRESHOLDS)
        if has != (wanted if says_thresholds else _server_options(address, server, thresholds=False)):
            text = f"{key}: real server has {' '.join(has)}, not {' '.join(wanted)}"
            differences.append(
                Difference(key, address, "different", text, ("-e", *_service_words(key), *wanted))
            )
    return differences


def entry_words(key: str, address: str, method: str, extra: Iterable[str]) -> list[str]:
    """What names a real server's entry to `ipvsadm -e`, with all of it but the weight (ipvsadm(8))."""
    return [*_service_words(key), "-r", address, _METHOD_OPTIONS[method], *extra]


def _service_words(key: str) -> tuple[str, ...]:
    protocol, _, endpoint = key.partition(" ")
    if protocol == "FWM" and endpoint.endswith(_SIX):
        return _PROTOCOL_OPTIONS[protocol], endpoint.removesuffix(_SIX), "-6"
    return _PROTOCOL_OPTIONS[protocol], endpoint


def _service_options(service: VirtualService) -> tuple[str, ...]:
    return ("-s", service.scheduler, *_canonical(service.extra, _SERVICE_OPTIONS))


def _server_options(address: str, server: Server, *, thresholds: bool = True) -> tuple[str, ...]:
    extra = _canonical(server.extra, _SERVER_OPTIONS)
    if not thresholds:
        place = next((place for place, word in enumerate(extra) if word in _THRESHOLDS), len(extra))
        extra = extra[:place]  # they come last
    return ("-r", address, _METHOD_OPTIONS[server.method], "-w", str(server.weight), *extra)
