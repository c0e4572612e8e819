"""Packets counted on a node: by nft counters of the lab's own for a while, or by what its kernel counts.

    text = vip_table(["eth0"], ["192.0.2.10"], ports=[80], peers=[mac(lab, "lb2", "eth0")])
    with Counting(lab, "lb1", text) as counting:
        http_names(lab, "client1", "192.0.2.10", 80, 50)
        counts = counting.read()
    total(counts, "answers_in"), total(counts, "answers_out")  # 0 under DR and TUN; answers leave under NAT
    ping_pong(counts)  # {"192.0.2.10": 0}

The table lets every packet through and leaves connection tracking alone. What is counted are the kernel's
packets: several segments of a stream may be one (GRO, GSO). Count what must be none and what must be some.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal

from lab.clients import Nodes
from lab.errors import CommandError, LabError

__all__ = ["Counting", "Statistics", "mac", "ping_pong", "total", "vip_table"]

TABLE = "lab_count"
_FAMILIES = ("netdev", "inet", "ip", "ip6", "bridge", "arp")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_DEVICE = re.compile(r"[\w.@:-]{1,15}")
_UDP = 17
_INNER_IP, _INNER_IP6, _GRE = 4, 41, 47  # IANA's protocol numbers
_EXTRA = {"ipip": 0, "gre": 4, "gue": 12}
"""Bytes between the outer and the inner IP header: nothing; GRE without options (RFC 2784); UDP (8) and GUE
without options (4), as IPVS writes them (net/netfilter/ipvs/ip_vs_xmit.c)."""

Tunnel = Literal["ipip", "gre", "gue"]


class Counting:
    """An nft table `lab_count` on a node, from entering to leaving; an older one of that name is replaced.

    table_text: one table with named counters, for `nft -f`. A node that goes away takes the table with it.

    Raises LabError if it is another table, or the node has no nft or does not take it.
    """

    def __init__(self, lab: Nodes, node: str, table_text: str) -> None:
        self._lab, self._node, self._text = lab, node, table_text
        tables = re.findall(r"^\s*table\s+(?:(\w+)\s+)?(\w+)\s*\{", table_text, re.MULTILINE)
        if len(tables) != 1 or tables[0][1] != TABLE or tables[0][0] not in _FAMILIES:
            found = ", ".join(" ".join(table) for table in tables) or "none"
            raise LabError(
                f"counting wants exactly one table, {TABLE}, and got {found}",
                f"Begin with: table netdev {TABLE} {{",
            )
        self._family: str = tables[0][0]

    def __enter__(self) -> Counting:
        """Begin to count from 0."""
        table = f"table {self._family} {TABLE}"
        # Declared before it is deleted, so that there is one to delete; all in one transaction (nft(8)).
        self._nft("-f -", f"{table}\ndelete {table}\n{self._text}\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the table away. What has been going wrong is told rather than that this failed too."""
        try:
            self._nft(f"delete table {self._family} {TABLE}")
        except LabError as error:
            if kind is None:
                raise LabError(
                    error.problem, f"Take it away: nft delete table {self._family} {TABLE}"
                ) from error

    def read(self) -> dict[str, int]:
        """Return counter → packets since the beginning. Raises LabError if the table is gone."""
        text = self._nft(f"-j list counters table {self._family} {TABLE}")
        try:
            rows = [row["counter"] for row in json.loads(text)["nftables"] if "counter" in row]
            return {str(row["name"]): int(row["packets"]) for row in rows}
        except (ValueError, KeyError, TypeError) as error:
            raise LabError(f"nft on {self._node} said {text[-100:]!r}, not its counters") from error

    def _nft(self, arguments: str, stdin: str = "") -> str:
        done = self._lab.runner(self._node).shell(f"nft {arguments}", stdin=stdin.encode())
        if done.code == 127:  # the shell's "not found" (POSIX, 2.8.2)
            raise LabError(
                f"{self._node} has no nft",
                "Install the package nftables there, or count with lab.counting.Statistics.",
            )
        if done.code != 0:
            raise CommandError(f"nft {arguments} on {self._node}", done.code, done.stderr or done.stdout)
        return done.stdout


class Statistics:
    """What a node's kernel counts by itself, from entering on; nothing is changed there.

    Names: ipvs.connections, ipvs.requests, ipvs.answers (packets; answers under DR and TUN are 0, because
    IPVS never sees them), and DEVICE.received, DEVICE.sent for each interface.
    """

    def __init__(self, lab: Nodes, node: str) -> None:
        self._lab, self._node = lab, node
        self._before: dict[str, int] = {}

    def __enter__(self) -> Statistics:
        """Begin to count."""
        self._before = self._now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave everything as it is."""

    def read(self) -> dict[str, int]:
        """Return name → packets since the beginning. LabError if the node's counters began anew."""
        counts = {name: now - self._before.get(name, 0) for name, now in self._now().items()}
        if any(count < 0 for count in counts.values()):
            raise LabError(f"{self._node}'s counters began anew", "Was it booted, or were they cleared?")
        return counts

    def _now(self) -> dict[str, int]:
        return {
            **_ipvs_counters(self._run("cat /proc/net/ip_vs_stats 2>/dev/null || true")),
            **_link_counters(self._run("ip -s -j link")),
        }

    def _run(self, command: str) -> str:
        done = self._lab.runner(self._node).shell(command)
        if done.code != 0:
            raise CommandError(f"{command} on {self._node}", done.code, done.stderr)
        return done.stdout


def mac(lab: Nodes, node: str, device: str) -> str:
    """Return the MAC address of a node's interface, aa:bb:cc:dd:ee:ff."""
    done = lab.runner(node).shell(f"ip -j link show dev {_device(device)}")
    try:
        found = str(json.loads(done.stdout)[0]["address"]).lower()
    except (ValueError, LookupError, TypeError):
        found = ""
    if not _MAC.fullmatch(found):
        raise LabError(f"{node} tells no MAC address of {device}", done.stderr.strip() or "See: ip link")
    return found


def vip_table(
    devices: Sequence[str],
    vips: Sequence[str],
    *,
    ports: Sequence[int] | None = None,
    peers: Sequence[str] = (),
    tunnel: Tunnel | None = None,
    gue_port: int | None = None,
) -> str:
    """Write a table that counts a node's traffic of VIPs on its interfaces (nft(8): hooks ingress, egress).

    Counters for each VIP, named WHAT.VIP with `-` for `:`:

    - requests_in, requests_out: to the VIP. A director under DR sends them on, under NAT it does not.
    - answers_in, answers_out: from the VIP. A director under NAT or masquerade sends them; under DR and TUN
      it neither gets nor sends any.
    - from_peer, to_peer: requests, tunnelled ones too, from and to another director. See ping_pong().
    - tunnelled_in, tunnelled_out: requests within packets of `tunnel`, if that is given.

    And for all: ipip_in, ipip_out: packets of the IP protocols 4 and 41.

    devices: interfaces. ports: the services' (TCP and UDP alike); all packets if none is given. peers: MAC
    addresses of the other directors. gue_port: the UDP port of GUE.

    Raises LabError for what is no VIP, interface, port or MAC address.
    """
    if tunnel == "gue" and gue_port is None:
        raise LabError("packets in GUE cannot be told from others without its port", "Give gue_port.")
    addresses = [_address(vip) for vip in vips]
    macs = ", ".join(_peer(peer) for peer in peers)
    names, chains = {"ipip_in": None, "ipip_out": None}, []
    for number, device in enumerate(_device(name) for name in devices):
        for way, hook in (("in", "ingress"), ("out", "egress")):
            end, peer = ("saddr", "from_peer") if way == "in" else ("daddr", "to_peer")
            rules = [(f"{match} {{ {_INNER_IP}, {_INNER_IP6} }}", f"ipip_{way}") for match in _OUTER.values()]
            for vip in addresses:
                inside = _inside(vip, tunnel, gue_port)
                request, answer = _plain(vip, "d", ports), _plain(vip, "s", ports)
                rules += [(request, _name(f"requests_{way}", vip)), (answer, _name(f"answers_{way}", vip))]
                rules += [(match, _name(f"tunnelled_{way}", vip)) for match in inside]
                if macs:
                    both = [request, *inside]
                    rules += [(f"ether {end} {{ {macs} }} {match}", _name(peer, vip)) for match in both]
            names.update(dict.fromkeys(name for _, name in rules))
            lines = "\n".join(f"\t\t{match} counter name {name}" for match, name in rules)
            # Before every other chain of the hook, which might drop.
            head = f'type filter hook {hook} device "{device}" priority -500; policy accept;'
            chains.append(f"\tchain {way}_{number} {{\n\t\t{head}\n{lines}\n\t}}")
    declared = "\n".join(f"\tcounter {name} {{ }}" for name in names)
    return f"table netdev {TABLE} {{\n{declared}\n" + "\n".join(chains) + "\n}\n"


def total(counts: Mapping[str, int], what: str) -> int:
    """Add up a counter of vip_table over all VIPs. Raises LabError if there is none of that name."""
    found = [count for name, count in counts.items() if name.split(".", 1)[0] == what]
    if not found:
        raise LabError(f"nothing was counted as {what!r}", f"Counted: {', '.join(sorted(counts))}.")
    return sum(found)


def ping_pong(counts: Mapping[str, int]) -> dict[str, int]:
    """Return for each VIP how many packets a director may have got from its peer and sent back to it.

    Count between failovers: for one VIP a director either sends to its peer, which is a real server too, or
    gets from it. Both at once is a ping-pong; the smaller number bounds it.

    Raises LabError if the table was made without peers.
    """
    total(counts, "from_peer")
    got = {name.split(".", 1)[1]: count for name, count in counts.items() if name.startswith("from_peer.")}
    return {vip.replace("-", ":"): min(count, counts[f"to_peer.{vip}"]) for vip, count in got.items()}


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_OUTER = {20: "ip protocol", 40: "ip6 nexthdr"}
"""Bytes of an outer header without options → what tells its payload's protocol."""


def _plain(vip: _Address, end: Literal["s", "d"], ports: Sequence[int] | None) -> str:
    match = f"{'ip' if vip.version == 4 else 'ip6'} {end}addr {vip}"
    if not ports:
        return match
    for port in ports:
        _port(port)
    return f"{match} meta l4proto {{ tcp, udp }} th {end}port {{ {', '.join(map(str, ports))} }}"


def _inside(vip: _Address, tunnel: Tunnel | None, gue_port: int | None) -> list[str]:
    """Match the inner destination: 16 bytes into an IPv4 header, 24 into an IPv6 header (RFC 791, 8200)."""
    if tunnel is None:
        return []
    ipip = _INNER_IP if vip.version == 4 else _INNER_IP6
    protocol = {"ipip": ipip, "gre": _GRE, "gue": _UDP}[tunnel]
    port = f" udp dport {_port(gue_port)}" if gue_port is not None and tunnel == "gue" else ""
    inner = 16 if vip.version == 4 else 24
    width, value = vip.max_prefixlen, f"{int(vip):#x}"
    return [
        f"{match} {protocol}{port} @nh,{(outer + _EXTRA[tunnel] + inner) * 8},{width} {value}"
        for outer, match in _OUTER.items()
    ]


def _name(what: str, vip: _Address) -> str:
    return f"{what}.{vip}".replace(":", "-")


def _address(vip: str) -> _Address:
    try:
        return ipaddress.ip_address(vip)
    except ValueError as error:
        raise LabError(f"{vip!r} is no address of a VIP", "Give an IPv4 or IPv6 address.") from error


def _port(port: int) -> int:
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise LabError(f"{port!r} is no port", "It is a number from 1 to 65535.")
    return port


def _peer(peer: str) -> str:
    if not _MAC.fullmatch(peer.lower()):
        raise LabError(f"{peer!r} is no MAC address", "lab.counting.mac(lab, node, device) tells it.")
    return peer.lower()


def _device(device: str) -> str:
    # Goes into a shell's command and an nft file.
    if not _DEVICE.fullmatch(device):
        raise LabError(f"{device!r} is no name of an interface", "See: ip -br link")
    return device


def _ipvs_counters(text: str) -> dict[str, int]:
    """Read /proc/net/ip_vs_stats: the third line has hexadecimal totals (net/netfilter/ipvs/ip_vs_ctl.c).

    Without IPVS in the kernel there is no such file, and nothing was counted.
    """
    lines = text.splitlines()
    if len(lines) < 3:
        return dict.fromkeys(("ipvs.connections", "ipvs.requests", "ipvs.answers"), 0)
    try:
        connections, requests, answers = (int(word, 16) for word in lines[2].split()[:3])
    except ValueError as error:
        raise LabError(f"/proc/net/ip_vs_stats has no totals in its third line: {lines[2]!r}") from error
    return {"ipvs.connections": connections, "ipvs.requests": requests, "ipvs.answers": answers}


def _link_counters(text: str) -> dict[str, int]:
    try:
        links = {str(row["ifname"]): row["stats64"] for row in json.loads(text)}
        received = {f"{name}.received": int(stats["rx"]["packets"]) for name, stats in links.items()}
        return received | {f"{name}.sent": int(stats["tx"]["packets"]) for name, stats in links.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"ip -s -j link said {text[-100:]!r}, not its counters") from error
