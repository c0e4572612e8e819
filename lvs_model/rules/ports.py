"""Ports of services, and of the real servers behind them."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.problems import Problem
from lvs_model.rules.registry import rule, service_rule
from lvs_model.rules.view import Served, View

# Virtual services and health checks grow with VIPs x ports: beyond this a mark is the better way.
_MANY_ENDPOINTS = 200
_WORDS = {"dr": "direct routing", "tun": "a tunnel"}


@rule("endpoint-twice")
def endpoint_twice(view: View) -> Iterator[Problem]:
    """Two services have the same VIP, port and protocol.

    IPVS finds a packet's service by its address, port and protocol, or by its firewall mark before that
    (kernel, net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_service_find). Of two services with one address and
    port the second never gets a packet, whether they have marks or not.

    Wrong::

        services:
          - {name: www, vips: [192.0.2.10], ports: [80], pool: edge_web}
          - {name: web, vips: [192.0.2.10], ports: ["80-90"], pool: edge_new}

    Mend: give each service ports or VIPs of its own.
    """
    seen: dict[tuple[str, str, str, int], str] = {}
    for served in view.services:
        for number, vip in enumerate(served.service.vips):
            for protocol, port in served.service.endpoints():
                owner = seen.setdefault((served.cluster.name, protocol, str(vip), port), served.path)
                # The same VIP twice in one service is the same mistake.
                first = served.service.vips.index(vip) == number
                if owner != served.path or not first:
                    yield Problem(
                        f"{served.path}.vips[{number}]",
                        f"{vip}:{port or '*'} ({protocol}) is already served by {owner}",
                        "one address and port belong to one service",
                    )
                    break


@rule("mark-takes-all-ports")
def mark_takes_all_ports(view: View) -> Iterator[Problem]:
    """A marked service takes another service's packets.

    IPVS asks for a packet's firewall mark before its address and port (kernel,
    net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_service_find). A service with a mark and all ports of a VIP
    therefore takes what another service on that VIP was to get. (Without a mark the more exact port
    wins.)

    Wrong::

        services:
          - {name: all, vips: [192.0.2.10], ports: all, mark: auto, pool: edge_web}
          - {name: tls, vips: [192.0.2.10], ports: [443], pool: edge_tls}

    Mend: list the ports of the marked service, or use another VIP.
    """
    whole = {
        (served.cluster.name, str(vip), protocol): served
        for served in view.services
        if served.marked
        for vip in served.service.vips
        for protocol, port in served.service.endpoints()
        if port == 0
    }
    for served in view.services if whole else []:
        for number, vip in enumerate(served.service.vips):
            for protocol in served.service.protocols:
                owner = whole.get((served.cluster.name, str(vip), protocol))
                if owner is not None and owner is not served:
                    yield Problem(
                        f"{served.path}.vips[{number}]",
                        f"every {protocol} packet to {vip} gets the mark of {owner.path}, whatever its port",
                        "list that service's ports, or use another VIP",
                    )


@service_rule("all-ports-without-persistence")
def all_ports_without_persistence(served: Served) -> Iterator[Problem]:
    """All ports, and no persistence.

    The kernel takes a service of port 0 only when it is persistent (net/netfilter/ipvs/ip_vs_core.c,
    ip_vs_schedule), or known by its firewall mark; keepalived says «zero port only valid for persistent
    services».

    Wrong::

        services:
          - {name: any, vips: [192.0.2.10], ports: all, pool: edge_web}

    Mend: add `persistence: 300`.
    """
    service = served.service
    ports = {port for _, port in service.endpoints()}
    if 0 in ports and service.persistence is None and not served.marked:
        yield Problem(
            f"{served.path}.ports", "all ports need a persistent service", "add persistence: 300, or a mark"
        )


@service_rule("many-endpoints", "warning")
def many_endpoints(served: Served) -> Iterator[Problem]:
    """A service is a great many virtual services.

    Every VIP, port and protocol becomes a virtual service of its own, with health checks for each of
    its real servers: keepalived starts and reloads slowly, and real servers are checked hundreds of
    times in each round.

    Wrong::

        services:
          - {name: rtp, protocol: udp, vips: [192.0.2.10], ports: ["10000-19999"], pool: edge_media}

    Mend: `mark: auto`: one virtual service and one set of checks, whatever the number of ports.
    """
    count = len(served.service.vips) * len(served.service.endpoints())
    if not served.marked and count > _MANY_ENDPOINTS:
        yield Problem(
            f"{served.path}.ports",
            f"{count} virtual services, with {len(served.pool)} checked real servers each",
            "add mark: auto, which makes them one",
        )


@service_rule("server-port-mismatch")
def server_port_mismatch(served: Served) -> Iterator[Problem]:
    """Another port at the real servers than clients use, and no NAT.

    Direct routing and tunnels hand the client's packet over as it is: the real server must listen on
    the very port that the client asked for (ipvsadm(8), `--gatewaying`, `--ipip`). keepalived refuses
    another one.

    Wrong::

        services:
          - {name: www, forwarding: dr, server_port: 8080, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: remove the port and let the real servers listen on the service's own, or use `forwarding:
    nat`.
    """
    service = served.service
    if served.marked:
        return  # server-port-with-mark says it
    given = [(f"{served.path}.server_port", service.server_port, service.forwarding)]
    if service.fallback is not None:
        forwarding = service.fallback.forwarding or service.forwarding
        given.append((f"{served.path}.fallback.port", service.fallback.port, forwarding))
    for host in served.pool:
        own = host.variables.lvs_services.get(service.name)
        if own is not None:
            path = f"host {host.name}: lvs_services.{service.name}.port"
            given.append((path, own.port, service.forwarding))
    for path, port, forwarding in given:
        if port is not None and forwarding in {"dr", "tun"} and port != served.one_port:
            yield Problem(
                path,
                f"{port}, and {_WORDS[forwarding]} keeps the port that clients use",
                "remove it, or use forwarding nat or masquerade",
            )


@service_rule("server-port-with-mark")
def server_port_with_mark(served: Served) -> Iterator[Problem]:
    """A port at the real servers for a marked service.

    A virtual service that is known by its firewall mark has no port, and its real servers have none:
    packets keep the ports that clients use (ipvsadm(8), `--fwmark-service`). keepalived ignores another
    one, with an error at `keepalived -t`. A service with directors in its pool always has a mark.

    Wrong::

        services:
          - {name: www, mark: auto, forwarding: nat, server_port: 8080, ports: [80, 443], pool: edge_web}

    Mend: remove the port, or the mark.
    """
    service = served.service
    if not served.marked:
        return
    given = [(f"{served.path}.server_port", service.server_port)]
    if service.fallback is not None:
        given.append((f"{served.path}.fallback.port", service.fallback.port))
    for host in served.pool:
        own = host.variables.lvs_services.get(service.name)
        given.append((f"host {host.name}: lvs_services.{service.name}.port", own.port if own else None))
    for path, port in given:
        # By dr and tun, the same port is what the server has anyway.
        if port is not None and (service.mark is not None or port != served.one_port):
            marked = (
                "a marked service" if service.mark is not None else "a service with directors in its pool"
            )
            remedy = "the mark" if service.mark is not None else "take the directors out of the pool"
            yield Problem(path, f"{port}, and {marked} keeps its ports", f"remove it, or {remedy}")


@service_rule("server-port-for-many", "warning")
def server_port_for_many(served: Served) -> Iterator[Problem]:
    """Several ports arrive at one port of the real servers.

    With `server_port` every port of the service ends at that one port of the real servers: a client of
    443 would reach what speaks plain HTTP.

    Wrong::

        services:
          - {name: www, forwarding: nat, ports: [80, 443], server_port: 8080, pool: edge_web}

    Mend: make it a service for each port, or leave `server_port` out, so that each port keeps its
    number.
    """
    service = served.service
    if (
        service.server_port is not None
        and not served.marked
        and served.one_port is None
        and service.forwarding in {"nat", "masquerade"}
    ):
        yield Problem(
            f"{served.path}.server_port",
            f"all ports of the service arrive at port {service.server_port}",
            "make it a service for each port, or leave server_port out",
        )
