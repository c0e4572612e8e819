"""Cases of the rules about ldirectord."""

from __future__ import annotations

from . import NearMiss, Trigger

TABLE: list[Trigger | NearMiss] = []
