"""What ldirectord.cf says outside of virtual services.

Source: ldirectord(8); all that matters is said, because the man page and the program differ in defaults.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.components.ldirectord.words import timing_lines, yes
from lvs_model.document import Cluster
from lvs_model.document.ldirectord import Ldirectord


def global_lines(cluster: Cluster, options: Ldirectord, maintenance: str) -> Iterator[str]:
    """The lines before the first virtual service; ``maintenance`` is the folder of drained real servers."""
    # Every virtual service says its own; without fork only the interval from here counts.
    yield from timing_lines(cluster.services[0].checks[0])
    yield f"fork = {yes(options.fork)}"
    yield f"autoreload = {yes(options.autoreload)}"
    yield f'logfile = "{options.log}"'
    yield "quiescent = no"
    # Without it each real server is in the table with its weight, unchecked, for a moment after a start.
    yield "readdquiescent = yes"
    # Only the owner of the VIPs has a table.
    yield "cleanstop = yes"
    yield f"maintenancedir = {maintenance}"
    # The common fallback stands at each service (inventory.py): the global one would also answer for
    # the VIPs of a service that has its own in the other family, and under a mark as a server without a name.
    yield from _email(cluster, options)


def _email(cluster: Cluster, options: Ldirectord) -> Iterator[str]:
    email = cluster.email
    if email is None:
        return
    yield f'emailalert = "{email.to[0]}"'
    yield f"emailalertfrom = {email.sender}"
    yield f"emailalertfreq = {options.email_repeat}"
    yield f"emailalertstatus = {','.join(options.email_states)}"
    yield f"smtp = {email.server}"
