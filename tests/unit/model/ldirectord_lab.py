"""A director in a bottle with the real ldirectord and an IPVS table that is a file.

ldirectord and its Perl modules are installed, or unpacked below a folder that LVS_LDIRECTORD_ROOT names. Its
real servers are addresses of the bottle's own loopback: a web server (``serve``), one that accepts and never
answers (``hang``), one that nobody listens at (``refuse``); without an address it is silent.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from .builders import Case
from .namespace import Bottle, unusable

ROOT = os.environ.get("LVS_LDIRECTORD_ROOT")

# What ldirectord calls and reads of ipvsadm(8), and the calls that change something, one a line.
_IPVSADM = r"""#!/usr/bin/python3 -IS
import fcntl, json, os, sys
os.chdir("WORK")
lock = open("lock", "w"); fcntl.flock(lock, fcntl.LOCK_EX)
table = json.load(open("table")) if os.path.exists("table") else {}
METHODS = {"-g": "Route", "-i": "Tunnel", "-m": "Masq"}
def key(words):
    for option, protocol in (("-t", "TCP"), ("-u", "UDP"), ("-f", "FWM")):
        if option in words:
            return f"{protocol}  {words[words.index(option) + 1]}" + (" IPv6" if "-6" in words else "")
def do(words):
    with open("calls", "a") as calls:
        calls.write(" ".join(words) + "\n")
    verb, service = words[0], key(words)
    if verb == "-A": table[service] = {}
    elif verb == "-D": table.pop(service, None)
    elif verb in ("-a", "-e", "-d"):
        server = words[words.index("-r") + 1]
        if ":" not in server.rpartition("]")[2]: server += ":0"
        if verb == "-d": table[service].pop(server, None)
        else:
            method = next(METHODS[word] for word in words if word in METHODS)
            table[service][server] = [int(words[words.index("-w") + 1]), method]
words = sys.argv[1:]
if words[0] in ("-L", "-Sn"):
    short = words[0] == "-Sn"
    if not short: print("IP Virtual Server version 1.2.1 (size=4096)\nProt Local\n  -> Remote")
    for service, servers in table.items():
        print(f"-A {service}" if short else f"{service} wrr")
        for server, (weight, method) in servers.items():
            if short: print(f"-a {service} -r {server} -w {weight}")
            elif "--thresholds" in words: print(f"  -> {server}    0    0    0    0")
            else: print(f"  -> {server}    {method}    {weight}    0    0")
else:
    for one in [line.split() for line in sys.stdin] if words == ["-R"] else [words]:
        do(one)
    with open("table", "w") as file: json.dump(table, file)
"""

_SERVER = r"""
import socket, sys
kind, address = sys.argv[1:]
door, held = socket.create_server((address, 80), backlog=100), []
while True:
    one, _ = door.accept()
    held.append(one)
    if kind == "serve":
        one.settimeout(0.1)
        try: one.recv(4096)
        except OSError: pass
        one.sendall(b"HTTP/1.0 200 OK\r\n\r\npage")
        held.pop().close()
"""

_PROLOGUE = """
mount -t overlay overlay -o "lowerdir=$PWD/bin:{programs}/usr/sbin" /usr/sbin
mount -t tmpfs tmpfs /var/log
export PERL5LIB={perl}
mkdir -p /run/lock/subsys /var/lib/lvs-toolkit/maintenance
serve() {{ ip address add "$1/32" dev lo; python3 server.py serve "$1" & }}
hang() {{ ip address add "$1/32" dev lo; python3 server.py hang "$1" & }}
refuse() {{ ip address add "$1/32" dev lo; }}
table() {{ echo "$1 $(cat table)"; }}
calls() {{ cat calls; : > calls; }}
"""


def why_not() -> str | None:
    """What is missing on this machine; None where all is there."""
    if (reason := unusable()) is not None:
        return reason
    if not Path(ROOT or "/", "usr/sbin/ldirectord").exists() or shutil.which("perl") is None:
        return "ldirectord is not installed, and LVS_LDIRECTORD_ROOT names no folder with it"
    return None


class Director(Bottle):
    """The bottle with the files of lb1 in a plan."""

    def __init__(self, folder: Path, case: Case) -> None:
        super().__init__(folder, case.plan()["hosts"]["lb1"]["files"])
        (self.work / "bin/ipvsadm").write_text(_IPVSADM.replace("WORK", str(self.work)))
        (self.work / "bin/ipvsadm").chmod(0o755)
        (self.work / "server.py").write_text(_SERVER)

    def tables(self, script: str) -> dict[str, dict[str, dict[str, int]]]:
        """Weights by service and real server, for each `table NAME` of the script."""
        found = {}
        for line in self.lines(script):
            name, _, text = line.partition(" ")
            if text.startswith("{"):
                found[name] = _weights(json.loads(text))
        return found

    def lines(self, script: str) -> list[str]:
        """What a script prints that must succeed; all that it starts ends with it."""
        folders = [] if ROOT is None else [*Path(ROOT).glob("usr/share/perl5")]
        folders += [] if ROOT is None else [*Path(ROOT).glob("usr/lib/*/perl5/*")]
        # lowerdir: what is unpacked hides nothing of the system's own but files of the same name.
        programs = "" if ROOT is None else f"{ROOT}/usr/sbin:"
        prologue = _PROLOGUE.format(programs=programs, perl=":".join(map(str, folders)))
        return self.told(prologue + script).splitlines()


def _weights(table: dict[str, dict[str, Any]]) -> dict[str, dict[str, int]]:
    return {
        " ".join(service.split()): {server: weight for server, (weight, _) in servers.items()}
        for service, servers in table.items()
    }
