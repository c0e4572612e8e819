"""What each component asks of a host hangs together: files, the actions they trigger, and what heals what."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lvs_model.compare import compare
from lvs_model.components.keepalived import CONFIGURATION, sync
from lvs_model.components.keepalived.demotion import SCRIPT
from lvs_model.components.keepalived.drains import FOLDER as DRAINS
from lvs_model.components.keepalived.trackers import WEIGHTS, tracked_name, weight_file
from lvs_model.components.nftables import RULES
from lvs_model.components.overrides import TIMER, TOOL
from lvs_model.components.overrides import UNIT as SETTLES
from lvs_model.document import FileCheck
from lvs_model.inventory import read_inventory
from lvs_model.parts import Action, File, Part, merge

from . import cases
from .builders import Case, Site

# Kinds of drift that roles mend by other means than an action of the plan: packages by apt, files by
# config_set itself, the table by ipvsadm's commands, and what is pending by waiting.
OTHERWISE = {"package", "file", "table", "pending"}

HOSTS = ("lb1", "web1")
# All hosts of the golden inventories, which together have every option.
ALL = cases.hosts()


def planned(host: str) -> dict[str, Any]:
    found: dict[str, Any] = Case().plan()["hosts"][host]
    return found


def golden(case: str, host: str) -> dict[str, Any]:
    found: dict[str, Any] = cases.plan(case)["hosts"][host]
    return found


def kinds(host: dict[str, Any]) -> set[str]:
    """Every kind of drift that differences.py can find on a host."""
    units = {f"{state} {unit}" for unit in host["units"] for state in ("enabled", "active")}
    found = units | ({"reload"} if units else set())
    if host["sysctls"]:
        found.add("sysctls")
    if host["modules"]:
        found.add("modules")
    if any(item.split()[0] not in {"module", "sysctl"} for item in host["items"]):
        found.add("network")
    if RULES in {file["path"] for file in host["files"]}:
        found.add("nftables")
    found |= {f"idle {unit}" for unit in host["idle_units"]}
    if host["observe"]["ldirectord"]:
        found |= {"ldirectord missing", "ldirectord extra"}
    if host["observe"]["pacemaker"]:
        found.add("pacemaker")
    if host["holds"]:
        found.add("hold")
    scripts = [one["content"] for one in host["files"] if one["path"] == SCRIPT]
    found |= {line for script in scripts for line in script.splitlines() if line.startswith("demoted /")}
    if sync.TOOL in {file["path"] for file in host["files"]}:
        found.add(sync.DRIFT)
    return {kind.replace("demoted /", "demotion /") for kind in found}


@pytest.mark.parametrize(("case", "host"), ALL)
def test_every_kind_of_drift_has_an_action_that_heals_it(case: str, host: str) -> None:
    plan = golden(case, host)
    healed = {kind for action in plan["actions"] for kind in action["heals"]}

    assert kinds(plan) - OTHERWISE - healed == set()
    # One command sets all items, whichever of them a host has.
    assert healed - kinds(plan) <= {"modules", "sysctls", "network"}


@pytest.mark.parametrize(("case", "host"), ALL)
def test_actions_are_triggered_by_files_of_the_host(case: str, host: str) -> None:
    plan = golden(case, host)
    paths = {file["path"] for file in plan["files"]}
    triggers = {path for action in plan["actions"] for path in action["on"]}

    assert triggers <= paths
    # Scripts that only systemd calls take effect by themselves: at the next call.
    assert {path for path in paths - triggers if not path.startswith("/usr/local/lib/")} <= {
        "/etc/modprobe.d/lvs-director.conf",  # in effect when ip_vs is loaded anew: a note says so
        # Scripts that only heartbeat and pacemaker call.
        "/etc/ha.d/resource.d/lvs-role",
        "/etc/ha.d/resource.d/lvs-vip6",
        "/usr/lib/ocf/resource.d/lvs-toolkit/lvs-role",
    }


@pytest.mark.parametrize(("case", "host"), ALL)
def test_units_are_read_before_they_are_started(case: str, host: str) -> None:
    plan = golden(case, host)
    calls = [
        action["argv"][1:]
        for action in plan["actions"]
        if action["argv"][0] == "systemctl" and "contract" not in action["heals"]
    ]
    # Of other engines' daemons the first words are the same, and their own tools say the rest.
    own = [unit for unit in plan["units"] if unit.startswith(("lvs-", "keepalived"))]
    # The two of lvs-network are one component's.
    network, watch = "lvs-network.service", "lvs-network-watch.service"
    # What settles at boot is started by its timer, too, and never stays active.
    together = {network: [network, watch], TIMER: [SETTLES, TIMER]}
    expected = [
        call
        for unit in own
        if unit != watch
        for call in (
            ["daemon-reload"],
            ["enable", *together.get(unit, [unit])],
            *(["reload-or-restart", one] for one in together.get(unit, [unit]) if one != SETTLES),
        )
    ]
    others = calls[len(expected) :]

    assert calls[: len(expected)] == expected
    assert bool(others) == (own != plan["units"])
    if others:
        assert others[0] == ["disable", "--now", "ldirectord.service"]
        assert [call[0] for call in others[1:3]] == ["daemon-reload", "enable"]


def test_packets_are_marked_before_keepalived_starts() -> None:
    plan = golden("marks", "lb1")

    network = ["lvs-network.service", "lvs-network-watch.service"]
    assert plan["units"] == ["lvs-nftables.service", *network, TIMER, "keepalived.service"]
    assert plan["packages"]["firewall"] == ["nftables"]
    assert [(check["argv"][0], check["paths"]) for check in plan["validate"]] == [
        ("nft", [RULES]),
        ("unshare", [CONFIGURATION]),
    ]
    (unit,) = (file["content"] for file in plan["files"] if file["path"].endswith("lvs-nftables.service"))
    (before,) = (line for line in unit.splitlines() if line.startswith("Before="))
    # At boot as in a deployment: closed networks first, then routes, and requests last.
    # The watch comes behind lvs-network by its own unit.
    others = [unit for unit in plan["units"][1:] if "watch" not in unit and unit != TIMER]
    assert before.removeprefix("Before=").split() == others


def test_the_folder_of_weights_is_there_before_keepalived_checks_its_configuration() -> None:
    plan = golden("checks", "lb1")

    # By what a prediction leaves out, not by a checker, which it runs.
    assert [one["argv"] for one in plan["prepare"]] == [["mkdir", "-p", DRAINS], ["mkdir", "-p", WEIGHTS]]
    assert plan["prepared"] == [TOOL, "/etc/tmpfiles.d/lvs-toolkit.conf"]
    assert [check["argv"][:2] for check in plan["validate"]] == [["unshare", "--pid"]]
    commands = [action["argv"] for action in plan["actions"]]
    made = commands.index(["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/lvs-toolkit.conf"])
    assert made < commands.index(["systemctl", "reload-or-restart", "keepalived.service"])


def test_no_two_tracked_files_have_one_name() -> None:
    inventory, _ = read_inventory(*Case().inputs())
    (cluster,) = inventory.clusters.values()
    pairs = [("a", "b-c"), ("a-b", "c"), ("a", "b.c"), ("a", "b_c"), ("a_b", "c")]
    own = [weight_file(cluster, *pair, FileCheck(type="file")) for pair in pairs]
    given = [
        *("/srv/a/b", "/srv/a_b", "/srv_a/b", "/srv/a@b", "/srv/a%b", "/srv/weight_x", "/b"),
        *(f"{WEIGHTS}{rest}" for rest in ("/x", "_x", "/x/y", "/x_y", "//x", "/x@", "/x_", "/edge.a")),
    ]

    assert len(set(own)) == len(own)
    names = [tracked_name(path) for path in own + given]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)


@pytest.mark.parametrize("host", ["lb1", "far1"])
def test_rules_of_nft_come_before_what_switches_forwarding_on(host: str) -> None:
    plan = golden("modes", host)
    paths = [file["path"] for file in plan["files"]]
    argvs = [action["argv"] for action in plan["actions"]]
    loads = argvs.index(["systemctl", "reload-or-restart", "lvs-nftables.service"])
    sets = argvs.index(["systemctl", "reload-or-restart", "lvs-network.service"])

    assert paths.index(RULES) < paths.index("/etc/lvs-toolkit/network.conf")
    assert loads < sets


def test_the_network_is_filtered_and_set_before_keepalived_starts() -> None:
    plan = golden("modes", "lb1")
    starts = [action["argv"][2] for action in plan["actions"] if "reload-or-restart" in action["argv"]]

    assert starts == plan["units"]
    network = ["lvs-network.service", "lvs-network-watch.service"]
    assert plan["units"] == ["lvs-nftables.service", *network, TIMER, "keepalived.service"]


def test_keepalived_is_never_restarted_for_a_change() -> None:
    for action in planned("lb1")["actions"]:
        assert action["argv"][:2] not in (["systemctl", "restart"], ["systemctl", "stop"])


def test_a_configuration_is_validated_before_it_is_live() -> None:
    (check,) = planned("lb1")["validate"]

    assert check["paths"] == ["/etc/keepalived/keepalived.conf"]
    assert check["argv"][-1] == "{stage}/etc/keepalived/keepalived.conf"
    assert check["argv"][:3] == ["unshare", "--pid", "--fork"]


@pytest.mark.parametrize(
    ("active", "first", "then", "good"),
    [
        (True, "11 12", "11 12", True),
        # One of its processes dies of the configuration: it is another one, or none.
        (True, "11 12", "11 13", False),
        (True, "11 12", "11", False),
        (True, "11", "11", False),
        (True, "11 12", None, False),
        (False, "11 12", "11 12", False),
    ],
)
def test_keepalived_must_run_on_with_its_processes_after_a_change(
    tmp_path: Path, active: bool, first: str, then: str | None, good: bool
) -> None:
    (health,) = planned("lb1")["health"]
    stubs = {
        "systemctl": f'[ "$1" = is-active ] || {{ cat {tmp_path}/main; exit; }}; exit {0 if active else 3}',
        "pgrep": f'[ "$*" = "--parent $(cat {tmp_path}/main)" ] && tr " " "\\n" < {tmp_path}/now',
        "sleep": f'[ "$1" = 2 ] && cp {tmp_path}/then {tmp_path}/now'
        + ("" if then else f"; echo 9 > {tmp_path}/main"),
    }
    for name, body in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "main").write_text("10\n")
    (tmp_path / "now").write_text(first)
    (tmp_path / "then").write_text(then or first)

    done = subprocess.run(health["argv"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)

    assert (done.returncode == 0) is good
    assert health["retries"] > 1


def test_a_director_without_services_has_one_process_less() -> None:
    case = Case()
    alone = case.plan()["hosts"]["lb1"]["health"][0]["argv"]
    case.document["services"] = []
    case.document["connection_sync"] = None
    case.document["failover"]["vips"] = ["192.0.2.10"]

    assert alone[-1] == "2"
    assert case.plan()["hosts"]["lb1"]["health"][0]["argv"] == [*alone[:-1], "1"]


NETWORK = {
    "/usr/local/lib/lvs-toolkit/lvs-network": "0755",
    "/etc/lvs-toolkit/network.conf": "0644",
    "/etc/systemd/system/lvs-network.service": "0644",
    "/etc/systemd/system/lvs-network-watch.service": "0644",
}
OVERRIDES = {
    TOOL: "0755",
    "/etc/lvs-toolkit/servers.conf": "0644",
    "/etc/systemd/system/lvs-override.service": "0644",
    f"/etc/systemd/system/{TIMER}": "0644",
}


@pytest.mark.parametrize(
    ("host", "modes"),
    [
        (
            "lb1",
            {
                **NETWORK,
                **OVERRIDES,
                "/etc/modprobe.d/lvs-director.conf": "0644",
                "/etc/keepalived/keepalived.conf": "0640",
                "/etc/systemd/system/keepalived.service.d/lvs-toolkit.conf": "0644",
                "/usr/local/lib/lvs-toolkit/keepalived-demoted": "0755",
                "/usr/local/lib/lvs-toolkit/keepalived-leave": "0755",
                "/usr/local/lib/lvs-toolkit/keepalived-release": "0755",
                "/usr/local/lib/lvs-toolkit/keepalived-sync": "0755",
                "/etc/systemd/system/lvs-sync.service": "0644",
                "/etc/systemd/system/lvs-sync.timer": "0644",
            },
        ),
        ("web1", NETWORK),
    ],
)
def test_files_and_their_modes(host: str, modes: dict[str, str]) -> None:
    assert {file["path"]: file["mode"] for file in planned(host)["files"]} == modes


@pytest.mark.parametrize("host", HOSTS)
def test_scripts_that_units_call_are_files_of_the_host(host: str) -> None:
    contents = {file["path"]: file["content"] for file in planned(host)["files"]}
    called = {
        line.split("=")[1].split(" ")[0]
        for path, content in contents.items()
        if path.startswith("/etc/systemd/")
        for line in content.splitlines()
        if line.startswith("Exec")
    }

    called.discard("/bin/sh")  # whether there is anything to do; the scripts themselves are the toolkit's
    assert called
    assert called <= set(contents)


def test_parts_are_merged_in_their_order() -> None:
    first = Part("one", packages=["a"], modules=["m"], sysctls={"x": "1"}, units=["u"])
    first.files, first.actions = [File("/etc/one", "1")], [Action("first", ("true",), heals=frozenset("ba"))]
    second = Part("two", packages=["b"], modules=["l", "m"], sysctls={"y": "2"}, units=["v"])
    second.files, second.actions = [File("/etc/two", "2", "0600")], [Action("second", ("false",))]

    merged = merge([first, second])

    assert merged["packages"] == {"one": ["a"], "two": ["b"]}
    assert (merged["modules"], merged["units"]) == (["m", "l"], ["u", "v"])
    assert list(merged["sysctls"].items()) == [("x", "1"), ("y", "2")]
    assert [(file["path"], file["mode"]) for file in merged["files"]] == [
        ("/etc/one", "0644"),
        ("/etc/two", "0600"),
    ]
    assert [(action["name"], action["argv"], action["heals"]) for action in merged["actions"]] == [
        ("first", ["true"], ["a", "b"]),
        ("second", ["false"], []),
    ]


@pytest.mark.parametrize("authentication", [None, {"password": "hunter2"}])
def test_a_file_with_a_password_is_secret_and_no_other(authentication: dict[str, str] | None) -> None:
    case = Case()
    case.document["failover"] |= {"version": 2, "authentication": authentication}
    files = case.plan()["hosts"]["lb1"]["files"]

    secret = [file["path"] for file in files if "hunter2" in file["content"]]
    assert secret == ([CONFIGURATION] if authentication else [])
    assert [(file["path"], file["secret"]) for file in files if "secret" in file] == [
        (path, True) for path in secret
    ]


def test_what_differs_does_not_tell_a_password() -> None:
    case = Case()
    case.document["failover"] |= {"version": 2, "authentication": {"password": "hunter2"}}
    site = Site(case.plan())
    site.seen["lb1"]["files"][CONFIGURATION]["sha256"] = "0" * 64

    work = compare(site.plan, site.seen)

    assert any(CONFIGURATION in change for change in work["hosts"]["lb1"]["changes"])
    assert "hunter2" not in json.dumps(work)
    # What lvs_facts is asked with, and so what it may print.
    assert "hunter2" not in json.dumps(site.plan["hosts"]["lb1"]["observe"])


def test_a_parts_path_is_found_by_its_end_and_only_if_it_is_the_only_one() -> None:
    part = Part("one", files=[File("/etc/a.conf", ""), File("/etc/b.conf", "")])

    assert part.path_of("a.conf") == "/etc/a.conf"
    for ambiguous in (".conf", "c.conf"):
        with pytest.raises(ValueError, match="values to unpack"):
            part.path_of(ambiguous)
