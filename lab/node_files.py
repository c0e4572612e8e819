"""What a node has that its image has not: identity, routes, servers, a network manager's configuration."""

from __future__ import annotations

import hashlib

from lab import managers
from lab.archive import File
from lab.inventory import Node
from lab.managers import ADOPTED, DIRECTORY
from lab.nodevars import Route
from lab.recipes import shipped

# Type and code numbers: RFC 792 and RFC 4443. Neighbour discovery (133 to 137) and echo pass.
_ICMP_ERRORS = (("ip", "icmp", (3, 11)), ("ipv6", "icmpv6", (1, 2, 3)))

_PYTHON = {
    "usr/lib/python3/dist-packages/lab_bytecode.py": shipped("lab_bytecode.py"),
    "usr/lib/python3/dist-packages/lab_bytecode.pth": File(b"import lab_bytecode\n"),
}


def node_files(node: Node, hosts: str, host_key: tuple[bytes, bytes]) -> dict[str, File]:
    """Return the files that a new node is given.

    Args:
        node: its definition.
        hosts: the content of /etc/hosts.
        host_key: private and public.

    """
    private, public = host_key
    # The same identity at every boot; without one systemd takes each boot for a new machine's first.
    machine_id = hashlib.sha256(b"lvs-lab " + public + node.name.encode()).hexdigest()[:32]
    return {
        "etc/hostname": File(f"{node.name}\n".encode()),
        "etc/hosts": File(hosts.encode()),
        "etc/machine-id": File(f"{machine_id}\n".encode(), 0o444),
        "etc/ssh/ssh_host_ed25519_key": File(private, 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": File(public),
        **own_files(node),
    }


def own_files(node: Node) -> dict[str, File]:
    """Return those of them that follow from the node's settings; they are part of its digest."""
    return {**_PYTHON, **_backend(node), **_routes(node), **_router(node), **managers.files(node)}


def _backend(node: Node) -> dict[str, File]:
    backend = node.settings.backend
    if backend is None:
        return {}
    unit = shipped("lab-backend.service").content.replace(b"@ARGUMENTS@", backend.arguments.encode())
    programs = ["lab-backend.py"]
    programs += ["lab_streams.py"] if backend.echo or backend.udp else []
    programs += ["lab_ftp.py"] if backend.ftp else []
    return {
        **{f"usr/local/lib/lvs-lab/{name}": shipped(name) for name in programs},
        **_unit("lab-backend", unit.decode()),
    }


def _routes(node: Node) -> dict[str, File]:
    if not node.settings.routes:
        return {}
    # Once the interfaces are a network manager's, its configuration has the routes.
    # A file a family: without -6 ip does not find IPv6's default route to flush it.
    texts = {
        family: "".join(
            _route(route) for route in node.settings.routes if (":" in str(route.to)) == (family == 6)
        )
        for family in (4, 6)
    }
    commands = " && ".join(f"ip -{family} -batch /{DIRECTORY}/routes{family}" for family in texts)
    return {
        **{f"{DIRECTORY}/routes{family}": File(text.encode()) for family, text in texts.items()},
        **_unit("lvs-lab-routes", _early("The node's routes", f"/bin/sh -c '{commands}'", f"!{ADOPTED}")),
    }


def _route(route: Route) -> str:
    """Return the lines for `ip -batch`: podman's default route has a metric, and `replace` would leave it."""
    words = f"route replace {route.to} via {route.via} dev {route.interface}\n"
    return f"route flush exact {route.to}\n{words}" if route.default else words


def _router(node: Node) -> dict[str, File]:
    if not node.settings.router:
        return {}
    interfaces = [place.network.interface for place in node.attachments]
    lines = ["net.ipv4.ip_forward = 1", "net.ipv6.conf.all.forwarding = 1"]
    # Answers of DR and TUN come and go by different ways, and nobody shall be told of a shorter one. The
    # kernel takes the maximum of `all` and the interface (ip-sysctl.rst), so both are set.
    for name in ("all", "default", *interfaces):
        lines += [f"net.ipv4.conf.{name}.{key} = 0" for key in ("rp_filter", "send_redirects")]
    found = {"etc/sysctl.d/90-lvs-lab-router.conf": File(("\n".join(lines) + "\n").encode())}
    if node.settings.block_icmp:
        found[f"{DIRECTORY}/filters"] = File(_no_icmp_errors(interfaces).encode())
        found |= _unit("lvs-lab-filters", _early("No ICMP errors", f"/sbin/tc -batch /{DIRECTORY}/filters"))
    return found


def _no_icmp_errors(interfaces: list[str]) -> str:
    """Return the lines for `tc -batch`: on the way out, so what the router itself would say is dropped too.

    tc and not nft, for tc is on every Debian (iproute2), and nftables is what roles have to install.
    """
    lines = []
    for name in interfaces:
        lines.append(f"qdisc replace dev {name} clsact")
        for family, protocol, types in _ICMP_ERRORS:
            lines += [
                f"filter add dev {name} egress protocol {family} "
                f"flower ip_proto {protocol} type {number} action drop"
                for number in types
            ]
    return "\n".join(lines) + "\n"


def _early(description: str, command: str, condition: str = "") -> str:
    """Return a unit that runs a command once at each boot, before whatever wants a network."""
    return f"""\
[Unit]
Description={description}
DefaultDependencies=no
Before=network-pre.target network.target
Wants=network-pre.target
{f"ConditionPathExists={condition}" if condition else "# Whatever manages the interfaces."}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={command}

[Install]
WantedBy=multi-user.target
"""


def _unit(name: str, text: str) -> dict[str, File]:
    """Return a unit and the link that enables it."""
    return {
        f"etc/systemd/system/{name}.service": File(text.encode()),
        f"etc/systemd/system/multi-user.target.wants/{name}.service": File(
            link=f"/etc/systemd/system/{name}.service"
        ),
    }
