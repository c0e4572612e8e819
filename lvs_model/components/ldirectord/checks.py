"""ldirectord's checks: what a check of the document is in a virtual block.

Source: ldirectord(8), sections «checktype», «service», «request» and «receive».
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lvs_model.document import (
    Check,
    DnsCheck,
    HttpCheck,
    PingCheck,
    ScriptCheck,
    SmtpCheck,
)

_PLAIN = re.compile(r"[A-Za-z0-9 ]")
_WORD = re.compile(r"\{address\}|\{port\}|[^{]+|\{")


def check_lines(check: Check, port: int, program: str, tag: str | None) -> Iterator[str]:
    """The lines of a virtual block that say how its real servers are checked.

    ``port`` is the one that is asked where the check names none, 0 where the service has no definite one.
    ``program`` is what a script check runs. ``tag`` tells this virtual service from others with the same
    real servers (services.py), or is None.
    """
    own = None if isinstance(check, PingCheck | ScriptCheck) else getattr(check, "port", None) or port
    match check:
        case HttpCheck():
            yield "checktype = negotiate"
            yield f"service = {check.type}"
            yield f'request = "{check.path}"'
            if check.virtual_host:
                yield f'virtualhost = "{check.virtual_host}"'
        case SmtpCheck():
            yield "checktype = negotiate"
            yield "service = smtp"
        case DnsCheck():
            yield "checktype = negotiate"
            yield "service = dns"
            # Absolute: the resolver would try it in its own search domains.
            yield f'request = "{check.name.rstrip(".")}."'
        case PingCheck():
            yield "checktype = ping"
            yield "service = none"
        case ScriptCheck():
            yield "checktype = external"
            yield f'checkcommand = "{program}"'
            yield "service = none"
        case _:
            yield "checktype = connect"
            yield "service = none"
    receive = _expected(check) + (f"(?:{_escaped(tag)}){{0}}" if tag else "")
    if receive:
        yield f'receive = "{receive}"'
    if own:
        yield f"checkport = {own}"


def _expected(check: Check) -> str:
    """The regular expression that an answer must match, empty where any will do."""
    if isinstance(check, HttpCheck) and check.receive:
        return _escaped(check.receive)
    # Without one the check of a name server never succeeds: any address will do.
    return "." if isinstance(check, DnsCheck) else ""


def _escaped(text: str) -> str:
    """A text as a regular expression of Perl that matches its bytes in UTF-8 and nothing else.

    All that is neither a letter, a digit nor a blank is written as a number: ldirectord cuts a line at `#`,
    quotation marks or not, and other signs mean something in an expression.
    """
    return "".join(
        chr(byte) if byte < 128 and _PLAIN.fullmatch(chr(byte)) else f"\\x{byte:02x}"
        for byte in text.encode()
    )


def script_words(command: str) -> list[str]:
    """A script check's command as words of sh(1), with its placeholders as the wrapper's variables."""
    return ["".join(_quoted(part) for part in _WORD.findall(word)) for word in command.split(" ")]


def _quoted(part: str) -> str:
    if part in {"{address}", "{port}"}:
        return f'"${part[1:-1]}"'
    return f"'{part}'"
