"""The benchmark at tiny sizes: it runs, the estates are as asked for, and the JSON has its keys."""

from __future__ import annotations

import json
import subprocess
import sys
from math import isclose
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.estate import Size, inputs, inventory
from bench.figures import exponent, growth, middle, spread
from bench.processes import ROOT, FailedError, run
from lvs_model.export import MARKER
from lvs_model.plan import compile_plan

_SIZES = [Size(1, 1, 3), Size(2, 2, 6), Size(7, 3, 12), Size(30, 10, 25), Size(3, 10, 32)]


@pytest.mark.parametrize("size", _SIZES, ids=str)
def test_estate_is_a_valid_inventory_of_its_size(size: Size) -> None:
    hostvars, groups = inputs(inventory(size))
    plan = compile_plan(hostvars, groups)
    services = plan["clusters"]["bench"]["services"]
    assert len(services) == size.services
    assert {len(service["real_servers"]) for service in services} == {size.servers}
    assert len(hostvars) == size.hosts
    # Where there are places enough, no host is left without one.
    places = size.services * size.servers
    assert len(plan["hosts"]) == min(size.hosts, places + 2)


@pytest.mark.parametrize(
    ("services", "servers", "hosts"), [(0, 1, 9), (1, 0, 9), (1, 8, 9), (1, 10, 2), (70000, 1, 9)]
)
def test_impossible_sizes_are_refused(services: int, servers: int, hosts: int) -> None:
    with pytest.raises(ValueError, match=f"{services} services x {servers} real servers, {hosts} hosts: "):
        Size(services, servers, hosts)


@pytest.mark.parametrize(("power", "factor"), [(1.0, 0.001), (2.0, 3.0), (0.0, 5.0)])
def test_exponent_is_the_power_of_the_growth(power: float, factor: float) -> None:
    assert isclose(exponent({n: factor * n**power for n in (10, 32, 100, 1000)}), power, abs_tol=1e-6)


def test_growth_is_that_of_medians_and_unknown_of_one_size() -> None:
    assert growth({10: [1.0, 2.0, 90.0], 100: [20.0], 1000: [0.0, 200.0, 300.0]}) == 1.0
    assert growth({10: [1.0, 2.0]}) is None


def test_median_and_spread() -> None:
    assert middle([3.0, 1.0, 100.0]) == 3.0
    assert spread([3.0, 1.0, 100.0]) == [1.0, 100.0]


def test_costs_are_those_of_the_whole_process_tree() -> None:
    work = "sum(range(10**7)); memory = bytearray(200 * 2**20)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}], check=True); print(1)"
    alone, cost = run([sys.executable, "-c", "pass"]), run([sys.executable, "-c", parent])
    assert cost.output == "1\n"
    assert cost.peak_mb > 200
    assert cost.cpu_seconds > alone.cpu_seconds
    assert cost.seconds > 0


def test_a_failing_command_gives_no_figures() -> None:
    with pytest.raises(FailedError, match=r"ended with 3:\nwhy"):
        run([sys.executable, "-c", "print('why'); raise SystemExit(3)"])


def test_whole_plan_writes_every_file(tmp_path: Path) -> None:
    source = tmp_path / "inventory.json"
    tree = inventory(Size(2, 2, 6))
    source.write_text(json.dumps(tree))
    command = [sys.executable, "-m", "bench.whole", str(source), str(tmp_path / "files")]
    subprocess.run(command, cwd=ROOT, check=True)
    folder = tmp_path / "files"
    written = {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }
    plan = compile_plan(*inputs(tree))
    assert written == {
        f"{host}{file['path']}": file["content"]
        for host, planned in plan["hosts"].items()
        for file in planned["files"]
    }


def test_bench_writes_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "build" / "bench.json"
    sizes = ["--services", "4", "--servers", "2", "--hosts", "6", "--controller-hosts", "4", "--runs", "1"]
    assert main([*sizes, "--output", str(place)]) == 0
    figures = json.loads(place.read_text())
    assert json.loads(capsys.readouterr().out) == figures
    plan = figures["plan"]
    for key in ("seconds", "library_seconds", "peak_mb", "playbook_seconds", "playbook_peak_mb"):
        assert plan[key] > 0
    assert isinstance(plan["exponent"], float)
    assert list(plan["library_seconds_by_services"]) == ["1", "4"]
    assert figures["controller"]["cpu_seconds_per_host"].keys() == {"4"}
    assert figures["controller"]["cpu_seconds_per_host"]["4"] > 0
    assert figures["controller"]["plan_cpu_seconds_per_host"].keys() == {"4"}
    assert figures["controller"]["peak_mb"]["4"] > 0
    assert figures["controller"]["exponent"] is None
    assert {"cores", "python", "ansible_core"} <= figures["machine"].keys()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--hosts", "3"], "3 hosts: give at least one of each, and hosts for directors and a pool"),
        (["--controller-hosts", "2"], "2 hosts: give"),
    ],
)
def test_impossible_sizes_end_with_a_sentence(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "bench.json"
    assert main([*arguments, "--output", str(place)]) == 2
    assert said in capsys.readouterr().err
    assert not place.exists()
