"""What the kernel and the keepalived of each supported system have.

Read from the systems themselves: CONFIG_IP_VS_* of Debian's kernel configurations and their modules below
kernel/net/netfilter/ipvs; keepalived.conf(5) and `keepalived -t` of each version.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvs_model.document import PLATFORMS, SCHEDULERS
from lvs_model.document.checks import CHECKS


@dataclass(frozen=True)
class Platform:
    """A system that directors can run: its versions, and what they have."""

    name: str
    kernel: str
    keepalived: str
    schedulers: frozenset[str]
    checks: frozenset[str]
    scheduler_flags: frozenset[str]
    tunnels: frozenset[str]


_CHECKS = frozenset(CHECKS)
_FLAGS = frozenset({"sh-port", "sh-fallback", "mh-port", "mh-fallback"})
# GUE since Linux 5.2, GRE since 5.3 (keepalived.conf(5), lvs_method).
_TUNNELS = frozenset({"ipip", "gue", "gre"})

_KNOWN = (
    Platform(
        "Debian 12",
        "6.1",
        "2.2.7",
        # CONFIG_IP_VS_TWOS is not set there.
        frozenset(SCHEDULERS) - {"twos"},
        _CHECKS,
        _FLAGS,
        _TUNNELS,
    ),
    Platform("Debian 13", "6.12", "2.3.3", frozenset(SCHEDULERS), _CHECKS, _FLAGS, _TUNNELS),
)
PLATFORM: dict[str, Platform] = dict(zip(PLATFORMS, _KNOWN, strict=True))
"""By the name that `platforms` of the document uses."""
