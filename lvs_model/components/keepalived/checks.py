"""keepalived's checkers: how a director finds out whether a real server can serve.

Source: keepalived.conf(5), section «Virtual server(s)», from CHECKER_TYPE on.
"""

from __future__ import annotations

from typing import Any

from lvs_model.components.keepalived.trackers import tracked_name, weight_file
from lvs_model.components.keepalived.words import number, quoted, whole
from lvs_model.document import (
    Check,
    Cluster,
    DnsCheck,
    FileCheck,
    HttpCheck,
    HttpsCheck,
    PingCheck,
    ScriptCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
)

_KEYWORDS = {
    "tcp": "TCP_CHECK",
    "http": "HTTP_GET",
    "https": "SSL_GET",
    "smtp": "SMTP_CHECK",
    "dns": "DNS_CHECK",
    "ping": "PING_CHECK",
    "udp": "UDP_CHECK",
    "script": "MISC_CHECK",
    "file": "FILE_CHECK",
}


def check_context(
    cluster: Cluster, service: str, server: tuple[str, str, int], check: Check, loop: float
) -> dict[str, Any]:
    """One checker block: keyword, lines, and the lines of its url block (empty: it has none).

    ``server`` is the real server's name, its RIP and the port that is asked by default; ``loop`` the
    virtual server's own seconds between two rounds, which need not be said again.
    """
    name, address, port = server
    if isinstance(check, FileCheck):
        path = weight_file(cluster, service, name, check)
        lines = [f"track_file {tracked_name(path)}", f"weight {check.weight}"]
        return {"keyword": _KEYWORDS["file"], "url": [], "lines": lines}
    return {
        "keyword": _KEYWORDS[check.type],
        "url": _url(check) if isinstance(check, HttpCheck) else [],
        "lines": [
            *_special(check, address, port),
            *_connection(check, port),
            *([] if isinstance(check, ScriptCheck) else [f"connect_timeout {number(check.timeout)}"]),
            f"retry {check.retries}",
            f"delay_before_retry {number(check.delay_before_retry_s)}",
            f"warmup {number(check.warm_up)}",
            *([f"delay_loop {number(check.interval)}"] if check.interval != loop else []),
        ],
    }


def _url(check: HttpCheck) -> list[str]:
    status = check.expected_status
    return [
        f"path {check.path}",
        # Without a status the digest alone decides; keepalived's own default is 200 to 299.
        f"status_code {'100-599' if status is None else status}",
        *([f"digest {check.digest}"] if check.digest else []),
        *([f"virtualhost {check.virtual_host}"] if check.virtual_host else []),
    ]


def _special(check: Check, address: str, port: int) -> list[str]:
    """What only one kind of check has."""
    match check:
        case HttpsCheck():
            return ["enable_sni"] if check.sni and check.virtual_host else []
        case SmtpCheck():
            return [f"helo_name {check.helo}"] if check.helo else []
        case DnsCheck():
            return [f"type {check.record}", f"name {check.name}"]
        case UdpCheck():
            return [
                *([f"payload {check.payload}"] if check.payload else []),
                *(["require_reply"] if check.reply else []),
            ]
        case ScriptCheck():
            # The braces are the operator's: str.format would trip over others.
            command = check.command.replace("{address}", address).replace("{port}", str(port))
            return [
                f"misc_path {quoted(command)}",
                f"misc_timeout {whole(check.timeout)}",
                *(["misc_dynamic"] if check.dynamic_weight else []),
                f"user {check.user}",
            ]
        case _:
            return []


def _connection(check: Check, port: int) -> list[str]:
    if isinstance(check, ScriptCheck | FileCheck):
        return []
    address = [f"connect_ip {check.address}"] if check.address else []
    if isinstance(check, PingCheck):
        return address
    assert isinstance(check, TcpCheck | HttpCheck | SmtpCheck | DnsCheck | UdpCheck)  # noqa: S101
    # Always said: without it a reload of keepalived can end the daemon (keepalived issues 1660, 1707).
    asked = check.port or port
    return [*address, *([f"connect_port {asked}"] if asked else [])]
