"""A status as people read it: a table for each cluster, and what is wrong or worth knowing below it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from lvs_model.report import aligned

_UNITS = ("B", "kB", "MB", "GB", "TB")


def status_lines(status: dict[str, Any]) -> list[str]:
    """The lines of a status as status.status gives it."""
    lines: list[str] = []
    for name, cluster in status["clusters"].items():
        lines += [*_cluster(name, cluster), ""]
    for host, one in status["retired"].items():
        lines += [f"retired {host}: {text}" for text in one["differences"]]
    return lines if lines and lines[-1] else lines[:-1]


def verdict_lines(status: dict[str, Any]) -> list[str]:
    """Why a status is not healthy, a line each; none where it is."""
    lines = []
    for name, cluster in status["clusters"].items():
        lines += [f"{name}: {text}" for text in (*cluster["alarms"], *_differences(cluster))]
    return lines + [
        f"retired {host}: {text}" for host, one in status["retired"].items() for text in one["differences"]
    ]


def _differences(cluster: dict[str, Any]) -> list[str]:
    hosts = cluster["real_servers"] | cluster["directors"]
    return [f"{host}: {text}" for host, one in hosts.items() for text in one["differences"]]


def _cluster(name: str, cluster: dict[str, Any]) -> Iterator[str]:
    differences = _differences(cluster)
    counts = [
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in (
            (len(cluster["alarms"]), "alarm"),
            (len(differences), "difference"),
            (len(cluster["warnings"]), "warning"),
        )
        if count
    ]
    words = ["healthy" if cluster["healthy"] else "NOT HEALTHY", *counts]
    yield f"cluster {name}: {', '.join(words)}"
    yield ""
    yield from aligned(
        ("instance", "router id", "VIP", "owner", "since", "for"), [[_vip(one)] for one in cluster["vips"]]
    )
    yield ""
    yield from aligned(
        ("director", "role", "VRRP", "sync", "versions", "system", "up", "last change"),
        [_director(host, one) for host, one in cluster["directors"].items()],
    )
    if cluster["services"]:
        yield ""
        heads = ("service", "entry", "scheduler", "real server", "address", "weight", "state")
        rates = ("active", "inactive", "conn/s", "in/s", "out/s")
        yield from aligned((*heads, *rates), [row for one in cluster["services"] for row in _service(one)])
    for head, texts in (
        ("alarms", cluster["alarms"]),
        ("differences from the plan", differences),
        ("warnings", cluster["warnings"]),
        ("notes", cluster["notes"]),
    ):
        if texts:
            yield ""
            yield f"  {head}:"
            yield from (f"    {text}" for text in texts)


def _vip(one: dict[str, Any]) -> tuple[str, ...]:
    router_id = "" if one["router_id"] is None else str(one["router_id"])
    lasted = "" if one["owned_s"] is None else duration(one["owned_s"])
    owners = " and ".join(one["owners"]) or ("NOBODY" if one["sure"] else "unknown")
    return (one["instance"], router_id, one["vip"], owners, one["since"] or "", lasted)


def _director(host: str, one: dict[str, Any]) -> list[tuple[str, ...]]:
    if not one["seen"]:
        return [(host, str(one["why"]), "", "", "", "", "", "")]
    change = one["generation"]
    role = one["role"] + (", demoted" if one["demoted"] else "")
    states = one["vrrp"]
    vrrp = (
        list(states.values()) if len(states) == 1 else [f"{state} {label}" for label, state in states.items()]
    )
    columns = (
        [host],
        [role],
        vrrp,
        [" and ".join(one["sync"])],
        [f"{name} {version}" for name, version in one["packages"].items()],
        [one["os"], str(one["kernel"])],
        ["" if one["uptime_s"] is None else duration(one["uptime_s"])],
        [] if change is None else _change(change),
    )
    return list(zip_longest(*columns, fillvalue=""))


def _change(change: dict[str, Any]) -> list[str]:
    """A kept change in three cells: its number and time, from which commit and by whom, and why."""
    who = f"by {change['operator']}" if change["operator"] else ""
    origin = " ".join(filter(None, (change["commit"], who)))
    return [f"{change['generation']} {change['started']}", *filter(None, (origin, change["reason"]))]


def _service(service: dict[str, Any]) -> Iterator[list[tuple[str, ...]]]:
    for number, entry in enumerate(service["entries"]):
        first = (service["name"] if number == 0 else "", entry["key"], entry["scheduler"])
        rows = [_server(one) for one in entry["servers"]] or [("no real server", *[""] * 8)]
        heads = [first, *[("", "", "")] * (len(rows) - 1)]
        yield [(*head, *row) for head, row in zip(heads, rows, strict=True)]


def _server(one: dict[str, Any]) -> tuple[str, ...]:
    rates = one["rates"] or {}
    traffic = [_amount(rates[key]) if rates.get(key) else "" for key in ("bytes_in", "bytes_out")]
    return (
        one["name"] or "",
        one["address"],
        _weight(one),
        one["state"],
        _number(one["active"]),
        _number(one["inactive"]),
        _number(rates.get("connections")),
        *traffic,
    )


def _weight(one: dict[str, Any]) -> str:
    """The kernel's weight, and the planned one where it is another; "-" where it is not in the table."""
    weight = "-" if one["weight"] is None else str(one["weight"])
    planned = one["planned_weight"]
    return weight if planned in (None, one["weight"]) else f"{weight} of {planned}"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _amount(count: float) -> str:
    """Bytes with three digits or so, in powers of 1000."""
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.0f} {_UNITS[power]}" if power == 0 or count >= 100 else f"{count:.1f} {_UNITS[power]}"


def duration(seconds: float) -> str:
    """A time span in its two largest units, such as "3 d 4 h"."""
    left = round(seconds)
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
