"""IPVS in a director's kernel: modules, their options, and the sysctls of net.ipv4.vs.

Sources: Documentation/networking/ipvs-sysctl.rst and net/netfilter/ipvs/Kconfig of the kernel.
"""

from __future__ import annotations

from lvs_model.document import Cluster
from lvs_model.parts import Action, Part
from lvs_model.render import render

_COMPONENT = "ipvs"
_SYSCTLS = {
    # Not tracked: IPVS has its own table, and conntrack's would fill first.
    "net/ipv4/vs/conntrack": "0",
    # Connections of a server that was taken out wait for it: one false check must not cut them.
    "net/ipv4/vs/expire_nodest_conn": "0",
    # A client that uses a port again is scheduled anew although its old connection is still listed. Under
    # direct routing and tunnels the director last sees a FIN, and only bit 2 counts FIN_WAIT as over: else
    # for two minutes such a client goes to the old server, and to nowhere when that one is dead.
    "net/ipv4/vs/conn_reuse_mode": "3",
    # But clients of a drained server with persistence are sent elsewhere.
    "net/ipv4/vs/expire_quiescent_template": "1",
}


def director(cluster: Cluster) -> Part:
    """A director's kernel settings."""
    modules = ["ip_vs", *sorted({f"ip_vs_{service.scheduler}" for service in cluster.services})]
    context = {"modules": modules, "table_bits": cluster.ipvs.table_bits, "sysctls": _SYSCTLS}
    part = Part(
        component=_COMPONENT,
        packages=["ipvsadm", "kmod", "procps"],
        modules=modules,
        sysctls=_SYSCTLS,
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
