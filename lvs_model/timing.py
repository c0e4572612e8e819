"""VRRP times: how long a takeover takes in theory (RFC 3768 for version 2, RFC 5798 for version 3)."""

from __future__ import annotations

from collections.abc import Mapping

from lvs_model.refused import RefusedError

# keepalived.conf(5), down_timer_adverts: adverts that a backup misses before it takes over.
_DOWN_TIMER_ADVERTS = 3


def check_interval(advert_interval: float, version: int) -> None:
    """Refuse an advert interval (seconds) that the protocol cannot carry.

    Version 3 carries hundredths of a second in 12 bits (RFC 5798, 5.2.7), version 2 whole seconds in 8
    (RFC 3768, 5.3.7). Raises RefusedError.
    """
    if version not in (2, 3):
        raise RefusedError(f"there is no VRRP version {version!r}", "use 2 or 3")
    number = isinstance(advert_interval, int | float) and not isinstance(advert_interval, bool)
    if version == 2:
        if not number or not 1 <= advert_interval <= 255 or advert_interval != round(advert_interval):
            raise RefusedError(
                f"version 2 has no advert interval of {advert_interval!r} s",
                "use 1 to 255 whole seconds, or version 3",
            )
    elif not number or not 0.01 <= advert_interval <= 40.95 or not _is_whole(advert_interval * 100):
        raise RefusedError(
            f"version 3 has no advert interval of {advert_interval!r} s",
            "use 0.01 to 40.95 seconds, in steps of 0.01",
        )


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6


def skew_s(advert_interval: float, priority: int, *, version: int = 3) -> float:
    """Skew time in seconds: (256 - priority)/256 of an interval, in version 2 of a second.

    ``priority`` is the effective one, with all trackers counted. RFC 5798, 6.1; RFC 3768, 6.1.
    """
    return (256 - priority) / 256 * (1 if version == 2 else advert_interval)


def crash_takeover_s(
    advert_interval: float,
    priority: int,
    *,
    version: int = 3,
    down_timer_adverts: int = _DOWN_TIMER_ADVERTS,
) -> tuple[float, float]:
    """Shortest and longest time in seconds until a backup has taken over from a master that crashed.

    ``priority`` is the backup's own. It waits three intervals (``down_timer_adverts``) and its skew from the
    last advert it heard (RFC 5798, 6.1: Master_Down_Interval); the crash comes up to one interval after
    that advert.
    """
    skew = skew_s(advert_interval, priority, version=version)
    return (down_timer_adverts - 1) * advert_interval + skew, down_timer_adverts * advert_interval + skew


def orderly_takeover_s(advert_interval: float, priority: int, *, version: int = 3) -> float:
    """Time in seconds until a backup has taken over from a master that said it leaves (priority 0)."""
    return skew_s(advert_interval, priority, version=version)


def takeover_times(
    priorities: Mapping[str, int],
    *,
    advert_interval: float = 1.0,
    version: int = 3,
    down_timer_adverts: int = _DOWN_TIMER_ADVERTS,
) -> dict[str, dict[str, float]]:
    """How long each director needs to take over when it is the next in line; all times in seconds.

    ``priorities`` are the effective ones, 1 to 254, by director. By director, in falling priority:
    ``priority``; ``skew_s``; ``master_down_s``, the silence after which it holds the master for dead;
    ``crash_best_s`` and ``crash_worst_s``, from a crash to the takeover; ``orderly_s``, the same where the
    master says that it leaves. Real times are longer by the timers' jitter and the network's delay.

    Raises RefusedError for a priority, an interval, a version or a number of adverts that is not allowed.
    """
    check_interval(advert_interval, version)
    if not _is_integer(down_timer_adverts) or not 1 <= down_timer_adverts <= 100:
        raise RefusedError(
            f"down_timer_adverts: {down_timer_adverts!r} is not allowed", "use a whole number from 1 to 100"
        )
    if not isinstance(priorities, Mapping):
        raise RefusedError(f"{priorities!r} is no priority by director", "write {lb1: 200, lb2: 150}")
    for director, priority in priorities.items():
        if not _is_integer(priority) or not 1 <= priority <= 254:
            raise RefusedError(
                f"{director} has priority {priority!r}, which no backup has",
                "use a whole number from 1 to 254",
            )
    result: dict[str, dict[str, float]] = {}
    for director, priority in sorted(priorities.items(), key=lambda entry: -entry[1]):
        skew = skew_s(advert_interval, priority, version=version)
        best, worst = crash_takeover_s(
            advert_interval, priority, version=version, down_timer_adverts=down_timer_adverts
        )
        result[director] = {
            "priority": priority,
            "skew_s": skew,
            "master_down_s": down_timer_adverts * advert_interval + skew,
            "crash_best_s": best,
            "crash_worst_s": worst,
            "orderly_s": orderly_takeover_s(advert_interval, priority, version=version),
        }
    return result


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
