"""Every rendered file is accepted by what will read it: keepalived, the shell, modprobe, lvs-network."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lvs_model.document import SCHEDULERS

from .builders import Case
from .cases import hosts, plan
from .namespace import Bottle, unusable

KEEPALIVED = "/etc/keepalived/keepalived.conf"
# corosync takes the whole file for the key.
WITHOUT_HEADER = {"/etc/corosync/authkey"}


def files(case: str, host: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plan(case)["hosts"][host]["files"]
    return found


ALL = [(case, host, file) for case, host in hosts() for file in files(case, host)]
NAMED = [pytest.param(file, id=f"{case}-{host}-{Path(file['path']).name}") for case, host, file in ALL]
SHELL, PYTHON = "#!/bin/sh", "#!/usr/bin/python3 -IS"


def script(file: dict[str, Any]) -> bool:
    """Whether a file is a script of the shell."""
    return bool(file["content"].startswith(f"{SHELL}\n"))


SCRIPTS = [param for param, (_, _, file) in zip(NAMED, ALL, strict=True) if script(file)]


@pytest.mark.parametrize("file", NAMED)
def test_a_file_is_headed_and_tidy(file: dict[str, Any]) -> None:
    if file["path"] in WITHOUT_HEADER:
        assert (file["mode"], file["secret"]) == ("0400", True)
        assert file["content"] == file["content"].strip()
        return
    first, second, *_ = lines = file["content"].split("\n")
    runs = first in {SHELL, PYTHON}
    header = second if runs else first

    assert header == "# Managed by the LVS cluster toolkit: changes made by hand are overwritten."
    assert lines[-1] == "" and lines[-2] != "", "ends with one line end"
    assert not [line for line in lines if line != line.rstrip()], "trailing blanks"
    assert (file["mode"] == "0755") == runs
    # Python itself has the word None; what is put into the program are two paths.
    assert not re.search(r"\{\{|\{%|Undefined" + ("" if first == PYTHON else "|None"), file["content"])


@pytest.mark.parametrize("file", SCRIPTS)
def test_the_shell_accepts_a_script(file: dict[str, Any]) -> None:
    checked = subprocess.run(["sh", "-n"], input=file["content"], text=True, capture_output=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    for number, (_, _, file) in enumerate(ALL):
        if script(file):
            (tmp_path / f"{number}.sh").write_text(file["content"])

    # SC2043: a loop over one VIP runs once, rightly.
    command = ["shellcheck", "--exclude=SC2043", *map(str, sorted(tmp_path.iterdir()))]
    checked = subprocess.run(command, text=True, capture_output=True, check=False)

    assert (checked.returncode, checked.stdout) == (0, "")


def _variants() -> dict[str, Callable[[Case], object]]:
    """What a document can say at its limits, by name: each must give a configuration that is accepted."""

    def failover(**options: object) -> Callable[[Case], object]:
        return lambda case: case.document["failover"].update(options)

    def check(**options: object) -> Callable[[Case], object]:
        return lambda case: case.service.update(check=options)

    def server(**options: object) -> Callable[[Case], object]:
        return lambda case: case.hostvars["web1"].update(options)

    def many(case: Case) -> None:
        case.service.update(vips=[f"192.0.2.{last}" for last in range(120, 200)], ports=[80, 443])

    return {
        "as it stands": lambda _: None,
        "fastest adverts": failover(advert_interval=0.01),
        "slowest adverts": failover(advert_interval=40.95),
        "failback": failover(failback=True),
        "failback at once": failover(failback=True, failback_delay=0),
        "failback late": failover(failback=True, failback_delay=1000),
        "router id": failover(router_id=255),
        "authentication header": failover(version=2, authentication={"type": "ah", "password": "12345678"}),
        "most adverts lost": failover(lost_adverts=100),
        "fewest adverts lost": failover(lost_adverts=1),
        "no announcements": failover(gratuitous_arp={"repeat": 1, "delay": 0, "refresh": 0}),
        "long process name": failover(track={"processes": [{"name": "p", "process": "/opt/" + "x" * 40}]}),
        "restarted process": failover(
            track={"processes": [{"name": "p", "process": "p", "restart": "/usr/bin/true"}]}
        ),
        "starts late": failover(startup_delay=0.5),
        "sync in IPv6": lambda case: case.document["connection_sync"].update(group="ff02::81"),
        "longest sync messages": lambda case: case.document["connection_sync"].update(longest=65507),
        "no sync": lambda case: case.document.pop("connection_sync"),
        "longest name": lambda case: case.document.update(name="a-b_c" + "d" * 26),
        "many": many,
        "drained": server(lvs_state="drained"),
        "heaviest": server(lvs_weight=65535),
        "tcp": check(type="tcp"),
        "fast check": check(type="http", interval=0.1, timeout=0.1, retries=0),
        "slow check": check(type="http", interval=3600, timeout=3600, retries=100, port=65535),
        "fine check": check(type="tcp", interval=0.123456, timeout=1.5),
        "check of another family": check(type="tcp", address="2001:db8::1"),
        "script with braces": check(type="script", command="/usr/bin/true {address}:{port}"),
        "all ports": lambda case: case.service.update(
            ports="all", persistence=86400 * 31, check={"type": "ping"}
        ),
        "largest mark": lambda case: case.service.update(mark=0xFFFFFFFF),
        "path": check(type="http", path="/a~SEQ(b,1,3)/_.:?c=d&e=%20+,;@f*-" + "g" * 220, status=599),
        "virtual host": check(type="http", virtual_host="www.example.com:8080"),
        **{f"scheduler {name}": _scheduler(name) for name in SCHEDULERS},
    }


def _scheduler(name: str) -> Callable[[Case], object]:
    # Debian 12's kernel has not all of them; its keepalived does.
    def change(case: Case) -> None:
        case.service.update(scheduler=name)
        case.document["platforms"] = ["debian13"]

    return change


VARIANTS = _variants()


def _why_not() -> str | None:
    return unusable() or (None if shutil.which("keepalived") else "keepalived is not installed")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """The exit code of keepalived's own checker and what it said, by variant.

    Golden files are accepted in test_rendered_accepted.
    """
    if reason := _why_not():
        pytest.skip(reason)
    configurations: dict[str, str] = {}
    for name, change in VARIANTS.items():
        varied = Case()
        change(varied)
        planned = varied.plan()["hosts"]["lb1"]["files"]
        configurations[name] = next(file["content"] for file in planned if file["path"] == KEEPALIVED)
    configurations["broken"] = configurations["as it stands"].replace("advert_int 1", "advert_int 1.001")

    # Scripts of our own must be there; those of any director that has them all will do.
    scripts = [file for file in files("vrrp-only", "lb1") if file["mode"] == "0755"]
    bottle = Bottle(tmp_path_factory.mktemp("keepalived"), scripts, ["eth0", "eth1"])
    for number, content in enumerate(configurations.values()):
        (bottle.work / f"{number}.conf").write_text(content)
    # The plan's own command line.
    (argv,) = (check["argv"] for check in Case().plan()["hosts"]["lb1"]["validate"])
    command = " ".join(argv).replace("{stage}" + KEEPALIVED, "$number.conf")
    bottle.told(
        f"""
        for number in $(seq 0 {len(configurations) - 1}); do
            code=0
            timeout 20 {command} > $number.said 2>&1 || code=$?
            echo $code > $number.code
        done
        """
    )
    return {
        name: (
            int((bottle.work / f"{number}.code").read_text()),
            (bottle.work / f"{number}.said").read_text(),
        )
        for number, name in enumerate(configurations)
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_keepalived_accepts_its_configuration(verdicts: dict[str, tuple[int, str]], name: str) -> None:
    code, said = verdicts[name]

    assert code == 0, said


def test_keepalived_refuses_a_broken_one(verdicts: dict[str, tuple[int, str]]) -> None:
    """Else the test above would prove nothing: the checker passes a missing file, for one."""
    code, said = verdicts["broken"]

    assert code == 5
    assert "must be in units of 10ms" in said


def test_modprobe_reads_a_directors_file() -> None:
    content = {file["path"]: file["content"] for file in files("estate", "lb1")}
    lines = content["/etc/modprobe.d/lvs-director.conf"].splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == ["options ip_vs conn_tab_bits=18"]


@pytest.mark.parametrize(("case", "host"), hosts())
def test_lvs_network_reads_the_items_of_the_plan_and_its_interfaces(case: str, host: str) -> None:
    """Modules bring settings and links, interfaces are waited for, and only then anything is set on them."""
    planned = plan(case)["hosts"][host]
    lines = [
        line
        for file in planned["files"]
        if file["path"] == "/etc/lvs-toolkit/network.conf"
        for line in file["content"].splitlines()
        if not line.startswith("#")
    ]
    modules = [item for item in planned["items"] if item.startswith("module ")]
    interfaces = [f"interface {name}" for name in planned["interfaces"]]

    assert lines == ([*modules, *interfaces, *planned["items"][len(modules) :]] if planned["items"] else [])
