"""A director's kernel: modules and sysctls of IPVS, and forwarding where answers pass the director.

Sources: Documentation/networking/ipvs-sysctl.rst, ip-sysctl.rst and net/netfilter/ipvs/Kconfig of the kernel.
"""

from __future__ import annotations

from lvs_model.components.real_server import interfaces_of
from lvs_model.document import Cluster, Service
from lvs_model.inventory import Host
from lvs_model.parts import Part
from lvs_model.render import render
from lvs_model.serving import Serving

_COMPONENT = "ipvs"
# Without connection sync: the kernel's threshold, refresh period and retries (include/net/ip_vs.h).
_UNTOLD = ([3, 50], 0, 0)
_FTP = ("tcp", 21)


def director(cluster: Cluster, host: Host, services: list[Serving]) -> Part:
    """A director's kernel settings; without any service it needs none."""
    if not services:
        return Part(component=_COMPONENT)
    modules = ["ip_vs", *sorted({f"ip_vs_{one.service.scheduler}" for one in services})]
    if any(map(_translates_ftp, cluster.services)):
        modules.append("ip_vs_ftp")
    return Part(
        component=_COMPONENT,
        packages=["ipvsadm"],
        modules=modules,
        sysctls=_sysctls(cluster) | _routing(cluster, host, services),
        files=[
            render(_COMPONENT, "/etc/modprobe.d/lvs-director.conf", {"table_bits": cluster.ipvs.table_bits}),
        ],
    )


def _sysctls(cluster: Cluster) -> dict[str, str]:
    """All of them are said, also those that have the kernel's default: an option taken back must go."""
    options, sync = cluster.ipvs, cluster.connection_sync
    threshold, refresh, retries = (sync.threshold, sync.refresh, sync.retries) if sync else _UNTOLD
    return {
        # Not tracked: IPVS has its own table, and conntrack's would fill first. But only netfilter can give
        # packets another source, and FTP's helper another content, and both of connections that it tracks
        # (ip_vs_nfct.c, ip_vs_ftp.c).
        "net/ipv4/vs/conntrack": _flag(
            any(_masquerades(one) or _translates_ftp(one) for one in cluster.services)
        ),
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
        "net/ipv4/vs/drop_entry": str(options.defense.drop_entry),
        "net/ipv4/vs/drop_packet": str(options.defense.drop_packet),
        "net/ipv4/vs/secure_tcp": str(options.defense.secure_tcp),
        "net/ipv4/vs/sync_threshold": " ".join(map(str, threshold)),
        # Whole seconds (proc_dointvec_jiffies, net/netfilter/ipvs/ip_vs_ctl.c).
        "net/ipv4/vs/sync_refresh_period": str(round(refresh)),
        "net/ipv4/vs/sync_retries": str(retries),
    }


def _routing(cluster: Cluster, host: Host, services: list[Serving]) -> dict[str, str]:
    """Forward packets, where answers pass the director; tell nobody of a shorter way past it."""
    found: dict[str, str] = {}
    families = {family for one in services if _passes_back(one.service) for family in one.families}
    if 4 in families:
        found["net/ipv4/ip_forward"] = "1"
        # Redirects are sent when either says so (net/ipv4/ip_forward.c, IN_DEV_TX_REDIRECTS).
        for name in ("all", *interfaces_of(cluster, host)):
            found[f"net/ipv4/conf/{name}/send_redirects"] = "0"
    if 6 in families:
        found["net/ipv6/conf/all/forwarding"] = "1"
    return found


def _passes_back(service: Service) -> bool:
    """Whether the real servers' answers pass the director."""
    fallback = service.fallback.forwarding if service.fallback else None
    return bool({"nat", "masquerade"} & {service.forwarding, fallback})


def _masquerades(service: Service) -> bool:
    """Whether packets leave with the director's address as source, to real servers or to the fallback."""
    fallback = service.fallback
    return "masquerade" in {service.forwarding, fallback.forwarding if fallback else None}


def _translates_ftp(service: Service) -> bool:
    """Whether FTP's addresses inside the control connection must be translated too."""
    return service.forwarding in {"nat", "masquerade"} and _FTP in service.endpoints()


def _flag(value: bool) -> str:
    return str(int(value))
