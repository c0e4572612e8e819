"""How a director finds out whether a real server can serve: one type for each kind of check.

Sources: keepalived.conf(5), section «virtual server»; net/http status codes: RFC 9110.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from lvs_model.document.base import Strict
from lvs_model.document.texts import CheckCommand, Domain, Hexadecimal, Md5, Path, Token, Words
from lvs_model.document.types import (
    Address,
    Count,
    FileWeight,
    HttpStatus,
    Port,
    Seconds,
    SecondsOrZero,
    WholeSeconds,
)


class Common(Strict):
    """What every check has: when it runs, and when its result counts."""

    interval: Seconds = Field(default=2, description="Seconds between two checks.")
    timeout: Seconds = Field(default=2, description="Seconds until a check that got no answer has failed.")
    retries: Count = Field(
        default=2, description="Failed checks in a row that are forgiven before a server is taken out."
    )
    retry_delay: Seconds | None = Field(
        default=None,
        description="Seconds between a failed check and its repetition. Default: interval, at most 1.",
    )
    warm_up: SecondsOrZero = Field(
        default=0, description="Seconds over which the first checks of all real servers are spread."
    )

    @property
    def delay_before_retry_s(self) -> float:
        """Seconds between a failed check and its repetition."""
        return self.retry_delay if self.retry_delay is not None else min(1.0, self.interval)

    @property
    def first_result_s(self) -> float:
        """Seconds after which a check has had its first result at the latest."""
        return self.warm_up + (self.retries + 1) * self.timeout + self.retries * self.delay_before_retry_s

    @property
    def detection_s(self) -> float:
        """Seconds until a server that stopped answering is taken out, at the latest."""
        return self.interval + self.first_result_s - self.warm_up


class _Connecting(Common):
    """A check that goes to an address and a port."""

    address: Address | None = Field(default=None, description="Address to check. Default: the RIP.")
    port: Port | None = Field(default=None, description="Port to check. Default: the service's own.")


class TcpCheck(_Connecting):
    """A connection is accepted."""

    type: Literal["tcp"] = Field(default="tcp", description="Kind of check.")


class HttpCheck(_Connecting):
    """An HTTP request has the expected answer."""

    type: Literal["http"] = Field(description="Kind of check.")
    path: Path = Field(default="/", description="Path of the request.")
    status: HttpStatus | None = Field(
        default=None, description="Status that means healthy. Default: 200, with a digest any."
    )
    digest: Md5 | None = Field(
        default=None, description="MD5 of a healthy answer's body, as `genhash` prints it."
    )
    receive: Words | None = Field(
        default=None,
        description="ldirectord: a text that the body of a healthy answer holds, as it stands there.",
    )
    virtual_host: Token | None = Field(default=None, description="Host header of the request.")

    @property
    def tls(self) -> bool:
        """Whether the request goes over TLS."""
        return False

    @property
    def expected_status(self) -> int | None:
        """The status that means healthy; None: whatever status, the digest decides."""
        return self.status if self.status is not None else None if self.digest else 200


class HttpsCheck(HttpCheck):
    """An HTTPS request has the expected answer.

    keepalived verifies no certificate; ldirectord does, without the name in it (ldirectord.https_trusted).
    """

    type: Literal["https"] = Field(description="Kind of check.")  # type: ignore[assignment]
    sni: bool = Field(default=True, description="Name the virtual_host in the TLS handshake.")

    @property
    def tls(self) -> bool:
        """See HttpCheck."""
        return True


class SmtpCheck(_Connecting):
    """The mail server greets, and answers to HELO."""

    type: Literal["smtp"] = Field(description="Kind of check.")
    helo: Token | None = Field(default=None, description="Its name in the greeting. Default: keepalived's.")


class DnsCheck(_Connecting):
    """The name server answers a question."""

    type: Literal["dns"] = Field(description="Kind of check.")
    name: Domain = Field(default=".", description="The name that is asked for.")
    record: Literal["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"] = Field(
        default="SOA", description="The record that is asked for."
    )


class PingCheck(Common):
    """The host answers an ICMP echo; says nothing about the service."""

    type: Literal["ping"] = Field(description="Kind of check.")
    address: Address | None = Field(default=None, description="Address to check. Default: the RIP.")


class UdpCheck(_Connecting):
    """No ICMP error comes back to a datagram, or an answer does."""

    type: Literal["udp"] = Field(description="Kind of check.")
    payload: Hexadecimal | None = Field(
        default=None, description="The datagram's content in hexadecimal digits. Default: random bytes."
    )
    reply: bool = Field(default=False, description="True: an answer must come. False: no error is enough.")


class ScriptCheck(Common):
    """A program of the operator's own ends with exit code 0."""

    type: Literal["script"] = Field(description="Kind of check.")
    command: CheckCommand = Field(
        description="The program and its arguments; {address} and {port} in them stand for the real server's."
    )
    timeout: WholeSeconds = Field(
        default=2, description="Seconds until a run that did not end has failed; whole ones."
    )
    dynamic_weight: bool = Field(
        default=False,
        description="Exit code 2 to 255 sets the weight to code - 2, 0 leaves it, 1 means failed.",
    )
    user: Token = Field(default="keepalived_script", description="Whom it runs as.")


class FileCheck(Strict):
    """A number in a file on the directors is added to the weight: draining without a reload."""

    type: Literal["file"] = Field(description="Kind of check.")
    path: Path | None = Field(
        default=None,
        description="The file. Default: one for each real server below /var/lib/lvs-toolkit/weight/.",
    )
    weight: FileWeight = Field(default=1, description="The file's number counts this many times.")

    # It is no measurement: its result is there at once.
    first_result_s: ClassVar[float] = 0
    detection_s: ClassVar[float] = 0


CHECKS: dict[str, type[Strict]] = {
    "tcp": TcpCheck,
    "http": HttpCheck,
    "https": HttpsCheck,
    "smtp": SmtpCheck,
    "dns": DnsCheck,
    "ping": PingCheck,
    "udp": UdpCheck,
    "script": ScriptCheck,
    "file": FileCheck,
}


def _type_of(value: Any) -> Any:  # noqa: ANN401 - whatever the document holds
    if isinstance(value, Strict):
        kind = getattr(value, "type", None)
    else:
        kind = value.get("type", "tcp") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) and kind in CHECKS else None


Check = Annotated[
    Annotated[TcpCheck, Tag("tcp")]
    | Annotated[HttpCheck, Tag("http")]
    | Annotated[HttpsCheck, Tag("https")]
    | Annotated[SmtpCheck, Tag("smtp")]
    | Annotated[DnsCheck, Tag("dns")]
    | Annotated[PingCheck, Tag("ping")]
    | Annotated[UdpCheck, Tag("udp")]
    | Annotated[ScriptCheck, Tag("script")]
    | Annotated[FileCheck, Tag("file")],
    Discriminator(
        _type_of,
        # errors.py says it in its own words.
        custom_error_type="no_check",
        custom_error_message="no check",
    ),
]
