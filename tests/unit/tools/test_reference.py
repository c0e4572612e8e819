"""The reference of the cluster document is the model's own words."""

from __future__ import annotations

from pathlib import Path

from tools.reference import reference

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cluster-document.md"


def test_the_page_is_what_the_model_says() -> None:
    again = ".venv/bin/python -m tools.reference > docs/cluster-document.md"
    assert PAGE.read_text(encoding="utf-8") == reference(), f"the document's schema has changed: {again}"


def test_each_kind_of_key_is_there() -> None:
    lines = reference().splitlines()
    for line in (
        "| `failover.failback` | true, false | `false` | True: a repaired director takes its role back. |",
        "| `lvs_addresses` | list of IPv4 address | `[]` | The host's own addresses. |",
        "| `services[].check.type` | `http`, `tcp` | `tcp` |  |",
        "| `lvs_weight` | integer, 0 to 65535 | `1` | IPVS weight; 0 gets no new connections. |",
    ):
        assert line in lines
