#!/usr/bin/python
"""Ansible module: the client's view of an LVS cluster, in one remote execution."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvs_probe
short_description: Send requests to the services of an LVS cluster as a client
description:
  - Sends requests to all given services side by side, each over a TCP connection of its own, and counts the
    answers by real server. Optionally asks by ARP who owns an address.
  - A request that fails is a result, not a failure of the module.
  - Each request under way takes a file descriptor, and the module raises its soft limit to the hard one.
    A request that finds none left fails with C(this probe host ran out of file descriptors), which says
    nothing of the service.
  - Runs on a host of the C(probes) group; a director or a real server sees another cluster than a client.
  - Changes nothing, so it runs in check mode too.
author: The LVS cluster toolkit
options:
  requests:
    description: What to ask for, one entry for each service.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the entry, given back in the result.
        type: str
        required: true
      address:
        description: IPv4 or IPv6 address to connect to. Names are not resolved.
        type: str
        required: true
      port:
        description: TCP port to connect to.
        type: int
        required: true
      protocol:
        description: V(http) wants a complete answer with the right status, V(tcp) a connection.
        type: str
        choices: [http, tcp]
        default: http
      path:
        description: Path of the HTTP request.
        type: str
        default: /
      host:
        description: Host header of the HTTP request. By default the address.
        type: str
      status:
        description: HTTP status codes that count as an answer.
        type: list
        elements: int
        default: [200]
      identify:
        description:
          - Where the answer tells which real server gave it. In the response header O(requests[].header), in
            the first line of the body (for V(tcp), in the first line that the server sends), or nowhere.
          - V(tcp) has no headers, so V(header) finds nothing there.
        type: str
        choices: [header, body, none]
        default: header
      header:
        description: Response header that names the real server.
        type: str
        default: X-Real-Server
      count:
        description: Number of requests.
        type: int
        default: 1
      interval:
        description:
          - Seconds between the starts of two requests, whatever became of the first.
          - 0 starts each one when the one before has ended.
        type: float
        default: 0
      irregular:
        description:
          - Draw the time between two starts at random, exponentially around O(requests[].interval). A regular
            beat can fall in step with another client's, and then always meet the same real servers.
        type: bool
        default: false
      timeout:
        description: Seconds that a request may take in all.
        type: float
        default: 2
  arp:
    description:
      - IPv4 addresses to ask for by ARP, all at once. Each is asked for twice, and answers are collected for
        0.6 seconds. Needs root.
    type: list
    elements: dict
    default: []
    suboptions:
      interface:
        description: Interface that the request leaves by.
        type: str
        required: true
      address:
        description: Address to ask for.
        type: str
        required: true
      source:
        description: The sender's address in the request. By default the interface's own.
        type: str
attributes:
  check_mode:
    support: full
    description: Runs as usual, since it only reads.
"""

EXAMPLES = r"""
- name: Ask the web service for twelve answers, and see who owns its address
  lvs_probe:
    requests:
      - name: www
        address: 192.0.2.10
        port: 80
        path: /healthz
        count: 12
    arp:
      - {interface: eth0, address: 192.0.2.10}
  register: __probed
"""

RETURN = r"""
results:
  description: One entry for each request entry, in its order.
  returned: always
  type: list
  elements: dict
  contains:
    name: {type: str, description: The entry's name.}
    address: {type: str, description: The entry's address.}
    port: {type: int, description: The entry's port.}
    total: {type: int, description: Requests sent.}
    answered: {type: int, description: Requests with a good answer.}
    failed: {type: int, description: Requests without.}
    by_server:
      description: Good answers by real server. Those that do not tell theirs are in C(answered) only.
      type: dict
      sample: {web1: 6, web2: 4, web3: 2}
    errors:
      description: Failed requests by reason.
      type: dict
      sample: {"connect: Connection refused": 2}
    first_error:
      description: The first failure with its number (from 0) and its time since the start, or null.
      type: str
      sample: "request 3, 0.412 s after the start: connect: Connection refused"
arp:
  description:
    - One entry for each question, in its order, with C(interface), C(address) and C(source). C(macs) has the
      distinct MACs that answered, sorted. C(skipped) tells why nothing was asked, else it is null.
  returned: always
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils import lvs_arp, lvs_traffic
from ansible.module_utils.basic import AnsibleModule

_QUESTION = {
    "interface": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "source": {"type": "str"},
}
_REQUEST = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "protocol": {"type": "str", "choices": ["http", "tcp"], "default": "http"},
    "path": {"type": "str", "default": "/"},
    "host": {"type": "str"},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "identify": {"type": "str", "choices": ["header", "body", "none"], "default": "header"},
    "header": {"type": "str", "default": lvs_traffic.DEFAULT_HEADER},
    "count": {"type": "int", "default": 1},
    "interval": {"type": "float", "default": 0.0},
    "irregular": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 2.0},
}


def streams_from(requests: list[dict[str, Any]]) -> list[lvs_traffic.Stream]:
    """Make a stream of each entry. ValueError names every wrong entry by its place."""
    streams, wrong = [], []
    for place, request in enumerate(requests):
        options = {key: value for key, value in request.items() if key != "name"}
        try:
            streams.append(lvs_traffic.stream_from(options))
        except ValueError as error:
            wrong.append(f"requests[{place}].{error}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return streams


def result(request: dict[str, Any], ledger: list[lvs_traffic.Request]) -> dict[str, Any]:
    """Sum up one entry's ledger."""
    summary = lvs_traffic.summary(ledger)
    answer = {key: request[key] for key in ("name", "address", "port")}
    answer.update({key: summary[key] for key in ("total", "answered", "failed", "by_server", "errors")})
    failures = sorted((line for line in ledger if not line["ok"]), key=lambda line: line["n"])
    answer["first_error"] = None
    if failures:
        first = failures[0]
        answer["first_error"] = (
            f"request {first['n']}, {first['ended']:.3f} s after the start: {first['error']}"
        )
    return answer


def probe(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Send all requests and return a result for each entry."""
    ledgers: list[list[lvs_traffic.Request]] = [[] for _ in requests]
    lvs_traffic.run(streams_from(requests), lambda index, line: ledgers[index].append(line))
    return [result(request, ledgers[place]) for place, request in enumerate(requests)]


def main() -> None:
    """Run the module."""
    lvs_traffic.raise_descriptor_limit()
    entries = {"type": "list", "elements": "dict", "default": []}
    module = AnsibleModule(
        argument_spec={
            "requests": {**entries, "options": _REQUEST},
            "arp": {**entries, "options": _QUESTION},
        },
        supports_check_mode=True,
    )
    try:
        results = probe(module.params["requests"])
    except ValueError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, results=results, arp=lvs_arp.who_has(module.params["arp"]))


if __name__ == "__main__":
    main()
