"""How long instances are kept: what a file of either dialect says, and when that is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bpm_server import bpmn
from bpm_server.bpmn.timers import Duration, parse_duration
from bpm_server.domain.retention import removal_time
from tests.support.bpmn_builder import Camunda7Process, Process, extensions


def camunda8(text: str) -> bytes:
    p = Process()
    p.elements.append(
        extensions(f'<zeebe:properties><zeebe:property name="historyTimeToLive" value="{text}"/></zeebe:properties>')
    )
    p.path(p.start(), p.end())
    return p.xml()


def camunda7(text: str) -> bytes:
    p = Camunda7Process()
    p.path(p.start(), p.end())
    return p.xml().replace(b"isExecutable", f'camunda:historyTimeToLive="{text}" isExecutable'.encode())


DIALECTS = pytest.mark.parametrize("write", [camunda7, camunda8])


@DIALECTS
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", Duration(days=30)),
        ("0", Duration()),
        ("P30D", Duration(days=30)),
        (" P6M ", Duration(months=6)),
        ("P1YT12H", Duration(months=12, time=timedelta(hours=12))),
        ("", None),
    ],
)
def test_days_and_durations(write: object, text: str, expected: Duration | None) -> None:
    diagram = bpmn.read(write(text), name="p.bpmn")  # type: ignore[operator]
    assert diagram.findings == ()
    assert diagram.process("p").history_time_to_live == expected


@DIALECTS
@pytest.mark.parametrize("text", ["-1", "P-1D", "-P1D", "half a year", "${days}", "1.5", "P"])
def test_anything_else_is_an_error_that_names_it(write: object, text: str) -> None:
    (finding,) = bpmn.read(write(text), name="p.bpmn").findings  # type: ignore[operator]
    assert (finding.severity, finding.rule, finding.element) == ("error", "history-time-to-live", "p")
    assert f"but found '{text}'" in finding.message


@pytest.mark.parametrize(
    ("own", "days", "expected"),
    [
        (None, 0, None),
        (None, 10, datetime(2026, 2, 10, tzinfo=UTC)),
        ("P1M", 10, datetime(2026, 2, 28, tzinfo=UTC)),
        ("P0D", 10, datetime(2026, 1, 31, tzinfo=UTC)),
        ("P9999Y", 0, datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_the_process_goes_before_the_installation(own: str | None, days: int, expected: datetime | None) -> None:
    ended = datetime(2026, 1, 31, tzinfo=UTC)
    assert removal_time(ended, None if own is None else parse_duration(own), days) == expected
