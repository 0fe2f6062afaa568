"""Service levels of user tasks: properties that say how much working time a task may take, and what follows.

``sla.target``, ``sla.warnings`` and ``sla.calendar`` are for every user task. What happens when the time is over is
said by ``approval.timeout`` and ``approval.timeoutAction`` at an approval node, and by ``sla.timeout`` and
``sla.timeoutAction`` at a plain task, where nobody but a person can decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bpm_server import feel
from bpm_server.bpmn.model import NodeType
from bpm_server.domain.approvals.policy import PREFIX as APPROVAL
from bpm_server.domain.approvals.policy import is_approval
from bpm_server.domain.calendars import DEFAULT_CALENDAR
from bpm_server.domain.sla import read_working_time
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from bpm_server.bpmn.model import Diagram, Node

PREFIX = "sla."
RULE = "service-level"
OF_ALL = frozenset(PREFIX + name for name in ("target", "warnings", "calendar"))
TIMEOUT = ("timeout", "timeoutAction")
OF_PLAIN = OF_ALL | {PREFIX + name for name in TIMEOUT}


class TimeoutAction(StrEnum):
    """What happens when the time is over."""

    REMIND = "remind"
    ESCALATE = "escalate"
    """The superior of whoever it waits for is asked."""
    APPROVE = "approve"
    REJECT = "reject"


PLAIN_ACTIONS = (TimeoutAction.REMIND, TimeoutAction.ESCALATE)


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What a designer set.

    Attributes:
        target: Working time such as ``PT16H``, or FEEL after ``=``.
        warnings: Working time that is left when somebody is reminded.
        timeout: Working time from the start, or FEEL; None: the target.
    """

    target: str
    warnings: tuple[timedelta, ...] = ()
    calendar_id: str = DEFAULT_CALENDAR
    timeout: str | None = None
    action: TimeoutAction = TimeoutAction.REMIND


def has_service_level(properties: Mapping[str, str]) -> bool:
    """Whether a user task has a clock."""
    return any(_text(properties, name) for name in (PREFIX + "target", _timeout(properties, "timeout")))


def read_service_level(properties: Mapping[str, str]) -> ServiceLevel:
    """The service level that the properties of a user task say; it has one.

    Raises:
        InvalidInput: says all that is wrong, by property.
    """
    wrong = list(_wrong_values(properties))
    if wrong:
        raise InvalidInput("Expected a service level that can be understood, but " + "; ".join(wrong))
    timeout = _text(properties, _timeout(properties, "timeout")) or None
    return ServiceLevel(
        _text(properties, PREFIX + "target") or timeout or "",
        tuple(read_working_time(text) for text in _words(properties)),
        _text(properties, PREFIX + "calendar") or DEFAULT_CALENDAR,
        timeout,
        TimeoutAction(_text(properties, _timeout(properties, "timeoutAction")) or TimeoutAction.REMIND),
    )


def service_level_findings(diagram: Diagram, name: str) -> Iterator[Finding]:
    """One for each property that cannot be understood, that is not known, or that is where it has no effect."""
    for process in diagram.processes:
        for node in process.nodes.values():
            for message in _messages(node):
                yield Finding("error", RULE, message, node.id, node.name, node.line, file=name)


def _messages(node: Node) -> Iterator[str]:
    properties = node.properties
    mine = sorted(key for key in properties if key.startswith(PREFIX))
    if mine and node.type is not NodeType.USER_TASK:
        yield f"Expected a service level at a user task, but found '{mine[0]}' at a {node.type}"
        return
    known = OF_ALL if is_approval(properties) else OF_PLAIN
    for key in (key for key in mine if key not in known):
        meant = APPROVAL + key.removeprefix(PREFIX)
        better = f"; at an approval it is '{meant}'" if key in OF_PLAIN else ""
        yield f"Expected a property of a service level, but found '{key}'{better}"
    timeouts = [_timeout(properties, name) for name in TIMEOUT]
    if not has_service_level(properties):
        for key in (key for key in (*mine, *timeouts) if _text(properties, key)):
            yield f"Expected '{PREFIX}target' or '{timeouts[0]}' beside '{key}', but found neither"
    yield from _wrong_values(properties)


def _wrong_values(properties: Mapping[str, str]) -> Iterator[str]:
    """Values that cannot be understood, and those that do not fit together as far as they are known before."""
    times: dict[str, timedelta] = {}
    for key in (PREFIX + "target", _timeout(properties, "timeout")):
        text = _text(properties, key)
        try:
            if text.startswith("="):
                feel.compile(text[1:])
            elif text:
                times[key] = read_working_time(text)
        except feel.FeelSyntaxError as error:
            yield f"{key}: expected FEEL after '=', but {error}"
        except InvalidInput as error:
            yield f"{key}: {error.message}"
    target, timeout = times.get(PREFIX + "target"), times.get(_timeout(properties, "timeout"))
    if target is not None and timeout is not None and timeout < target:
        yield f"{_timeout(properties, 'timeout')}: expected the target or later, but found {timeout} before {target}"
    if not _text(properties, PREFIX + "target"):
        target = timeout
    for text in _words(properties):
        try:
            left = read_working_time(text)
        except InvalidInput as error:
            yield f"{PREFIX}warnings: {error.message}"
            continue
        if target is not None and left >= target:
            yield f"{PREFIX}warnings: expected less than the target of {target}, but found '{text}'"
    yield from _wrong_action(properties)


def _wrong_action(properties: Mapping[str, str]) -> Iterator[str]:
    key = _timeout(properties, "timeoutAction")
    text = _text(properties, key)
    allowed = tuple(TimeoutAction) if is_approval(properties) else PLAIN_ACTIONS
    if text and text not in allowed:
        yield f"{key}: expected one of {', '.join(allowed)}, but found '{text[:60]}'"


def _timeout(properties: Mapping[str, str], name: str) -> str:
    """What a property of time-outs is called at this task."""
    return (APPROVAL if is_approval(properties) else PREFIX) + name


def _text(properties: Mapping[str, str], key: str) -> str:
    return properties.get(key, "").strip()


def _words(properties: Mapping[str, str]) -> list[str]:
    return [word for word in (part.strip() for part in properties.get(PREFIX + "warnings", "").split(",")) if word]
