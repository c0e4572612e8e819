"""corosync's membership: who the nodes are, over which links they hear each other, and with which key.

Sources: corosync.conf(5), totem and nodelist; knet's limits (kronosnet, libknet.h): node ids below 65536,
eight links, keys of 128 to 4096 bytes.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from dataclasses import dataclass
from itertools import count
from zlib import crc32

from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory
from lvs_model.topology import Address, Family

# corosync.conf(5), mcastport: knet's default for the first link; each further one gets the next.
FIRST_PORT = 5405
_DEFAULT_LINKS = 2
_LAST_NODE_ID = 65535
# Blocks of SHA-256: 192 bytes, 256 characters in base64.
_KEY_BLOCKS = 6


@dataclass(frozen=True)
class Link:
    """A link between all directors: ``number`` from 0, and by director the address on its network.

    ``port`` is the UDP port at which all of them listen.
    """

    number: int
    network: str
    port: int
    addresses: dict[str, Address]


def link_networks(cluster: Cluster, directors: list[Host]) -> list[str]:
    """The networks of the links: those of the document, or the election's and the next one with everybody."""
    options = cluster.failover.pacemaker
    if options is not None and options.links:
        return list(options.links)
    order = dict.fromkeys([cluster.failover.network, *cluster.networks])
    known = [name for name in order if name in cluster.networks]
    shared = [name for name in known if common_family(cluster, directors, name) is not None]
    return shared[:_DEFAULT_LINKS]


def common_family(cluster: Cluster, directors: list[Host], network: str) -> Family | None:
    """The family in which all directors have an address on a network, IPv4 first; or None."""
    families: tuple[Family, ...] = (4, 6)
    for family in families:
        if all(host.address_in(cluster.networks[network], family) for host in directors):
            return family
    return None


def links(cluster: Cluster, inventory: Inventory) -> list[Link]:
    """The links in order of preference; networks on which somebody lacks an address are left out."""
    directors = inventory.directors(cluster)
    found: list[Link] = []
    for name in link_networks(cluster, directors):
        family = common_family(cluster, directors, name)
        addresses = {
            host.name: address
            for host in directors
            if (address := host.address_in(cluster.networks[name], family)) is not None
        }
        if family is not None:
            found.append(Link(len(found), name, FIRST_PORT + len(found), addresses))
    return found


def node_ids(names: list[str]) -> dict[str, int]:
    """A number for each director that follows from its name alone, 1 to 65535.

    The numbers of running nodes must not change when the order of preference does, or when others come and
    go. Only of two names with the same first choice (1 in 65535) the later in the alphabet takes the next
    free one.
    """
    found: dict[str, int] = {}
    for name in sorted(names):
        first = crc32(name.encode()) % _LAST_NODE_ID
        taken = set(found.values())
        found[name] = next(
            number for step in count() if (number := (first + step) % _LAST_NODE_ID + 1) not in taken
        )
    return {name: found[name] for name in names}


def key_text(cluster: Cluster, secret: str) -> str:
    """The content of /etc/corosync/authkey: 256 characters made of the document's secret.

    HKDF's expansion (RFC 5869, 2.3), with the cluster's name in it, so that clusters that share a secret do
    not share a key. Text, as all files of a plan are: knet takes any bytes, of which AES-256 uses the first
    32 as its key (libknet, crypto_nss.c), 192 bits' worth in base64, and HMAC-SHA256 all of them.
    """
    info = f"lvs-toolkit corosync {cluster.name}".encode()
    pseudorandom = hmac.new(b"lvs-toolkit", secret.encode(), hashlib.sha256).digest()
    material, block = b"", b""
    for number in range(1, _KEY_BLOCKS + 1):
        block = hmac.new(pseudorandom, block + info + bytes([number]), hashlib.sha256).digest()
        material += block
    return b64encode(material).decode()
