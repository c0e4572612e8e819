"""The error of the arithmetic modules: what is wrong, and apart from it what to do."""

from __future__ import annotations


class RefusedError(ValueError):
    """Input from which nothing sound follows.

    Its text says what is wrong and names the place (a server, a director); ``remedy`` says what to do.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy
