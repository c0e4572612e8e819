"""What all types of the cluster document stand on: strict objects, and errors with a remedy.

A rule that needs two words (what is wrong, what to do) raises ``refuse``'s error with both; ``errors``
turns it into a problem. Plain ValueErrors carry the remedy only.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

_LONGEST_SHOWN = 80


class Strict(BaseModel):
    """Unknown keys are errors: a misspelt option must not be silently without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refuse(value: object, what: str, remedy: str) -> PydanticCustomError:
    """The error for a value: what is wrong with it and what to do."""
    # The context carries both: pydantic fills templates with str.format, which braces in a value would break.
    return PydanticCustomError(
        "own", "{what}: {remedy}", {"what": f"{shown(value)} {what}", "remedy": remedy}
    )


def shown(value: object) -> str:
    """A value as a message shows it: on one line, and shortened where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def no_bool(value: object) -> object:
    """Refuse a boolean: YAML turns `yes` and `on` into them, and pydantic would turn those into 1."""
    if isinstance(value, bool):
        raise ValueError("this is a boolean, a number is expected")
    return value
