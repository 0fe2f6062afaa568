"""What extension properties of elements say in FEEL, as the element sees the variables."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bpm_server import feel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    Values = Callable[[frozenset[str]], Mapping[str, Any]]
    """Gives variables of some names that an element sees."""

BUDGET = feel.Budget(steps=200_000, size=100_000)


@lru_cache(maxsize=1_000)
def _compiled(text: str) -> feel.Expression:
    return feel.compile(text)


def evaluate(text: str, values: Values, now: datetime) -> feel.Evaluation:
    """The value of a property that begins with ``=``, with what FEEL has to say of it.

    Raises:
        FeelSyntaxError: it is no FEEL, which is checked where a process is deployed.
    """
    expression = _compiled(text.removeprefix("="))
    return expression.evaluate(values(expression.names), now=now, budget=BUDGET)
