"""Our DMN behind the interface of ``dmn_tck.py``: its value classes in, its value classes out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import dmn_tck
from lxml import etree

from bpm_server import dmn, feel

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


@cache
def _model(path: Path) -> dmn.Model:
    others = {
        etree.parse(other).getroot().get("namespace", ""): other.read_bytes()
        for other in path.parent.glob("*.dmn")
        if other != path
    }
    return dmn.load(path.read_bytes(), name=path.name, imports=others, strict=False)


def evaluate(model_path: Path, name: str, inputs: dict[str, Any]) -> Any:
    """The value of a decision, decision service or business knowledge model."""
    variables = {key: to_feel(value) for key, value in inputs.items()}
    return from_feel(_model(Path(model_path)).evaluate(name, variables, now=NOW).value)


def to_feel(value: Any) -> Any:
    """A value of the harness as a FEEL value."""
    match value:
        case dmn_tck.Date():
            return feel.Date(value.year, value.month, value.day)
        case dmn_tck.Time():
            offset = None if value.zone else value.offset
            return feel.Time(value.hour, value.minute, value.second, value.nano, offset, value.zone)
        case dmn_tck.DateTime():
            return feel.DateTime(to_feel(value.date), to_feel(value.time))
        case dmn_tck.Months():
            return feel.MonthsDuration(value.months)
        case dmn_tck.Nanos():
            return feel.DaysDuration(value.nanos)
        case list():
            return [to_feel(item) for item in value]
        case dict():
            return {key: to_feel(item) for key, item in value.items()}
    return value


def from_feel(value: Any) -> Any:
    """A FEEL value as one of the harness; ranges and functions become their text."""
    match value:
        case feel.Date():
            return dmn_tck.Date(value.year, value.month, value.day)
        case feel.Time():
            return dmn_tck.Time(value.hour, value.minute, value.second, value.nano, value.offset_seconds(), value.zone)
        case feel.DateTime():
            time = value.time
            clock = dmn_tck.Time(time.hour, time.minute, time.second, time.nano, value.offset_seconds(), time.zone)
            return dmn_tck.DateTime(from_feel(value.date), clock)
        case feel.MonthsDuration():
            return dmn_tck.Months(value.months)
        case feel.DaysDuration():
            return dmn_tck.Nanos(value.nanos)
        case list():
            return [from_feel(item) for item in value]
        case dict():
            return {key: from_feel(item) for key, item in value.items()}
        case feel.Range() | feel.FeelFunction():
            return str(value)
        case int() if not isinstance(value, bool):
            return Decimal(value)
    return value
