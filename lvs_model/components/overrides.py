"""What drains real servers on a director: lvs-override, what it must know, and the timer that settles.

The tool writes what the engine reads without a reload: keepalived's tracked files (components/keepalived/
drains.py), or the names in ldirectord's maintenancedir.
"""

from __future__ import annotations

import json
from typing import Any

from lvs_model.components.keepalived.demotion import RECORD, SCRIPT, STEM
from lvs_model.components.keepalived.drains import FOLDER as TRACKED
from lvs_model.components.keepalived.drains import drain_file
from lvs_model.components.ldirectord import MAINTENANCE
from lvs_model.document import Cluster
from lvs_model.ipvs_table import entry_words
from lvs_model.overrides import FOLDER
from lvs_model.parts import Action, Part, Preparation
from lvs_model.render import render
from lvs_model.serving import Serving, table

_COMPONENT = "overrides"
TOOL = "/usr/local/lib/lvs-toolkit/lvs-override"
CONFIGURATION = "/etc/lvs-toolkit/servers.conf"
TIMER = "lvs-override.timer"
_TIMER_FILE = f"/etc/systemd/system/{TIMER}"
UNIT = "lvs-override.service"
_UNIT_FILE = f"/etc/systemd/system/{UNIT}"


def overrides(cluster: Cluster, services: list[Serving], *, demoted: bool = False) -> Part:
    """A director's part; without services there is nothing to drain.

    ``demoted``: the director has keepalived-demoted, and the timer looks for what is left there as well.
    """
    if not services:
        return Part(component=_COMPONENT)
    folder = TRACKED if cluster.engine == "keepalived" else MAINTENANCE
    context = {
        "tool": TOOL,
        "configuration": CONFIGURATION,
        "records": FOLDER,
        "folder": folder,
        # Without a second director nobody is demoted, and the script is not there.
        "demoted": SCRIPT if demoted else None,
        "stem": STEM,
        "record": RECORD,
        "lines": [json.dumps(line) for line in configuration(cluster, services)],
    }
    part = Part(
        component=_COMPONENT,
        files=[
            render(_COMPONENT, TOOL, context, mode="0755"),
            render(_COMPONENT, CONFIGURATION, context),
            render(_COMPONENT, _UNIT_FILE, context),
            render(_COMPONENT, _TIMER_FILE, context),
        ],
        units=[TIMER],
    )
    if cluster.engine == "keepalived":
        # keepalived -t refuses a tracked file whose folder is missing.
        part.prepare = [Preparation("Make the folder of drained servers", ("mkdir", "-p", folder), TOOL)]
    part.actions = [
        Action(
            "Read the units anew",
            ("systemctl", "daemon-reload"),
            on=(_UNIT_FILE, _TIMER_FILE),
            heals=frozenset({"reload"}),
        ),
        Action(
            "Settle at boot what operators have set aside",
            ("systemctl", "enable", UNIT, TIMER),
            on=(_UNIT_FILE, _TIMER_FILE),
            heals=frozenset({f"enabled {TIMER}"}),
        ),
        Action(
            "Look each minute for what is over",
            ("systemctl", "reload-or-restart", TIMER),
            on=(_TIMER_FILE,),
            heals=frozenset({f"active {TIMER}"}),
        ),
        # What is left of a weight follows from the planned one.
        Action("Give drained servers what is left of their weights", (TOOL, "settle"), on=(CONFIGURATION,)),
    ]
    return part


def configuration(cluster: Cluster, services: list[Serving]) -> list[dict[str, Any]]:
    """What lvs-override must know: the engine with its folder and services, then each real server.

    ``services`` are by key of the IPVS table, ``places`` the real server's in it. keepalived: ``files`` by
    service, with name and planned weight. ldirectord: ``addresses`` as it names its files, and ``entries``.
    """
    keepalived = cluster.engine == "keepalived"
    entries = table(services)
    servers: dict[str, dict[str, Any]] = {}
    for key, entry in entries.items():
        for place, one in entry["servers"].items():
            empty: dict[str, Any] = {"host": one["host"], "places": []}
            server = servers.setdefault(one["host"], empty)
            if place not in server["places"]:
                server["places"].append(place)
            if keepalived:
                file = drain_file(entry["service"], one["host"])
                server.setdefault("files", {})[entry["service"]] = [file, one["weight"]]
                continue
            server.setdefault("entries", []).append(
                {
                    "key": key,
                    "place": place,
                    "words": entry_words(key, place, one["method"], one["extra"]),
                    "weight": one["weight"],
                    "inhibit": entry["inhibit"],
                }
            )
            address = place.rpartition(":")[0]
            # An IPv6 address may be asked for with its brackets and without.
            named = server.setdefault("addresses", [])
            named += [name for name in dict.fromkeys([address, address.strip("[]")]) if name not in named]
    common = {
        "engine": cluster.engine,
        "folder": TRACKED if keepalived else MAINTENANCE,
        "services": {key: entry["service"] for key, entry in entries.items()},
    }
    return [common, *servers.values()]
