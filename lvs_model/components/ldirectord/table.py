"""What fills a new owner's IPVS table before ldirectord has checked anything.

ldirectord takes what is in the table at its start for alive, with a weight above 0 (ld_start); all the rest
it checks first, all services one after the other, before the first of its checkers is forked
(_ld_main_check_all): docs/decisions/0016.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Check, HttpCheck, SmtpCheck, TcpCheck
from lvs_model.ipvs_table import diff, read_table
from lvs_model.serving import Entry, Member, Serving, endpoint, table

# Any will do where a service has no definite port: a refusal is an answer too.
_SOME_PORT = 7


def table_lines(services: list[Serving]) -> Iterator[str]:
    """The lines of ldirectord-table: how, whom and at which port to ask before ipvsadm gets the rest."""
    asked = {
        (entry.key, place): question
        for one in services
        for entry in one.entries()
        for place, question in _questions(one, entry)
    }
    for missing in diff(read_table(table(services)), {}):
        question = None if missing.server is None else asked[missing.key, missing.server]
        yield " ".join([question or "always - -", *missing.fix])


def _questions(one: Serving, entry: Entry) -> Iterator[tuple[str, str | None]]:
    """By real server, as the table names it, what is asked; None for one that gets no new connections."""
    for member in one.members_of(entry):
        place = endpoint(member.addresses[entry.family], one.server_port(entry, member))
        yield place, _question(one, entry, member) if member.weight else None


def _question(one: Serving, entry: Entry, member: Member) -> str:
    check: Check = one.service.checks[0]
    port = getattr(check, "port", None) or one.check_port(entry, member) or _SOME_PORT
    how = "tcp" if isinstance(check, TcpCheck | HttpCheck | SmtpCheck) else "host"
    return f"{how} {member.addresses[entry.family]} {port}"
