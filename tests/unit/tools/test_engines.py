"""The page about engines says what the code refuses, and is current."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from lvs_model import parity
from lvs_model.document import Cluster, Service
from lvs_model.document.checks import CHECKS
from tools.engines import page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "engines.md"
OF_CLUSTER = [*parity.LDIRECTORD, *parity.KEEPALIVED]


def test_the_page_is_current() -> None:
    again = ".venv/bin/python -m tools.engines > docs/engines.md"
    assert PAGE.read_text(encoding="utf-8") == page(), f"an engine has changed: {again}"


def _models() -> list[tuple[type[BaseModel], parity.Lack]]:
    found: list[tuple[type[BaseModel], parity.Lack]] = [(Cluster, one) for one in OF_CLUSTER]
    found += [(Service, one) for one in parity.LDIRECTORD_SERVICE]
    for table in (parity.LDIRECTORD_CHECK, parity.KEEPALIVED_CHECK):
        found += [(CHECKS[name], one) for name, lacks in table.items() for one in lacks]
    return found


@pytest.mark.parametrize(("model", "lack"), _models(), ids=lambda one: getattr(one, "path", one))
def test_what_is_lacking_is_an_option_of_the_document(model: type[BaseModel], lack: parity.Lack) -> None:
    if model.__name__ == "ScriptCheck" and lack.path == "address":
        return  # its program asks whatever it likes
    place = model
    for step in lack.path.split("."):
        field = place.model_fields[step]
        inner = field.annotation
        place = next(
            (
                one
                for one in (inner, *getattr(inner, "__args__", ()))
                if isinstance(one, type) and issubclass(one, BaseModel)
            ),
            model,
        )
    assert not field.is_required()


def test_every_check_is_either_there_or_not() -> None:
    assert {*parity.LDIRECTORD_CHECK, *parity.LDIRECTORD_NO_CHECK} == set(CHECKS)
    assert not parity.LDIRECTORD_CHECK.keys() & parity.LDIRECTORD_NO_CHECK.keys()


@pytest.mark.parametrize("one", [*parity.LDIRECTORD_SERVICE, *OF_CLUSTER], ids=lambda one: one.path)
def test_whoever_reads_the_page_is_told_the_alternative(one: parity.Lack) -> None:
    if one.path.split(".")[0] in {"failover", "email", "ipvs"} or one in parity.LDIRECTORD_SERVICE:
        assert one.instead in page()
