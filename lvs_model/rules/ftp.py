"""FTP: one session, two connections (RFC 959, 3.2)."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.problems import Problem
from lvs_model.rules.registry import service_rule
from lvs_model.rules.view import Served

_CONTROL = ("tcp", 21)
# Ports that any program may take, and that a server names for data (kernel, inet_port_requires_bind_service).
_UNPRIVILEGED = 1024


@service_rule("ftp-without-persistence", "warning")
def ftp_without_persistence(served: Served) -> Iterator[Problem]:
    """FTP's data connections go to another real server.

    FTP opens a second connection, to a port that the server names in the first one. Under direct
    routing and tunnels the director does not read that: it takes such a connection for one of the
    service on port 21 (kernel, net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_service_find), and only
    persistence sends it to the same real server.

    Wrong::

        services:
          - {name: ftp, vips: [192.0.2.10], ports: [21], pool: edge_ftp}

    Mend: `persistence: 300`.
    """
    service = served.service
    control = ("tcp", 21) in service.endpoints()
    if control and service.forwarding in {"dr", "tun"} and service.persistence is None:
        yield Problem(
            f"{served.path}.persistence",
            "FTP's data connections would go to other real servers than their control connections",
            "add persistence: 300",
        )


@service_rule("ftp-data-without-mark", "warning")
def ftp_data_without_mark(served: Served) -> Iterator[Problem]:
    """FTP's data connections do not get the mark.

    A service with a firewall mark (given, or since directors are in its pool) consists of what its ports
    say. FTP's server names another port for each transfer; under direct routing and tunnels nobody reads
    that, the connection has no mark, and the director answers it itself: with a reset.

    Wrong::

        services:
          - {name: ftp, mark: auto, persistence: 300, vips: [192.0.2.10], ports: [21], pool: edge_ftp}

    Mend: a fixed range of data ports on the FTP servers, and the same in `ports: [20, 21, "50000-50999"]`.
    """
    service = served.service
    if not served.marked or service.forwarding not in {"dr", "tun"}:
        return
    ports = {port for protocol, port in service.endpoints() if protocol == "tcp"}
    if _CONTROL[1] in ports and not any(port == 0 or port >= _UNPRIVILEGED for port in ports):
        yield Problem(
            f"{served.path}.ports",
            "FTP's data connections go to other ports, which do not get the service's mark",
            "add the FTP servers' range of data ports",
        )
