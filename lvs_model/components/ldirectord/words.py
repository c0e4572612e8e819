"""How ldirectord.cf writes things (ldirectord(8))."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from lvs_model.document import Check, FileCheck
from lvs_model.document.checks import Common

METHODS = {"dr": "gate", "nat": "masq", "masquerade": "masq", "tun": "ipip"}


def yes(value: bool) -> str:
    """A yes or no, without the trailing blank that would make it neither."""
    return "yes" if value else "no"


def address(text: str) -> str:
    """An address; IPv6 in brackets."""
    return f"[{text}]" if ":" in text else text


def place(keyword: str, family: int, server: str, port: int | None, method: str) -> str:
    """A line for a server: keyword (with 6 behind it for IPv6), address, port where it has one, method."""
    key = f"{keyword}6" if family == 6 else keyword
    at = address(server) if port is None else f"{address(server)}:{port}"
    return f"{key} = {at} {METHODS[method]}"


def timing_lines(check: Check, *, interval: bool = True) -> Iterator[str]:
    """When a check runs and when its failure counts: whole seconds (rules/engines.py)."""
    assert isinstance(check, Common) and not isinstance(check, FileCheck)  # noqa: S101
    yield f"checktimeout = {ceil(check.timeout)}"
    yield f"negotiatetimeout = {ceil(check.timeout)}"
    if interval:
        yield f"checkinterval = {ceil(check.interval)}"
    yield f"failurecount = {check.retries + 1}"
