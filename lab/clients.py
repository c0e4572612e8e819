"""What a client sees: one act on a node, its result typed.

The act's script (lab/files_client/acts.py) travels over the lab's own ssh connection to the node's Python.
Every act has a time limit for all of it, and raises LabError that names node, act and reason when the
service does not do its part; `source` is the address that it comes from, one that the node has, so that one
node can act as several clients.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lab.errors import CommandError, LabError
from lab.home import PROJECT
from lab.runner import Result

__all__ = [
    "FtpAnswer",
    "Media",
    "Nodes",
    "Shell",
    "Transfer",
    "UdpAnswers",
    "download",
    "ftp_whoami",
    "http_names",
    "media",
    "udp_ask",
    "upload",
]

SCRIPT = PROJECT / "lab" / "files_client" / "acts.py"
_SSH_S = 45.0
"""For the way there and Python's start, on a busy emulated CPU."""


class Shell(Protocol):
    """A connection to a node; lab.runner.SshRunner is one."""

    def shell(self, command: str, *, stdin: bytes = b"", timeout: float = 60.0) -> Result:
        """Hand `command` to the node's shell; the exit code is not judged."""


class Nodes(Protocol):
    """Whatever leads to nodes; lab.Lab does."""

    def runner(self, node: str) -> Shell:
        """Return the connection to a node."""


@dataclass(frozen=True)
class FtpAnswer:
    """server: the content of its file `whoami`; data_address, data_port: the data connection's other end."""

    server: str
    data_address: str
    data_port: int


@dataclass(frozen=True)
class UdpAnswers:
    """servers: answers by real server; lost: datagrams that had none."""

    servers: Counter[str]
    lost: int


@dataclass(frozen=True)
class Media:
    """reached: port → the real server that answered there; the first port is TCP, the others are UDP."""

    reached: Mapping[int, str]

    @property
    def servers(self) -> frozenset[str]:
        """The real servers that one client reached; a media service wants exactly one."""
        return frozenset(self.reached.values())


@dataclass(frozen=True)
class Transfer:
    """size: bytes that arrived; mss: largest segment that the client may send, at the end (TCP_MAXSEG,
    tcp(7): what the real server's SYN-ACK asked for, less 12 bytes where timestamps are in use).
    """  # noqa: D205 -- one sentence

    server: str
    size: int
    mss: int


def ftp_whoami(
    lab: Nodes,
    node: str,
    address: str,
    port: int = 21,
    mode: Literal["passive", "active", "extended"] = "passive",
    *,
    source: str | None = None,
    timeout_s: float = 30.0,
) -> FtpAnswer:
    """Fetch the file `whoami` by FTP.

    mode: passive (PASV; over IPv6 EPSV, as there is no PASV), active (PORT, over IPv6 EPRT) or extended
    (EPSV). The address in the answer to PASV is believed: one that nobody rewrote leads to nowhere.
    """
    if mode not in ("passive", "active", "extended"):
        raise LabError(f"FTP has no mode {mode!r}", "Known: passive, active, extended.")
    return FtpAnswer(
        **_act(lab, node, "ftp", timeout_s, address=address, port=port, mode=mode, source=source)
    )


def udp_ask(  # noqa: PLR0913 - an act's circumstances
    lab: Nodes,
    node: str,
    address: str,
    port: int,
    count: int,
    source_port: int | None = None,
    *,
    source: str | None = None,
    timeout_s: float = 5.0,
) -> UdpAnswers:
    """Send `count` datagrams, each from a port of its own, or all from source_port: one flow to IPVS.

    Answers are waited for until timeout_s; one from another address than was asked is none.
    """
    options = {"address": address, "port": port, "count": count, "source_port": source_port}
    names = _act(lab, node, "udp", timeout_s, **options, source=source)
    servers = Counter[str](name for name in names if name is not None)
    return UdpAnswers(servers, count - servers.total())


def media(
    lab: Nodes,
    node: str,
    address: str,
    rtsp_port: int,
    udp_ports: Sequence[int],
    *,
    source: str | None = None,
    timeout_s: float = 20.0,
) -> Media:
    """Ask the TCP port and each UDP port, as one client of a media service does; LabError if one is silent.

    Behind the TCP port may be an echo server of the lab's or a web server.
    """
    options = {"address": address, "rtsp_port": rtsp_port, "udp_ports": list(udp_ports), "source": source}
    reached = _act(lab, node, "media", timeout_s, **options)
    return Media({int(port): name for port, name in reached.items()})


def download(
    lab: Nodes,
    node: str,
    url_host: str,
    port: int,
    size: int,
    *,
    source: str | None = None,
    timeout_s: float = 60.0,
) -> Transfer:
    """Fetch http://url_host:port/bytes/SIZE; url_host is an address. LabError if any byte is missing."""
    return _transfer("download", lab, node, (url_host, port, size), source, timeout_s)


def upload(
    lab: Nodes,
    node: str,
    url_host: str,
    port: int,
    size: int,
    *,
    source: str | None = None,
    timeout_s: float = 60.0,
) -> Transfer:
    """Send `size` bytes by POST to http://url_host:port/upload; LabError if it did not get all of them."""
    return _transfer("upload", lab, node, (url_host, port, size), source, timeout_s)


def http_names(  # noqa: PLR0913 - an act's circumstances
    lab: Nodes,
    node: str,
    address: str,
    port: int,
    count: int,
    *,
    source: str | None = None,
    path: str = "/",
    timeout_s: float = 60.0,
) -> Counter[str]:
    """Send `count` requests, each a connection of its own; answers by the header X-Real-Server.

    LabError at the first one that fails: to count failures there is lab.traffic.
    """
    options = {"address": address, "port": port, "count": count, "source": source, "path": path}
    return Counter[str](_act(lab, node, "http_names", timeout_s, **options))


def _transfer(
    verb: str,
    lab: Nodes,
    node: str,
    what: tuple[str, int, int],
    source: str | None,
    timeout_s: float,
) -> Transfer:
    address, port, size = what
    answer = _act(lab, node, verb, timeout_s, address=address, port=port, size=size, source=source)
    transfer = Transfer(**answer)
    if transfer.size != size:
        raise LabError(f"{verb} of {size} bytes from {node}: {transfer.size} arrived", _remedy(verb))
    return transfer


def _act(lab: Nodes, node: str, verb: str, timeout_s: float, **options: object) -> Any:  # noqa: ANN401 - JSON
    text = json.dumps({**options, "timeout_s": timeout_s})
    command = shlex.join(["exec", "/usr/bin/python3", "-", verb, text])
    result = lab.runner(node).shell(command, stdin=SCRIPT.read_bytes(), timeout=timeout_s + _SSH_S)
    if result.code != 0:
        raise CommandError(f"{verb} on {node}", result.code, result.stderr or result.stdout)
    try:
        said = json.loads(result.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise LabError(f"{verb} on {node} said {result.stdout[-100:]!r}, not JSON") from None
    if "error" in said:
        what = f"{options.get('address')} port {options.get('port', options.get('rtsp_port'))}"
        raise LabError(f"{verb} from {node} to {what}: {said['error']}", _remedy(verb))
    return said["answer"]


def _remedy(verb: str) -> str:
    """Tell where to look when the act's service did not do its part."""
    if verb in ("download", "upload"):
        return "A transfer that stalls after some kB is too large a segment: see the MSS on the real server."
    if verb == "ftp":
        return "See the helper (NAT: ip_vs_ftp on the directors) or the persistence (DR, TUN) of the service."
    return "See ipvsadm -Ln on the director, and the service on its real servers."
