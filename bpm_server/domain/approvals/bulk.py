"""Which tasks may be approved together with others, without being opened one by one: what the designer says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import feel
from bpm_server.domain.approvals.policy import PREFIX, is_approval
from bpm_server.domain.property_values import evaluate
from bpm_server.kernel.errors import WrongState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bpm_server.domain.property_values import Values

APPROVAL = PREFIX + "bulk"
TASK = "task.bulk"


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


def allows_bulk(rule: str, values: Values, now: datetime) -> bool:
    """Whether a task may be approved together with others. What is not plainly true is opened by somebody.

    Args:
        rule: Of :func:`bulk_rule`.
        values: Gives variables of some names that the task sees.
        now: Engine time.
    """
    if not rule.startswith("="):
        return rule.lower() == "true"
    return evaluate(rule, values, now).value is True


def check_bulk(key: int, rule: str, values: Values, now: datetime) -> None:
    """See :func:`allows_bulk`.

    Raises:
        WrongState: it may not.
    """
    if not allows_bulk(rule, values, now):
        message = f"Expected a task that may be decided together with others, but of '{key}' its process says '{rule}'"
        raise WrongState(message, bulk=False, retry=False)
