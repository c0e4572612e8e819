#!/usr/bin/python
"""Ansible module: read in one remote execution all that matters on a node of an LVS cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvs_facts
short_description: Read the state of a node of an LVS cluster
description:
  - Reads everything that the toolkit compares with its plan in one remote execution and with as few commands
    as possible, as raw text. C(lvs_model) parses it on the controller.
  - Changes nothing, so it runs in check mode too. A dump that keepalived writes when asked is removed.
  - What is missing on the node is null, never an error. Unexpected failures are lines in RV(problems).
author: The LVS cluster toolkit
options:
  packages:
    description: Debian packages whose installed version is wanted.
    type: list
    elements: str
    default: []
  units:
    description: systemd units whose state is wanted, with their suffix.
    type: list
    elements: str
    default: []
  modules:
    description: Kernel modules whose state is wanted.
    type: list
    elements: str
    default: []
  sysctls:
    description:
      - Kernel settings whose value is wanted, written with dots or with slashes as in sysctl.d(5).
      - An interface name with a dot in it needs V(net/ipv4/conf/bond0.120/arp_ignore)
        or V(net.ipv4.conf.bond0/120.arp_ignore).
    type: list
    elements: str
    default: []
  files:
    description: Absolute paths of files whose digest and attributes are wanted. Links are followed.
    type: list
    elements: str
    default: []
  marker:
    description: Text that managed files contain; RV(observation.files) says which of the files have it.
    type: str
  users:
    description: Users whose number is wanted.
    type: list
    elements: str
    default: []
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
        description:
          - The sender's address in the request, which decides what C(arp_filter) and C(arp_ignore=2) answer.
          - By default the interface's own address, as a client would have it.
        type: str
  keepalived:
    description:
      - Whether to ask the running keepalived for its own view, by a signal to its children.
      - Waits at most 1.5 seconds for the answer. Needs root.
    type: bool
    default: false
  ldirectord:
    description: Whether to read what ldirectord runs and logs. Needs root.
    type: bool
    default: false
  pacemaker:
    description: Whether to ask lvs-pacemaker what the cluster has. Needs root.
    type: bool
    default: false
  network:
    description: Whether to ask lvs-network for the items that it holds in the kernel. Needs root.
    type: bool
    default: false
  nftables:
    description: Whether to read the rules of nftables. Needs root.
    type: bool
    default: false
  managed:
    description: Whether to list the files that M(config_set) has put on the node. Needs root.
    type: bool
    default: false
  status:
    description:
      - Whether to read what only people want to know, IPVS's counters, since when addresses are there and the
        kept changes. The kernel's connection table is never read. Needs root.
    type: bool
    default: false
  adverts:
    description: Interfaces to listen to for VRRP adverts, while everything else is read. Needs root.
    type: list
    elements: str
    default: []
  adverts_s:
    description: For how many seconds, from the beginning. More than one interval between two adverts.
    type: float
    default: 1.2
attributes:
  check_mode:
    support: full
    description: Runs as usual, since it only reads.
"""

EXAMPLES = r"""
- name: Observe a director
  lvs_facts:
    packages: [keepalived, ipvsadm]
    units: [keepalived.service]
    modules: [ip_vs, ip_vs_wrr]
    sysctls: [net.ipv4.vs.conntrack, net/ipv4/conf/bond0.120/arp_ignore]
    files: [/etc/keepalived/keepalived.conf]
    keepalived: true
  register: __observed

- name: See who answers for the VIP
  lvs_facts:
    arp:
      - {interface: eth0, address: 192.0.2.10}
"""

RETURN = r"""
observation:
  description: What was read. Anything missing on the node is null.
  returned: always
  type: dict
  contains:
    schema: {type: int, description: Version of this structure., sample: 1}
    os_release: {type: str, description: Text of C(/etc/os-release).}
    kernel: {type: str, description: Release of the running kernel., sample: 6.12.48+deb13-amd64}
    machine: {type: str, description: Hardware name of C(uname -m)., sample: x86_64}
    hostname: {type: str, description: Name of C(uname -n)., sample: lb1}
    cpus: {type: int, description: Number of CPUs., sample: 4}
    memory_kib: {type: int, description: Memory in KiB., sample: 4028452}
    boot_id: {type: str, description: The kernel's random id of this boot.}
    uptime_s: {type: float, description: Seconds since boot., sample: 86400.25}
    time: {type: float, description: The node's own clock in seconds since 1970., sample: 1795400000.5}
    packages:
      description: Version by package, null if it is not fully installed.
      type: dict
      sample: {keepalived: "1:2.3.3-1", ipvsadm: null}
    holds:
      description: Those of the asked packages that are held, sorted.
      type: list
      elements: str
      sample: [keepalived]
    units:
      description:
        - Properties by unit, as the texts of C(systemctl show). A property that the unit lacks is null, and
          so is the whole unit without systemd. An unknown unit has the LoadState C(not-found).
      type: dict
      sample:
        keepalived.service:
          {ActiveState: active, SubState: running, UnitFileState: enabled, LoadState: loaded, MainPID: "812",
          NRestarts: "0", ActiveEnterTimestampMonotonic: "5120045", NeedDaemonReload: "no"}
    modules:
      description: One of loaded, builtin, available, missing by module.
      type: dict
      sample: {ip_vs: loaded}
    sysctls:
      description: Value by name as it was asked for, as the kernel prints it; null where there is none.
      type: dict
      sample: {net.ipv4.vs.conntrack: "0"}
    files:
      description: Digest and attributes by path; null where nothing is. The digest of a directory is null.
      type: dict
      sample: {/etc/hosts: {sha256: e3b0…, marked: false, mode: "0644", owner: root, group: root, size: 0}}
    addresses: {type: str, description: JSON text of C(ip -j address).}
    ipvs:
      description:
        - The kernel's IPVS. Its commands run only if the kernel part is there.
        - C(proc) is the first line of C(/proc/net/ip_vs), C(table) the text of C(ipvsadm -Sn), C(thresholds)
          that of C(ipvsadm -ln --thresholds), C(daemons) that of C(ipvsadm -ln --daemon), C(conn_tab_bits)
          the module's parameter.
      type: dict
    users: {type: dict, description: "Number by user, null where there is no such user.", sample: {root: 0}}
    unfinished:
      description: Generations whose M(config_set) was interrupted and has not been settled yet.
      type: list
      elements: str
    network:
      description:
        - The items that lvs-network holds in the kernel, one a line, as C(lvs-network held) prints them.
        - Null unless it was asked for, and where lvs-network is not installed or could not tell.
      type: str
      sample: "module ipip\naddress 192.0.2.10 tunl0\n"
    network_error:
      description: Why lvs-network could not tell what it holds; null where it could, or was not asked.
      type: str
    ra_routes:
      description:
        - By link whose IPv6 default route comes from router advertisements, its sysctl C(accept_ra); empty
          where another default route is there. Null unless the sysctl C(net/ipv6/conf/all/forwarding) was
          asked for, which takes such routes away.
      type: dict
      sample: {eth0: "1"}
    nftables:
      description:
        - Null unless it was asked for. C(ours) is the toolkit's own table in the text of
          C(nft -s list table inet lvs_toolkit), C(loaded) the same from when it was loaded, C(ruleset) the
          JSON text of C(nft -j list ruleset). Each is null if there is none, or no nft.
      type: dict
    managed:
      description:
        - The files that M(config_set) has put on the node and that are still there, sorted, as its kept
          generations tell. Null unless it was asked for.
      type: list
      elements: str
      sample: [/etc/lvs-toolkit/network.conf]
    overrides:
      description:
        - What operators have overridden on the node, as recorded below C(/var/lib/lvs-toolkit/overrides),
          each with the C(file) there. A record that cannot be read has nothing else.
      type: list
      elements: dict
      sample: [{file: drained/web1.json, host: web1, reason: new disk, operator: ana, since: 1795400000}]
    demotions:
      description:
        - By file that keepalived tracks in its elections the C(number) in it, which is added to the
          director's priority, and C(age_s), the seconds since it was written.
      type: dict
      sample: {/run/lvs-toolkit.demoted.VI_edge: {number: -55, age_s: 86400.5}}
    locks:
      description: The locks on clusters that are kept on the node, likewise.
      type: list
      elements: dict
      sample: [{file: cluster-lock-edge.json, run: 4f1c, operator: ana, pid: 812}]
    euid: {type: int, description: "Effective user that read all this; 0 is root.", sample: 0}
    arp:
      description:
        - One entry for each question, in its order, with C(interface), C(address) and C(source). C(macs) has
          the distinct MACs that answered, sorted. C(skipped) tells why nothing was asked, else it is null.
      type: list
      elements: dict
      sample:
        - {interface: eth0, address: 192.0.2.10, source: 192.0.2.12, macs: ["52:54:00:00:00:0b"],
           skipped: null}
    status:
      description:
        - Null unless it was asked for. C(counters) with the texts C(connections), C(totals) and C(rates) of
          ipvsadm, each null without IPVS; C(ages), lists of interface, address and the seconds that it has
          been there; C(generations), the kept changes from old to new, each with C(generation), C(state),
          C(started), C(commit), C(operator), C(reason), C(run) and the count of its C(files).
      type: dict
    adverts:
      description:
        - The last of each kind of VRRP advert that arrived, with C(interface), C(source), C(mac),
          C(router_id), C(version) and C(priority). Null unless interfaces were given.
      type: list
      elements: dict
      sample:
        - {interface: eth0, source: 192.0.2.12, mac: "52:54:00:00:00:0b", router_id: 51, version: 3,
           priority: 150}
    keepalived:
      description:
        - Null unless it was asked for. The process ids C(main), C(vrrp) and C(checker), and as text the VRRP
          state C(json) and the checkers' dump C(data); each is null if that process does not run or answer.
        - C(transport) has the lines of keepalived.conf that say where adverts go and which files are tracked,
          C(former) whether an earlier election than that of the files runs on.
      type: dict
    ldirectord:
      description:
        - Null unless it was asked for. The process id C(pid), null if it does not run; C(left), how many
          checkers a dead one has left; the end of its log as text C(log), null without one; and the names in
          its folder C(maintenance).
      type: dict
    pacemaker:
      description: What C(lvs-pacemaker held) prints, as text; null unless it was asked for and told.
      type: str
problems:
  description: What went wrong unexpectedly, one line each. Also part of RV(observation).
  returned: always
  type: list
  elements: str
"""

import time
from typing import Any

from ansible.module_utils import (
    lvs_adverts,
    lvs_arp,
    lvs_host,
    lvs_keepalived,
    lvs_ldirectord,
    lvs_pacemaker,
    lvs_records,
    lvs_status,
)
from ansible.module_utils.basic import AnsibleModule

SCHEMA = 1
_ASKED = ("keepalived", "ldirectord", "pacemaker", "network", "nftables", "managed", "status")
_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def observe(host: lvs_host.Host, wanted: dict[str, Any]) -> dict[str, Any]:
    """Read everything that is wanted (the module's arguments) and return the observation."""
    begin = time.monotonic()
    listener = lvs_adverts.Listener(wanted["adverts"], host.problems)
    observation: dict[str, Any] = {"schema": SCHEMA, **lvs_host.system(host)}
    for part in ("packages", "units", "modules", "sysctls"):
        observation[part] = getattr(lvs_host, part)(host, wanted[part])
    observation["holds"] = lvs_host.holds(host, wanted["packages"])
    observation["files"] = lvs_host.files(host, wanted["files"], wanted["marker"])
    observation["users"] = lvs_host.users(wanted["users"])
    observation["unfinished"] = lvs_host.unfinished(host)
    observation["overrides"] = lvs_records.overrides(host)
    observation["demotions"] = lvs_records.demotions(host)
    observation["locks"] = lvs_records.locks(host)
    observation |= lvs_host.network(host) if wanted["network"] else {"network": None, "network_error": None}
    for part in ("nftables", "managed"):
        observation[part] = getattr(lvs_host, part)(host) if wanted[part] else None
    forwards = "net/ipv6/conf/all/forwarding" in wanted["sysctls"]
    observation["ra_routes"] = lvs_host.ra_routes(host) if forwards else None
    observation["addresses"] = host.output(["ip", "-j", "address"])
    observation["ipvs"] = lvs_host.ipvs(host)
    observation["arp"] = lvs_arp.who_has(wanted["arp"])
    observation["keepalived"] = (
        lvs_keepalived.view(host.problems, host.root) if wanted["keepalived"] else None
    )
    observation["ldirectord"] = (
        lvs_ldirectord.view(host.problems, host.root) if wanted["ldirectord"] else None
    )
    observation["pacemaker"] = lvs_pacemaker.held(host.problems, host.root) if wanted["pacemaker"] else None
    # Beside the ages of addresses, from which it tells since when they are there.
    observation["time"] = time.time()
    observation["status"] = lvs_status.status(host) if wanted["status"] else None
    # At the end: all that was read before has cost no time beside the listening.
    heard = listener.heard(begin + wanted["adverts_s"])
    observation["adverts"] = heard if wanted["adverts"] else None
    observation["problems"] = host.problems
    return observation


def main() -> None:
    """Run the module."""
    names = {"type": "list", "elements": "str", "default": []}
    no = {"type": "bool", "default": False}
    question = {
        "interface": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "source": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            **dict.fromkeys(("packages", "units", "modules", "sysctls", "files", "users", "adverts"), names),
            "adverts_s": {"type": "float", "default": 1.2},
            "marker": {"type": "str"},
            "arp": {"type": "list", "elements": "dict", "default": [], "options": question},
            **dict.fromkeys(_ASKED, no),
        },
        supports_check_mode=True,
    )

    def run(argv: list[str]) -> tuple[int, str, str]:
        # A common user's PATH lacks sbin, and translated output would be another text.
        code, out, err = module.run_command(argv, environ_update={"LC_ALL": "C", "PATH": _PATHS})
        return code, out, err

    observation = observe(lvs_host.Host(run), module.params)
    module.exit_json(changed=False, observation=observation, problems=observation["problems"])


if __name__ == "__main__":
    main()
