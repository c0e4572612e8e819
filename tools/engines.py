"""Write docs/engines.md: what each engine has, from the tables by which the rules refuse what one lacks.

.venv/bin/python -m tools.engines > docs/engines.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from lvs_model import parity
from lvs_model.document import Email, Failover, Service
from lvs_model.document.checks import CHECKS
from lvs_model.document.cluster import Ipvs
from lvs_model.parity import Lack

_MADE = "<!-- Written by tools/engines.py from lvs_model/parity.py; do not edit. -->"

_HEAD = f"""\
# Engines

{_MADE}

`engine` says what fills the kernel's IPVS table, `failover.method` what moves the VIPs.

| `engine` | `failover.method` | who moves the VIPs | who checks real servers | which directors have a table |
|---|---|---|---|---|
| `keepalived` | `vrrp` | keepalived | keepalived | every one |
| `ldirectord` | `heartbeat` | heartbeat | ldirectord | the owner of the VIPs |
| `ldirectord` | `pacemaker` | corosync and pacemaker | ldirectord | the owner of the VIPs |

keepalived is the default: one daemon, faster checks and takeovers, and more of everything in the tables
below. ldirectord is for those who have pacemaker already, and for clusters of heartbeat's time that shall
be described as they are (inventories/tunnel-pair).

## From one engine to another

Change `engine` and `failover.method` in the document, and deploy. An option that the new engine lacks is
refused before any host is contacted, with what to take instead. All of the new engine is laid down on all
directors first, while the old one serves. Then the standbys leave the old one; the owner leaves it and
begins with the new one; the standbys begin (pacemaker, which waits for all directors, begins on them
first). At the end the old engine's files go; its package stays. The service is down for as long as the new
engine needs to find an owner where there is none (`settle` in the plan). If the new engine does not begin
on the owner, the old one is started there again, and the run ends with what the new one said.

## ldirectord

- Its own unit is disabled: the cluster manager starts it, where the VIPs are. Under heartbeat, which does
  not watch what it has started, each deployment starts it again where it is missing; pacemaker watches it.
- A real server is drained by [playbooks/drain.yml](operations.md#drain-and-restore), or for good by its
  `lvs_state`. While one of a service is drained by the latter, the service's dead ones stay with weight 0,
  too, whatever `on_failure` says: else each reload would cut the drained one's connections for a moment.
- An empty file named like a real server's address (IPv6 in brackets) in `/var/lib/lvs-toolkit/maintenance` on
  a director drains it at once where `on_failure` is `inhibit`. With `remove`, the default, it is to
  ldirectord as if its checks had failed, and its connections end: drain.yml waits for these before it makes
  the file.
- For that folder ldirectord asks for the name of each real server at each check: have them in /etc/hosts, or
  checks wait for a name server that does not answer.
- A real server that comes is forwarded to after its first good check (`readdquiescent`). At a takeover all
  are asked for a TCP handshake at once, and those that answer serve until their checks say otherwise
  (docs/decisions/0016): a program that hangs, or a wrong page, gets its share for the time below.
- A failed check is repeated after the interval, so that a dead real server is noticed after (retries + 1) x
  (interval + timeout) seconds, and each time what the others' checks take, since a service's are made one
  after the other: milliseconds of each that is well, its timeout of each that is dead. After a start and a
  reload one round over all services comes first, one real server after the other: until it is over, a hung
  one has delayed it by its timeout for every VIP and port, and nobody notices another's death.
- A check of type http or https follows redirects (LWP::UserAgent): a real server that sends its clients
  somewhere else is as healthy as that place. With `receive`, a text of its own page, it is not.
- What its checks have found it tells to its log only: there verify and deployments look. With `log` as a
  facility of syslog they believe the kernel's table, and a real server that somebody deleted by hand looks
  like a dead one.
- A `receive` is a text, not an expression: the toolkit writes all special characters as numbers, so that no
  `#` cuts the line. `external-perl`, which runs a program inside the daemon, is never used.
"""


_OF_METHODS = ("method", "network", "heartbeat", "pacemaker")


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_tables()])


def _tables() -> Iterator[str]:
    of_ipvs = [one for one in parity.LDIRECTORD if one.path.startswith("ipvs.")]
    of_email = [one for one in parity.LDIRECTORD if one.path.startswith("email.")]
    of_failover = [one for one in parity.LDIRECTORD if one.path.startswith("failover.")]
    yield from _table("Failover", "failover", Failover, _below("failover", of_failover), skip=_OF_METHODS)
    yield from _table("Services", "services[]", Service, parity.LDIRECTORD_SERVICE, skip=("name", "check"))
    for name, kind in CHECKS.items():
        title = f"Checks of type {name}"
        if name in parity.LDIRECTORD_NO_CHECK:
            yield from (
                f"## {title}",
                "",
                f"keepalived only; ldirectord: {parity.LDIRECTORD_NO_CHECK[name]}.",
                "",
            )
            continue
        lacking = parity.LDIRECTORD_CHECK[name]
        other = parity.KEEPALIVED_CHECK.get(name, ())
        yield from _table(title, "check", kind, lacking, other, skip=("type",))
    yield from _table("Mail", "email", Email, _below("email", of_email))
    yield from _table("Kernel", "ipvs", Ipvs, _below("ipvs", of_ipvs))


def _below(name: str, lacks: Iterable[Lack]) -> list[Lack]:
    return [Lack(one.path.removeprefix(f"{name}."), one.instead, one.also, one.whole) for one in lacks]


def _table(
    title: str,
    root: str,
    model: type[BaseModel],
    ldirectord: Iterable[Lack],
    keepalived: Iterable[Lack] = (),
    skip: tuple[str, ...] = (),
) -> Iterator[str]:
    yield from (f"## {title}", "", "| option | keepalived | ldirectord |", "|---|---|---|")
    for name in model.model_fields:
        if name not in skip:
            partly = parity.LDIRECTORD_PARTLY.get(f"{title.rpartition(' ')[2]}.{name}".lower())
            cells = (_cell(name, keepalived), partly or _cell(name, ldirectord))
            yield f"| `{root}.{name}` | {' | '.join(cells)} |"
    yield ""


def _cell(name: str, lacks: Iterable[Lack]) -> str:
    found = [one for one in lacks if one.path.split(".")[0] == name]
    if not found:
        return "yes"
    parts = []
    for one in found:
        inner = one.path.partition(".")[2]
        only = "whole numbers" if one.whole else ", ".join(map(str, one.also))
        what = f"{inner}: no" if inner else "no"
        parts.append(f"only {only}" if only else f"{what}: {one.instead}")
    return "; ".join(parts)


if __name__ == "__main__":
    print(page(), end="")
