"""Two real keepalived daemons elect one owner with the rendered configuration, in network namespaces.

They run without IPVS, on documents without services, in both families and with both transports.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .builders import Case
from .namespace import unusable

WHY_NOT = unusable() or (None if shutil.which("keepalived") else "keepalived is not installed")
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

# Adverts come every 20 ms, and a takeover needs less than a tenth of a second. Seconds after which an owner
# that was awaited must still be the only one, and until it is awaited at the most.
_REST_S = 0.5
_WAIT_S = 10

_SCRIPT = """
set -eu
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip netns add lb1; ip netns add lb2
ip link add eth0 netns lb1 type veth peer name eth0 netns lb2
for node in lb1 lb2; do
    # No wait for duplicates of the link-local address, from which IPv6 adverts by multicast come.
    ip netns exec $node sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
    ip -n $node link set lo up; ip -n $node link set eth0 up
done
{addresses}
start() {{
    ip netns exec $1 keepalived --dont-fork --log-console -f {work}/$1.conf \\
        -p /run/$1.pid -r /run/$1.vrrp -c /run/$1.checkers > {work}/$1.log 2>&1 &
}}
owners() {{
    for node in lb1 lb2; do
        if ip -n $node -oneline address show to {vip} | grep -q .; then echo $node; fi
    done | tr '\\n' ' '
    echo
}}
# Told in any case after the longest wait, so that the test shows who it was instead.
awaited() {{
    tries=0
    until "$@" || [ $tries -ge {tries} ]; do sleep 0.05; tries=$((tries + 1)); done
}}
owned() {{ [ "$(owners)" = "$1" ]; }}
settled() {{ awaited owned "$1"; sleep {rest}; owners; }}
start lb1; awaited owned "lb1 "
start lb2; awaited grep -q 'Entering BACKUP STATE' {work}/lb2.log; settled "lb1 "
kill -KILL $(cat /run/lb1.pid) $(cat /run/lb1.vrrp)
ip -n lb1 address flush to {vip}
settled "lb2 "
kill $(cat /run/lb2.pid); settled ""
"""


def planned(case: Case, failover: dict[str, Any]) -> dict[str, str]:
    """The configuration of each director of a cluster without services."""
    case.document["services"] = []
    del case.document["connection_sync"]
    case.document["failover"].update(failover)
    hosts = case.plan()["hosts"]
    return {
        name: file["content"]
        for name in ("lb1", "lb2")
        for file in hosts[name]["files"]
        if file["path"].endswith("keepalived.conf")
    }


@pytest.mark.parametrize("transport", ["unicast", "multicast"])
@pytest.mark.parametrize(
    ("own", "vip", "subnet"),
    [
        (("192.0.2.11", "192.0.2.12"), "192.0.2.10", "192.0.2.0/24"),
        (("2001:db8::11", "2001:db8::12"), "2001:db8::10", "2001:db8::/64"),
    ],
)
def test_there_is_exactly_one_owner(
    tmp_path: Path, transport: str, own: tuple[str, str], vip: str, subnet: str
) -> None:
    case = Case()
    case.document["networks"] = {"front": {"segment": "dc1-v120", "interface": "eth0", "subnets": [subnet]}}
    case.hostvars = {name: {"lvs_addresses": [one]} for name, one in zip(("lb1", "lb2"), own, strict=True)}
    case.groups = {"all": ["lb1", "lb2"], "edge": ["lb1", "lb2"], "edge_directors": ["lb1", "lb2"]}
    options = {"advert_interval": 0.02, "vips": [vip], "transport": transport}
    for name, content in planned(case, options).items():
        (tmp_path / f"{name}.conf").write_text(content)
    length = subnet.split("/")[1]
    script = _SCRIPT.format(
        addresses="\n".join(
            f"ip -n {name} address add {one}/{length} dev eth0{' nodad' if ':' in one else ''}"
            for name, one in zip(("lb1", "lb2"), own, strict=True)
        ),
        vip=vip,
        work=tmp_path,
        rest=_REST_S,
        tries=int(_WAIT_S / 0.05),
    )

    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    logs = "\n".join(path.read_text() for path in sorted(tmp_path.glob("*.log")))
    assert done.returncode == 0, done.stderr + logs
    assert done.stdout.split("\n") == ["lb1 ", "lb2 ", "", ""], logs
