"""ldirectord, as the engine that fills the IPVS table (engine: ldirectord).

Source: ldirectord(8) of Debian 12 (4.12.0) and Debian 13 (4.16.0).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lvs_model.document.base import Strict
from lvs_model.document.service import Fallback
from lvs_model.document.types import WholeSecondsOrZero

# syslog(3): the facilities of daemons and of sites.
_FACILITIES = ("daemon", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7")
LOG_FILE = "/var/log/ldirectord.log"

DaemonState = Literal["starting", "running", "stopping", "reloading"]


def _known_log(value: str) -> str:
    if value != LOG_FILE and value not in _FACILITIES:
        raise ValueError(f"write {LOG_FILE}, or a facility of syslog: {', '.join(_FACILITIES)}")
    return value


class Ldirectord(Strict):
    """Options of ldirectord for the whole cluster; what concerns one service stands at the service."""

    fork: bool = Field(
        default=True,
        description="True: each virtual service is checked by a process of its own. False: one process "
        "checks all real servers one after the other, and a server that hangs delays all other checks.",
    )
    autoreload: bool = Field(
        default=False,
        description="True: it also reads its configuration anew by itself when the file has changed. The "
        "toolkit has it read what it has changed in any case.",
    )
    log: Annotated[str, AfterValidator(_known_log)] = Field(
        default=LOG_FILE,
        description="Its log file, which the package rotates; or a facility of syslog. Only from the file do "
        "deployments and verify know which real servers its checks have found dead; without it they "
        "believe the kernel's table.",
    )
    https_trusted: bool = Field(
        default=False,
        description="True: the directors trust the certificates of all real servers that are checked by "
        "https: their CA is in the directors' trust store (update-ca-certificates(8)). ldirectord verifies "
        "them, though not the name, and takes a real server out whose certificate it does not trust; checks "
        "of type https are refused without it.",
    )
    fallback: Fallback | None = Field(
        default=None, description="The server that answers where a service names none. Default: none."
    )
    email_repeat: WholeSecondsOrZero = Field(
        default=0, description="Seconds between repeated mails about a dead real server; 0: one mail."
    )
    email_states: list[DaemonState] = Field(
        default=["starting", "running", "stopping", "reloading"],
        min_length=1,
        description="States of the daemon in which it sends mail.",
    )
