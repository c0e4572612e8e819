"""ldirectord, as the engine that fills the IPVS table (engine: ldirectord).

Source: ldirectord(8) of Debian 12 (4.12.0) and 13 (4.16.0).
"""

from __future__ import annotations

from lvs_model.document.base import Strict


class Ldirectord(Strict):
    """Options of ldirectord for the whole cluster; what concerns one service stands at the service."""
