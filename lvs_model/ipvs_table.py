"""The kernel's IPVS table: parsed from what `ipvsadm -Sn` prints, and compared with the plan."""

from __future__ import annotations

from dataclasses import dataclass, field

# ipvsadm(8): the option letters of `ipvsadm -Sn`.
_PROTOCOLS = {"-t": "TCP", "-u": "UDP", "--sctp-service": "SCTP", "-f": "FWM"}
_PROTOCOL_OPTIONS = {word: option for option, word in _PROTOCOLS.items()}
_METHODS = {"-g": "dr", "-i": "tun", "-m": "nat"}
_METHOD_OPTIONS = {word: option for option, word in _METHODS.items()}


@dataclass(frozen=True)
class Server:
    """A real server's entry: IPVS weight and forwarding method (dr, tun, nat)."""

    weight: int
    method: str
    extra: tuple[str, ...] = ()


@dataclass
class VirtualService:
    """A virtual service's entry; ``servers`` by ``address:port``, ``extra`` its further options."""

    scheduler: str
    servers: dict[str, Server] = field(default_factory=dict)
    extra: tuple[str, ...] = ()


# By key: "TCP 192.0.2.10:80", "UDP …", "FWM 7".
Table = dict[str, VirtualService]


def parse_table(text: str) -> Table:
    """Parse the output of `ipvsadm -Sn`.

    Raises ValueError with the line where it is not what ipvsadm prints.
    """
    table: Table = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            command, protocol, endpoint, *options = words
            key = f"{_PROTOCOLS[protocol]} {endpoint}"
            if command == "-A":
                table[key] = VirtualService(_take(options, "-s"), extra=tuple(options))
            elif command == "-a":
                address = _take(options, "-r")
                weight = int(_take(options, "-w"))
                method = next(_METHODS[word] for word in options if word in _METHODS)
                rest = tuple(word for word in options if word not in _METHODS)
                table[key].servers[address] = Server(weight, method, rest)
            else:
                raise ValueError(f"unknown command {command}")
        except (ValueError, KeyError, IndexError, StopIteration) as error:
            raise ValueError(f"ipvsadm -Sn, line {number}: {line!r} is not understood ({error})") from error
    return table


def _take(words: list[str], option: str) -> str:
    """Remove an option and its value from the words; returns the value."""
    place = words.index(option)
    value = words[place + 1]
    del words[place : place + 2]
    return value


@dataclass(frozen=True)
class Difference:
    """One entry that differs: ``kind`` is missing, extra or different; ``fix`` is ipvsadm's remedy."""

    key: str
    server: str | None
    kind: str
    text: str
    fix: tuple[str, ...]


def diff(planned: Table, found: Table) -> list[Difference]:
    """What must change for the found table to equal the planned one."""
    differences: list[Difference] = []
    for key in sorted(found.keys() - planned.keys()):
        differences.append(
            Difference(key, None, "extra", f"{key} is not in the plan", ("-D", *_service_words(key)))
        )
    for key, service in planned.items():
        existing = found.get(key)
        if existing is None:
            fix = ("-A", *_service_words(key), *_service_options(service))
            differences.append(Difference(key, None, "missing", f"{key} is missing", fix))
            existing = VirtualService(service.scheduler)
        elif (existing.scheduler, existing.extra) != (service.scheduler, service.extra):
            fix = ("-E", *_service_words(key), *_service_options(service))
            text = (
                f"{key} has {' '.join(_service_options(existing))}, not {' '.join(_service_options(service))}"
            )
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
        if existing == server:
            continue
        wanted = _server_options(address, server)
        if existing is None:
            text = f"{key}: real server {address} is missing"
            differences.append(
                Difference(key, address, "missing", text, ("-a", *_service_words(key), *wanted))
            )
        else:
            has = " ".join(_server_options(address, existing))
            text = f"{key}: real server has {has}, not {' '.join(wanted)}"
            differences.append(
                Difference(key, address, "different", text, ("-e", *_service_words(key), *wanted))
            )
    return differences


def _service_words(key: str) -> tuple[str, str]:
    protocol, endpoint = key.split(" ", 1)
    return _PROTOCOL_OPTIONS[protocol], endpoint


def _service_options(service: VirtualService) -> tuple[str, ...]:
    return ("-s", service.scheduler, *service.extra)


def _server_options(address: str, server: Server) -> tuple[str, ...]:
    return ("-r", address, _METHOD_OPTIONS[server.method], "-w", str(server.weight), *server.extra)
