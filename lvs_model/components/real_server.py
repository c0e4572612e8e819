"""A real server's end of every forwarding method.

Direct routing and tunnels: the server has the VIP itself, and must be silent about it in ARP. arp_ignore and
arp_announce must hold on the interface where requests arrive (kernel, Documentation/networking/
ip-sysctl.rst; on lo alone they do nothing). IPv6 needs none of this: neighbour discovery answers for
addresses of the asked interface only (net/ipv6/ndisc.c).

NAT: answers must pass the director. A rule sends them through the gateway VIP, and only them: what else
leaves the server, such as ssh's answers, keeps its way. Masquerading asks nothing of a real server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from lvs_model.document import Cluster, Service
from lvs_model.inventory import Host, network_of
from lvs_model.parts import Part
from lvs_model.serving import Member, Serving
from lvs_model.topology import Address, Family

_COMPONENT = "real_server"
# Free of the kernel's and iproute2's own numbers (ip-rule(8), /etc/iproute2/rt_tables).
_TABLE = 8840
_PREFERENCE = 30000
_FTP = 21
_LAST = 65535


@dataclass(frozen=True)
class Tunnel:
    """The end of a tunnel on a real server: its device, and the kernel modules that make it."""

    device: str
    modules: tuple[str, ...]


def tunnel_of(service: Service, vip: Family, outer: Family) -> Tunnel:
    """The device at which a service's packets come out; ``outer`` is the RIP's family.

    The devices are the kernel's own of each module, which take packets from everywhere (ip_tunnel.c,
    ip6_tunnel.c, sit.c). GUE's packets are unwrapped by fou, and then are plain IP in IP.
    """
    if service.tunnel.type == "gre":
        return Tunnel("gre0", ("ip_gre",)) if outer == 4 else Tunnel("ip6gre0", ("ip6_gre",))
    fou = () if service.tunnel.type == "ipip" else ("fou",) if outer == 4 else ("fou", "fou6")
    if outer == 6:
        return Tunnel("ip6tnl0", ("ip6_tunnel", *fou))
    return Tunnel("tunl0", ("ipip", *fou)) if vip == 4 else Tunnel("sit0", ("sit", *fou))


def real_server(
    cluster: Cluster,
    host: Host,
    served: list[tuple[Serving, Member]],
    *,
    director: bool,
) -> Part:
    """A real server's part; ``served`` are its services with what it is there.

    ``director``: it is one of the cluster's directors too.
    """
    part = Part(component=_COMPONENT)
    silent = False
    for one, member in served:
        for family, rip in member.addresses.items():
            vips = [vip for vip in one.service.vips if vip.version == family]
            if one.service.forwarding in {"dr", "tun"}:
                silent |= family == 4
                _hold(part, one.service, vips, ip_address(rip), director=director)
            elif one.service.forwarding == "nat":
                _answer_through(part, cluster, host, one, member, family)
    part.items = list(_without_covered(part.items))
    # An address that is on lo for one service is the same for all.
    on_lo = {item.split()[1] for item in part.items if item.startswith("address ") and item.endswith(" lo")}
    part.items = [
        item
        for item in dict.fromkeys(part.items)
        if not (item.startswith("address ") and not item.endswith(" lo") and item.split()[1] in on_lo)
    ]
    part.modules = list(dict.fromkeys(part.modules))
    if silent:
        arp = {
            f"net/ipv4/conf/{interface}/{name}": value
            for interface in interfaces_of(cluster, host)
            for name, value in (("arp_ignore", "1"), ("arp_announce", "2"))
        }
        part.sysctls = arp | part.sysctls
    return part


def interfaces_of(cluster: Cluster, host: Host) -> list[str]:
    """A host's interfaces on the cluster's networks, sorted."""
    return sorted(
        {
            host.interface_on(cluster, name)
            for name, network in cluster.networks.items()
            if host.address_in(network) is not None
        }
    )


def _hold(part: Part, service: Service, vips: list[Address], rip: Address, *, director: bool) -> None:
    """Have the VIPs, and the tunnel that their packets come out of."""
    device = "lo"
    if vips and service.forwarding == "tun":
        tunnel = tunnel_of(service, vips[0].version, rip.version)
        device = tunnel.device
        part.modules += tunnel.modules
        part.items.append(f"up {device}")
        if service.tunnel.type == "gue":
            part.items.append(f"fou {rip.version} {service.tunnel.port} gue")
        if vips[0].version == 4:
            # The sender of what comes out of the tunnel is reached elsewhere; the larger of both counts.
            part.sysctls |= {f"net/ipv4/conf/{name}/rp_filter": "0" for name in ("all", device)}
    # On a director the VIP must be on no interface but that on which it owns it: components/firewall.py.
    part.items += [f"local {vip}" if director else f"address {vip} {device}" for vip in vips]


def _answer_through(
    part: Part,
    cluster: Cluster,
    host: Host,
    one: Serving,
    member: Member,
    family: Family,
) -> None:
    """Send answers to clients through the gateway VIP; what stays on the subnet goes its direct way."""
    rip = member.addresses[family]
    gateway = member.gateways[family]
    network = network_of(cluster, gateway)
    if network is None:  # gateways_of finds addresses of networks only
        raise ValueError(f"{gateway} is on no network")
    interface = host.interface_on(cluster, network)
    subnet = next(subnet for subnet in cluster.networks[network].subnets if gateway in subnet)
    part.items += [f"link {_TABLE} {subnet} {interface}", f"route {_TABLE} {gateway} {interface}"]
    rule = f"rule {_PREFERENCE} {_TABLE} from {rip}"
    endpoints = one.service.endpoints()
    if ("tcp", _FTP) in endpoints or any(port == 0 for _, port in endpoints):
        # FTP's data connections have any port.
        part.items.append(rule)
        return
    own = {
        (protocol, (one.mark is None and (member.port or one.service.server_port)) or port)
        for protocol, port in endpoints
    }
    for protocol in sorted({protocol for protocol, _ in own}):
        ports = sorted(port for name, port in own if name == protocol)
        if ports[-1] == _LAST:
            # The kernel refuses a range that ends there (fib_rule_port_range_valid, fib_rules.h).
            part.items.append(rule)
            return
        for first, last in _ranges(ports):
            part.items.append(f"{rule} {protocol} {first}-{last}")


def _without_covered(items: list[str]) -> Iterator[str]:
    """Leave out rules for some ports of an address where another one is for all of its packets."""
    for item in items:
        words = item.split()
        if not (words[0] == "rule" and len(words) > 5 and " ".join(words[:5]) in items):
            yield item


def _ranges(ports: list[int]) -> list[tuple[int, int]]:
    """Sorted numbers as first and last of each run without a gap."""
    found: list[tuple[int, int]] = []
    for port in ports:
        if found and found[-1][1] == port - 1:
            found[-1] = (found[-1][0], port)
        else:
            found.append((port, port))
    return found
