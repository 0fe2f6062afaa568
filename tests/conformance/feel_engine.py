"""Our FEEL behind the interface of feel-cases.json: tagged values in, tagged values out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.feel.temporal.text import parse_date, parse_date_time, parse_duration, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)

_READERS: dict[str, Callable[[str], Any]] = {
    "number": Decimal,
    "date": parse_date,
    "time": parse_time,
    "date and time": parse_date_time,
    "duration": parse_duration,
}
_TAGS = {
    feel.Date: "date",
    feel.Time: "time",
    feel.DateTime: "date and time",
    feel.DaysDuration: "duration",
    feel.MonthsDuration: "duration",
}


def untagged(value: Any) -> Any:
    """The FEEL value of a tagged one."""
    if isinstance(value, list):
        return [untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("@") == "context":
        return {key: untagged(item) for key, item in value["v"].items()}
    if "@" in value:
        return _READERS[value["@"]](value["v"])
    return {key: untagged(item) for key, item in value.items()}


def tagged(value: Any) -> Any:
    """The tagged form of a FEEL value; functions and ranges become their text."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, Decimal)):
        return {"@": "number", "v": format(Decimal(value), "f")}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    if isinstance(value, dict):
        return {"@": "context", "v": {key: tagged(item) for key, item in value.items()}}
    if type(value) in _TAGS:
        return {"@": _TAGS[type(value)], "v": str(value)}
    return str(value)


def evaluate(case: dict[str, Any]) -> Any:
    """The tagged result of one entry of feel-cases.json; its ``expected`` is not looked at."""
    unary = case["kind"] == "unary"
    try:
        expression = feel.compile(case["expression"], kind="unary" if unary else "expression")
    except feel.FeelSyntaxError:
        return None
    variables = untagged(case.get("variables") or {})
    return tagged(expression.evaluate(variables, tested=untagged(case.get("input")), now=NOW).value)


def compile(expression: str) -> Callable[[dict[str, Any]], Any]:  # noqa: A001 - the name of the interface
    """The compiled form, for the caller to time."""
    return feel.compile(expression)
