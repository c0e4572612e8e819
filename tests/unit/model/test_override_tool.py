"""lvs-override as it is rendered: records, what follows from them, and that a crash in between is mended."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lvs_model.components.keepalived.drains import FOLDER as TRACKED
from lvs_model.components.ldirectord import MAINTENANCE
from lvs_model.components.overrides import CONFIGURATION, TOOL
from lvs_model.drain import work
from lvs_model.drain_asked import Asked
from lvs_model.overrides import FOLDER, Drain, overrides

from .builders import Case, Site
from .rule_cases.engines import UNDER

NOTHING = "-1000000000\n"
BY = ["--reason", "new disk", "--operator", "ana"]
HEAD = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.10:80 wrr
"""
# What `ipvsadm -L -n` prints is a file; each change is noted, and made there.
IPVSADM = """#!/bin/sh
if [ "$1" = -L ]; then
    cat {folder}/table
    if [ -f {folder}/next ]; then mv {folder}/next {folder}/table; fi
else
    echo "$@" >> {folder}/changes
fi
"""


class Director:
    """A director's files in a folder of their own, with its lvs-override."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.folder = folder
        self.case = case
        self.deploy()
        (folder / "bin").mkdir()
        fake = folder / "bin" / "ipvsadm"
        fake.write_text(IPVSADM.format(folder=folder))
        fake.chmod(0o755)
        self.kernel()

    def deploy(self, case: Case | None = None) -> None:
        """Lay down what a plan has for it, by default that of its case."""
        for file in (case or self.case).plan()["hosts"]["lb1"]["files"]:
            if file["path"] in {TOOL, CONFIGURATION}:
                text = file["content"]
                for path in (CONFIGURATION, FOLDER, TRACKED, MAINTENANCE):
                    text = text.replace(f'"{path}', f'"{self.folder}{path}')
                text = text.replace("/proc/net/ip_vs", f"{self.folder}/table")
                place = self.path(file["path"])
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)

    def path(self, path: str) -> Path:
        """Where one of its paths is here."""
        return Path(f"{self.folder}{path}")

    def kernel(self, *servers: tuple[str, int, int, int], name: str = "table") -> None:
        """Let the table have (address:port, weight, active, inactive)."""
        lines = [
            f"  -> {server:28} Route   {weight:<6} {active:<10} {idle}\n"
            for server, weight, active, idle in servers
        ]
        (self.folder / name).write_text(HEAD + "".join(lines))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run lvs-override."""
        environment = os.environ | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        argv = [sys.executable, "-IS", str(self.path(TOOL)), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)

    def told(self, *words: str) -> dict[str, Any]:
        """What it says when it must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def files(self, folder: str) -> dict[str, str]:
        """The files of a folder by name."""
        place = self.path(folder)
        return {one.name: one.read_text() for one in place.iterdir()} if place.is_dir() else {}

    @property
    def records(self) -> dict[str, Any]:
        """The records by file."""
        return {name: json.loads(text) for name, text in self.files(f"{FOLDER}/drained").items()}

    @property
    def changes(self) -> list[str]:
        """How the kernel's table was changed."""
        place = self.folder / "changes"
        return place.read_text().splitlines() if place.exists() else []


@pytest.fixture
def director(tmp_path: Path) -> Director:
    """One under keepalived, in whose second service web1 has another weight."""
    case = Case()
    case.add_service("two", vips=["192.0.2.20"])
    case.hostvars["web1"]["lvs_services"] = {"two": {"weight": 10}}
    return Director(tmp_path, case)


@pytest.fixture
def under_ldirectord(tmp_path: Path) -> Director:
    case = Case()
    UNDER(case)
    return Director(tmp_path, case)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"www.web1": NOTHING, "two.web1": NOTHING}),
        (["--service", "two"], {"two.web1": NOTHING}),
        # What is left is 1 of 3, and 5 of 10.
        (["--weight", "50"], {"www.web1": "-2\n", "two.web1": "-5\n"}),
        (["--weight", "99"], {"www.web1": "-1\n", "two.web1": "-1\n"}),
        (["--weight", "1", "--service", "www"], {"www.web1": "-2\n"}),
    ],
)
def test_a_drain_is_a_number_for_keepalived(
    director: Director, words: list[str], expected: dict[str, str]
) -> None:
    assert director.told("drain", "web1", *BY, *words)["changed"] is True

    assert director.files(TRACKED) == expected
    # As the comparisons count it (lvs_model/overrides.py).
    raw = [record | {"file": f"drained/{name}"} for name, record in director.records.items()]
    (drain,) = overrides({"overrides": raw}).drains
    planned = {"www": 3, "two": 10}
    left = {
        service: drain.weight_of(weight) if drain.covers(service) else weight
        for service, weight in planned.items()
    }
    assert left == {
        service: max(0, weight + int(expected.get(f"{service}.web1", "0")))
        for service, weight in planned.items()
    }


def test_a_record_says_what_was_said(director: Director) -> None:
    director.told("drain", "web1", *BY, "--since", "1000", "--until", "9999999999", "--service", "www")

    (record,) = director.records.values()
    raw = {"overrides": [record | {"file": "drained/web1.json"}]}
    assert overrides(raw).drains == (Drain("web1", ("www",), "new disk", "ana", 1000.0, 9999999999.0),)
    assert director.told("show")["records"] == {"web1": record}


@pytest.mark.parametrize("reason", ["-", "--force", "-disk", "new disk"])
def test_any_text_is_a_reason_as_the_verbs_tell_it(director: Director, reason: str) -> None:
    """The command line of a drain, and of one that leaves other reasons alone."""
    asked = Asked("web1", reason=reason, only_own=True)
    plan = director.case.plan()
    (step,) = work("drain", plan, Site(plan).seen, asked, operator="ana")["steps"]

    assert director.told(*step["arguments"]["lb1"])["changed"] is True
    (record,) = director.records.values()
    assert record["reason"] == reason


def test_again_changes_nothing_and_restoring_leaves_nothing(director: Director) -> None:
    words = ["drain", "web1", *BY, "--since", "1000"]

    assert [director.told(*words)["changed"] for _ in range(2)] == [True, False]
    assert [director.told("restore", "web1")["changed"] for _ in range(2)] == [True, False]
    assert (director.files(TRACKED), director.records) == ({}, {})


def test_others_stay_drained(director: Director) -> None:
    director.told("drain", "web1", *BY)
    director.told("drain", "web2", *BY)
    director.told("restore", "web1")

    assert set(director.files(TRACKED)) == {"www.web2", "two.web2"}


@pytest.mark.parametrize("verb", ["drain", "wait"])
def test_an_unknown_real_server_is_refused(director: Director, verb: str) -> None:
    done = director.run(verb, "wbe1", *(["1"] if verb == "wait" else BY))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "lvs-override: wbe1 is no real server of this director: deploy it, or mend the name\n"
    )
    assert director.records == {}


def test_without_a_deployment_it_says_so(director: Director) -> None:
    director.path(CONFIGURATION).unlink()

    done = director.run("settle")

    assert done.returncode == 1
    assert done.stderr.endswith(
        "No such file or directory: '" + str(director.path(CONFIGURATION)) + "': deploy this director\n"
    )


def test_what_a_crash_left_half_done_is_settled(director: Director) -> None:
    director.told("drain", "web1", *BY)
    effects = director.files(TRACKED)
    # The record was written, and one of its files.
    director.path(f"{TRACKED}/www.web1").unlink()
    assert director.told("settle")["changed"] is True
    assert director.files(TRACKED) == effects
    # The record was removed, and nothing else.
    director.path(f"{FOLDER}/drained/web1.json").unlink()
    assert director.told("settle")["changed"] is True
    assert director.files(TRACKED) == {}
    assert director.told("settle")["changed"] is False


@pytest.mark.parametrize(("until", "drained"), [(-5, False), (60, True)])
def test_what_is_over_ends_by_itself(director: Director, until: int, drained: bool) -> None:
    director.told("drain", "web2", *BY)
    director.told("drain", "web1", *BY, "--until", str(int(time.time()) + until))

    director.told("settle")

    assert ("web1.json" in director.records) is drained
    assert ("www.web1" in director.files(TRACKED)) is drained
    assert "www.web2" in director.files(TRACKED)


def test_another_weight_in_the_plan_leaves_the_same_part_of_it(director: Director) -> None:
    director.told("drain", "web1", *BY, "--weight", "50")
    director.case.hostvars["web1"]["lvs_weight"] = 9
    director.deploy()

    director.told("settle")

    assert director.files(TRACKED) == {"www.web1": "-5\n", "two.web1": "-5\n"}


def test_a_director_that_goes_back_has_the_server_drained_all_the_time(director: Director) -> None:
    """Keepalived reads the files while the former configuration runs still, or again."""
    director.told("drain", "web1", *BY)
    director.told("drain", "web2", *BY)
    before, files = director.records, director.files(TRACKED)
    without = copy.deepcopy(director.case)
    without.hostvars["web1"]["lvs_state"] = "disabled"
    without.hostvars["web1"].pop("lvs_services")
    director.deploy(without)

    assert director.told("settle")["changed"] is False
    assert (director.records, director.files(TRACKED)) == (before, files)
    director.told("restore", "web2")
    assert set(director.files(TRACKED)) == {"www.web1", "two.web1"}

    director.deploy()
    assert director.told("settle")["changed"] is False


def test_a_record_without_a_server_goes_with_its_files(director: Director) -> None:
    """The last step of a deployment removes it, or its time is over."""
    director.told("drain", "web1", *BY, "--until", str(int(time.time()) + 3600))
    director.told("drain", "web2", *BY)
    director.case.hostvars["web1"]["lvs_state"] = "disabled"
    director.case.hostvars["web1"].pop("lvs_services")
    director.case.hostvars["web2"]["lvs_state"] = "disabled"
    director.deploy()
    director.path(f"{FOLDER}/drained/web2.json").unlink()
    director.told("settle")
    assert set(director.records) == {"web1.json"}

    place = director.path(f"{FOLDER}/drained/web1.json")
    place.write_text(json.dumps(json.loads(place.read_text()) | {"until": 1}))

    assert director.told("settle")["changed"] is True
    assert (director.records, director.files(TRACKED)) == ({}, {})


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"host": "web2", "weight": "x"}',
        '{"host": "web2", "until": []}',
        '{"host": "web2", "services": 3}',
    ],
)
def test_a_damaged_record_is_told_and_the_others_hold(director: Director, text: str) -> None:
    director.told("drain", "web1", *BY)
    director.path(f"{FOLDER}/drained/web2.json").write_text(text)

    done = director.run("settle")

    assert done.returncode == 0
    assert "drained/web2.json is no record" in done.stderr and "or drain again" in done.stderr
    assert set(director.files(TRACKED)) == {"www.web1", "two.web1"}


def test_waiting_ends_when_no_active_connection_is_left(director: Director) -> None:
    director.kernel(("192.0.2.21:80", 0, 3, 1), ("192.0.2.22:80", 2, 7, 0))
    director.kernel(("192.0.2.21:80", 0, 0, 4), ("192.0.2.22:80", 2, 7, 0), name="next")

    found = director.told("wait", "web1", "20")

    assert found == {"weight": 0, "active": 0, "inactive": 4, "done": True}


@pytest.mark.parametrize(("server", "done"), [((0, 3, 1), False), ((2, 0, 0), False), ((0, 0, 9), True)])
def test_waiting_ends_when_the_time_is_over(
    director: Director, server: tuple[int, int, int], done: bool
) -> None:
    director.kernel(("192.0.2.21:80", *server))

    found = director.told("wait", "web1", "--service", "www", "0")

    assert (found["weight"], found["active"], found["inactive"]) == server
    assert found["done"] is done
    # Of the other service there is nothing in the table.
    assert director.told("wait", "web1", "--service", "two", "0")["active"] == 0


@pytest.mark.parametrize("engine", ["director", "under_ldirectord"])
def test_the_last_server_of_a_pool_is_refused_whoever_has_looked(
    engine: str, request: pytest.FixtureRequest
) -> None:
    director: Director = request.getfixturevalue(engine)
    first, *others, last = sorted({"web1", "web2", "web3"})
    for host in (first, *others):
        director.told("drain", host, *BY)
    known = director.records

    done = director.run("drain", last, *BY)

    assert done.returncode == 1
    assert f"lvs-override: {last} is the last real server of " in done.stderr
    assert director.records == known
    assert director.told("drain", others[0], *BY, "--until", "99999999999")["changed"], (
        "it is drained already"
    )
    assert director.told("drain", last, *BY, "--force")["changed"]


def test_what_is_left_elsewhere_counts_service_by_service(director: Director) -> None:
    director.told("drain", "web1", *BY)
    director.told("drain", "web2", *BY, "--service", "two")

    assert "last real server of two that" in director.run("drain", "web3", *BY).stderr
    assert director.told("drain", "web3", *BY, "--weight", "50")["changed"], "some of it is left"
    assert director.told("drain", "web3", *BY, "--service", "www")["changed"], "web2 has that"


@pytest.mark.parametrize(
    "verb", [["drain", "web1", "--reason", "update", "--operator", "bob"], ["restore", "web1"]]
)
def test_a_record_with_another_reason_stays_where_only_ones_own_is_meant(
    director: Director, verb: list[str]
) -> None:
    director.told("drain", "web1", *BY)
    known = director.records

    assert director.told(*verb, "--only-reason", "update")["changed"] is False
    assert director.records == known
    assert director.told(*verb, "--only-reason", "new disk")["changed"] is True
    assert director.records != known


def test_ldirectord_takes_a_server_out_only_when_its_connections_have_ended(
    under_ldirectord: Director,
) -> None:
    director = under_ldirectord
    director.kernel(("192.0.2.21:80", 3, 5, 0), ("192.0.2.22:80", 2, 7, 0))

    director.told("drain", "web1", *BY)
    assert director.changes == ["-e -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 0"]
    assert director.files(MAINTENANCE) == {}

    director.kernel(("192.0.2.21:80", 0, 0, 2), ("192.0.2.22:80", 2, 7, 0))
    assert director.told("wait", "web1", "0")["done"] is True
    assert list(director.files(MAINTENANCE)) == ["192.0.2.21"]

    director.told("restore", "web1")
    assert director.files(MAINTENANCE) == {}
    assert director.changes[1:] == ["-e -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3"]


def test_a_standby_of_ldirectord_knows_at_once(under_ldirectord: Director) -> None:
    under_ldirectord.kernel()

    under_ldirectord.told("drain", "web1", *BY)

    assert list(under_ldirectord.files(MAINTENANCE)) == ["192.0.2.21"]
    assert under_ldirectord.changes == []
    # It takes over before ldirectord has seen the file: it stays.
    under_ldirectord.kernel(("192.0.2.21:80", 3, 5, 0))
    under_ldirectord.told("settle")
    assert list(under_ldirectord.files(MAINTENANCE)) == ["192.0.2.21"]


def test_ldirectord_that_inhibits_is_told_at_once(under_ldirectord: Director) -> None:
    under_ldirectord.case.service["on_failure"] = "inhibit"
    under_ldirectord.deploy()
    under_ldirectord.kernel(("192.0.2.21:80", 3, 5, 0))

    under_ldirectord.told("drain", "web1", *BY)

    assert list(under_ldirectord.files(MAINTENANCE)) == ["192.0.2.21"]
    assert under_ldirectord.changes == []


def test_files_of_the_operators_own_stay(under_ldirectord: Director) -> None:
    under_ldirectord.path(MAINTENANCE).mkdir(parents=True)
    under_ldirectord.path(f"{MAINTENANCE}/otherhost").write_text("")

    under_ldirectord.told("drain", "web1", *BY)
    under_ldirectord.told("restore", "web1")

    assert set(under_ldirectord.files(MAINTENANCE)) == {"otherhost"}


def test_a_server_that_leaves_ldirectords_pool_stays_drained_until_its_record_goes(
    under_ldirectord: Director,
) -> None:
    under_ldirectord.told("drain", "web1", *BY)
    under_ldirectord.case.hostvars["web1"]["lvs_state"] = "disabled"
    under_ldirectord.deploy()

    under_ldirectord.told("settle")
    assert list(under_ldirectord.files(MAINTENANCE)) == ["192.0.2.21"]

    under_ldirectord.path(f"{FOLDER}/drained/web1.json").unlink()
    under_ldirectord.told("settle")
    assert (under_ldirectord.records, under_ldirectord.files(MAINTENANCE)) == ({}, {})
