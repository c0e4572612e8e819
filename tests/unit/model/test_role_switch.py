"""lvs-role: the sync daemons follow the role, every verb may come twice, and nothing of it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lvs_model.components.role_switch import LDIRECTORD, SCRIPT, daemon_options, lvs_role
from lvs_model.inventory import read_inventory

from .builders import Case
from .namespace import Bottle, unusable

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

# As ipvsadm(8) does it: a daemon that runs is not started again, and one that does not run cannot be stopped.
IPVSADM = """
echo "$*" >> asked
case $1 in
-l) for one in master backup; do [ ! -e "$one" ] || echo "$one sync daemon (mcast=eth1, syncid=1)"; done ;;
--start-daemon) [ ! -e broken ] && [ ! -e "$2" ] && : > "$2" ;;
--stop-daemon) rm "$2" ;;
esac
"""
NETWORK = "--no-block --job-mode=fail reload-or-restart lvs-network.service"


def made(tmp_path: Path, sync: dict[str, Any] | None) -> Bottle:
    """lb1 with its script, and pretended tools around it."""
    case = Case()
    case.document["connection_sync"] = sync
    inventory, problems = read_inventory(*case.inputs())
    assert problems == []
    file = lvs_role(inventory.clusters["edge"], inventory.hosts["lb1"], inventory)
    assert (file.path, file.mode) == (SCRIPT, "0755")
    bottle = Bottle(tmp_path, [file.as_argument()])
    bottle.shadow("ipvsadm", IPVSADM)
    bottle.shadow("systemctl", 'echo "$*" >> network; exit 1')
    bottle.shadow("logger", 'echo "$*" >> log')
    return bottle


def running(bottle: Bottle) -> set[str]:
    return {one for one in ("master", "backup") if (bottle.work / one).exists()}


@pytest.mark.parametrize(
    ("sync", "owner", "standby"),
    [
        ({"network": "sync"}, {"master"}, {"backup"}),
        ({"network": "sync", "daemons": "both"}, {"master", "backup"}, {"master", "backup"}),
        (None, set(), set()),
    ],
    ids=["follow", "both", "none"],
)
def test_the_daemons_are_those_of_the_role(
    tmp_path: Path, sync: dict[str, Any] | None, owner: set[str], standby: set[str]
) -> None:
    bottle = made(tmp_path, sync)
    told = bottle.told(
        f"""said() {{ {SCRIPT} status || echo "exit code $?"; ls master backup 2> /dev/null || :; }}
        {SCRIPT} stop; {SCRIPT} stop; said
        {SCRIPT} start; {SCRIPT} start; said
        {SCRIPT} stop; {SCRIPT} stop; said
        {SCRIPT} leave; {SCRIPT} leave; said"""
    )

    stands_by = ["stopped", "exit code 3", *sorted(standby)]
    assert told.splitlines() == [
        *stands_by,
        "running",
        *sorted(owner),
        *stands_by,
        "stopped",
        "exit code 3",
    ]
    asked = (bottle.work / "network").read_text().splitlines()
    assert asked == [NETWORK] * 6, "a switch has the network's items put right, and nothing waits for it"
    assert not (bottle.work / "log").exists()


def test_the_owner_tells_before_it_stops_to_listen(tmp_path: Path) -> None:
    bottle = made(tmp_path, {"network": "sync"})

    bottle.told(f"{SCRIPT} stop; : > asked; {SCRIPT} start")

    changes = [line for line in (bottle.work / "asked").read_text().splitlines() if not line.startswith("-l")]
    options = changes[0].removeprefix("--start-daemon master ")
    assert changes == [f"--start-daemon master {options}", "--stop-daemon backup"]
    assert options.startswith("--mcast-interface eth1 --syncid ")


def test_a_monitor_starts_what_is_missing_and_tells_the_role_as_ocf_wants_it(tmp_path: Path) -> None:
    bottle = made(tmp_path, {"network": "sync"})
    told = bottle.told(
        f"""
        {SCRIPT} monitor || echo "exit code $?"; ls backup
        {SCRIPT} start; rm master
        {SCRIPT} monitor; ls master"""
    )

    assert told.splitlines() == ["exit code 7", "backup", "master"]


def test_new_options_reach_running_daemons(tmp_path: Path) -> None:
    bottle = made(tmp_path, {"network": "sync"})

    bottle.told(f"{SCRIPT} start; : > asked; {SCRIPT} refresh")

    changes = [line.split()[:2] for line in (bottle.work / "asked").read_text().splitlines()]
    wanted = [["--stop-daemon", "master"], ["--start-daemon", "master"]]
    assert [words for words in changes if words[0] != "-l"] == wanted
    assert running(bottle) == {"master"}


def test_when_the_manager_has_ended_nothing_of_ldirectord_goes_on(tmp_path: Path) -> None:
    bottle = made(tmp_path, None)
    bottle.write(LDIRECTORD, '#!/bin/sh\necho "$*" >> ended\n', 0o755)

    bottle.told(f"{SCRIPT} stop; {SCRIPT} leave")

    assert (bottle.work / "ended").read_text() == "ldirectord.cf stop\n"


@pytest.mark.parametrize("verb", ["start", "stop", "refresh"])
def test_a_daemon_that_does_not_start_is_a_complaint_and_no_failure(tmp_path: Path, verb: str) -> None:
    bottle = made(tmp_path, {"network": "sync"})

    bottle.told(f": > broken; {SCRIPT} {verb}")

    one = "master" if verb == "start" else "backup"
    log = (bottle.work / "log").read_text().splitlines()
    assert log == [f"-t lvs-role -p daemon.warning -- the {one} sync daemon does not start: "]


def test_it_says_what_it_is_and_what_it_cannot(tmp_path: Path) -> None:
    bottle = made(tmp_path, None)

    agent = ElementTree.fromstring(bottle.told(f"{SCRIPT} meta-data"))  # noqa: S314 - our own

    assert {one.get("name") for one in agent.iter("action")} == {
        *("start", "stop", "monitor", "meta-data", "validate-all")
    }
    bottle.told(f"{SCRIPT} validate-all")
    done = bottle.run(f"{SCRIPT} promote")
    assert (done.returncode, done.stderr.split(":")[0]) == (3, "usage")


@pytest.mark.parametrize(
    ("sync", "options"),
    [
        (None, []),
        ({"network": "sync", "id": 7}, ["eth1", "--syncid", "7", "--sync-maxlen", "64"]),
        ({"network": "sync", "id": 7, "longest": None}, ["eth1", "--syncid", "7"]),
        (
            {"network": "front", "id": 7, "port": 8849, "ttl": 2, "group": "224.0.0.82"},
            [
                *("eth0", "--syncid", "7", "--sync-maxlen", "64", "--mcast-port", "8849"),
                *("--mcast-ttl", "2", "--mcast-group", "224.0.0.82"),
            ],
        ),
    ],
)
def test_options_of_the_daemons(sync: dict[str, Any] | None, options: list[str]) -> None:
    case = Case()
    case.document["connection_sync"] = sync
    inventory, _ = read_inventory(*json.loads(json.dumps(case.inputs())))

    found = daemon_options(inventory.clusters["edge"], inventory.hosts["lb1"], inventory)

    assert found == (["--mcast-interface", *options] if options else [])


def test_without_a_table_there_is_nothing_to_tell() -> None:
    case = Case()
    case.document["services"] = []
    inventory, _ = read_inventory(*case.inputs())

    assert daemon_options(inventory.clusters["edge"], inventory.hosts["lb1"], inventory) == []
