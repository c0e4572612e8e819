"""What one engine has and the other has not: the source of rules/engines.py and of docs/engines.md.

An option that the chosen engine lacks is refused, never passed over; each says what to take instead.
Sources: ldirectord(8) and the program (4.12.0 and 4.16.0); keepalived.conf(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Lack:
    """An option without which an engine must do.

    ``path`` leads to it from the cluster, from a service or from a check; its default is always fine, and so
    are the values in ``also`` and, if ``whole``, whole numbers.
    """

    path: str
    instead: str
    also: tuple[object, ...] = ()
    whole: bool = False

    def asked_of(self, model: BaseModel) -> bool:
        """Whether an object of the document has a value there that the engine cannot follow."""
        *steps, last = self.path.split(".")
        place: Any = model
        for step in steps:
            place = getattr(place, step)
            if place is None:
                return False
        if last not in type(place).model_fields:
            return False
        value = getattr(place, last)
        default = type(place).model_fields[last].get_default(call_default_factory=True)
        return not (value == default or value in self.also or (self.whole and float(value).is_integer()))


_TIMERS = "failover.heartbeat or failover.pacemaker has timers of its own"
_EXPECT = "take `receive`, a text of the answer's body, or a check of type script"
_STAY = "or engine keepalived"

LDIRECTORD: tuple[Lack, ...] = (
    Lack("extra_lines", f"take it out: these are lines of keepalived.conf; {_STAY}"),
    Lack("ipvs.timeouts", f"leave the kernel's own (900, 120 and 300 s), {_STAY}"),
    Lack("email.port", "send through a mail server at port 25, such as one on the directors"),
    Lack("email.timeout", "take it out: a delivery that hangs delays the checks, so use a server nearby"),
    Lack("failover.version", "take it out: there is no VRRP"),
    Lack("failover.transport", "failover.heartbeat says how its messages travel"),
    Lack("failover.multicast_group", "failover.heartbeat says how its messages travel"),
    Lack("failover.advert_interval", _TIMERS),
    Lack("failover.lost_adverts", _TIMERS),
    Lack("failover.router_id", "take it out: there is no VRRP"),
    Lack("failover.startup_delay", _TIMERS),
    Lack("failover.authentication", "failover.heartbeat or failover.pacemaker has a key of its own"),
    Lack("failover.gratuitous_arp", f"take it out: IPaddr2 announces a VIP five times; {_STAY}"),
    Lack("failover.failback_delay", f"take it out, or set failback to false; {_STAY}"),
    Lack(
        "failover.instances",
        f"one set of VIPs with one owner: make further sets clusters of their own, {_STAY}",
    ),
    Lack("failover.sync_groups", "take it out: there is one set of VIPs, and it moves as a whole"),
    Lack(
        "failover.track", "ask neighbours instead (failover.heartbeat or failover.pacemaker: ping), " + _STAY
    ),
    Lack("failover.notify", f"take it out, {_STAY}"),
)
"""What ldirectord and its managers lack for a whole cluster."""

LDIRECTORD_SERVICE: tuple[Lack, ...] = (
    Lack("tunnel.type", f"take ipip, {_STAY}"),
    Lack("tunnel.port", f"take it out: only GUE has one; {_STAY}"),
    Lack("quorum", f"leave it at 1: its fallback answers when no real server is left; {_STAY}"),
    Lack("hysteresis", f"leave it at 0; {_STAY}"),
    Lack(
        "starts_down",
        f"leave it true: a real server comes in after a good check, at a takeover after a handshake; {_STAY}",
    ),
    Lack("notify_at_stop", f"take it out, {_STAY}"),
    Lack("notify", f"have mail sent (email), {_STAY}"),
    Lack("extra_lines", f"take them out: these are lines of keepalived.conf; {_STAY}"),
)
"""What ldirectord lacks for a service."""

_COMMON = (
    Lack("interval", "take whole seconds", whole=True),
    Lack("timeout", "take whole seconds", whole=True),
    Lack("retry_delay", "take it out: a failed check is repeated after the interval"),
    Lack("warm_up", "take it out: it checks its real servers one after the other anyway"),
    Lack("address", "check the real server itself, or take a check of type script"),
)

LDIRECTORD_CHECK: dict[str, tuple[Lack, ...]] = {
    "tcp": _COMMON,
    "http": (
        *_COMMON,
        Lack("status", f"{_EXPECT}: it takes every 2xx", also=(200,)),
        Lack("digest", _EXPECT),
    ),
    "https": (
        *_COMMON,
        Lack("status", f"{_EXPECT}: it takes every 2xx", also=(200,)),
        Lack("digest", _EXPECT),
    ),
    "smtp": (*_COMMON, Lack("helo", "take it out: it says localhost.localdomain")),
    "dns": _COMMON,
    "ping": _COMMON,
    "script": (
        *_COMMON,
        Lack("dynamic_weight", f"let the program say good or bad only, {_STAY}"),
    ),
}
"""What ldirectord lacks in the checks that it has, by their type."""

LDIRECTORD_NO_CHECK: dict[str, str] = {
    "udp": "take a check of type dns, ping or script",
    "file": "drain a real server by playbooks/drain.yml, or by its lvs_state",
}
"""Types of checks that ldirectord has not."""

KEEPALIVED: tuple[Lack, ...] = (Lack("ldirectord", "take it out, or take engine ldirectord"),)
"""What keepalived lacks for a whole cluster."""

KEEPALIVED_CHECK: dict[str, tuple[Lack, ...]] = dict.fromkeys(
    ("http", "https"),
    # keepalived 2.2.7 and 2.3.3 overflow their heap on some answers when they match expressions.
    (Lack("receive", "take `digest`, a check of type script, or engine ldirectord"),),
)
"""What keepalived lacks in its checks, by their type."""

LDIRECTORD_PARTLY: dict[str, str] = {
    "services.protocol": "tcp and udp; sctp under a mark",
    "services.forwarding": "yes; a tunnel is of the VIP's own address family",
    "services.one_packet": "yes; not under a mark",
    "https.sni": "only false, where a virtual_host is given",
    "dns.record": "only A",
    "dns.name": "a name that has an address",
    "tcp.port": "yes; not for a service over UDP without a mark",
    "smtp.port": "yes; IPv4 only",
    "ping.retries": "yes; IPv4 only",
    "http.status": "only 200, which stands for every 2xx; redirects are followed",
    "https.port": "yes; the directors must trust the certificates (ldirectord.https_trusted)",
    "https.status": "only 200, which stands for every 2xx; redirects are followed",
    "mail.to": "one address",
}
"""What ldirectord has with a limit, by the table's last word and the option (rules/engines.py)."""
