"""Health checks: what they ask, and whether that says anything about the service."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.check_times import detection_s
from lvs_model.document import Check, HttpCheck, HttpsCheck
from lvs_model.problems import Problem
from lvs_model.rules.registry import service_rule
from lvs_model.rules.view import Served

# IANA's service names: https, and the ports that servers use in its place and in that of http.
_TLS_PORTS = {443, 4443, 8443, 9443}
_PLAIN_PORTS = {80, 8000, 8080}


def _checks(served: Served) -> Iterator[tuple[str, Check, set[int]]]:
    """Every check of a service and of its real servers: its path, the check, and the ports that it asks."""
    service = served.service
    ports = {port for _, port in service.endpoints()}
    if service.server_port is not None:
        ports = {service.server_port}
    for number, check in enumerate(service.checks):
        path = f"{served.path}.check" + (f"[{number}]" if len(service.checks) > 1 else "")
        given = getattr(check, "port", None)
        yield path, check, {given} if given else ports
    for host in served.pool:
        own = host.variables.lvs_services.get(service.name)
        for number, check in enumerate((own and own.check) or []):
            path = f"host {host.name}: lvs_services.{service.name}.check[{number}]"
            given = getattr(check, "port", None) or (own and own.port)
            yield path, check, {given} if given else ports


@service_rule("http-check-on-tls-port", "warning")
def http_check_on_tls_port(served: Served) -> Iterator[Problem]:
    """A plain HTTP request to a TLS port, or TLS to a plain one.

    A server on a TLS port answers a plain request with 400 or hangs up, and one on a plain port cannot
    read a TLS handshake: every real server would be taken for dead, at once and for ever.

    Wrong::

        services:
          - {name: tls, vips: [192.0.2.10], ports: [443], check: {type: http, path: /healthz}, pool: edge_web}

    Mend: `type: https` for 443, `type: http` for 80, or name another `port` in the check.
    """
    for path, check, ports in _checks(served):
        if not isinstance(check, HttpCheck):
            continue
        wrong = ports & (_PLAIN_PORTS if check.tls else _TLS_PORTS)
        if wrong:
            other = "http" if check.tls else "https"
            yield Problem(
                f"{path}.type",
                f"{check.type} is asked of port {min(wrong)}, where {other} is usual",
                f"use {other}, or name another port in the check",
            )


@service_rule("check-without-port")
def check_without_port(served: Served) -> Iterator[Problem]:
    """A check has no port to ask.

    A check asks the service's port by default. A service of all ports has none, and keepalived would
    connect to port 0.

    Wrong::

        services:
          - {name: any, vips: [192.0.2.10], ports: all, persistence: 300, check: {type: tcp}, pool: edge_web}

    Mend: name a `port` in the check, or use `type: ping`.
    """
    for path, check, ports in _checks(served):
        if ports == {0} and hasattr(check, "port"):
            yield Problem(
                path,
                f"a service of all ports has none that a check of type {check.type} could ask",
                "name a port in the check, or use type ping",
            )


@service_rule("check-of-other-protocol", "warning")
def check_of_other_protocol(served: Served) -> Iterator[Problem]:
    """A check over TCP of a service without TCP.

    The default check connects by TCP. A server that only listens on UDP or SCTP refuses that, and every
    real server would be taken for dead.

    Wrong::

        services:
          - {name: syslog, protocol: udp, vips: [192.0.2.10], ports: [514], pool: edge_log}

    Mend: a check that speaks the service's protocol: `udp`, `dns` or a `script`. Or name the TCP `port`
    that shall be asked instead: then nothing is said.
    """
    if "tcp" in served.service.protocols:
        return
    protocols = " and ".join(served.service.protocols)
    for path, check, _ in _checks(served):
        if check.type in {"tcp", "http", "https", "smtp"} and getattr(check, "port", None) is None:
            yield Problem(
                f"{path}.type",
                f"{check.type} connects by TCP, and the service has {protocols} only",
                "use udp, dns, ping or script, or name the TCP port",
            )


@service_rule("check-proves-little", "warning")
def check_proves_little(served: Served) -> Iterator[Problem]:
    """No check asks the service itself.

    A ping says that a host's kernel runs, and a file says what an operator wrote into it. The service
    may be dead all the same, and clients would be sent there.

    Wrong::

        services:
          - {name: www, vips: [192.0.2.10], ports: [80], check: {type: ping}, pool: edge_web}

    Mend: a check of the service (`tcp`, `http`, `script`, …), beside these if you like.
    """
    kinds = {check.type for check in served.service.checks}
    if kinds <= {"ping", "file"}:
        yield Problem(
            f"{served.path}.check",
            f"{' and '.join(sorted(kinds))} says nothing about the service itself",
            "add a check that asks it",
        )


@service_rule("persistence-below-detection", "warning")
def persistence_below_detection(served: Served) -> Iterator[Problem]:
    """Clients come back to a dead server before it is found dead.

    Persistence keeps a client at its real server for that long after its last connection. When it ends
    before the checks can have noticed that the server is dead, it does not even outlive one round of
    them: sessions are lost although no server failed, and a dead one is met again and again.

    Wrong::

        services:
          - name: www
            persistence: 5
            check: {type: http, interval: 10, timeout: 5, retries: 2}     # noticed after 27 s

    Mend: a longer persistence, as long as the application's sessions; or faster checks.
    """
    persistence, detection = served.service.persistence, detection_s(served.cluster, served.service)
    if persistence is not None and persistence < detection:
        yield Problem(
            f"{served.path}.persistence",
            f"{persistence} s, and a dead real server is noticed after up to {detection:g} s",
            "use a longer persistence, or faster checks",
        )


@service_rule("sni-without-virtual-host", "warning")
def sni_without_virtual_host(served: Served) -> Iterator[Problem]:
    """SNI is asked for, and there is no name to send.

    The name in the TLS handshake (RFC 6066, 3) is that of `virtual_host`; an address is not allowed there.
    Without one the check connects without a name, and gets the server's default certificate and site.

    Wrong::

        check: {type: https, path: /healthz, sni: true}

    Mend: add `virtual_host`, or remove `sni`.
    """
    for path, check, _ in _checks(served):
        if not isinstance(check, HttpsCheck) or check.virtual_host:
            continue
        if check.sni and "sni" in check.model_fields_set:
            yield Problem(
                f"{path}.sni", "true, and there is no virtual_host to name", "add virtual_host, or remove sni"
            )
