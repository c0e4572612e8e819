"""Mail about what happens to directors and real servers."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of


@cluster_rule("email-server-is-a-name", "warning")
def email_server_is_a_name(cluster: Cluster, view: View) -> Iterator[Problem]:
    """The mail server is given by name.

    keepalived looks `smtp_server` up while it reads its configuration, and refuses the whole of it when
    no name server answers (measured, 2.2.7: «Invalid smtp server», exit code 5). Directors that start
    without DNS, after a power cut, or because the name servers are behind them, would serve nothing for
    want of a mail server.

    Wrong::

        email: {to: [ops@example.org], sender: lb@example.org, server: mail.example.org}

    Mend: name it by its address; or by a name that stands in /etc/hosts of every director.
    """
    if cluster.email is None or cluster.engine != "keepalived":
        return
    try:
        ip_address(cluster.email.server)
    except ValueError:
        yield Problem(
            f"{root_of(cluster)}.email.server",
            f"{cluster.email.server!r} is a name, and without DNS keepalived refuses its configuration",
            "use an address, or have the name in /etc/hosts of every director",
        )


@cluster_rule("email-server-is-cut")
def email_server_is_cut(cluster: Cluster, view: View) -> Iterator[Problem]:
    """The mail server of ldirectord is an IPv6 address.

    ldirectord takes letters, digits, dots and hyphens of `smtp` and leaves out what follows (read_config):
    of 2001:db8::25 it keeps 2001, and no mail ever leaves.

    Wrong::

        engine: ldirectord
        email: {to: [ops@example.org], sender: lb@example.org, server: "2001:db8::25"}

    Mend: its IPv4 address; or a name, in /etc/hosts of every director.
    """
    if cluster.email is not None and cluster.engine == "ldirectord" and ":" in cluster.email.server:
        yield Problem(
            f"{root_of(cluster)}.email.server",
            f"ldirectord takes no IPv6 address here: it cuts {cluster.email.server} at the first colon",
            "use its IPv4 address, or a name in /etc/hosts of every director",
        )
