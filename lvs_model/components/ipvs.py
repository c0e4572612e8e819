"""IPVS in a director's kernel: modules, their options, and the sysctls of net.ipv4.vs.

Sources: Documentation/networking/ipvs-sysctl.rst and net/netfilter/ipvs/Kconfig of the kernel.
"""

from __future__ import annotations

from lvs_model.document import Cluster, Service
from lvs_model.parts import Action, Part
from lvs_model.render import render
from lvs_model.serving import Serving

_COMPONENT = "ipvs"
# Without connection sync: the kernel's threshold, refresh period and retries (include/net/ip_vs.h).
_UNTOLD = ([3, 50], 0, 0)


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
