"""What a keepalived.conf says of its elections that a running keepalived's JSON has otherwise, or not at all.

A director drops adverts that came another way than its own go (keepalived/vrrp/vrrp.c, vrrp_in_chk: by
multicast where it has unicast peers and the reverse), with another password, and with VRRP version 2 with
another interval (RFC 3768, 7.1). With version 3 it takes the owner's interval (RFC 5798, 6.1).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

CONFIGURATION = "/etc/keepalived/keepalived.conf"
# keepalived keeps that many characters of a password (vrrp.h, auth_data).
PASSWORD_CHARS = 8


def password_digest(password: str) -> str:
    """A password as lvs_facts tells that of a running election: to compare, and not to be shown in logs.

    Adverts carry the password itself, so this hides it from readers of logs only.
    """
    return hashlib.sha256(f"lvs-toolkit:{password}".encode()).hexdigest()


@dataclass
class Declared:
    """One vrrp_instance; ``groups`` are multicast groups other than the usual one."""

    unicast: bool = False
    multicast: bool = False
    groups: tuple[str, ...] = ()
    interval_s: float | None = None
    password: str | None = None

    def transport(self, family: int) -> str | None:
        """Where its adverts go; None where that is not known: an only director has no peers.

        With IPv4 multicast is always written with its source, with IPv6 it never is.
        """
        if self.unicast:
            return "unicast"
        if family == 4 and not (self.multicast or self.groups):
            return None
        return " ".join(("multicast", *self.groups))


def declared(text: str) -> dict[str, Declared]:
    """The instances of a keepalived.conf, or of some of its lines in their order, by label."""
    found: dict[str, Declared] = {}
    everywhere: list[str] = []
    own = Declared()
    for words in (line.split() for line in text.splitlines()):
        match words:
            case ["vrrp_instance", label, *_]:
                own = found[label] = Declared()
            case ["vrrp_mcast_group4" | "vrrp_mcast_group6", group, *_]:
                everywhere.append(group)
            case ["mcast_dst_ip", group, *_]:
                own.groups = (*own.groups, group)
            case ["mcast_src_ip", *_]:
                own.multicast = True
            case ["unicast_peer", *_]:
                own.unicast = True
            case ["advert_int", seconds, *_]:
                own.interval_s = float(seconds)
            case ["auth_pass", password, *_]:
                own.password = password[:PASSWORD_CHARS]
    for one in found.values():
        one.groups = (*everywhere, *one.groups)
    return found


def planned_elections(planned: dict[str, Any]) -> dict[str, Declared]:
    """The instances of a director's planned configuration; none where another engine elects."""
    texts = [file["content"] for file in planned["files"] if file["path"] == CONFIGURATION]
    return declared(texts[0]) if texts else {}
