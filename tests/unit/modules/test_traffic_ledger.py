"""What is read out of a ledger: counts, the gap, the windows."""

from __future__ import annotations

import json

import pytest

from module_utils.lvs_traffic import Request, lost_windows, read_ledger, summary


def ledger(picture: str) -> list[Request]:
    """Draw a ledger: "." is a good answer after 0.1 s, "x" a failure after 0.5 s; one request a second."""
    return [
        Request(
            n=n,
            scheduled=float(n),
            started=float(n),
            ended=n + (0.1 if mark == "." else 0.5),
            ok=mark == ".",
            server="web1" if mark == "." else None,
            error=None if mark == "." else "connect: Connection refused",
        )
        for n, mark in enumerate(picture)
    ]


@pytest.mark.parametrize(
    ("picture", "gap", "windows"),
    [
        ("", 0.0, []),
        ("....", 0.0, []),
        ("..x..", 2.0, [(2, 2, 1, 2.0)]),
        ("..xx..", 3.0, [(2, 3, 2, 3.0)]),
        # From the first failure to the last, the good ones between included; each window on its own.
        (".x.xx.", 5.0, [(1, 1, 1, 2.0), (3, 4, 2, 3.0)]),
        # Without a good answer before: from the first failure's start.
        ("xx..", 2.1, [(0, 1, 2, 2.1)]),
        # Without one after: to the end of the last failure.
        ("..xx", 2.4, [(2, 3, 2, 2.4)]),
        ("xxx", 2.5, [(0, 2, 3, 2.5)]),
    ],
)
def test_gap_and_windows(picture: str, gap: float, windows: list[tuple[int, int, int, float]]) -> None:
    lines = ledger(picture)
    found = summary(lines)
    assert found["gap"] == pytest.approx(gap)
    assert [tuple(window.values()) for window in found["lost_windows"]] == [
        (first, last, failed, pytest.approx(length)) for first, last, failed, length in windows
    ]
    assert (found["total"], found["failed"]) == (len(picture), picture.count("x"))
    assert found["answered"] == picture.count(".")


def test_order_of_completion_does_not_matter() -> None:
    lines = ledger(".x.xx.")
    assert summary(reversed(lines)) == summary(lines)
    assert lost_windows(reversed(lines)) == lost_windows(lines)


def test_late_answer_from_before_the_outage_shortens_the_gap() -> None:
    lines = ledger("..x.")
    lines[0]["ended"] = 2.3  # started before the failure, answered during it: the service was there
    assert summary(lines)["gap"] == pytest.approx(0.8)


def test_gap_is_never_negative() -> None:
    lines = ledger(".x.")
    lines[0]["ended"] = 5.0
    assert summary(lines)["gap"] == 0.0


def test_counts_by_server_and_error() -> None:
    lines = ledger("...xx")
    lines[1]["server"] = "web2"
    lines[2]["server"] = None  # answered, without telling who
    lines[4]["error"] = "status 503"
    lines[4]["server"] = "web2"  # a bad answer is nobody's share
    found = summary(lines)
    assert found["by_server"] == {"web1": 1, "web2": 1}
    assert found["errors"] == {"connect: Connection refused": 1, "status 503": 1}


HEADER = {"kind": "header", "schema": 1, "epoch": 1700000000.0}


def text(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_read_ledger_gives_back_what_was_written() -> None:
    lines = ledger(".x")
    written = text(
        HEADER, *({"kind": "request", **line} for line in lines), {"kind": "summary", **summary(lines)}
    )
    assert read_ledger(written) == ({"schema": 1, "epoch": 1700000000.0}, lines)


def test_read_ledger_leaves_out_a_line_cut_off() -> None:
    lines = ledger("..")
    written = text(HEADER, {"kind": "request", **lines[0]}) + '{"kind": "request", "n"'
    assert read_ledger(written)[1] == lines[:1]


@pytest.mark.parametrize(
    "written", ["", text({"kind": "header", "schema": 2}), '{"kind": "header", "schema": 1}']
)
def test_read_ledger_refuses_what_is_none(written: str) -> None:
    with pytest.raises(ValueError, match="no ledger of schema 1: the header line is missing"):
        read_ledger(written)
