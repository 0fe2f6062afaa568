"""Our forms behind the interface of form-cases: schema, data and submission in, submission and errors out."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from bpm_server.domain import forms

UNDEFINED = {"$undefined": True}


def evaluate(
    schema: dict[str, Any], context: dict[str, Any], submission: Any, now: str | datetime, timezone: str
) -> dict[str, Any]:
    """What the server makes of a submission, in the encoding of the cases.

    Args:
        schema: Of the form; errors in it are not refused here.
        context: A case's ``data``.
        submission: A case's ``expected.submitted``.
        now: Aware time, or its text.
        timezone: Of the browser.
    """
    moment = datetime.fromisoformat(now) if isinstance(now, str) else now
    form = forms.from_schema(decoded(schema))
    result = form.submit(decoded(context), decoded(submission), now=moment, timezone=timezone)
    lists = set(_lists(schema.get("components"), ()))
    return {
        "submitted": encoded(result.values, lists, ()),
        "errors": [
            {
                "path": list(e.path),
                "kind": e.kind,
                "param": encoded(e.param, set(), ()),
                "key": e.key,
                "fieldId": e.field_id,
            }
            for e in result.errors
        ],
    }


def decoded(value: Any) -> Any:
    """Undefined entries are left out; elsewhere undefined, NaN and Infinity are null, as JSON writes them."""
    if isinstance(value, dict):
        if value == UNDEFINED or set(value) == {"$number"}:
            return None
        return {key: decoded(item) for key, item in value.items() if item != UNDEFINED}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return Decimal(repr(value)) if isinstance(value, float) else value


def encoded(value: Any, lists: set[tuple[str, ...]], path: tuple[str, ...]) -> Any:
    """JSON numbers for the comparator; null rows of dynamic lists (``lists``: their paths) are undefined."""
    if isinstance(value, dict):
        return {key: encoded(item, lists, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        rows = [encoded(item, lists, path) for item in value]
        return [UNDEFINED if item is None else item for item in rows] if path in lists else rows
    return float(value) if isinstance(value, Decimal) else value


def _lists(components: Any, prefix: tuple[str, ...]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for component in components or []:
        path = prefix + tuple(part for part in str(component.get("path") or "").split(".") if part)
        if component.get("type") == "dynamiclist":
            found.append(path)
        if component.get("type") in ("dynamiclist", "group"):
            found += _lists(component.get("components"), path)
    return found
