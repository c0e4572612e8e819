"""Tables of what breaks each rule and what comes close to it; test_rules.py goes through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..builders import Case
from ..changes import Change, both, group

EDGE = "lvs_cluster[edge]"
S0, S1 = f"{EDGE}.services[0]", f"{EDGE}.services[1]"
TWO = "lvs_cluster[two]"


@dataclass(frozen=True)
class Trigger:
    """A change of the valid inventory that breaks a rule.

    ``said`` is all that the rule says, each without its suffix; ``also`` are the other rules that speak up.
    """

    rule: str
    change: Change
    said: tuple[str, ...]
    also: frozenset[str] = frozenset()


@dataclass(frozen=True)
class NearMiss:
    """A change that comes close to breaking a rule and does not; ``also`` are the rules that speak up."""

    rule: str
    change: Change
    also: frozenset[str] = frozenset()


def trigger(rule: str, change: Change, *said: str, also: str = "") -> Trigger:
    """A row of a table; ``also`` holds ids separated by blanks."""
    return Trigger(rule, change, said, frozenset(also.split()))


def near(rule: str, change: Change, also: str = "") -> NearMiss:
    """A row of a table; ``also`` holds ids separated by blanks."""
    return NearMiss(rule, change, frozenset(also.split()))


def document(**options: Any) -> Change:  # noqa: ANN401
    """Set options of the whole document."""
    return lambda case: case.document.update(options)


def mixed(pool: str, *hosts: str) -> Change:
    """Fill a pool with directors and others; the standby leaves packets alone (sync-both-roles)."""
    return both(group(pool, *hosts), document(ipvs={"backup_only": True}))


def without(key: str) -> Change:
    """Take a key out of the document."""
    return lambda case: case.document.pop(key)


def instances(*entries: dict[str, Any], **failover: Any) -> Change:  # noqa: ANN401
    """Describe the VRRP instances, and set other options of the failover."""
    return lambda case: case.document["failover"].update(instances=list(entries), **failover)


def script(**options: Any) -> dict[str, Any]:  # noqa: ANN401
    """A tracked script."""
    return {"name": "uplink", "command": "/usr/local/bin/uplink", **options}


def six(case: Case) -> None:
    """Give the front network and every host on it an IPv6 address beside the IPv4 one."""
    case.document["networks"]["front"]["subnets"].append("2001:db8::/64")
    for own in case.hostvars.values():
        last = own["lvs_addresses"][0].rsplit(".", 1)[1]
        own["lvs_addresses"].append(f"2001:db8::{last}")


def only_six(case: Case) -> None:
    """Make the front network and its VIP IPv6."""
    case.document["networks"]["front"]["subnets"] = ["2001:db8::/64"]
    for own in case.hostvars.values():
        last = own["lvs_addresses"][0].rsplit(".", 1)[1]
        own["lvs_addresses"][0] = f"2001:db8::{last}"
    case.service["vips"] = ["2001:db8::10"]


def _behind(case: Case) -> None:
    case.service["forwarding"] = "nat"
    case.document["failover"].update(vips=["198.51.100.1"], track={"networks": ["sync"]})
    for number in (1, 2, 3):
        case.hostvars[f"web{number}"]["lvs_addresses"] = [f"198.51.100.2{number}"]


BEHIND: Change = _behind
"""Put the real servers behind the directors, under NAT, on the network sync with a gateway."""


def third(case: Case) -> None:
    """Add a director."""
    case.add_host("lb3", "edge", "edge_directors", lvs_addresses=["192.0.2.13", "198.51.100.13"])
