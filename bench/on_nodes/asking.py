"""One round: ask on each way in turn, and read what all processors of the machine did meanwhile.

Runs on the client of `python -m bench datapath`, with one JSON argument:

    port, requests (measured on each way), warm_up (before them), idle_s (seconds of doing nothing),
    ways: [[name, address, the answer's first line], …] in the order in which they are asked

and prints {"idle": {"busy": …, "seconds": …}, "ways": {name: {"busy": …, "seconds": …}}}: CPU seconds of the
whole machine, and seconds of the clock. A request is one TCP connection with 128 bytes to the server and 1024
back; the next one begins when it is over. Ends with code 1 and one line at a request that fails or that came
by another way.

/proc/stat of a container is the machine's (proc_stat(5)): it has every node's work, softirqs included. Busy
is what is left of the clock without idle and iowait, for these are measured by the clock where the kernel
stops its ticks (kernel/time/tick-sched.c, get_cpu_idle_time_us), and the others sampled at ticks.
Python 3.11, standard library only, this one file.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

REQUEST = b"?" * 128
TIMEOUT_S = 20.0
SETTLE_S = 0.3
"""What the way before has left to do is done after so long: ends of connections, wake-ups."""


def idle_seconds(stat: str) -> tuple[float, int]:
    """Return idle and iowait of all processors in seconds, and how many they are, from /proc/stat's text."""
    lines = stat.splitlines()
    processors = sum(line.startswith("cpu") and line[3:4].isdigit() for line in lines)
    # "cpu user nice system idle iowait …", in USER_HZ.
    words = lines[0].split()
    return (int(words[4]) + int(words[5])) / os.sysconf("SC_CLK_TCK"), processors


def measured(act: Callable[[], object]) -> dict[str, float]:
    """Return what the machine did during `act`."""
    stat = Path("/proc/stat")
    idle_before, processors = idle_seconds(stat.read_text())
    began = time.monotonic()
    act()
    seconds = time.monotonic() - began
    idle, _ = idle_seconds(stat.read_text())
    return {"busy": processors * seconds - (idle - idle_before), "seconds": seconds}


def ask(address: str, port: int, wanted: bytes, requests: int) -> None:
    """Send so many requests, one after the other; ValueError for an answer that does not begin as wanted."""
    for _ in range(requests):
        with socket.create_connection((address, port), TIMEOUT_S) as connection:
            connection.sendall(REQUEST)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
        if not answer.startswith(wanted):
            raise ValueError(f"answered {answer[:60]!r} in place of {wanted!r}")


def main(text: str) -> int:
    """Do the round that the JSON text asks for."""
    options = json.loads(text)
    port, requests, warm_up = options["port"], options["requests"], options["warm_up"]
    time.sleep(SETTLE_S)  # the login's, too
    idle = measured(lambda: time.sleep(options["idle_s"]))
    ways = {}
    for name, address, line in options["ways"]:
        wanted = f"{line}\n".encode()
        try:
            ask(address, port, wanted, warm_up)
            time.sleep(SETTLE_S)
            ways[name] = measured(partial(ask, address, port, wanted, requests))
        except (OSError, ValueError) as error:
            print(f"{name}: {address} port {port}: {error}", file=sys.stderr)
            return 1
        time.sleep(SETTLE_S)
    print(json.dumps({"idle": idle, "ways": ways}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
