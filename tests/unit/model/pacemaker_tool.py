"""Directors in a bottle with lvs-pacemaker, and a cluster that is a file: its commands are fakes.

`crm_diff` prints the whole new configuration where it differs, and `cibadmin --patch` takes it as it is: what
the real ones make of it, their packages' own tests say. States are as pacemaker 2.1.5 (Debian 12) and 3.0.0
(Debian 13) write them.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from lvs_model.components import pacemaker
from lvs_model.inventory import read_inventory
from lvs_model.parts import Part
from lvs_model.serving import serving
from lvs_model.topology import marks

from .builders import Case
from .changes import Change
from .namespace import Bottle
from .rule_cases.pacemaker import pacemaker as having

TOOLS = {name: f"/usr/local/lib/lvs-toolkit/lvs-pacemaker-{name}" for name in ("lb1", "lb2")}
_FAKES = {
    "cibadmin": """
if [ ! -e cib.xml ]; then
    echo "cibadmin: Could not connect to the CIB: Transport endpoint is not connected" >&2
    exit 102
fi
case "$*" in
*--query*) cat cib.xml ;;
*--patch*) echo "cibadmin $*" >> commands; cat > new.xml; mv new.xml cib.xml ;;
esac""",
    "crm_diff": """
python3 - "$2" "$4" <<'END'
import sys, xml.etree.ElementTree as ET
one, other = (ET.canonicalize(from_file=path, strip_text=True) for path in sys.argv[1:])
print(other if one != other else "", end="")
sys.exit(one != other)
END""",
    "corosync-cfgtool": 'echo "corosync-cfgtool $*" >> commands',
    "crm_resource": 'echo "crm_resource ${*%=*}" >> commands',
    "crm_node": 'echo "crm_node $*" >> commands',
    "corosync-cmapctl": """
case "$*" in
*cluster_name) echo "totem.cluster_name (str) = $(cat cluster 2>/dev/null || echo edge)" ;;
*this_node_id) echo "runtime.votequorum.this_node_id (u32) = $(cat number)" ;;
*) echo "corosync-cmapctl $*" >> commands ;;
esac""",
    "systemctl": """
case "$1" in
is-active) [ -e active ] ;;
*)
    echo "systemctl $*" >> commands
    if [ -e refuses ]; then echo "Job for corosync.service failed." >&2; exit 1; fi ;;
esac""",
    "journalctl": 'echo "corosync[7]: parse error in config: No interfaces defined"',
}


def part(*changes: Change, host: str = "lb1") -> Part:
    """A director's part of the valid inventory under pacemaker, after some changes."""
    case = Case()
    having()(case)
    for change in changes:
        change(case)
    inventory, problems = read_inventory(*case.inputs())
    assert problems == []
    cluster = inventory.clusters["edge"]
    services = serving(cluster, inventory, marks(inventory))
    return pacemaker.director(cluster, inventory.hosts[host], inventory, services)


def resources(found: Part) -> ET.Element:
    """The configuration of the resources, parsed."""
    text = next(file.content for file in found.files if file.path.endswith("pacemaker.cib"))
    return ET.fromstring(text.partition("\n")[2])  # noqa: S314 - our own


def directors(folder: Path, *changes: Change) -> Bottle:
    """Both directors in one bottle: they have the same files, but each its own tool."""
    found = part(*changes)
    files: list[dict[str, Any]] = [
        file.as_argument() for file in found.files if file.path.startswith("/etc/")
    ]
    for name, path in TOOLS.items():
        other = found if name == "lb1" else part(*changes, host=name)
        (tool,) = (file for file in other.files if file.path == pacemaker.TOOL)
        files.append({**tool.as_argument(), "path": path})
    bottle = Bottle(folder, files)
    for name, script in _FAKES.items():
        bottle.shadow(name, script)
    return bottle


def cluster(
    bottle: Bottle, *online: str, resources: str = "", constraints: str = "", attributes: str = ""
) -> None:
    """Have a running cluster with these directors online, the first one as coordinator."""
    ids = {name: str(number) for number, name in enumerate(("lb1", "lb2", "old"), 1)}
    nodes = "".join(f'<node id="{ids[name]}" uname="{name}"/>' for name in ids)
    # A word until 2.1.6, the time since when from 2.1.7 on.
    yes = {"lb1": ("true", "online"), "lb2": ("1700000000", "1700000000")}
    states = "".join(
        f'<node_state id="{ids[name]}" uname="{name}" in_ccm="{member}" crmd="{peer}" join="member"/>'
        for name in ids
        for member, peer in [yes[name] if name in online else ("false", "offline")]
    )
    (bottle.work / "cib.xml").write_text(
        f'<cib have-quorum="1" dc-uuid="{ids[online[0]]}" {attributes}><configuration><crm_config/>'
        f"<nodes>{nodes}</nodes><resources>{resources}</resources><constraints>{constraints}</constraints>"
        f"</configuration><status>{states}</status></cib>"
    )


def live(bottle: Bottle) -> ET.Element:
    """The cluster's configuration now."""
    return ET.parse(bottle.work / "cib.xml").getroot()  # noqa: S314 - our own


def commands(bottle: Bottle) -> list[str]:
    """What was asked of the cluster's commands that change something, in order."""
    file = bottle.work / "commands"
    return file.read_text().splitlines() if file.exists() else []
