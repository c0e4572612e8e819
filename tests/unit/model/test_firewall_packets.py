"""The rules among real packets: three network namespaces, and nft where this machine has it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lvs_model.components.firewall import merge_chains

from .builders import Case
from .firewalled import chains_of, rules_file, with_nat, with_tunnel, without_nft

pytestmark = pytest.mark.skipif(without_nft() is not None, reason=str(without_nft()))


def _told(folder: Path, case: Case, *others: dict[str, list[str]]) -> dict[str, Any]:
    """What passes between the hosts of packets_lab.py under the first director's rules."""
    file = folder / "nftables.nft"
    file.write_text(rules_file(merge_chains(chains_of(case, "lb1"), *others)))
    script = (
        f"mount -t tmpfs tmpfs /run; {sys.executable} {Path(__file__).with_name('packets_lab.py')} {file}"
    )
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-euc", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


OPEN = {
    "service": True,
    "other port": True,
    "own address": True,
    "datagram": True,
    "fragments": True,
    "into the back": True,
    "into the back by udp": True,
    "out of the back": True,
    "out of the back by udp": True,
    "adverts": ["192.0.2.12", "192.0.2.101", "192.0.2.12"],
    "tracked": 0,
    "segment": 1448,
    "many": 40,
}
CLOSED = {"into the back": False, "into the back by udp": False}


def test_nothing_is_dropped_where_nothing_is_asked(tmp_path: Path) -> None:
    case = Case()
    case.service.update(mark=7)

    assert _told(tmp_path, case) == OPEN


def test_networks_behind_nat_are_closed_one_way(tmp_path: Path) -> None:
    case = with_nat(ports=[80, "53/udp"])

    assert _told(tmp_path, case) == OPEN | CLOSED


def test_the_packet_filter(tmp_path: Path) -> None:
    case = with_nat(ports=[80, "53/udp"])
    case.document["firewall"] = {"flood": {"rate": 1, "burst": 10}}
    far = with_tunnel()
    told = _told(tmp_path, case, chains_of(far, "web1"))

    assert 5 <= told.pop("many") <= 12
    assert told == {key: value for key, value in OPEN.items() if key != "many"} | CLOSED | {
        "other port": False,
        "adverts": ["192.0.2.12"],
        "segment": 1440 - 12,
    }


def test_what_ipvs_masquerades_is_tracked_and_its_networks_are_closed_one_way(tmp_path: Path) -> None:
    case = with_nat(ports=[80, "53/udp"])
    case.service["forwarding"] = "masquerade"
    case.document["firewall"] = {}
    told = _told(tmp_path, case)

    assert told.pop("tracked") > 0
    assert told == {key: value for key, value in OPEN.items() if key != "tracked"} | CLOSED | {
        "other port": False,
        "adverts": ["192.0.2.12"],
    }
