"""The kernel's counters of services and real servers, from ipvsadm's listings.

What stands where is ipvsadm's own (ipvsadm.c of 1.31, print_title and print_service_entry): a line for each
service, and below it one that begins with an arrow for each of its real servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_PROTOCOLS = {"TCP", "UDP", "SCTP", "FWM"}
_SIX = "IPv6"


@dataclass(frozen=True)
class Counts:
    """Numbers of a service or a real server: ``connections``, then packets and bytes to and from clients.

    As totals since the entry was made, or as rates per second. What does not pass the director on its way
    back (direct routing, tunnels) is not counted as ``out``.
    """

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True)
class Traffic:
    """All that the kernel counts of an entry; ``active`` and ``inactive`` connections are a real server's."""

    active: int | None = None
    inactive: int | None = None
    totals: Counts | None = None
    rates: Counts | None = None


# By service key and address:port, as in ipvs_table; of the service itself by None.
Place = tuple[str, str | None]


def parse_counters(listings: dict[str, str | None]) -> dict[Place, Traffic]:
    """Read lvs_facts' ``counters``: the texts ``connections``, ``totals`` and ``rates``, each may be None.

    Raises ValueError with the line that is not what ipvsadm prints.
    """
    texts = {name: dict(_places(text or "")) for name, text in listings.items()}
    connections, totals, rates = (texts.get(name, {}) for name in ("connections", "totals", "rates"))
    found = {}
    for place in dict.fromkeys([*connections, *totals, *rates]):
        # Forwarding method, weight, active, inactive; of a service its scheduler and options.
        words = connections.get(place, []) if place[1] is not None else []
        active, inactive = _numbers(place, words[2:], 2) if words else (None, None)
        found[place] = Traffic(active, inactive, _counts(place, totals), _counts(place, rates))
    return found


def parse_thresholds(text: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Real servers' upper and lower thresholds, of `ipvsadm -ln --thresholds`, by service and address:port.

    Raises ValueError with the line that is not what ipvsadm prints.
    """
    found = {}
    for place, words in _places(text):
        key, address = place
        if address is not None:
            upper, lower, _, _ = _numbers(place, words, 4)
            found[key, address] = upper, lower
    return found


def _counts(place: Place, texts: dict[Place, list[str]]) -> Counts | None:
    return Counts(*_numbers(place, texts[place], 5)) if place in texts else None


def _numbers(place: Place, words: list[str], count: int) -> list[int]:
    try:
        numbers = [int(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise ValueError(f"ipvsadm's counters of {place[1] or place[0]} are {' '.join(words)!r}")
    return numbers


def _places(text: str) -> Iterator[tuple[Place, list[str]]]:
    """Each entry of a listing with the words behind its name."""
    service: str | None = None
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["->"] and service is not None:
            yield (service, words[1]), words[2:]
        elif words and words[0] in _PROTOCOLS:
            six = words[0] == "FWM" and words[2:3] == [_SIX]
            service = " ".join(words[: 3 if six else 2])
            yield (service, None), words[3 if six else 2 :]


def as_data(traffic: Traffic | None) -> dict[str, Any]:
    """The numbers as plain data; null where the kernel was not asked, or has no such entry."""
    found = traffic or Traffic()
    return {
        "active": found.active,
        "inactive": found.inactive,
        "totals": None if found.totals is None else vars(found.totals),
        "rates": None if found.rates is None else vars(found.rates),
    }
