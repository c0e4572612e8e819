"""Changes of the valid inventory of builders.py, to be put together in tables of cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .builders import Case

Change = Callable[[Case], Any]


def host(name: str, **variables: Any) -> Change:  # noqa: ANN401
    """Set variables of a host."""
    return lambda case: case.hostvars[name].update(variables)


def service(**options: Any) -> Change:  # noqa: ANN401
    """Set options of the first service."""
    return lambda case: case.service.update(options)


def second(name: str = "tls", **options: Any) -> Change:  # noqa: ANN401
    """Add a service like the first one, but for its name and these options."""
    return lambda case: case.add_service(name, **options)


def group(name: str, *hosts: str) -> Change:
    """Say which hosts an inventory group has."""
    return lambda case: case.groups.update({name: list(hosts)})


def failover(**options: Any) -> Change:  # noqa: ANN401
    """Set options of the failover."""
    return lambda case: case.document["failover"].update(options)


def network(name: str, **options: Any) -> Change:  # noqa: ANN401
    """Set options of a network, new or not."""
    return lambda case: case.document["networks"].setdefault(name, {}).update(options)


def other(change: Callable[[dict[str, Any]], Any] = lambda _: None) -> Change:
    """A second cluster "two" on the same segments; ``change`` gets its document."""
    return lambda case: change(case.add_cluster("two", 3))


def both(*changes: Change) -> Change:
    """Make several changes."""
    return lambda case: [change(case) for change in changes]
