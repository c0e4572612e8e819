"""What the chosen engine cannot do, and what can."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Check, Cluster, DnsCheck, HttpsCheck, PingCheck, SmtpCheck, TcpCheck
from lvs_model.parity import (
    KEEPALIVED,
    KEEPALIVED_CHECK,
    LDIRECTORD,
    LDIRECTORD_CHECK,
    LDIRECTORD_NO_CHECK,
    LDIRECTORD_SERVICE,
)
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, service_rule
from lvs_model.rules.view import Served, View, root_of


@cluster_rule("engine-without-method")
def engine_without_method(cluster: Cluster, view: View) -> Iterator[Problem]:
    """The engine and the way in which the directors agree on the owner do not go together.

    keepalived speaks VRRP itself, and two programs that move the same VIPs undo each other's work.
    ldirectord moves no VIPs: heartbeat or pacemaker moves them, and starts it where they are.

    Wrong::

        engine: ldirectord
        failover: {network: front}        # method vrrp is the default

    Mend: `method: heartbeat` or `method: pacemaker` with ldirectord, `method: vrrp` with keepalived.
    """
    method = cluster.failover.method
    if (cluster.engine == "keepalived") != (method == "vrrp"):
        remedy = (
            "use vrrp, or engine ldirectord"
            if cluster.engine == "keepalived"
            else "use heartbeat or pacemaker"
        )
        yield Problem(f"{root_of(cluster)}.failover.method", f"{cluster.engine} has no {method}", remedy)


@cluster_rule("options-of-other-method")
def options_of_other_method(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Options of heartbeat or pacemaker are given, and the other one, or neither, is asked for.

    They would have no effect, and whoever wrote them believes that the VIPs move by them.

    Wrong::

        engine: ldirectord
        failover: {network: front, method: pacemaker, heartbeat: {}}

    Mend: take them out, or choose their method.
    """
    for name in ("heartbeat", "pacemaker"):
        if getattr(cluster.failover, name) is not None and cluster.failover.method != name:
            yield Problem(
                f"{root_of(cluster)}.failover.{name}",
                f"the method is {cluster.failover.method}",
                f"take it out, or write method: {name}",
            )


@cluster_rule("engine-lacks-option")
def engine_lacks_option(cluster: Cluster, view: View) -> Iterator[Problem]:
    """The engine has no such option.

    An option that is passed over in silence would be believed to work. docs/engines.md has all that one
    engine has and the other has not.

    Wrong::

        engine: ldirectord
        failover: {network: front, method: heartbeat, advert_interval: 0.25}

    Mend: what the message says, or the other engine.
    """
    root, engine = root_of(cluster), cluster.engine
    for one in LDIRECTORD if engine == "ldirectord" else KEEPALIVED:
        if one.asked_of(cluster):
            yield Problem(f"{root}.{one.path}", f"{engine} has nothing like it", one.instead)
    if engine != "ldirectord":
        return
    if cluster.email is not None and len(cluster.email.to) > 1:
        yield Problem(
            f"{root}.email.to",
            "ldirectord writes to one address only (ld_emailalert_net_smtp)",
            "give an alias of the mail server's",
        )
    if cluster.ldirectord is not None and not cluster.ldirectord.fork:
        intervals = sorted({getattr(one.checks[0], "interval", 2) for one in cluster.services})
        if len(intervals) > 1:
            yield Problem(
                f"{root}.ldirectord.fork",
                "false: one process checks all services, with one interval, and the services have several "
                f"({', '.join(f'{one:g}' for one in intervals)} s)",
                "leave it true, or give all checks one interval",
            )
    for host in view.directors(cluster):
        if host.variables.lvs_priority is not None:
            yield Problem(
                f"host {host.name}: lvs_priority",
                "ldirectord's managers have no priorities",
                f"take it out: the order of the group {cluster.directors!r} decides",
            )


@service_rule("engine-lacks-service-option")
def engine_lacks_service_option(served: Served) -> Iterator[Problem]:
    """The engine has no such option for a service.

    ldirectord knows the kernel's methods without GUE and GRE, TCP and UDP, and no quorum (ldirectord(8));
    an option that is passed over in silence would be believed to work.

    Wrong::

        engine: ldirectord
        services:
          - {name: www, quorum: 2, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: what the message says, or the other engine.
    """
    if served.cluster.engine != "ldirectord":
        return
    service = served.service
    for one in LDIRECTORD_SERVICE:
        if one.asked_of(service):
            yield Problem(f"{served.path}.{one.path}", "ldirectord has nothing like it", one.instead)
    if service.mark is None and "sctp" in service.protocols:
        yield Problem(f"{served.path}.protocol", "ldirectord has no sctp", "give the service a mark: auto")
    if service.mark is not None and service.one_packet:
        yield Problem(
            f"{served.path}.one_packet",
            "ldirectord has it for addresses with ports only",
            "take the mark out, or use engine keepalived",
        )
    if service.forwarding == "tun":
        for host, family, address in served.addresses:
            if address.version != family:
                yield Problem(
                    f"{served.path}.forwarding",
                    f"ldirectord has no tunnel over IPv{address.version} for an IPv{family} VIP, and "
                    f"{host.name} is reached at {address}",
                    f"give it an IPv{family} address, or use engine keepalived",
                )


@service_rule("engine-lacks-check")
def engine_lacks_check(served: Served) -> Iterator[Problem]:
    """The engine has no such check, or not with this option.

    Each engine has checks and options of its own (docs/engines.md). ldirectord checks a real server of a
    virtual service in one way only, and in the same way as its others.

    Wrong::

        engine: ldirectord
        services:
          - name: www
            check: {type: http, digest: 9b3a0c85a887a256d6939da88aabd8cd}

    Mend: what the message says, or the other engine.
    """
    engine, service = served.cluster.engine, served.service
    lacking = LDIRECTORD_CHECK if engine == "ldirectord" else KEEPALIVED_CHECK
    for place, check in enumerate(service.checks):
        path = f"{served.path}.check" + (f"[{place}]" if len(service.checks) > 1 else "")
        for one in lacking.get(check.type, ()):
            # A failed check is repeated after the interval: that may be said.
            if one.path == "retry_delay" and getattr(check, "retry_delay", None) == getattr(
                check, "interval", None
            ):
                continue
            if one.asked_of(check):
                yield Problem(f"{path}.{one.path}", f"{engine} has nothing like it", one.instead)
        if engine == "ldirectord":
            yield from _unlike(served, path, check)
    if engine != "ldirectord":
        return
    if len(service.checks) > 1:
        yield Problem(
            f"{served.path}.check",
            f"ldirectord has one check for a service, not {len(service.checks)}",
            "take the one that proves most, or a check of type script that does all",
        )
    for host in served.pool:
        own = host.variables.lvs_services.get(service.name)
        if own is not None and own.check is not None:
            yield Problem(
                f"host {host.name}: lvs_services.{service.name}.check",
                "ldirectord checks all real servers of a service in the same way",
                "take it out, or have a check of type script tell them apart",
            )


def _unlike(served: Served, path: str, check: Check) -> Iterator[Problem]:
    """What ldirectord's checks cannot do together with something else."""
    if (instead := LDIRECTORD_NO_CHECK.get(check.type)) is not None:
        yield Problem(f"{path}.type", f"ldirectord has no check of type {check.type}", instead)
    options = served.cluster.ldirectord
    if isinstance(check, HttpsCheck) and not (options is not None and options.https_trusted):
        yield Problem(
            f"{path}.type",
            "ldirectord takes out real servers whose certificates the directors do not trust",
            "have their CA in the directors' trust store and say so (ldirectord: {https_trusted: true}), or "
            "take a check of type script",
        )
    if isinstance(check, HttpsCheck) and check.sni and check.virtual_host:
        yield Problem(
            f"{path}.sni",
            "ldirectord does not name the virtual_host in the TLS handshake",
            "write sni: false where the server does without, or take a check of type script",
        )
    if isinstance(check, DnsCheck) and (check.record != "A" or check.name == "."):
        yield Problem(
            f"{path}.record",
            "ldirectord believes a name server only when it tells an address",
            "write record: A, and a name that has one",
        )
    if isinstance(check, TcpCheck) and served.service.mark is None and "udp" in served.service.protocols:
        yield Problem(
            f"{path}.type",
            "ldirectord opens no TCP connection for a service over UDP: it pings the host",
            "take type ping, dns or script, or give the service a mark: auto",
        )
    if isinstance(check, PingCheck | SmtpCheck) and 6 in served.families:
        yield Problem(
            f"{path}.type",
            f"ldirectord's check of type {check.type} knows IPv4 only",
            "take type tcp or script",
        )
