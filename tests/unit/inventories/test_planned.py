"""What the ready-made inventories become: the plan has what each was made to show, and no warning."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from .ready import GOLDEN, NAMES, PASSWORD, files, plan

CONFIGURATION = "etc/keepalived/keepalived.conf"


@pytest.fixture(scope="module", autouse=True)
def _update() -> None:
    """Write the golden files anew, if asked to: UPDATE_GOLDEN=1."""
    if not os.environ.get("UPDATE_GOLDEN"):
        return
    for name in NAMES:
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
        for host in plan(name)["hosts"]:
            for path, content in files(name, host).items():
                place = GOLDEN / name / host / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content)


def _kept(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_rendered_files_are_the_golden_ones(name: str) -> None:
    hosts = plan(name)["hosts"]
    assert {host: files(name, host) for host in hosts} == {
        host: _kept(GOLDEN / name / host) for host in hosts
    }
    assert {place.name for place in (GOLDEN / name).iterdir()} == set(hosts)


@pytest.mark.parametrize("name", NAMES)
def test_no_rule_warns(name: str) -> None:
    assert plan(name)["warnings"] == []


def _blocks(name: str, host: str, keyword: str) -> dict[str, str]:
    """The outermost blocks of keepalived.conf of a keyword: their text by what stands behind it."""
    text = files(name, host)[CONFIGURATION]
    found = re.findall(rf"^{keyword} ([^{{\n]+) {{\n(.*?)^}}", text, re.MULTILINE | re.DOTALL)
    assert len(found) == len(re.findall(rf"^{keyword}\b", text, re.MULTILINE))
    blocks: dict[str, str] = {}
    for head, body in found:
        blocks[head] = blocks.get(head, "") + body
    return blocks


def _lines(text: str, word: str) -> list[str]:
    """What stands behind a word at the beginning of lines."""
    return re.findall(rf"^\s*{word} (.*)$", text, re.MULTILINE)


UNDER_KEEPALIVED = [name for name in NAMES if name != "tunnel-pair"]


@pytest.mark.parametrize(
    ("name", "failback"), [(name, name in {"nginx-pair", "web-pair"}) for name in UNDER_KEEPALIVED]
)
def test_only_the_pairs_take_their_roles_back(name: str, failback: bool) -> None:
    for host, planned in plan(name)["hosts"].items():
        if planned["role"] == "director":
            text = files(name, host)[CONFIGURATION]
            assert bool(_lines(text, "preempt_delay")) is failback
            assert (re.search(r"^\s*nopreempt$", text, re.MULTILINE) is None) is failback


def test_web_pair_has_one_service_and_shares_its_connections() -> None:
    assert list(_blocks("web-pair", "lb1", "virtual_server")) == ["192.0.2.10 80"]
    assert _lines(files("web-pair", "lb1")[CONFIGURATION], "lvs_sync_daemon")[0].startswith("eth1 ")


def test_web_sessions_has_one_mark_for_both_ports_and_families() -> None:
    (service,) = plan("web-sessions")["clusters"]["sessions"]["services"]
    ((head, body),) = _blocks("web-sessions", "lb1", "virtual_server").items()
    assert head == f"fwmark {service['mark']}"
    assert _lines(body, "ip_family") == ["inet", "inet6"]
    assert _lines(body, "persistence_timeout") == ["1800", "1800"]
    assert "protocol" not in body
    # Three real servers in each family, each checked on both ports.
    assert _lines(body, "connect_port") == ["80", "443"] * 6
    marks = files("web-sessions", "lb1")["etc/lvs-toolkit/nftables.nft"]
    assert set(_lines(marks, "ip daddr") + _lines(marks, "ip6 daddr")) == {
        f'{{ {vip} }} tcp dport {{ 80, 443 }} meta mark set {service["mark"]} comment "shop"'
        for vip in service["vips"]
    }


def test_media_has_one_mark_for_both_protocols_and_weights_from_capacities() -> None:
    (service,) = plan("media")["clusters"]["media"]["services"]
    ((head, body),) = _blocks("media", "lb1", "virtual_server").items()
    assert head == f"fwmark {service['mark']}"
    assert _lines(body, "persistence_timeout") == ["600"]
    marks = files("media", "lb1")["etc/lvs-toolkit/nftables.nft"]
    assert re.findall(r"(tcp|udp) dport { ([^}]*) } meta mark set (\d+)", marks) == [
        ("tcp", "554", str(service["mark"])),
        ("udp", "6970-6999", str(service["mark"])),
    ]
    # 25, 25 and 10 Gbit/s.
    assert {one["name"]: one["weight"] for one in service["real_servers"]} == {
        "media1": 5,
        "media2": 5,
        "media3": 2,
    }


def test_mail_checks_each_port_with_what_fits() -> None:
    checks = {
        # Each has a file as well, by which it is drained.
        head: set(re.findall(r"^\s*([A-Z]+_(?:GET|CHECK)) {", body, re.MULTILINE)) - {"FILE_CHECK"}
        for head, body in _blocks("mail", "lb1", "virtual_server").items()
    }
    assert checks == {
        "192.0.2.10 25": {"SMTP_CHECK"},
        "192.0.2.10 110": {"TCP_CHECK"},
        "192.0.2.10 995": {"TCP_CHECK"},
        "192.0.2.10 143": {"TCP_CHECK"},
        "192.0.2.10 993": {"TCP_CHECK"},
        "192.0.2.10 443": {"SSL_GET"},
    }
    # A host in two pools has the VIP once, and its own weight in both.
    items = plan("mail")["hosts"]["mx2"]["items"]
    assert [item for item in items if "192.0.2.10" in item] == ["address 192.0.2.10 lo"]


def test_nginx_pair_has_no_ipvs() -> None:
    for host, planned in plan("nginx-pair")["hosts"].items():
        assert "virtual_server" not in files("nginx-pair", host)[CONFIGURATION]
        assert planned["modules"] == []
        assert "ipvsadm" not in [name for names in planned["packages"].values() for name in names]


@pytest.mark.parametrize(("host", "priority"), [("proxy1", "100"), ("proxy2", "90")])
def test_nginx_pair_speaks_version_2_with_the_sources_numbers(host: str, priority: str) -> None:
    text = files("nginx-pair", host)[CONFIGURATION]
    for word, value in {
        "vrrp_version": "2",
        "virtual_router_id": "51",
        "priority": priority,
        "advert_int": "1",
        "auth_type": "PASS",
        "auth_pass": PASSWORD,
    }.items():
        assert _lines(text, word) == [value]


def test_nginx_is_restarted_before_the_vip_is_given_up() -> None:
    ((name, body),) = _blocks("nginx-pair", "proxy1", "vrrp_script").items()
    (script,) = _lines(body, "script")
    assert script.endswith(' nginx /usr/bin/systemctl restart nginx"')
    # The first failed look restarts nginx; only a second one in a row counts, and then at full weight.
    assert (_lines(body, "fall"), _lines(body, "weight")) == (["2"], ["0"])
    assert name in _blocks("nginx-pair", "proxy1", "vrrp_instance")["VI_proxies"]


def test_the_password_is_in_the_file_that_needs_it_and_nowhere_else() -> None:
    found = plan("nginx-pair")
    for planned in found["hosts"].values():
        holding = [file for file in planned["files"] if PASSWORD in file["content"]]
        assert [(file["path"], file["mode"]) for file in holding] == [(f"/{CONFIGURATION}", "0640")]
        assert PASSWORD not in json.dumps({key: planned[key] for key in planned if key != "files"})
    assert PASSWORD not in json.dumps({key: found[key] for key in found if key != "hosts"})


def test_tunnel_pair_has_both_directors_among_its_real_servers() -> None:
    own = files("tunnel-pair", "loadbalancer")
    text = own["etc/ha.d/ldirectord.cf"]
    assert _lines(text, "virtual =") == ["192.168.136.10:80"]
    last = ("101", "102", "103", "11", "12")
    assert _lines(text, "real =") == [f"192.168.136.{one}:80 ipip 1" for one in last]
    assert _lines(text, "fallback =") == ["127.0.0.1:80 gate"]
    assert _lines(text, "quiescent =") == ["no", "yes"]
    # Neither director has the VIP but where it owns it, and no mark: only the owner has a table.
    assert "mark set" not in own["etc/lvs-toolkit/nftables.nft"]
    for host in ("loadbalancer", "backup"):
        items = plan("tunnel-pair")["hosts"][host]["items"]
        assert [item for item in items if "192.168.136.10" in item] == ["local 192.168.136.10"]
        assert "up tunl0" in items
    assert "address 192.168.136.10 tunl0" in plan("tunnel-pair")["hosts"]["real1"]["items"]
    assert (
        files("tunnel-pair", "loadbalancer")["etc/ha.d/haresources"]
        == files("tunnel-pair", "backup")["etc/ha.d/haresources"]
    )
