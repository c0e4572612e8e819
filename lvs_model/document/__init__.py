"""The cluster document: the one variable ``lvs_cluster`` that describes a whole cluster.

Field checks live here, in the types; relations between fields and with the inventory live in ``rules``.
The names are the contract with the operator (docs/cluster-document.md).
"""

from lvs_model.document.checks import (
    Check,
    DnsCheck,
    FileCheck,
    HttpCheck,
    HttpsCheck,
    PingCheck,
    ScriptCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
)
from lvs_model.document.cluster import PLATFORMS, Cluster, HostVariables, Ipvs, Network
from lvs_model.document.errors import problems_of
from lvs_model.document.failover import (
    ConnectionSync,
    Email,
    Failover,
    Instance,
    TrackedProcess,
    TrackedScript,
)
from lvs_model.document.heartbeat import Heartbeat
from lvs_model.document.ldirectord import Ldirectord
from lvs_model.document.pacemaker import Pacemaker
from lvs_model.document.secrets import secret_paths
from lvs_model.document.service import (
    ALL_PORTS,
    SCHEDULERS,
    Fallback,
    Forwarding,
    HostService,
    Probe,
    Service,
    Thresholds,
)
from lvs_model.document.types import PortRange, Protocol

__all__ = [
    "ALL_PORTS",
    "PLATFORMS",
    "SCHEDULERS",
    "Check",
    "Cluster",
    "ConnectionSync",
    "DnsCheck",
    "Email",
    "Failover",
    "Fallback",
    "FileCheck",
    "Forwarding",
    "Heartbeat",
    "HostService",
    "HostVariables",
    "HttpCheck",
    "HttpsCheck",
    "Instance",
    "Ipvs",
    "Ldirectord",
    "Network",
    "Pacemaker",
    "PingCheck",
    "PortRange",
    "Probe",
    "Protocol",
    "ScriptCheck",
    "Service",
    "SmtpCheck",
    "TcpCheck",
    "Thresholds",
    "TrackedProcess",
    "TrackedScript",
    "UdpCheck",
    "problems_of",
    "secret_paths",
]
