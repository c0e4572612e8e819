"""How keepalived.conf(5) writes things."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from math import ceil


def number(value: float) -> str:
    """A number as configuration files have it: no trailing zeros, no exponent."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def whole(value: float) -> int:
    """Seconds where keepalived takes whole ones only: rounded up."""
    return ceil(value)


def quoted(command: str) -> str:
    """A command with its arguments as one word; it holds no quotes (document/types.py)."""
    return f'"{command}"'


def host_prefix(address: IPv4Address | IPv6Address) -> str:
    """An address as a network of its own: /32 or /128."""
    return f"{address}/{address.max_prefixlen}"
