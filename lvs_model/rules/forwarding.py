"""How packets reach the real servers, and the server that stands in for them."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.inventory import network_of
from lvs_model.problems import Problem
from lvs_model.rules.registry import service_rule
from lvs_model.rules.view import Served
from lvs_model.topology import server_address


@service_rule("host-side-missing", "warning")
def host_side_missing(served: Served) -> Iterator[Problem]:
    """The toolkit does not prepare hosts for this way of forwarding yet.

    Each way of forwarding needs something on the hosts beside the IPVS table: NAT a default route
    through the director and forwarding there, a tunnel its device on the real servers, masquerading a
    source address rule (ipvsadm(8)). This version sets up direct routing's side only.

    Wrong::

        services:
          - {name: www, forwarding: nat, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: set the hosts up yourself, or use `forwarding: dr`.
    """
    if served.service.forwarding != "dr":
        yield Problem(
            f"{served.path}.forwarding",
            f"{served.service.forwarding}: this version does not set up the hosts' side of it yet",
            "set the hosts up yourself, or use dr",
        )


@service_rule("nat-beside-clients", "warning")
def nat_beside_clients(served: Served) -> Iterator[Problem]:
    """Real servers behind NAT are on the VIP's own subnet.

    Under NAT the answer must pass the director, which puts the VIP back into it. A client on the real
    server's own subnet gets the answer directly, from an address that it never asked, and drops it.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        services:
          - {name: www, forwarding: nat, vips: [192.0.2.10], ports: [80], pool: edge_web}
        # host_vars/web1.yml
        lvs_addresses: [192.0.2.21]

    Mend: real servers on a network of their own behind the directors, or `forwarding: masquerade`.
    Where no client is ever on that subnet the warning may stand.
    """
    if served.service.forwarding != "nat":
        return
    front = {network_of(served.cluster, vip) for vip in served.service.vips} - {None}
    for host in served.pool:
        for family in served.families:
            address = server_address(served.cluster, served.service, host, family)
            network = address and network_of(served.cluster, address)
            if network in front:
                yield Problem(
                    f"{served.path}.forwarding",
                    f"nat, and {host.name} ({address}) is on the VIPs' network {network!r}: clients there "
                    "would get its answers past the director",
                    "put the real servers behind the directors, or use masquerade",
                )
                return


@service_rule("tunnel-without-tun")
def tunnel_without_tun(served: Served) -> Iterator[Problem]:
    """A tunnel's type, and no tunnel.

    `tunnel` says how packets are wrapped under `forwarding: tun`. Under another one it is without
    effect.

    Wrong::

        services:
          - {name: www, forwarding: dr, tunnel: {type: gre}, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: `forwarding: tun`, or remove `tunnel`.
    """
    service = served.service
    fallback = service.fallback.forwarding if service.fallback else None
    if service.tunnel != type(service.tunnel)() and "tun" not in {service.forwarding, fallback}:
        yield Problem(
            f"{served.path}.tunnel",
            f"{service.tunnel.type}, and the forwarding is {service.forwarding}",
            "use forwarding: tun, or remove it",
        )


@service_rule("tunnel-port")
def tunnel_port(served: Served) -> Iterator[Problem]:
    """A tunnel without the port that it needs, or with one that it has not.

    GUE wraps packets in UDP, to a port on which the real server unwraps them (ipvsadm(8),
    `--tun-port`); keepalived refuses it without one. IPIP and GRE are IP protocols of their own and
    have no ports.

    Wrong::

        services:
          - {name: www, forwarding: tun, tunnel: {type: gue}, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: `tunnel: {type: gue, port: 6080}`.
    """
    tunnel = served.service.tunnel
    if tunnel.type == "gue" and tunnel.port is None:
        yield Problem(f"{served.path}.tunnel.port", "gue needs the UDP port of the real servers", "add it")
    if tunnel.type != "gue" and tunnel.port is not None:
        yield Problem(f"{served.path}.tunnel.port", f"{tunnel.type} has no ports", "remove it, or use gue")


@service_rule("fallback-family")
def fallback_family(served: Served) -> Iterator[Problem]:
    """The fallback is of another address family than the VIPs.

    The fallback takes the real servers' place in the virtual service, and is reached as they are: by
    the VIP's own address family.

    Wrong::

        services:
          - {name: www, vips: ["2001:db8::10"], fallback: {address: 192.0.2.99}, ports: [80], pool: edge_web}

    Mend: a fallback with an address of the VIPs' family.
    """
    fallback = served.service.fallback
    if fallback is not None and fallback.address.version not in served.families:
        yield Problem(
            f"{served.path}.fallback.address",
            f"{fallback.address}, and the VIPs are IPv{served.families[0]}",
            "use an address of their family",
        )


@service_rule("fallback-for-one-family", "warning")
def fallback_for_one_family(served: Served) -> Iterator[Problem]:
    """Some VIPs of a service have no fallback.

    A service with IPv4 and IPv6 VIPs becomes virtual services of both, and a fallback stands in for
    real servers of its own family only: clients of the other one are refused when too few real servers
    are left.

    Wrong::

        services:
          - name: www
            vips: [192.0.2.10, "2001:db8::10"]
            fallback: {address: 192.0.2.99}

    Mend: make it two services, each with a fallback of its family.
    """
    fallback = served.service.fallback
    if fallback is not None and len(served.families) > 1:
        other = 10 - fallback.address.version
        yield Problem(
            f"{served.path}.fallback.address",
            f"{fallback.address} stands in for real servers of its own family: IPv{other} has no fallback",
            "make it two services, or accept it",
        )


@service_rule("fallback-is-vip")
def fallback_is_vip(served: Served) -> Iterator[Problem]:
    """The fallback is a VIP.

    A packet that IPVS forwards to a VIP comes back to the director, which schedules it again.

    Wrong::

        services:
          - {name: www, vips: [192.0.2.10], fallback: {address: 192.0.2.10}, ports: [80], pool: edge_web}

    Mend: the address of a host.
    """
    fallback = served.service.fallback
    if fallback is not None and fallback.address in served.view.vip_addresses:
        yield Problem(
            f"{served.path}.fallback.address", f"{fallback.address} is a VIP", "use a host's address"
        )


@service_rule("fallback-out-of-reach")
def fallback_out_of_reach(served: Served) -> Iterator[Problem]:
    """The directors cannot reach the fallback.

    Direct routing changes nothing of a packet but its destination MAC address (ipvsadm(8),
    `--gatewaying`), so the fallback must be on a network of the cluster.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        services:
          - {name: www, vips: [192.0.2.10], fallback: {address: 203.0.113.99}, ports: [80], pool: edge_web}

    Mend: a server on one of the cluster's networks, or `fallback: {forwarding: tun}` or `nat`.
    """
    fallback = served.service.fallback
    if fallback is None or (fallback.forwarding or served.service.forwarding) != "dr":
        return
    if network_of(served.cluster, fallback.address) is None:
        yield Problem(
            f"{served.path}.fallback.address",
            f"{fallback.address} lies in no network of the cluster, and direct routing reaches only those",
            "use a server on one of them, or another forwarding for the fallback",
        )


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
