"""Which tasks may be approved together with others, without being opened one by one: what the designer says."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.domain.approvals.policy import PREFIX, is_approval
from bpm_server.kernel.errors import WrongState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

APPROVAL = PREFIX + "bulk"
TASK = "task.bulk"
BUDGET = feel.Budget(steps=200_000, size=100_000)


@lru_cache(maxsize=1_000)
def _compiled(text: str) -> feel.Expression:
    return feel.compile(text.removeprefix("="))


def bulk_rule(properties: Mapping[str, str]) -> str:
    """What a user task says of it: ``true``, ``false``, or FEEL after ``=``."""
    return properties.get(APPROVAL if is_approval(properties) else TASK, "").strip() or "true"


def bulk_problem(key: str, text: str) -> str:
    """What is wrong with a rule; empty where it can be understood."""
    if not text.startswith("="):
        known = text.lower() in ("", "true", "false")
        return "" if known else f"{key}: expected true, false or FEEL after '=', but found '{text[:60]}'"
    try:
        feel.compile(text[1:])
    except feel.FeelSyntaxError as error:
        return f"{key}: expected FEEL after '=', but {error}"
    return ""


def allows_bulk(rule: str, values: Callable[[frozenset[str]], Mapping[str, Any]], now: datetime) -> bool:
    """Whether a task may be approved together with others. What is not plainly true is opened by somebody.

    Args:
        rule: Of :func:`bulk_rule`.
        values: Gives variables of some names that the task sees.
        now: Engine time.
    """
    if not rule.startswith("="):
        return rule.lower() == "true"
    expression = _compiled(rule)
    return expression.evaluate(values(expression.names), now=now, budget=BUDGET).value is True


def check_bulk(key: int, rule: str, values: Callable[[frozenset[str]], Mapping[str, Any]], now: datetime) -> None:
    """See :func:`allows_bulk`.

    Raises:
        WrongState: it may not.
    """
    if not allows_bulk(rule, values, now):
        message = f"Expected a task that may be decided together with others, but of '{key}' its process says '{rule}'"
        raise WrongState(message, bulk=False, retry=False)
