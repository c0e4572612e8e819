"""The engine on its own, as the lab's tests run it: its source comes over the standard input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from module_utils import lvs_traffic
from module_utils.lvs_traffic import read_ledger, summary

from .webserver import WebServer

SOURCE = Path(lvs_traffic.__file__).read_text(encoding="utf-8")


def start(options: object, *arguments: str) -> subprocess.Popen[str]:
    """Start the engine with its source on the standard input."""
    process = subprocess.Popen(
        [sys.executable, "-", "--json", json.dumps(options), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(SOURCE)
    process.stdin.close()
    process.stdin = None  # communicate must not close it again
    return process


def options(web: WebServer, **more: float) -> dict[str, object]:
    return {"address": web.address, "port": web.port, "interval": 0.05, "timeout": 1.0, **more}


def test_ledger_on_standard_output(web: WebServer) -> None:
    before = time.time()
    process = start(options(web, count=4))
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    header, lines = read_ledger(out)
    assert before - 1 < header["epoch"] < time.time()
    assert (header["address"], header["port"], header["count"]) == (web.address, web.port, 4)
    assert [line["n"] for line in lines] == [0, 1, 2, 3]
    assert json.loads(out.splitlines()[-1]) == {"kind": "summary", **summary(lines)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_run_with_a_complete_ledger(
    web: WebServer, tmp_path: Path, number: signal.Signals
) -> None:
    web.mode = "hang"
    output = tmp_path / "ledger.jsonl"
    process = start(options(web, duration=600, timeout=0.5), "--output", str(output))
    while not output.exists() or "request" not in output.read_text(encoding="utf-8"):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    text = output.read_text(encoding="utf-8")
    _, lines = read_ledger(text)
    numbers = sorted(line["n"] for line in lines)
    assert numbers == list(range(len(numbers)))  # none that was started is missing
    assert all(line["error"] == "read: timed out after 0.5 s" for line in lines)
    assert json.loads(text.splitlines()[-1])["total"] == len(lines)
    process.communicate()


def test_wrong_options_end_with_2_and_say_why(web: WebServer) -> None:
    process = start({"address": "nowhere", "port": 80, "count": 1})
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "--json: address: must be an IPv4 or IPv6 address" in err


def test_ledger_that_cannot_be_written_ends_with_1(web: WebServer) -> None:
    process = start(options(web, count=1), "--output", "/nonexistent/ledger")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the ledger cannot be written: " in err


def test_reader_that_goes_away_ends_the_run(web: WebServer) -> None:
    process = start(options(web, duration=600))
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=10) == 1
    assert process.stderr is not None
    assert "Broken pipe" in process.stderr.read()
    process.stderr.close()
