"""Who takes decisions: Hypothesis, or chance."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Chooser(Protocol):
    """Takes decisions."""

    def choice(self, options: Sequence[T]) -> T:
        """One of them; there is one at least."""
        ...

    def number(self, least: int, most: int) -> int:
        """Both may come."""
        ...
