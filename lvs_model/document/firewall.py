"""The packet filter of the toolkit's own: what it drops on directors and real servers.

It can only drop, mark and leave untracked: what another table drops stays dropped (nft(8), «accept»).
"""

from __future__ import annotations

from pydantic import Field

from lvs_model.document.base import Strict
from lvs_model.document.types import Packets


class Flood(Strict):
    """New TCP connections that one client may open at a director."""

    rate: Packets = Field(description="Connections a second of one client address; more are dropped.")
    burst: Packets = Field(default=100, description="So many more at once.")


class Firewall(Strict):
    """What is dropped before IPVS sees it, and what connection tracking is spared."""

    only_services: bool = Field(
        default=True,
        description="True: at the VIPs only the services' ports and ICMP are let through.",
    )
    flood: Flood | None = Field(default=None, description="A limit for each client. Default: none.")
