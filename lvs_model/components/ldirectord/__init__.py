"""ldirectord on a director: the health-checked virtual services, under heartbeat or pacemaker.

Sources: ldirectord(8) and the program itself, which is the same in Debian 12 (4.12.0) and 13 (4.16.0). The
cluster manager starts and stops it where the VIPs are; its own unit never runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lvs_model.components.ldirectord.checks import script_words
from lvs_model.components.ldirectord.globals import global_lines
from lvs_model.components.ldirectord.services import virtuals
from lvs_model.document import Cluster, ScriptCheck
from lvs_model.document.ldirectord import Ldirectord
from lvs_model.inventory import Host, Inventory
from lvs_model.parts import Action, File, Part, Validation
from lvs_model.render import render
from lvs_model.serving import Entry, Serving

__all__ = ["CONFIGURATION", "MAINTENANCE", "UNIT", "director", "options"]

_COMPONENT = "ldirectord"
UNIT = "ldirectord.service"
CONFIGURATION = "/etc/ha.d/ldirectord.cf"
MAINTENANCE = "/var/lib/lvs-toolkit/maintenance"
_TEMPORARY = "/etc/tmpfiles.d/lvs-ldirectord.conf"
_CHECK = "/usr/local/lib/lvs-toolkit/ldirectord-check"
_USER = "keepalived_script"
_NAME = CONFIGURATION.rsplit("/", 1)[1]

# ldirectord FILE status: 0 it runs, 1 it has died and left its pid, 3 it does not run; 2 a file that it does
# not understand. It names its process after the file, so the staged one is asked for like the live one.
_ACCEPTS = 'ldirectord "$1" status; code=$?; case $code in 0|1|3) exit 0;; esac; exit $code'
_RELOAD = f"if ldirectord {_NAME} status; then ldirectord {_NAME} reload; fi"


@dataclass(frozen=True)
class _Script:
    """A program of the operator's own behind the four words that ldirectord gives it."""

    service: str
    user: str
    command: str
    port: int


def options(cluster: Cluster) -> Ldirectord:
    """The cluster's options of ldirectord."""
    return cluster.ldirectord or Ldirectord()


def director(cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving]) -> Part:
    """A director's ldirectord; without services there is nothing for it to do."""
    if not services:
        return Part(component=_COMPONENT)
    wanted = options(cluster)
    context = {
        "cluster": cluster.name,
        "global_lines": list(global_lines(cluster, wanted, MAINTENANCE)),
        "virtuals": virtuals(services, _CHECK, fork=wanted.fork),
        "maintenance": MAINTENANCE,
    }
    scripts = [*_scripts(services)]
    part = Part(
        component=_COMPONENT,
        packages=[_COMPONENT, *_modules(services)],
        files=[
            render(_COMPONENT, _TEMPORARY, context),
            render(_COMPONENT, CONFIGURATION, context),
            *(_wrapper(one) for one in scripts),
        ],
        users=sorted({one.user for one in scripts} & {_USER}),
        idle_units=[UNIT],
    )
    part.validate = [
        Validation(
            "ldirectord accepts its configuration",
            ("sh", "-c", _ACCEPTS, "sh", "{stage}" + CONFIGURATION),
            (CONFIGURATION,),
        )
    ]
    part.actions = [
        Action("Make the folders of ldirectord", ("systemd-tmpfiles", "--create", _TEMPORARY), (_TEMPORARY,)),
        Action(
            "Leave the start of ldirectord to the cluster manager",
            ("systemctl", "disable", "--now", UNIT),
            heals=frozenset({f"idle {UNIT}"}),
        ),
        Action(
            "Have ldirectord read its configuration anew, where it runs",
            ("sh", "-c", _RELOAD),
            on=(CONFIGURATION,),
        ),
        # Heartbeat starts a resource and looks after it no more.
        Action(
            "Start ldirectord beside the VIPs",
            (_COMPONENT, _NAME, "start"),
            heals=frozenset({"ldirectord missing"}),
        ),
        Action(
            "Stop ldirectord where no VIP is",
            (_COMPONENT, _NAME, "stop"),
            heals=frozenset({"ldirectord extra"}),
        ),
    ]
    return part


def _modules(services: list[Serving]) -> Iterator[str]:
    """Perl modules that checks load when they run, and that the package does not depend on."""
    http = [(one, check) for one in services if (check := one.service.http_check) is not None]
    if any(check.tls for _, check in http):
        yield "liblwp-protocol-https-perl"
    if any(6 in one.families for one, _ in http):
        yield "libnet-inet6glue-perl"


def _scripts(services: list[Serving]) -> Iterator[_Script]:
    for one in services:
        check = one.service.checks[0]
        if isinstance(check, ScriptCheck):
            entry: Entry = next(one.entries())
            port = next((one.check_port(entry, member) for member in one.members_of(entry)), 0)
            yield _Script(one.service.name, check.user, check.command, port)


def _wrapper(one: _Script) -> File:
    context = {
        "service": one.service,
        "user": one.user,
        "words": script_words(one.command),
        "port": one.port,
    }
    rendered = render(_COMPONENT, _CHECK, context, mode="0755")
    return File(f"{_CHECK}-{one.service}", rendered.content, rendered.mode)
