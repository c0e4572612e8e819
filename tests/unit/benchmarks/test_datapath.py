"""The data path's benchmark without the lab: its arithmetic, what it writes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import datapath
from bench.__main__ import main
from bench.datapath import MODES, Round, Window, figures, order
from bench.datapath_nodes import CLIENT, WAYS
from tests.unit.benchmarks.nodes import SHOWN, Node

_COSTS = {"direct": 0.0, "routing": 2.0, "dr": 1.0, "tun": 4.0, "nat": 2.5, "haproxy": 8.0}


def _round(costs: Mapping[str, float] = _COSTS, background: float = 0.0, base: float = 10.0) -> Round:
    """A round of known costs: the more a way costs, the longer it takes, with a background of CPU s per s."""
    ways = {}
    for way, cost in costs.items():
        seconds = base + cost
        ways[way] = Window(base + cost + background * seconds, seconds)
    return Round(Window(background * 3, 3.0), ways)


@pytest.mark.parametrize("background", [0.0, 0.3])
@pytest.mark.parametrize(
    ("mode", "base", "ratio"),
    [
        ("dr", "routing", 2.0),
        ("tun", "routing", 0.5),
        ("haproxy", "routing", 0.25),
        ("dr", "haproxy", 8.0),
        ("routing", "haproxy", 4.0),
    ],
)
def test_a_ratio_is_of_requests_per_cpu_second_beyond_direct_and_background(
    background: float, mode: str, base: str, ratio: float
) -> None:
    assert _round(background=background).ratio(mode, base) == pytest.approx(ratio)


@pytest.mark.parametrize(("way", "cost"), [("dr", 0.0), ("dr", -0.1), ("routing", -1.0)])
def test_a_cost_that_noise_has_eaten_makes_no_ratio(way: str, cost: float) -> None:
    assert _round(_COSTS | {way: cost}).ratio("dr", "routing") is None


def test_figures_are_medians_and_spreads_of_ratios_within_rounds() -> None:
    # The same machine, once twice and once ten times as slow: costs differ, ratios do not, but for DR's.
    rounds = [
        _round({way: cost * slow for way, cost in (_COSTS | {"dr": dr}).items()}, base=10 * slow)
        for slow, dr in ((1, 1.0), (2, 0.5), (10, 2.0))
    ]
    found = figures(rounds)
    assert found["dr_to_routing"] == 2.0
    assert found["spread"]["dr_to_routing"] == [1.0, 4.0]
    assert found["nat_to_routing"] == 0.8
    assert found["spread"]["nat_to_routing"] == [0.8, 0.8]
    assert found["to_direct"]["haproxy"] == 0.8
    assert found["to_direct_spread"]["dr"] == [0.05, 0.2]
    assert set(found["spread"]) == {f"{mode}_to_routing" for mode in MODES if mode != "routing"} | {
        f"{mode}_to_haproxy" for mode in MODES if mode != "haproxy"
    }


def test_a_way_that_the_processor_cannot_run_has_no_ratio() -> None:
    found = figures([_round({way: cost for way, cost in _COSTS.items() if way != "haproxy"})])
    assert (found["dr_to_routing"], found["dr_to_haproxy"], found["haproxy_to_routing"]) == (2.0, None, None)
    assert "haproxy" not in found["to_direct"]


def test_rounds_without_a_ratio_are_told() -> None:
    noisy = _round(_COSTS | {"dr": -0.5})
    found = figures([noisy, _round(), noisy])
    assert found["dr_to_routing"] == 2.0
    assert found["rounds_counted"]["dr_to_routing"] == 1
    assert found["rounds_counted"]["nat_to_routing"] == 3
    alone = figures([noisy])
    assert alone["dr_to_routing"] is None
    assert alone["spread"]["dr_to_routing"] == []
    assert alone["to_direct"]["dr"] == -0.05


def test_each_way_has_each_place_of_a_round_once() -> None:
    rows = [order(number, list(WAYS)) for number in range(len(WAYS))]
    for row in rows:
        assert set(row) == set(WAYS)
    for column in zip(*rows, strict=True):
        assert set(column) == set(WAYS)
    assert order(len(WAYS), list(WAYS)) == order(0, list(WAYS))


class _Lab:
    """A lab whose nodes answer a round, as far as the main program asks."""

    def __init__(self, _inventory: Path) -> None:
        self.host = self

    def up(self) -> None:
        """It is."""

    def describe(self) -> dict[str, object]:
        return {"kind": "guest", "accelerator": "tcg"}

    def runner(self, name: str) -> Node:
        ways = {way: {"busy": 10 + cost, "seconds": 10 + cost} for way, cost in _COSTS.items()}
        answer = json.dumps({"idle": {"busy": 0.0, "seconds": 3.0}, "ways": ways})
        return Node(answer if name == CLIENT else SHOWN.format(nat=2240, nat_out=1600, dr_out=0))


def test_ratios_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datapath, "Lab", _Lab)
    place = tmp_path / "new" / "figures.json"
    assert main(["datapath", "--rounds", "3", "--requests", "100", "--output", str(place)]) == 0
    found = json.loads(place.read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert found["data_path"]["dr_to_routing"] == 2.0
    assert found["data_path"]["rounds_counted"]["dr_to_routing"] == 3
    assert found["data_path"]["accelerator"] == "tcg"


def test_a_run_that_proves_nothing_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datapath, "Lab", _Lab)
    place = tmp_path / "figures.json"
    assert main(["datapath", "--rounds", "8", "--requests", "100", "--output", str(place)]) == 1
    assert "bench: dr: IPVS saw 2240 packets to 192.0.2.40:7000, too few for 800" in capsys.readouterr().err
    assert not place.exists()


@pytest.mark.parametrize("option", ["--rounds", "--requests"])
def test_numbers_below_one_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["datapath", option, "0"])
    assert ended.value.code == 2
    assert f"{option}: at least one is needed" in capsys.readouterr().err
