"""Two real keepalived daemons, and an operator who demotes one by its tracked file: in network namespaces.

They run without IPVS, on documents without services. Each step says what is written where, and who owns the
VIPs from then on.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .builders import Case
from .namespace import Bottle, unusable

WHY_NOT = unusable() or (None if shutil.which("keepalived") else "keepalived is not installed")
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

# Seconds after which an owner that was awaited must still be the only one, and until it is awaited at most.
_REST_S = 1
_WAIT_S = 15
_VIPS = ("192.0.2.10", "192.0.2.20")

_SCRIPT = """
set -eu
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip netns add lb1; ip netns add lb2
ip link add eth0 netns lb1 type veth peer name eth0 netns lb2
for number in 1 2; do
    node=lb$number
    ip -n $node link set lo up; ip -n $node link set eth0 up
    ip -n $node address add 192.0.2.1$number/24 dev eth0
done
start() {{
    ip netns exec $1 keepalived --dont-fork --log-console --log-detail -f {work}/$1.conf \\
        -p /run/$1.pid -r /run/$1.vrrp -c /run/$1.checkers >> {work}/$1.log 2>&1 &
    awaited grep -q 'Entering BACKUP STATE' {work}/$1.log
}}
crash() {{
    kill -KILL $(cat /run/$1.pid) $(cat /run/$1.vrrp)
    for vip in {vips}; do ip -n $1 address flush to $vip; done
    rm /run/$1.pid /run/$1.vrrp {work}/$1.log
}}
reload() {{ kill -HUP $(cat /run/$1.pid); }}
place() {{ for file in /run/$1.demoted.*; do echo $2 > $file.new; mv $file.new $file; done; }}
owners() {{
    for node in lb1 lb2; do
        for vip in {vips}; do
            if ip -n $node -oneline address show to $vip | grep -q .; then echo $node; fi
        done
    done | tr '\\n' ' '
}}
awaited() {{
    tries=0
    until "$@" || [ $tries -ge {tries} ]; do sleep 0.05; tries=$((tries + 1)); done
}}
owned() {{ [ "$(owners)" = "$1" ]; }}
owner() {{ awaited owned "$1 $1 "; sleep {rest}; echo "$(owners)"; }}
start lb1; owner lb1
start lb2; owner lb1
{steps}
"""
# What is done in the shell, and who owns both VIPs then.
Steps = list[tuple[str, str]]


def both(name: str) -> str:
    return f"{name} {name}"


def told(folder: Path, failover: dict[str, Any], steps: Steps) -> list[str]:
    """Run the steps; who owned the VIPs after each, from the start on."""
    case = Case()
    case.document["services"] = []
    del case.document["connection_sync"]
    case.document["failover"].update({"advert_interval": 0.2, **failover})
    if "instances" not in failover:
        case.document["failover"]["vips"] = list(_VIPS)
    hosts = case.plan()["hosts"]
    for name in ("lb1", "lb2"):
        (content,) = (
            file["content"] for file in hosts[name]["files"] if file["path"].endswith("keepalived.conf")
        )
        # Both have one /run here.
        (folder / f"{name}.conf").write_text(content.replace("/run/lvs-toolkit.", f"/run/{name}."))
    script = _SCRIPT.format(
        work=folder,
        vips=" ".join(_VIPS),
        rest=_REST_S,
        tries=int(_WAIT_S / 0.05),
        steps="\n".join(f"{command}; owner {name}" for command, name in steps),
    )
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    logs = "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))
    assert done.returncode == 0, done.stderr + logs
    return [line.strip() for line in done.stdout.splitlines()]


def expected(steps: Steps) -> list[str]:
    return [both("lb1"), both("lb1"), *(both(name) for _, name in steps)]


GROUP = {
    "instances": [{"name": "web", "vips": [_VIPS[0]]}, {"name": "mail", "vips": [_VIPS[1]]}],
    "sync_groups": [{"name": "all", "instances": ["web", "mail"]}],
}


def test_without_failback_nothing_stays(tmp_path: Path) -> None:
    steps: Steps = [
        ("place lb1 -254", "lb2"),
        ("place lb1 0", "lb2"),
        ("place lb2 -254", "lb1"),
        ("place lb2 0", "lb1"),
    ]

    assert told(tmp_path, {}, steps) == expected(steps)


@pytest.mark.parametrize("more", [{}, GROUP], ids=["instance", "group"])
def test_with_failback_the_demoted_one_stands_by(tmp_path: Path, more: dict[str, Any]) -> None:
    steps: Steps = [
        ("place lb1 -254", "lb2"),
        ("place lb1 -55", "lb2"),
        ("reload lb1", "lb2"),
        ("crash lb1; start lb1", "lb2"),
        ("crash lb2", "lb1"),
        ("start lb2", "lb2"),
        # And back: it is preferred again, and would wait for its time; the owner leaves before.
        ("place lb1 0; place lb2 -254", "lb1"),
        ("place lb2 0", "lb1"),
    ]

    assert told(tmp_path, {"failback": True, "failback_delay": 4, **more}, steps) == expected(steps)


@pytest.mark.parametrize(
    ("record", "before", "after"),
    [
        ('{\n "places": {\n  "/run/lvs-toolkit.demoted.VI_edge": -55\n }\n}\n', "-254", "-55"),
        (
            '{\n "places": {\n  "/run/lvs-toolkit.demoted.VI_edge": -105,\n'
            '  "/run/lvs-toolkit.demoted.VI_web": -55\n }\n}\n',
            None,
            "-105",
        ),
        ('{\n "places": {\n  "/run/lvs-toolkit.demoted.VI_web": -55\n }\n}\n', "-55", "0"),
        ("no record\n", "-254", "0"),
        (None, "-254", "0"),
        (None, None, "0"),
    ],
)
def test_a_start_settles_what_was_left_in_the_middle(
    tmp_path: Path, record: str | None, before: str | None, after: str
) -> None:
    planned = Case().plan()["hosts"]["lb1"]
    file = "/run/lvs-toolkit.demoted.VI_edge"
    path = "/var/lib/lvs-toolkit/overrides/demoted.json"
    # The bottle has no /var/lib of its own.
    files = [one | {"content": one["content"].replace(path, "/run/demoted.json")} for one in planned["files"]]
    bottle = Bottle(tmp_path, files, planned["interfaces"])
    lay_out = [f"printf '%s' '{record}' > /run/demoted.json"] if record is not None else []
    lay_out += [f"echo {before} > {file}"] if before is not None else []

    script = "\n".join([*lay_out, "/usr/local/lib/lvs-toolkit/keepalived-demoted", f"cat {file}"])

    assert bottle.told(script) == f"{after}\n"
