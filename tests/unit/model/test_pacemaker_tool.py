"""lvs-pacemaker: only what differs is changed, once all directors have their files; others' entries stay."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lvs_model.pacemaker_view import pacemaker_view

from .cases import ROOT
from .changes import Change, service
from .namespace import Bottle, unusable
from .pacemaker_tool import TOOLS, cluster, commands, directors, live, part
from .rule_cases.pacemaker import pacemaker

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

LB1, LB2 = TOOLS["lb1"], TOOLS["lb2"]
PATCH = "cibadmin --patch --sync-call --force --xml-pipe"
GROUP = ["lvs-role", "lvs-ldirectord", "lvs-vip-192.0.2.10"]


def members(bottle: Bottle) -> list[str | None]:
    return [one.get("id") for one in live(bottle).iterfind(".//group/primitive")]


def held(bottle: Bottle, tool: str = LB1) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bottle.told(f"{tool} held"))
    return found


def test_the_tool_is_good_python_of_the_oldest_version(tmp_path: Path) -> None:
    tool = directors(tmp_path).tree / LB1.lstrip("/")
    ast.parse(tool.read_text(), feature_version=(3, 9))
    script = tool.rename(tmp_path / "lvs_pacemaker.py")
    ruff = ["ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--target-version", "py39"]

    for command in ([*ruff, "--ignore", "PTH"], ["mypy", "--strict"]):
        argv = [sys.executable, "-m", *command, str(script)]
        checked = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_last_director_that_has_its_files_applies(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1", "lb2")

    said = bottle.told(f"{LB1} apply")

    assert said == "lb2 must be deployed too: until then the resources stay as they are\n"
    assert members(bottle) == []
    assert held(bottle)["waits_for"] == ["lb2"]
    assert held(bottle)["differs"] == [], "what waits for others is no drift"

    said = bottle.told(f"{LB2} apply")

    assert "mended: lvs-director is missing\n" in said
    assert members(bottle) == GROUP
    assert [held(bottle, tool)["differs"] + held(bottle, tool)["waits_for"] for tool in TOOLS.values()] == [
        [],
        [],
    ]


def test_it_waits_for_what_moves_because_of_a_change_only(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1")
    wait = "crm_resource --wait --timeout"

    bottle.told(f"{LB1} apply; {LB1} apply")

    assert commands(bottle).count(wait) == 1
    assert commands(bottle).index(wait) > commands(bottle).index(PATCH)


def test_whoever_is_off_is_not_waited_for(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1")

    bottle.told(f"{LB1} apply")

    assert members(bottle) == GROUP


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1")

    said = bottle.told(
        f"{LB1} apply > /dev/null; cp cib.xml once.xml; rm commands; {LB1} apply; cmp once.xml cib.xml"
    )

    assert said == "removed: old, which is no director any more\n", "the fake forgets nobody"
    assert PATCH not in commands(bottle)


DRIFT: dict[str, tuple[str, str]] = {
    "removed": ('s,<rsc_location id="lvs-prefer-lb1"[^>]*></rsc_location>,,', "lvs-prefer-lb1 is missing"),
    "changed": ('s,value="32",value="24",', "lvs-director is not as planned"),
    "added": (
        's,<constraints>,<constraints><rsc_location id="lvs-more" rsc="lvs-director" node="lb2" score="9"/>,',
        "lvs-more is there and not planned",
    ),
}


@pytest.mark.parametrize(("edit", "said"), DRIFT.values(), ids=DRIFT)
def test_what_has_drifted_is_seen_and_mended(tmp_path: Path, edit: str, said: str) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1")

    told = bottle.told(
        f"{LB1} apply > /dev/null; cp cib.xml good.xml; sed -i '{edit}' cib.xml; ! cmp -s good.xml cib.xml\n"
        f"{LB1} held > held.json; {LB1} apply"
    )

    view = pacemaker_view((bottle.work / "held.json").read_text())
    assert view is not None
    assert view.differs == [said]
    assert told.splitlines()[0] == f"mended: {said}"
    assert held(bottle)["differs"] == []


FOREIGN = {
    "resources": '<primitive id="backup" class="systemd" type="backup"/>',
    "constraints": '<rsc_location id="cli-ban-x" rsc="lvs-director" node="lb2" score="-INFINITY"/>',
}


def test_entries_of_others_stay(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1", **FOREIGN)

    bottle.told(f"{LB1} apply")

    found = live(bottle)
    assert found.find(".//primitive[@id='backup']") is not None
    assert found.find(".//rsc_location[@id='cli-ban-x']") is not None, "an operator's move is none"
    assert held(bottle)["differs"] == []


def test_a_new_vip_comes_last_and_the_others_keep_their_places(tmp_path: Path) -> None:
    """A member that is put before others restarts these."""
    before: Change = service(vips=["192.0.2.10", "192.0.2.18"])
    after: Change = service(vips=["192.0.2.17", "192.0.2.18", "192.0.2.10"])
    bottle = directors(tmp_path / "after", after)
    old = directors(tmp_path / "before", before)
    for one in (old, bottle):
        cluster(one, "lb1")
    old.told(f"{LB1} apply")
    (bottle.work / "cib.xml").write_text((old.work / "cib.xml").read_text())

    bottle.told(f"{LB1} apply")

    vips = [f"lvs-vip-192.0.2.{last}" for last in (10, 18, 17)]
    assert members(bottle) == ["lvs-role", "lvs-ldirectord", *vips]
    assert held(bottle)["differs"] == []


def test_all_directors_read_corosyncs_new_configuration_at_once(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1", "lb2")
    reload = "corosync-cfgtool -R"

    bottle.told(f"{LB1} apply; {LB2} apply; cp commands first")
    assert reload not in (bottle.work / "first").read_text(), "what has just started has read it"

    bottle.told(
        f"{LB1} apply; {LB2} apply; echo '# other' >> /etc/corosync/corosync.conf\n"
        f"{LB1} apply; cp commands alone; {LB2} apply; {LB1} apply"
    )
    assert reload not in (bottle.work / "alone").read_text(), (
        "with one key each they would not hear each other"
    )
    assert commands(bottle).count(reload) == 1


def test_a_reload_that_fails_is_tried_again(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1")
    bottle.shadow("corosync-cfgtool", 'echo "corosync-cfgtool $*" >> commands; [ ! -e refuses ]')

    done = bottle.run(
        f"{LB1} apply; echo '# other' >> /etc/corosync/corosync.conf; touch refuses; {LB1} apply && exit 9\n"
        f"rm refuses; {LB1} apply"
    )

    assert done.returncode == 0, done.stderr
    assert "lvs-pacemaker apply: corosync-cfgtool -R: exit code 1" in done.stderr
    assert commands(bottle).count("corosync-cfgtool -R") == 2


PASSWORD = "hunter2-and-more"  # noqa: S105 - a test's
FENCED: Change = pacemaker(
    fencing={
        "devices": [
            {
                "name": "board",
                "agent": "fence_ipmilan",
                "parameters": {"ip": "10.9.0.1"},
                "password": PASSWORD,
            }
        ]
    }
)
# As pacemaker's commands do (log_xmllib_err, string2xml).
QUOTES = """
if [ -e refuses ]; then
    echo "error: Couldn't fully parse 9 chars: $(cat)" >&2
    echo "$0: Unable to parse CIB XML" >&2
    exit 78
fi"""


def test_a_refused_change_does_not_tell_passwords(tmp_path: Path) -> None:
    bottle = directors(tmp_path, FENCED)
    cluster(bottle, "lb1")
    bottle.shadow("cibadmin", f'case "$*" in *--query*) cat cib.xml ;; *) {QUOTES} ;; esac')

    done = bottle.run(f"touch refuses; {LB1} apply")

    assert done.returncode == 1
    assert PASSWORD not in done.stdout + done.stderr
    assert "Unable to parse CIB XML" in done.stderr, "what else it says is told"


@pytest.mark.parametrize(("refuses", "code"), [(True, 78), (False, 0)])
def test_refused_resources_do_not_tell_passwords(tmp_path: Path, refuses: bool, code: int) -> None:
    found = part(FENCED)
    bottle = directors(tmp_path, FENCED)
    bottle.shadow("crm_verify", f"{QUOTES}; cat > verified")
    (argv,) = (one.argv for one in found.validate if one.name == "pacemaker accepts the resources")
    command = shlex.join([*argv[:-1], ""])

    done = bottle.run(f"{'touch refuses' if refuses else ':'}; {command}")

    assert PASSWORD in (bottle.tree / "etc/lvs-toolkit/pacemaker.cib").read_text()
    assert (done.returncode, PASSWORD in done.stdout + done.stderr) == (code, False)
    assert ("Unable to parse CIB XML" in done.stderr) == refuses
    if not refuses:
        assert PASSWORD in (bottle.work / "verified").read_text(), "all of it was judged"


def test_who_is_no_director_any_more_is_forgotten(tmp_path: Path) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, "lb1")

    bottle.told(f"{LB1} apply")

    assert commands(bottle)[-1] == "crm_node --force --remove old", "lb2 is off, and a director"


def test_without_pacemaker_nothing_is_held(tmp_path: Path) -> None:
    assert held(directors(tmp_path)) == {"running": False, "node": "lb1"}


def test_no_coordinator_is_told_with_the_journals(tmp_path: Path) -> None:
    bottle = directors(tmp_path)

    done = bottle.run(f"sed -i 's/^WAIT = .*/WAIT = 0/' {LB1}; {LB1} apply")

    assert done.returncode == 1
    assert done.stderr == (
        "lvs-pacemaker apply: pacemaker does not answer within 0 s\n"
        "corosync[7]: parse error in config: No interfaces defined\n"
    )


def test_a_start_that_fails_is_told_with_the_journals(tmp_path: Path) -> None:
    bottle = directors(tmp_path)

    done = bottle.run(f"touch refuses; {LB1} start")

    assert done.returncode == 1
    assert done.stderr == (
        "lvs-pacemaker start: Job for corosync.service failed.\n"
        "corosync[7]: parse error in config: No interfaces defined\n"
    )


def test_daemons_that_do_not_run_are_told_of_with_the_journals(tmp_path: Path) -> None:
    bottle = directors(tmp_path)

    done = bottle.run(f"touch active; {LB1} running; rm active; {LB1} running")

    assert done.returncode == 1
    assert done.stderr == "corosync[7]: parse error in config: No interfaces defined\n"


STARTS = {
    "not running": ("", ["systemctl start pacemaker.service"]),
    "running": ("touch active; echo 39652 > number", ["systemctl start pacemaker.service"]),
    "of another cluster": (
        "touch active; echo debian > cluster; echo 39652 > number",
        ["systemctl stop pacemaker.service corosync.service", "systemctl start pacemaker.service"],
    ),
    "under another number": (
        "touch active; echo 1 > number",
        ["systemctl stop pacemaker.service corosync.service", "systemctl start pacemaker.service"],
    ),
}


@pytest.mark.parametrize(("state", "asked"), STARTS.values(), ids=STARTS)
def test_a_member_of_another_cluster_is_started_anew(tmp_path: Path, state: str, asked: list[str]) -> None:
    bottle = directors(tmp_path)

    bottle.told(f"{state or ':'}; {LB1} start")

    assert commands(bottle) == asked


CANCEL = "corosync-cmapctl -s quorum.cancel_wait_for_all u8 1"


@pytest.mark.parametrize(
    ("online", "named", "code", "said"),
    [
        (["lb1"], "lb2", 0, ""),
        (["lb1"], "lb3", 1, "lvs-pacemaker alone: name all directors that are off, and no others: lb2\n"),
        (
            ["lb1", "lb2"],
            "lb2",
            1,
            "lvs-pacemaker alone: name all directors that are off, and no others: none is\n",
        ),
    ],
    ids=["off", "unknown", "on"],
)
def test_alone_serves_only_who_names_the_others(
    tmp_path: Path, online: list[str], named: str, code: int, said: str
) -> None:
    bottle = directors(tmp_path)
    cluster(bottle, *online)

    done = bottle.run(f"{LB1} alone {named}")

    assert (done.returncode, done.stderr) == (code, said)
    assert commands(bottle) == ([CANCEL] if code == 0 else [])


def test_alone_says_what_fencing_waits_for(tmp_path: Path) -> None:
    device = {"name": "board", "agent": "fence_ipmilan", "parameters": {"ip": "10.9.0.1"}}
    bottle = directors(tmp_path, pacemaker(fencing={"devices": [device]}))
    cluster(bottle, "lb1")

    said = bottle.told(f"{LB1} alone lb2")

    assert said == "they will be fenced first; where the device is dead too: stonith_admin --confirm lb2\n"


@pytest.mark.parametrize("words", ["", "nothing", "alone", "apply now"])
def test_a_wrong_verb_gets_the_usage(tmp_path: Path, words: str) -> None:
    done = directors(tmp_path).run(f"{LB1} {words}")

    assert done.returncode == 2
    assert "Usage: lvs-pacemaker VERB" in done.stderr
