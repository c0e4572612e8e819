"""What the systems of the directors lack."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.platforms import PLATFORM
from lvs_model.problems import Problem
from lvs_model.rules.registry import service_rule
from lvs_model.rules.view import Served


@service_rule("unsupported-by-platform")
def unsupported_by_platform(served: Served) -> Iterator[Problem]:
    """A director's system lacks what a service asks for.

    Debian 12's kernel is built without the scheduler twos (CONFIG_IP_VS_TWOS): keepalived accepts the
    name, and the virtual service never appears in the kernel's table. The same holds for every
    scheduler, flag, check and tunnel: what one of the cluster's systems lacks is refused, because each
    director must be able to take over.

    Wrong::

        platforms: [debian12, debian13]        # the default
        services:
          - {name: www, scheduler: twos, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: another scheduler (wlc), or name in `platforms` the systems that the directors really run.
    """
    service = served.service
    for name in served.cluster.platforms:
        platform = PLATFORM[name]
        asked = [
            ("scheduler", service.scheduler, platform.schedulers),
            ("tunnel.type", service.tunnel.type, platform.tunnels),
            *(
                (f"scheduler_flags[{n}]", one, platform.scheduler_flags)
                for n, one in enumerate(service.scheduler_flags)
            ),
            *((f"check[{n}].type", one.type, platform.checks) for n, one in enumerate(service.checks)),
        ]
        for path, wanted, has in asked:
            if wanted not in has:
                yield Problem(
                    f"{served.path}.{path}",
                    f"{platform.name} (Linux {platform.kernel}, keepalived {platform.keepalived}) has no "
                    f"{wanted}",
                    f"use another one, or take {name} out of the cluster's platforms",
                )
