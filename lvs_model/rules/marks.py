"""Firewall marks, which make several VIPs, ports and protocols one service."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.problems import Problem
from lvs_model.rules.registry import rule, service_rule
from lvs_model.rules.view import Served, View


@rule("mark-twice")
def mark_twice(view: View) -> Iterator[Problem]:
    """Two services have the same firewall mark.

    A director has one virtual service for a firewall mark and an address family (ipvsadm(8),
    `--fwmark-service`): the second one's packets would go to the first one's real servers.

    Wrong::

        services:
          - {name: media, mark: 10, vips: [192.0.2.10], ports: [554], pool: edge_media}
          - {name: voice, mark: 10, vips: [192.0.2.11], ports: [5060], pool: edge_voice}

    Mend: `mark: auto`, or another number.
    """
    owners: dict[tuple[str, int], str] = {}
    for served in view.services:
        mark = served.service.mark
        if isinstance(mark, int):
            owner = owners.setdefault((served.cluster.name, mark), served.path)
            if owner != served.path:
                yield Problem(f"{served.path}.mark", f"{mark} is the mark of {owner}", "use auto, or another")


@service_rule("protocols-without-mark")
def protocols_without_mark(served: Served) -> Iterator[Problem]:
    """A service of several protocols has no firewall mark.

    A virtual service of IPVS has one protocol; only a firewall mark makes several of them one service,
    with one persistence for all (ipvsadm(8), `--fwmark-service`).

    Wrong::

        services:
          - {name: media, vips: [192.0.2.10], ports: [554/tcp, 6970-6999/udp], pool: edge_media}

    Mend: `mark: auto`, or a service for each protocol.
    """
    protocols = served.service.protocols
    if len(protocols) > 1 and not served.marked:
        yield Problem(
            f"{served.path}.ports",
            f"{' and '.join(protocols)}, and no mark that makes them one service",
            "add mark: auto, or make it a service for each protocol",
        )


@service_rule("protocols-apart", "warning")
def protocols_apart(served: Served) -> Iterator[Problem]:
    """One client's protocols may go to different real servers.

    One service for several protocols is for clients who use them together: a media player asks over TCP
    and gets the picture over UDP. Without persistence, or a scheduler that goes by the client's
    address, each connection of theirs is scheduled by itself.

    Wrong::

        services:
          - {name: media, mark: auto, vips: [192.0.2.10], ports: [554/tcp, 6970-6999/udp], pool: edge_media}

    Mend: add `persistence: 300`, or use the scheduler sh or mh without its port flag.
    """
    service = served.service
    by_client = (
        service.scheduler in {"sh", "mh"} and f"{service.scheduler}-port" not in service.scheduler_flags
    )
    if len(service.protocols) > 1 and served.marked and not service.persistence and not by_client:
        yield Problem(
            f"{served.path}.persistence",
            f"{' and '.join(service.protocols)} of one client may go to different real servers",
            "add persistence: 300, or use scheduler sh or mh",
        )
