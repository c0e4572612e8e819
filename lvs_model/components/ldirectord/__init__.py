"""ldirectord on a director: the health-checked virtual services, under heartbeat or pacemaker.

Sources: ldirectord(8) and the program itself, which is the same in Debian 12 (4.12.0) and 13 (4.16.0). The
cluster manager starts and stops it where the VIPs are; its own unit never runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.components.ldirectord.checks import script_words
from lvs_model.components.ldirectord.globals import global_lines
from lvs_model.components.ldirectord.services import virtuals
from lvs_model.components.ldirectord.table import table_lines
from lvs_model.components.ldirectord.words import address
from lvs_model.components.role_switch import LDIRECTORD
from lvs_model.document import Cluster, ScriptCheck
from lvs_model.document.ldirectord import Ldirectord
from lvs_model.inventory import Host, Inventory
from lvs_model.parts import Action, Part, Validation
from lvs_model.render import render
from lvs_model.serving import Serving

__all__ = ["CONFIGURATION", "LOOK_S", "MAINTENANCE", "TABLE", "UNIT", "director", "options"]

_COMPONENT = "ldirectord"
UNIT = "ldirectord.service"
CONFIGURATION = "/etc/ha.d/ldirectord.cf"
MAINTENANCE = "/var/lib/lvs-toolkit/maintenance"
_TEMPORARY = "/etc/tmpfiles.d/lvs-ldirectord.conf"
_CHECK = "/usr/local/lib/lvs-toolkit/ldirectord-check"
TABLE = "/usr/local/lib/lvs-toolkit/ldirectord-table"
"""Fills a new owner's table: to be run before ldirectord starts (`TABLE load`)."""
LOOK_S = 1.0
"""Seconds that it waits where a real server is silent, for all of them together."""
_USER = "keepalived_script"
_NAME = CONFIGURATION.rsplit("/", 1)[1]

# ldirectord FILE status: 0 it runs, 3 it does not, 1 it has died and left its pid, but also where there is no
# such file; 2 a file that it does not understand. It names its process after the file, so that the staged one
# is asked for like the live one.
_ACCEPTS = """\
said=$(ldirectord "$1" status 2>&1)
code=$?
echo "$said"
case "$code $said" in
0\\ * | 3\\ * | 1\\ *"ldirectord is stopped for"*) exit 0 ;;
esac
exit "$code"
"""
_RELOAD = f"if ldirectord {_NAME} status; then ldirectord {_NAME} reload; fi"


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
        "scripts": list(_scripts(services)),
        "lines": list(table_lines(services)),
        "look_s": LOOK_S,
    }
    users = {check.user for one in services if isinstance(check := one.service.checks[0], ScriptCheck)}
    part = Part(
        component=_COMPONENT,
        packages=[_COMPONENT, *_modules(services)],
        files=[
            render(_COMPONENT, _TEMPORARY, context),
            render(_COMPONENT, CONFIGURATION, context),
            render(_COMPONENT, TABLE, context, mode="0755"),
            *([render(_COMPONENT, _CHECK, context, mode="0755")] if users else []),
        ],
        # Others are the operator's own.
        users=sorted(users & {_USER}),
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
            (LDIRECTORD, _NAME, "start"),
            heals=frozenset({"ldirectord missing"}),
        ),
        Action(
            "Stop ldirectord where no VIP is",
            (LDIRECTORD, _NAME, "stop"),
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


def _scripts(services: list[Serving]) -> Iterator[dict[str, Any]]:
    """The programs of script checks behind the first two words that ldirectord gives its own."""
    for one in services:
        check = one.service.checks[0]
        if not isinstance(check, ScriptCheck):
            continue
        for entry in one.entries():
            yield {
                "service": one.service.name,
                "virtual": f"{entry.mark} 0" if entry.vip is None else f"{address(entry.vip)} {entry.port}",
                "user": check.user,
                "words": script_words(check.command),
                "port": next((one.check_port(entry, member) for member in one.members_of(entry)), 0),
            }
