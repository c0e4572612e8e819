"""Cases of the rules about engines."""

from __future__ import annotations

from . import NearMiss, Trigger

TABLE: list[Trigger | NearMiss] = []
