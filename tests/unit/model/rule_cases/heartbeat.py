"""Cases of the rules about heartbeat."""

from __future__ import annotations

from . import NearMiss, Trigger

TABLE: list[Trigger | NearMiss] = []
