"""IPVS in a director's kernel: modules, their options, the sysctls of net.ipv4.vs, and firewall marks.

Sources: Documentation/networking/ipvs-sysctl.rst and net/netfilter/ipvs/Kconfig of the kernel; nft(8).

A limit: marking rules are loaded before keepalived reads its configuration, which is right for a mark that
is new (nobody may be sent packets that are not marked yet), and the wrong way round for one that changes or
goes. Between the two actions the VIPs' owner refuses new connections to that service itself, because they
no longer have the mark that the table knows; known connections go on, as IPVS finds them by their addresses
(ip_vs_conn_in_get, net/netfilter/ipvs/ip_vs_conn.c). The actions cannot tell the two cases apart, since a
plan knows nothing of the one before it. Allocated marks change only on a collision (topology.marks).
"""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster, Service
from lvs_model.document.service import ALL_PORTS
from lvs_model.parts import Action, Health, Part, Validation
from lvs_model.render import render
from lvs_model.serving import Serving

_COMPONENT = "ipvs"
# Without connection sync: the kernel's threshold, refresh period and retries (include/net/ip_vs.h).
_UNTOLD = ([3, 50], 0, 0)
_MARKS = "/etc/lvs-toolkit/marks.nft"
_MARKS_UNIT = "lvs-marks.service"
_UNIT_FILE = f"/etc/systemd/system/{_MARKS_UNIT}"


def director(cluster: Cluster, services: list[Serving]) -> Part:
    """A director's kernel settings; without any service it needs none."""
    if not services:
        return Part(component=_COMPONENT)
    modules = ["ip_vs", *sorted({f"ip_vs_{one.service.scheduler}" for one in services})]
    sysctls = _sysctls(cluster)
    context = {"modules": modules, "table_bits": cluster.ipvs.table_bits, "sysctls": sysctls}
    part = Part(
        component=_COMPONENT,
        packages=["ipvsadm", "kmod", "procps"],
        modules=modules,
        sysctls=sysctls,
        files=[
            render(_COMPONENT, "/etc/modprobe.d/lvs-director.conf", context),
            render(_COMPONENT, "/etc/modules-load.d/lvs-director.conf", context),
            render(_COMPONENT, "/etc/sysctl.d/90-lvs-director.conf", context),
        ],
    )
    # net.ipv4.vs exists only once ip_vs is loaded.
    part.actions = [
        Action(
            "Load the IPVS modules",
            ("modprobe", "-a", *modules),
            on=(part.path_of("modules-load.d/lvs-director.conf"),),
            heals=frozenset({"modules"}),
        ),
        Action(
            "Set the IPVS sysctls",
            ("sysctl", "--quiet", f"--load={part.path_of('90-lvs-director.conf')}"),
            on=(part.path_of("90-lvs-director.conf"),),
            heals=frozenset({"modules", "sysctls"}),
        ),
    ]
    marked = [one for one in services if one.mark is not None]
    if marked:
        _mark(part, marked)
    return part


def _sysctls(cluster: Cluster) -> dict[str, str]:
    """All of them are said, also those that have the kernel's default: an option taken back must go."""
    options, sync = cluster.ipvs, cluster.connection_sync
    threshold, refresh, retries = (sync.threshold, sync.refresh, sync.retries) if sync else _UNTOLD
    return {
        # Not tracked: IPVS has its own table, and conntrack's would fill first. Only netfilter can give
        # packets another source, and it does so for connections that it tracks (ip_vs_nfct.c).
        "net/ipv4/vs/conntrack": _flag(any(map(_masquerades, cluster.services))),
        # 0: connections of a server that was taken out wait for it, one false check must not cut them.
        "net/ipv4/vs/expire_nodest_conn": _flag(options.expire_dead),
        # A client that uses a port again is scheduled anew although its old connection is still listed. Under
        # direct routing and tunnels the director last sees a FIN, and only bit 2 counts FIN_WAIT as over:
        # else for two minutes such a client goes to the old server, and to nowhere when that one is dead.
        "net/ipv4/vs/conn_reuse_mode": "3",
        # But clients of a drained server with persistence are sent elsewhere.
        "net/ipv4/vs/expire_quiescent_template": "1",
        "net/ipv4/vs/backup_only": _flag(options.backup_only),
        "net/ipv4/vs/sloppy_tcp": _flag(options.sloppy_tcp),
        "net/ipv4/vs/sync_threshold": " ".join(map(str, threshold)),
        # Whole seconds (proc_dointvec_jiffies, net/netfilter/ipvs/ip_vs_ctl.c).
        "net/ipv4/vs/sync_refresh_period": str(round(refresh)),
        "net/ipv4/vs/sync_retries": str(retries),
    }


def _masquerades(service: Service) -> bool:
    """Whether packets leave with the director's address as source, to real servers or to the fallback."""
    fallback = service.fallback
    return "masquerade" in {service.forwarding, fallback.forwarding if fallback else None}


def _flag(value: bool) -> str:
    return str(int(value))


def _mark(part: Part, marked: list[Serving]) -> None:
    """Add the rules that mark packets, and the unit that loads them before keepalived starts."""
    context = {"rules": [rule for one in marked for rule in _rules(one)], "marks": _MARKS}
    part.packages.append("nftables")
    part.files += [
        render(_COMPONENT, _MARKS, context),
        render(_COMPONENT, _UNIT_FILE, context),
    ]
    part.units.append(_MARKS_UNIT)
    part.validate.append(
        Validation("nft accepts the marking rules", ("nft", "-c", "-f", "{stage}" + _MARKS), (_MARKS,))
    )
    part.actions += [
        Action(
            "Read the unit of the marks anew",
            ("systemctl", "daemon-reload"),
            on=(_UNIT_FILE,),
            heals=frozenset({"reload"}),
        ),
        Action(
            "Load the marks at boot",
            ("systemctl", "enable", _MARKS_UNIT),
            on=(_UNIT_FILE,),
            heals=frozenset({f"enabled {_MARKS_UNIT}"}),
        ),
        # The unit's start and reload do the same: the table of our own is replaced in one transaction.
        Action(
            "Load the marking rules",
            ("systemctl", "reload-or-restart", _MARKS_UNIT),
            on=(_MARKS, _UNIT_FILE),
            heals=frozenset({f"active {_MARKS_UNIT}"}),
        ),
    ]
    part.health.append(
        Health("the marking rules are loaded", ("nft", "list", "table", "inet", "lvs_mark"), 3, 0.5)
    )


def _rules(one: Serving) -> Iterator[str]:
    """Nft's rules for a service: one for each family and protocol."""
    service = one.service
    for family in one.families:
        vips = ", ".join(str(vip) for vip in service.vips if vip.version == family)
        match = f"{'ip' if family == 4 else 'ip6'} daddr {{ {vips} }}"
        for protocol in service.protocols:
            ranges = [part for part in service.ports if (part.protocol or service.protocol) == protocol]
            if ALL_PORTS in ranges:
                ports = f"meta l4proto {protocol}"
            else:
                # Sorted: nft's intervals may be written in any order, people's eyes like one.
                words = [
                    str(first) if first == last else f"{first}-{last}"
                    for first, last in sorted((port.first, port.last) for port in ranges)
                ]
                ports = f"{protocol} dport {{ {', '.join(words)} }}"
            yield f'{match} {ports} meta mark set {one.mark} comment "{service.name}"'
