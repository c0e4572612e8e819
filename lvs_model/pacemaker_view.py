"""What a director's pacemaker holds of the cluster, from the text of `lvs-pacemaker held`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PacemakerView:
    """The cluster as one director sees it.

    ``running``: pacemaker answers there. ``coordinator`` is the elected one (DC) or None; ``online`` and
    ``standby`` are directors' names. ``waits_for``: online directors that have not said yet that they have
    the same files, for which the resources stay as they are. ``differs``: what of the resources is not as
    planned, one line each, which `lvs-pacemaker apply` mends. ``moved_to``: the director to which a
    switchover has moved the VIPs, for as long as it is there.
    """

    running: bool
    coordinator: str | None = None
    quorate: bool = False
    online: list[str] = field(default_factory=list)
    standby: list[str] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    moved_to: str | None = None

    def faults(self, directors: list[str]) -> list[str]:
        """What is wrong once a rollout is over, in words for people; ``directors`` are the cluster's."""
        if not self.running:
            return ["pacemaker does not answer: see journalctl -u corosync -u pacemaker"]
        found = [] if self.coordinator else ["the directors have elected no coordinator"]
        if not self.quorate:
            found.append(
                "there is no quorum, so that nothing is served: start the other directors, or where they are "
                "known to be off run lvs-pacemaker alone"
            )
        found += [f"{name} is not in the cluster" for name in directors if name not in self.online]
        found += [f"{name} was put on standby (crm_attribute, standby)" for name in self.standby]
        found += [f"{name} has other files than this director: deploy it" for name in self.waits_for]
        return found + [f"resources: {line}" for line in self.differs]


def pacemaker_view(text: str | None) -> PacemakerView | None:
    """Read the text of `lvs-pacemaker held`; None where there is none.

    Raises ValueError for a text that is not lvs-pacemaker's.
    """
    if text is None:
        return None
    raw = json.loads(text)
    if not isinstance(raw, dict) or not isinstance(raw.get("running"), bool):
        raise ValueError("this is not what lvs-pacemaker prints")
    return PacemakerView(
        running=raw["running"],
        coordinator=_name(raw.get("coordinator")),
        moved_to=_name(raw.get("moved_to")),
        quorate=raw.get("quorate") is True,
        **{name: _names(raw.get(name)) for name in ("online", "standby", "waits_for", "differs")},
    )


def _name(value: Any) -> str | None:  # noqa: ANN401 - as JSON has it
    return value if isinstance(value, str) else None


def _names(value: Any) -> list[str]:  # noqa: ANN401 - as JSON has it
    return [str(one) for one in value] if isinstance(value, list) else []
