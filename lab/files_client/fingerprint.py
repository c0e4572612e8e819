"""Runs on a node, as `python3 -`: what a deployment could leave behind, as JSON {section: sorted lines}.

Times, counters, logs and caches are no part of it. Python 3.9+, standard library.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import stat
import struct
import subprocess
from pathlib import Path

CHANGING = re.compile(r"/(nf_conntrack_count|tcp_fastopen_key|stable_secret|flush)$")
NAMED_OURS = re.compile(r"lvs|keepalived")
ELSEWHERE = ("/var/cache", "/var/log", "/var/lib/apt")


def lines(*argv: str) -> list[str]:
    """A command's output by line, with single blanks; nothing where it is missing or fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return [" ".join(line.split()) for line in done.stdout.splitlines() if line.strip()]


def links() -> list[str]:
    """Each link with its state, and each address with its device, label and scope."""
    found = []
    for link in json.loads("".join(lines("ip", "-j", "address")) or "[]"):
        name = link["ifname"]
        found.append(f"link {name} {'up' if 'UP' in link['flags'] else 'down'} mtu {link['mtu']}")
        for one in link["addr_info"]:
            words = (one.get("local"), one["prefixlen"], name, one.get("label", "-"), one["scope"])
            found.append("{}/{} on {} label {} scope {}".format(*words))
    return found


def routes() -> list[str]:
    """All routes of all tables, without the time that is left to a learned one."""
    found = [
        f"{family} {line}"
        for family in ("-4", "-6")
        for line in lines("ip", family, "route", "show", "table", "all")
    ]
    return [re.sub(r" expires \d+sec", "", line) for line in found]


def sysctls() -> list[str]:
    """Every setting of the node's own network namespace that can be read."""
    found = []
    for folder, _, names in os.walk("/proc/sys/net"):
        for path in (f"{folder}/{name}" for name in names):
            if CHANGING.search(path):
                continue
            try:
                value = Path(path).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # can only be written, or has no value yet
            found.append(f"{path[len('/proc/sys/') :]} = {' '.join(value.split())}")
    return found


def tables() -> list[str]:
    """Families and names of all nft tables, asked of the kernel itself: nft may not be installed.

    linux/netfilter/nf_tables.h: message NFT_MSG_GETTABLE is 1, attribute NFTA_TABLE_NAME 1; the subsystem
    NFNL_SUBSYS_NFTABLES is 10; flags 0x301: NLM_F_REQUEST and NLM_F_DUMP.
    """
    found: list[str] = []
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as asked:
            asked.send(struct.pack("=IHHIIBBH", 20, 0x0A01, 0x301, 1, 0, 0, 0, 0))
            while True:
                data = asked.recv(1 << 20)
                while data:
                    length, kind = struct.unpack_from("=IH", data)
                    if kind in (2, 3):  # NLMSG_ERROR: no nf_tables in this kernel yet; NLMSG_DONE
                        return found
                    family, at = data[16], 20
                    while at < length:
                        size, attribute = struct.unpack_from("=HH", data, at)
                        if attribute & 0x3FFF == 1:
                            found.append(
                                f"family {family} {data[at + 4 : at + size].rstrip(bytes(1)).decode()}"
                            )
                        at += (size + 3) & ~3
                    data = data[(length + 3) & ~3 :]
    except OSError:
        return found


def ipvs() -> list[str]:
    """The kernel's table; none before IPVS is loaded. Its connections come and go, and are left out."""
    try:
        text = Path("/proc/net/ip_vs").read_text(encoding="utf-8")
    except OSError:
        return []
    # A real server's line: arrow, address, forwarding, weight, active and inactive connections.
    rows = [line.split() for line in text.splitlines()[3:]]
    return [" ".join(row[:4] if row[0] == "->" else row) for row in rows if row]


def files() -> list[str]:
    """Whatever is in /etc and /usr/local: kind, mode, owner, and content by digest."""
    found = []
    for top in ("/etc", "/usr/local"):
        for folder, folders, names in os.walk(top):
            for path in (f"{folder}/{name}" for name in folders + names):
                status = os.lstat(path)
                content = ""
                if stat.S_ISLNK(status.st_mode):
                    content = str(Path(path).readlink())
                elif stat.S_ISREG(status.st_mode):
                    content = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
                found.append(
                    f"{path} {stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} {content}"
                )
    return found


def traces() -> list[str]:
    """Paths in /run, /tmp and /var that are named like something of ours."""
    return [
        f"{folder}/{name}"
        for top in ("/run", "/tmp", "/var")  # noqa: S108 - read, not used
        for folder, folders, names in os.walk(top)
        for name in folders + names
        if NAMED_OURS.search(name) and not f"{folder}/{name}".startswith(ELSEWHERE)
    ]


def units() -> list[str]:
    """Units that start at boot, and those that have failed."""
    enabled = lines("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--state=enabled")
    failed = lines("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager")
    return [f"enabled {line.split()[0]}" for line in enabled] + [
        f"failed {line.split()[0]}" for line in failed
    ]


def sockets() -> list[str]:
    """Where something listens, connection sync in the kernel too."""
    return [" ".join(line.split()[::4][:2]) for line in lines("ss", "-Hltun")]


SECTIONS = {
    "links": links,
    "routes": routes,
    "rules": lambda: [f"{family} {line}" for family in ("-4", "-6") for line in lines("ip", family, "rule")],
    "tunnel ports": lambda: lines("ip", "fou", "show"),
    "sysctls": sysctls,
    "nft tables": tables,
    "ipvs": ipvs,
    "sockets": sockets,
    "units": units,
    "packages": lambda: lines(
        "dpkg-query", "-W", "-f", "${Package}:${Architecture} ${Version} ${db:Status-Abbrev}\n"
    ),
    "files": files,
    "traces": traces,
}

if __name__ == "__main__":
    print(json.dumps({name: sorted(read()) for name, read in SECTIONS.items()}))
