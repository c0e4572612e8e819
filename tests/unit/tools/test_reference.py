"""The reference of the cluster document is the model's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.reference import reference

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cluster-document.md"


def test_the_page_is_what_the_model_says() -> None:
    again = ".venv/bin/python -m tools.reference > docs/cluster-document.md"
    assert PAGE.read_text(encoding="utf-8") == reference(), f"the document's schema has changed: {again}"


@pytest.mark.parametrize(
    ("section", "row"),
    [
        (
            "`failover`",
            "| `failback` | true, false | `false` | True: a repaired director takes its role back. |",
        ),
        (
            "`failover.authentication`",
            "| `password` | text | required | 1 to 8 characters. Keep it in a vault. |",
        ),
        ("`networks.NAME`", "| `subnets` | list of subnet | required | Subnets of this network. |"),
        (
            "`services[].notify`",
            "| `quorum_up` | command |  | The service has its quorum again. Runs as keepalived_script. |",
        ),
        ("Host variables", "| `lvs_addresses` | list of address | `[]` | The host's own addresses. |"),
        (
            "Host variables",
            "| `lvs_weight` | integer, 0 to 65535 |  | IPVS weight; 0 gets no new connections. Default: from "
            "lvs_capacity, else 1. |",
        ),
        ("`lvs_services.NAME`", "| `port` | integer, 1 to 65535 |  | nat, masquerade: its port there. |"),
        ("`check`", "| `interval` | number, 0.1 to 3600 | `2` | Seconds between two checks. |"),
        ("`{type: https}`", "| `sni` | true, false | `true` | Name the virtual_host in the TLS handshake. |"),
    ],
)
def test_each_kind_of_key_stands_in_its_section(section: str, row: str) -> None:
    sections = {title: part for title, _, part in (one.partition("\n") for one in reference().split("# "))}

    assert row in sections[section].splitlines()
