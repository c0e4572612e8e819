"""The ssh configuration for people and for Ansible: `build/lab/ssh_config` and `build/lab/known_hosts`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lab.home import PROJECT, write_atomically
from lab.keys import Keys

DIRECTORY = PROJECT / "build" / "lab"
"""Where the files go: in the project's tree, ignored by git."""


def render(ports: Mapping[str, int], identity: Path, known_hosts: Path) -> str:
    """Return an ssh_config(5) with an entry for each node.

    Args:
        ports: node → its ssh port on 127.0.0.1.
        identity: the lab's private key.
        known_hosts: the file with the nodes' host keys.

    """
    parts = ["# Written by the lab (python -m lab up); do not edit.\n"]
    for name, port in ports.items():
        parts.append(f"Host {name}\n    HostName 127.0.0.1\n    Port {port}\n    HostKeyAlias {name}\n")
    if ports:
        # Common to all. The connection does not use the nodes' networks, so silence means a frozen node.
        parts.append(
            f"Host {' '.join(ports)}\n"
            f"    User root\n"
            f'    IdentityFile "{identity}"\n'
            f"    IdentitiesOnly yes\n"
            f'    UserKnownHostsFile "{known_hosts}"\n'
            f"    GlobalKnownHostsFile /dev/null\n"
            f"    StrictHostKeyChecking yes\n"
            f"    UpdateHostKeys no\n"
            f"    PasswordAuthentication no\n"
            f"    AddressFamily inet\n"
            f"    ConnectTimeout 30\n"
            f"    ServerAliveInterval 5\n"
            f"    ServerAliveCountMax 4\n"
            f"    LogLevel ERROR\n"
        )
    return "".join(parts)


def write(ports: Mapping[str, int], keys: Keys) -> Path:
    """Write both files for the nodes in `ports`, and return the configuration's path."""
    config, known = DIRECTORY / "ssh_config", DIRECTORY / "known_hosts"
    lines = "".join(keys.known_host(name, name) for name in ports)
    for path, text in ((known, lines), (config, render(ports, keys.identity, known))):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text.encode(), 0o600)
    return config
