"""The command line: python -m lab VERB."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lab import tools
from lab.errors import LabError
from lab.faults import VERBS
from lab.lab import Lab, Status
from lab.progress import say


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="python -m lab", description="Machines with a real IPVS, on any Debian machine."
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text)

    def inventory(one: argparse.ArgumentParser) -> None:
        text = (
            "directory or file; given again, a later one goes over an earlier one (default: inventories/lab)"
        )
        one.add_argument("-i", "--inventory", type=Path, action="append", metavar="PATH", help=text)

    up = verb("up", "bring the lab to what the inventory wants")
    inventory(up)
    up.add_argument("--fresh", action="store_true", help="make every node anew")
    verb("down", "end everything: nodes and guest")
    verb("nodes-down", "remove the nodes, leave the guest running")
    status = verb("status", "show the podman host and every node")
    status.add_argument("--json", action="store_true", help="for programs")
    ssh = verb("ssh", "log in to a node, or run a command there")
    ssh.add_argument("node", metavar="NODE")
    ssh.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    fault = verb("fault", "break a node or mend it")
    fault.epilog = "verbs:\n" + "\n".join(f"  {v.name} NODE {v.argument}\n      {v.meaning}" for v in VERBS)
    fault.formatter_class = argparse.RawDescriptionHelpFormatter
    fault.add_argument("fault", metavar="VERB")
    fault.add_argument("node", metavar="NODE")
    fault.add_argument("argument", nargs="?", default="", metavar="ARG")
    inventory(verb("images", "build the images that the inventory needs"))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, 1 for an error, 130 for Ctrl-C."""
    options = parser().parse_args(arguments)
    # Being ended by `kill` or by a CI system's time limit leaves as little behind as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options)
    except LabError as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1


def _run(options: argparse.Namespace) -> int:
    lab = Lab(getattr(options, "inventory", None))
    match options.verb:
        case "up":
            lab.up(fresh=options.fresh)
        case "down":
            say("the lab is down" if lab.down() else "the lab was down already")
        case "nodes-down":
            say(f"{lab.nodes_down()} nodes removed")
        case "images":
            lab.build_images()
        case "status":
            return _status(lab.status(), as_json=options.json)
        case "fault":
            lab.faults.apply(options.fault, options.node, options.argument)
            say(f"{options.fault} {options.node} {options.argument}".rstrip() + ": done")
        case "ssh":
            command = options.command[1:] if options.command[:1] == ["--"] else options.command
            return _ssh(lab, options.node, command)
    return 0


def _ssh(lab: Lab, node: str, command: Sequence[str]) -> int:
    """Become an ssh client: a person's terminal is its business, not paramiko's."""
    tools.require("ssh")
    lab.known(node)
    argv = ["ssh", "-F", str(lab.write_ssh_config()), node, *command]
    os.execvp("ssh", argv)  # noqa: S606 - no shell, on purpose


def _status(status: Status, *, as_json: bool) -> int:
    """Print the state; the exit code is 0 when the lab is up and every node is well."""
    well = status.host["state"] == "up" and all(
        node.health in ("running", "degraded") for node in status.nodes
    )
    if as_json:
        print(json.dumps(asdict(status), indent=1))
        return 0 if well else 1
    print("podman host: " + ", ".join(f"{key} {value}" for key, value in status.host.items()))
    for node in status.nodes:
        places = "  ".join(
            f"{network} {','.join(addresses)}" for network, addresses in node.addresses.items()
        )
        print(f"{node.name:12} {node.state:8} {node.health:10} ssh 127.0.0.1:{node.ssh_port}  {places}")
    return 0 if well else 1
