"""The real ldirectord with what the toolkit gives it, in a bottle (ldirectord_lab.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvs_model.components.ldirectord import TABLE

from .builders import Case
from .ldirectord_lab import Director, why_not
from .rule_cases.engines import UNDER

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

VIPS = ["192.0.2.10", "192.0.2.20", "192.0.2.30"]
START = "ldirectord ldirectord.cf start\n"


def director(folder: Path, drained: str | None = None, **options: object) -> Director:
    """lb1 with these options of the one service, one of its real servers drained."""
    case = Case()
    UNDER(case)
    case.service.update(options)
    if drained is not None:
        case.hostvars[drained]["lvs_state"] = "drained"
    return Director(folder, case)


def test_no_vip_waits_for_the_checks_of_a_hung_real_server(tmp_path: Path) -> None:
    # web1 serves, web2 accepts and never answers (3 s for each check), web3 is gone.
    script = f"""
serve 192.0.2.21; hang 192.0.2.22; sleep 1
{TABLE} load; table loaded
{START}
sleep 1.5; table started
sleep 14; table checked
"""
    check = {"type": "http", "path": "/", "timeout": 3, "interval": 1, "retries": 1}
    found = director(tmp_path, vips=VIPS, check=check).tables(script)

    both, one = {"192.0.2.21:80": 3, "192.0.2.22:80": 2}, {"192.0.2.21:80": 3}
    assert found["loaded"] == {f"TCP {vip}:80": both for vip in VIPS}
    # Its checks of the first VIP are not over yet.
    assert found["started"] == {f"TCP {vip}:80": both for vip in VIPS}
    assert found["checked"] == {f"TCP {vip}:80": one for vip in VIPS}


def test_a_reload_leaves_a_drained_real_server_where_it_is(tmp_path: Path) -> None:
    check = {"type": "http", "path": "/", "timeout": 1, "interval": 1, "retries": 0}
    script = f"""
serve 192.0.2.21; serve 192.0.2.22; sleep 1
{TABLE} load; {START} sleep 3; calls > /dev/null
ldirectord ldirectord.cf reload; sleep 3; echo; calls
"""
    said = director(tmp_path, drained="web1", check=check).lines(script)

    # Neither out nor back in: its clients notice nothing.
    assert [line for line in said if "192.0.2.21:80" in line] == []
    assert "-E -t 192.0.2.10:80 -s wrr" in [line.strip() for line in said]
