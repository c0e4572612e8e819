"""Tunnels to the real servers."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.inventory import network_of
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, service_rule
from lvs_model.rules.view import Served, View
from lvs_model.topology import Family

# Bytes in front of the client's packet: the outer IP header (RFC 791, RFC 8200), and what a tunnel adds: UDP
# and GUE's own header (draft-ietf-intarea-gue), GRE's (RFC 2784).
_OUTER: dict[int, int] = {4: 20, 6: 40}
_ADDED = {"ipip": 0, "gue": 8 + 4, "gre": 4}
# Every IPv6 link carries packets of this size (RFC 8200, 5).
_IPV6_LEAST = 1280


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


@cluster_rule("tunnel-port-in-use")
def tunnel_port_in_use(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A tunnel's UDP port is a service's too.

    On the real server the kernel takes all UDP packets of the tunnel's port, whatever their address, for
    wrapped ones (net/ipv4/fou_core.c). A service on that port could not be started there, or the tunnel
    could not.

    Wrong::

        services:
          - {name: www, forwarding: tun, tunnel: {type: gue, port: 5060}, ports: [80], pool: edge_web}
          - {name: voice, ports: [5060/udp], pool: edge_web}

    Mend: another port for the tunnel, such as 6080. Several services may share a tunnel's port.
    """
    tunnels: dict[tuple[str, int], str] = {}
    for served in view.services_of(cluster):
        tunnel = served.service.tunnel
        if served.service.forwarding == "tun" and tunnel.type == "gue" and tunnel.port is not None:
            for host in served.pool:
                tunnels.setdefault((host.name, tunnel.port), served.path)
    for host_name, port, user in _udp_ports(cluster, view) if tunnels else ():
        path = tunnels.get((host_name, port))
        if path is not None:
            yield Problem(
                f"{path}.tunnel.port", f"{port} is the UDP port of {user} on {host_name}", "take another"
            )


def _udp_ports(cluster: Cluster, view: View) -> Iterator[tuple[str, int, str]]:
    """UDP ports in use on a cluster's hosts: host, port, and whose it is."""
    for served in view.services_of(cluster):
        service = served.service
        asked = [port for protocol, port in service.endpoints() if protocol == "udp"]
        translated = service.forwarding in {"nat", "masquerade"} and not served.marked
        for host in served.pool if asked else ():
            own = host.variables.lvs_services.get(service.name)
            there = (own.port if own else None) or service.server_port if translated else None
            for port in [there] if there else asked:
                yield host.name, port, served.path
    if cluster.connection_sync is not None:
        for host in view.directors(cluster):
            yield host.name, cluster.connection_sync.port, "connection_sync"


@service_rule("tunnel-source-missing")
def tunnel_source_missing(served: Served) -> Iterator[Problem]:
    """A director has no address from which a tunnel could start.

    A tunnel's outer packet goes from the director's own address to the real server's, both of one family
    (kernel, net/netfilter/ipvs/ip_vs_xmit.c, ip_vs_tunnel_xmit). A director without an address of that
    family has no route there.

    Wrong::

        services:
          - {name: www, forwarding: tun, vips: ["2001:db8::10"], ports: [80], pool: edge_far}
        # host_vars/lb1.yml
        lvs_addresses: ["2001:db8::11"]
        # host_vars/far1.yml
        lvs_addresses: [203.0.113.21]

    Mend: give the director an address of that family, or the real server one of the director's.
    """
    if served.service.forwarding != "tun":
        return
    examples = {address.version: (host.name, address) for host, _, address in reversed(served.addresses)}
    for version, (name, address) in sorted(examples.items()):
        for director in served.view.directors(served.cluster):
            if not any(one.version == version for one in director.variables.lvs_addresses):
                yield Problem(
                    f"host {director.name}: lvs_addresses",
                    f"none is IPv{version}, and the tunnel of {served.service.name!r} to {name} ({address}) "
                    "needs one as its source",
                    f"add its IPv{version} address",
                )


@service_rule("tunnel-family")
def tunnel_family(served: Served) -> Iterator[Problem]:
    """IPv4 clients' packets in a tunnel over IPv6.

    On a real server ip6tnl0, the device that takes tunnels from everywhere, unwraps IPv6 only: it is made for
    that protocol (kernel, net/ipv6/ip6_tunnel.c, ip6_fb_tnl_dev_init), and drops what carries IPv4
    (ipxip6_rcv). GUE's packets come to the same device. The reverse, IPv6 in IPv4, has one of its own
    (sit0), and GRE says in its header what it carries.

    Wrong::

        services:
          - {name: www, forwarding: tun, vips: [192.0.2.10], ports: [80], pool: edge_far}
        # host_vars/far1.yml
        lvs_addresses: ["2001:db8:9::21"]

    Mend: give the real server an IPv4 address, or use `tunnel: {type: gre}`.
    """
    if served.service.forwarding != "tun" or served.service.tunnel.type == "gre":
        return
    for host, family, address in served.addresses:
        if (family, address.version) == (4, 6):
            yield Problem(
                f"host {host.name}: lvs_addresses",
                f"none is IPv4, and a tunnel of type {served.service.tunnel.type} to {address} does not "
                f"carry the IPv4 clients of service {served.service.name!r}",
                "add its IPv4 address, or use tunnel: {type: gre}",
            )


@service_rule("tunnel-mtu")
def tunnel_mtu(served: Served) -> Iterator[Problem]:
    """A tunnel leaves IPv6 too little room.

    Every link of IPv6 must carry packets of 1280 bytes (RFC 8200, 5), and a tunnel adds its own headers to
    them: 20 bytes for IPv4 or 40 for IPv6, with GUE 12 more and with GRE 4. On a way with a smaller MTU
    clients' full packets would get lost.

    Wrong::

        networks:
          far: {interface: eth0, subnets: [203.0.113.0/24], mtu: 1290}
        services:
          - {name: www, forwarding: tun, vips: ["2001:db8::10"], ports: [80], pool: edge_far}

    Mend: raise the MTU of the network and `mtu` with it, or use `ipip`, the smallest tunnel.
    """
    if served.service.forwarding != "tun" or 6 not in served.families:
        return
    seen: set[tuple[str | None, Family]] = set()
    for host, family, address in served.addresses:
        network = network_of(served.cluster, address)
        if family != 6 or network is None or (network, address.version) in seen:
            continue  # of a way that the document does not know, only the usual 1500 can be said
        seen.add((network, address.version))
        mtu, kind = served.cluster.networks[network].mtu, served.service.tunnel.type
        needed = _IPV6_LEAST + _OUTER[address.version] + _ADDED[kind]
        if mtu < needed:
            yield Problem(
                f"{served.path}.tunnel",
                f"{kind} to {host.name} ({address}) needs an MTU of {needed} for IPv6, and that of "
                f"{network!r} is {mtu}",
                "raise the MTU of that network",
            )
